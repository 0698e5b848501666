//! A training step in `f32`, which may multiply bf16 numbers, against the same step in `f64`, which never does.

use fenlei_nn::Scalar;
use fenlei_nn::kernels::tiles::{Unit, unit};
use fenlei_nn::loss::{Loss, LossSpec};
use fenlei_nn::net::{Net, NetSizes};
use fenlei_nn::optim::{OptimizerSpec, Regularization};
use fenlei_nn::rng;
use fenlei_nn::spec::NetSpec;
use fenlei_nn::training::{Average, Training};
use serde_json::json;

const VOCAB_SIZE: usize = 700;

/// Documents of every length, with an empty one.
fn documents() -> Vec<Vec<u32>> {
    let length = |d: u64| [0, 1, 3, 200, 90, 33, 64, 150][d as usize % 8];
    let token = |d: u64, i: u64| (rng::uniform(d, i) * rng::uniform(d + 100, i) * VOCAB_SIZE as f64) as u32;
    (0..24).map(|d| (0..length(d)).map(|i| token(d, i)).collect()).collect()
}

/// The loss of the first step and the gradients, by name.
fn step<T: Scalar>(spec: &NetSpec) -> (f64, Vec<(String, Vec<f64>)>) {
    let net = Net::<T>::new(spec, NetSizes { vocab_size: VOCAB_SIZE, n_labels: 3, multi_label: false }, 3).unwrap();
    let loss = Loss::new(LossSpec::of(net.head()), net.head()).unwrap();
    let none = Regularization::default();
    let mut training = Training::new(net, OptimizerSpec::adam(0.001), loss, none, Average::None, None);
    let documents = documents();
    let labels: Vec<[u32; 1]> = (0..documents.len() as u32).map(|d| [d % 3]).collect();
    let loss = training.step(documents.iter().map(Vec::as_slice), labels.iter().map(|l| &l[..]), 1, 1.0);
    let names = training.params().iter().map(|param| param.name.clone());
    let grads = training.grads().iter().map(|grad| grad.data.iter().map(|g| g.to_f64()).collect());
    (loss, names.zip(grads).collect())
}

#[test]
fn gradients_of_large_nets_are_those_of_double_precision() {
    let conv = |widths: &[usize], filters: usize, padding: &str| json!({"type": "conv", "widths": widths, "filters": filters, "padding": padding, "activation": "relu"});
    let global = json!({"type": "global-pool", "kind": "max"});
    let pool = json!({"type": "pool", "kind": "max", "size": 5});
    let embedding = |dim: usize| json!({"type": "embedding", "dim": dim, "init": 0.5});
    for layers in [
        json!([embedding(128), conv(&[5], 128, "valid"), global]),
        json!([embedding(100), conv(&[2, 3, 4], 100, "full"), global]),
        json!([embedding(64), {"type": "dropout", "rate": 0.3}, conv(&[1, 7], 72, "same"), global]),
        json!([embedding(128), conv(&[5], 128, "valid"), pool, conv(&[5], 128, "valid"), pool, global]),
        json!([embedding(128), conv(&[3], 96, "same"), conv(&[3], 96, "same"), global]),
    ] {
        let spec: NetSpec = serde_json::from_value(json!({ "layers": layers })).unwrap();
        let ((loss, single), (expected_loss, double)) = (step::<f32>(&spec), step::<f64>(&spec));
        // A maximum that is nearly a tie may fall on another position, which moves a whole gradient.
        let (of_loss, of_gradient) = if unit() == Some(Unit::Dots) { (5e-3, 0.15) } else { (1e-4, 2e-2) };
        assert!((loss - expected_loss).abs() < of_loss, "{loss} and {expected_loss}: {spec:?}");
        for ((name, found), (_, expected)) in single.iter().zip(&double) {
            let norm = |x: &[f64]| x.iter().map(|v| v * v).sum::<f64>().sqrt();
            let difference: Vec<f64> = found.iter().zip(expected).map(|(a, b)| a - b).collect();
            assert!(
                norm(&difference) <= of_gradient * norm(expected),
                "{name}: {} of {}, {spec:?}",
                norm(&difference),
                norm(expected)
            );
        }
    }
}
