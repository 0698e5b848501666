//! One-hot convolution with a maximum in one layer learns what the separate layers learn, whichever numbers of its table
//! a step visits.

use fenlei_nn::loss::{Head, Loss, LossSpec};
use fenlei_nn::net::{Net, NetSizes};
use fenlei_nn::optim::{AverageSpec, OptimizerSpec, Regularization};
use fenlei_nn::rng;
use fenlei_nn::spec::NetSpec;
use fenlei_nn::training::{Average, Training};
use serde_json::{Value as Json, json};

const SIZES: NetSizes = NetSizes { vocab_size: 40, n_labels: 3, multi_label: false };

/// A filter of three tokens and one of two; in the separate layers something stands between convolution and maximum.
fn spec(fused: bool) -> NetSpec {
    let branch = |width: usize| match fused {
        true => json!([
            {"type": "one-hot-conv", "width": width, "filters": 20, "padding": "full", "activation": "relu"},
            {"type": "global-pool"},
        ]),
        false => json!([
            {"type": "one-hot-conv", "width": width, "filters": 20, "padding": "full"},
            {"type": "activation", "kind": "relu"},
            {"type": "global-pool"},
        ]),
    };
    let layers: Json = json!([{"type": "branches", "branches": [branch(3), branch(2)]}]);
    serde_json::from_value(json!({ "layers": layers })).unwrap()
}

/// The weights after some steps, in `f64`, and their average.
fn train(fused: bool, optimizer: OptimizerSpec, regularization: Regularization) -> Vec<Vec<f64>> {
    let net = Net::<f64>::new(&spec(fused), SIZES, 1).unwrap();
    let loss = Loss::new(LossSpec::of(Head::Softmax), Head::Softmax).unwrap();
    let average = Average::new(Some(&AverageSpec::Exponential { decay: 0.9, start_steps: 3 }), 1);
    let mut training = Training::new(net, optimizer, loss, regularization, average, None);
    for step in 0..30u64 {
        let docs: Vec<Vec<u32>> = (0..6)
            .map(|doc| (0..(step + doc) % 9).map(|i| (rng::bits(step * 10 + doc, i) % 40) as u32).collect())
            .collect();
        let labels: Vec<[u32; 1]> = (0..6).map(|doc| [((step + doc) % 3) as u32]).collect();
        training.step(docs.iter().map(Vec::as_slice), labels.iter().map(|l| &l[..]), step, 1.0);
    }
    training.settle();
    let averaged = training.averaged().unwrap();
    training.params().iter().chain(averaged.iter()).map(|param| param.data.clone()).collect()
}

#[test]
fn one_layer_learns_what_separate_layers_learn() {
    let plain = Regularization::default();
    let held = Regularization { l2: 0.01, embeddings: true, ..plain };
    let clipped = Regularization { clip_norm: Some(0.05), ..plain };
    let adagrad = OptimizerSpec::Adagrad { lr: 0.1, epsilon: 1e-10, initial: 0.1 };
    let sgd = |momentum| OptimizerSpec::Sgd { lr: 0.5, momentum, nesterov: false };
    for regularization in [plain, held, clipped] {
        for optimizer in [adagrad, sgd(0.0), sgd(0.9), OptimizerSpec::adam(0.01)] {
            let expected = train(false, optimizer, regularization);
            for (found, expected) in train(true, optimizer, regularization).iter().zip(&expected) {
                let difference = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(difference < 1e-10, "{optimizer:?}, {regularization:?}: {difference}");
            }
        }
    }
}
