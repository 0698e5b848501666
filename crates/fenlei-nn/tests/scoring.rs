//! Scoring with fixed-point products, behind [`Net::finalise`]: close to the floating-point pass, and the same however
//! texts are put together.

use fenlei_nn::layers::Pass;
use fenlei_nn::loss::{Head, Loss, LossSpec};
use fenlei_nn::net::{Net, NetSizes, Workspace};
use fenlei_nn::optim::{OptimizerSpec, Regularization};
use fenlei_nn::spec::NetSpec;
use fenlei_nn::training::{Average, Training};
use fenlei_nn::{Batch, rng};
use serde_json::json;

/// More tokens than a table is made of at once.
const SIZES: NetSizes = NetSizes { vocab_size: 3000, n_labels: 3, multi_label: false };

/// Nets whose first convolution is scored from fixed-point products, each with other pooling, widths or channels.
fn specs() -> Vec<NetSpec> {
    let embedding = json!({"type": "embedding", "dim": 24, "init": 0.5});
    let multichannel = json!({"type": "embedding", "dim": 24, "init": 0.5, "mode": "multichannel"});
    let conv = |widths: &[usize], filters: usize, padding: &str| {
        let widths = widths.to_vec();
        json!({"type": "conv", "widths": widths, "filters": filters, "padding": padding, "activation": "relu"})
    };
    let tanh = json!({"type": "conv", "widths": [3], "filters": 40, "activation": "tanh"});
    let global_max = json!({"type": "global-pool"});
    let pool = json!({"type": "pool", "size": 4, "stride": 3});
    let residual = json!({"type": "residual", "layers": [{"type": "dense", "units": 40, "activation": "relu"}]});
    [
        json!([embedding, conv(&[2, 3, 4], 170, "full"), global_max]),
        json!([embedding, conv(&[5], 600, "valid"), global_max, {"type": "dense", "units": 8}]),
        json!([embedding, conv(&[3], 33, "same"), pool, conv(&[3], 8, "same"), global_max]),
        json!([multichannel, conv(&[3, 4], 40, "full"), global_max]),
        json!([embedding, {"type": "branches", "branches": [[tanh, global_max], [conv(&[2], 9, "full"), global_max]]}]),
        json!([embedding, tanh, global_max, residual]),
    ]
    .map(|layers| serde_json::from_value(json!({ "layers": layers })).unwrap())
    .into()
}

/// Texts of 0 to 59 tokens, frequent ones more often.
fn texts() -> Vec<Vec<u32>> {
    let token = |doc: u64, i: u64| (3000f64.powf(rng::uniform(doc, i)) - 1.0) as u32;
    (0..70).map(|doc| (0..doc * 37 % 60).map(|i| token(doc, i)).collect()).collect()
}

/// A net after a few steps of training. It is not finalised.
fn trained(spec: &NetSpec) -> Net<f32> {
    let (texts, labels) = (texts(), [[0], [1], [2]]);
    let mut training = training(Net::new(spec, SIZES, 5).unwrap());
    for step in 0..4 {
        let labels = (0..texts.len()).map(|doc| &labels[doc % 3][..]);
        training.step(texts.iter().map(Vec::as_slice), labels, step, 1.0);
    }
    training.net
}

fn training(net: Net<f32>) -> Training<f32> {
    let loss = Loss::new(LossSpec::of(Head::Softmax), Head::Softmax).unwrap();
    Training::new(net, OptimizerSpec::adam(0.01), loss, Regularization::default(), Average::None, None)
}

fn probabilities(net: &Net<f32>, workspace: &mut Workspace<f32>, texts: &[Vec<u32>]) -> Vec<f32> {
    let batch = Batch::new(texts.iter().map(Vec::as_slice), SIZES.vocab_size);
    let logits = net.forward(workspace, &batch, Pass::Predict);
    let mut out = vec![0.0; texts.len() * SIZES.n_labels];
    net.head().probabilities(&mut out, &logits.data, SIZES.n_labels);
    out
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn fixed_point_scores_are_close_to_those_of_floating_point() {
    for spec in specs() {
        let mut net = trained(&spec);
        let exact = probabilities(&net, &mut Workspace::default(), &texts());
        let spread = exact.chunks(3).map(|p| p[0]).fold((1f32, 0f32), |(low, high), p| (low.min(p), high.max(p)));
        assert!(spread.1 - spread.0 > 0.2, "texts differ in their scores: {spread:?}");
        net.finalise();
        let fixed = probabilities(&net, &mut Workspace::default(), &texts());
        assert_ne!(fixed, exact, "fixed point is in use");
        let difference = largest_difference(&fixed, &exact);
        assert!(difference < 1e-3, "{difference}: {spec:?}");
    }
}

#[test]
fn a_table_of_the_vocabulary_changes_no_score() {
    for spec in specs() {
        let mut net = trained(&spec);
        net.finalise();
        let without = probabilities(&net, &mut Workspace::default(), &texts());
        let with = probabilities(&net, &mut net.scoring_workspace(), &texts());
        let difference = largest_difference(&with, &without);
        assert!(difference <= 1e-6, "{difference}: {spec:?}");
    }
}

#[test]
fn a_text_has_the_same_scores_alone_and_in_a_batch() {
    for spec in specs() {
        let mut net = trained(&spec);
        net.finalise();
        for mut workspace in [Workspace::default(), net.scoring_workspace()] {
            let together = probabilities(&net, &mut workspace, &texts());
            for (text, expected) in texts().chunks(1).zip(together.chunks(3)) {
                let alone = probabilities(&net, &mut workspace, text);
                let difference = largest_difference(&alone, expected);
                assert!(difference <= 1e-6, "{difference} for {} tokens: {spec:?}", text[0].len());
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let bits = |numbers: Vec<f32>| -> Vec<u32> { numbers.into_iter().map(f32::to_bits).collect() };
    for spec in specs() {
        let run = |n_threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| {
                let mut net = trained(&spec);
                net.finalise();
                let without = probabilities(&net, &mut Workspace::default(), &texts());
                let with = probabilities(&net, &mut net.scoring_workspace(), &texts());
                (bits(without), bits(with))
            })
        };
        let expected = run(1);
        assert_eq!(run(2), expected, "{spec:?}");
        assert_eq!(run(3), expected, "{spec:?}");
    }
}

#[test]
fn a_net_that_is_trained_further_scores_with_its_new_weights() {
    for spec in specs() {
        let mut net = trained(&spec);
        let before = probabilities(&net, &mut Workspace::default(), &texts());
        net.finalise();
        let mut training = training(net);
        let floating = probabilities(&training.net, &mut Workspace::default(), &texts());
        assert_eq!(floating, before, "the fixed point of the old weights is gone");
        // Weights many times larger would leave the range that the old ones were given.
        for param in training.net.params.iter_mut().filter(|param| param.name.ends_with(".table")) {
            param.data.iter_mut().for_each(|x| *x *= 8.0);
        }
        let mut net = training.net;
        let floating = probabilities(&net, &mut Workspace::default(), &texts());
        net.finalise();
        let difference = largest_difference(&probabilities(&net, &mut Workspace::default(), &texts()), &floating);
        assert!(difference < 1e-2, "{difference}: {spec:?}");
    }
}

#[test]
fn a_net_of_zeros_scores_every_label_alike() {
    let mut net = Net::<f32>::zeros(&specs()[0], SIZES).unwrap();
    net.finalise();
    for mut workspace in [Workspace::default(), net.scoring_workspace()] {
        assert!(probabilities(&net, &mut workspace, &texts()).iter().all(|p| (p - 1.0 / 3.0).abs() < 1e-6));
    }
}
