//! Times training steps of nets over sequences: an encoder of the size of MiniLM, an LSTM and a GRU.
//!
//! ```sh
//! cargo bench -p fenlei-nn --bench sequence_step -- minilm lstm gru
//! ```
//!
//! `benches/peers/torch_steps.py` times the same in PyTorch. Each line: what, median milliseconds of a step, loss of the first and of the
//! last step, which must fall. Of encoders also the share of the rate that products of square matrices reach on this machine
//! (`gemm`, f32): additions and multiplications of products and attention, forth and back, nothing else counted.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::time::Instant;

use fenlei_nn::kernels::gemm::{Mat, matmul};
use fenlei_nn::loss::{Head, Loss, LossSpec};
use fenlei_nn::net::{Net, NetSizes};
use fenlei_nn::optim::{OptimizerSpec, Regularization};
use fenlei_nn::rng;
use fenlei_nn::spec::{LayerSpec, NetSpec};
use fenlei_nn::training::{Average, Training};

/// One net and its documents.
struct Case {
    name: &'static str,
    spec: &'static str,
    vocab_size: usize,
    /// Tokens of each document.
    lens: Vec<usize>,
}

fn cases() -> Vec<Case> {
    // Sixteen documents of 26 to 128 pieces, 77 in the mean.
    let lens = || (0..16).map(|i| 26 + (i * 102 + 7) / 15).collect();
    vec![
        Case {
            name: "minilm",
            spec: r#"{"precision": "f32", "layers": [{"type": "embedding", "dim": 384, "init": 0.02},
                {"type": "positions", "max": 512}, {"type": "layer-norm", "epsilon": 1e-12},
                {"type": "transformer", "layers": 6, "heads": 12, "feed-forward": 1536, "norm": "post", "epsilon": 1e-12},
                {"type": "global-pool", "kind": "average"}]}"#,
            vocab_size: 30_522,
            lens: lens(),
        },
        Case {
            name: "minilm-bf16",
            spec: r#"{"layers": [{"type": "embedding", "dim": 384, "init": 0.02},
                {"type": "positions", "max": 512}, {"type": "layer-norm", "epsilon": 1e-12},
                {"type": "transformer", "layers": 6, "heads": 12, "feed-forward": 1536, "norm": "post", "epsilon": 1e-12},
                {"type": "global-pool", "kind": "average"}]}"#,
            vocab_size: 30_522,
            lens: lens(),
        },
        Case {
            name: "lstm",
            spec: r#"{"precision": "f32", "layers": [{"type": "embedding", "dim": 128}, {"type": "lstm", "units": 128},
                {"type": "global-pool", "kind": "max"}]}"#,
            vocab_size: 20_000,
            lens: vec![200; 32],
        },
        Case {
            name: "gru",
            spec: r#"{"precision": "f32", "layers": [{"type": "embedding", "dim": 128}, {"type": "gru", "units": 128},
                {"type": "global-pool", "kind": "max"}]}"#,
            vocab_size: 20_000,
            lens: vec![200; 32],
        },
    ]
}

fn time(case: &Case, n_steps: u64) {
    let spec: NetSpec = serde_json::from_str(case.spec).expect("a description");
    let sizes = NetSizes { vocab_size: case.vocab_size, n_labels: 2, multi_label: false };
    let net = Net::<f32>::new(&spec, sizes, 1).expect("a net");
    let loss = Loss::new(LossSpec::of(Head::Softmax), Head::Softmax).expect("a loss");
    let adamw: OptimizerSpec =
        serde_json::from_str(r#"{"kind": "adamw", "lr": 5e-5, "weight_decay": 0.01}"#).expect("an optimizer");
    let mut training = Training::new(net, adamw, loss, Regularization::default(), Average::None, None);
    let docs: Vec<Vec<u32>> = (0..case.lens.len() as u64)
        .map(|doc| {
            let id = |i: u64| (rng::bits(doc, i) % case.vocab_size as u64) as u32;
            (0..case.lens[doc as usize] as u64).map(id).collect()
        })
        .collect();
    let labels: Vec<u32> = (0..docs.len() as u32).map(|doc| doc % 2).collect();
    let mut losses = Vec::new();
    let mut times = Vec::new();
    for step in 0..n_steps + 2 {
        let start = Instant::now();
        losses.push(training.step(docs.iter().map(Vec::as_slice), labels.chunks(1), step, 1.0));
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    // The first steps take memory.
    let mut times = times.split_off(2);
    times.sort_by(f64::total_cmp);
    let (first, last) = (losses[0], losses[losses.len() - 1]);
    assert!(last < first, "{}: the loss does not fall, {first} to {last}", case.name);
    let median = times[times.len() / 2];
    let share = n_operations(&spec, &case.lens).map_or_else(String::new, |n| {
        let rate = n / (median * 1e-3);
        format!("  {:.0} GFLOP/s, {:.0} % of the rate of products", rate * 1e-9, 100.0 * rate / product_rate())
    });
    println!("{:12} {median:8.1} ms (best {:.1})  loss {first:.4} to {last:.4}{share}", case.name, times[0]);
}

/// Additions and multiplications of a step of an encoder; the way back is two products for each one forth.
fn n_operations(spec: &NetSpec, lens: &[usize]) -> Option<f64> {
    let width = spec.layers.iter().find_map(|layer| match layer {
        LayerSpec::Embedding { dim, .. } => Some(*dim),
        _ => None,
    })?;
    let (n_layers, sizes) = spec.layers.iter().find_map(|layer| match layer {
        LayerSpec::Transformer(transformer) => Some((transformer.layers, transformer.sizes(width))),
        _ => None,
    })?;
    let weights = width * sizes.qkv() + sizes.context() * width + 2 * width * sizes.feed_forward;
    let of_document = |&len: &usize| 2.0 * (len * weights) as f64 + 4.0 * (len * len * sizes.context()) as f64;
    Some(3.0 * n_layers as f64 * lens.iter().map(of_document).sum::<f64>())
}

/// Additions and multiplications a second of square products, the best of several.
fn product_rate() -> f64 {
    let n = 1536;
    let numbers: Vec<f32> = (0..n * n).map(|i| (i % 7) as f32).collect();
    let mut out = vec![0f32; n * n];
    let times = (0..7).map(|_| {
        let start = Instant::now();
        matmul(&mut out, Mat::new(&numbers, n, n), Mat::new(&numbers, n, n), false);
        start.elapsed().as_secs_f64()
    });
    2.0 * (n as f64).powi(3) / times.fold(f64::INFINITY, f64::min)
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads");
    for case in cases().iter().filter(|case| args.is_empty() || args.iter().any(|arg| arg == case.name)) {
        pool.install(|| time(case, 15));
    }
}
