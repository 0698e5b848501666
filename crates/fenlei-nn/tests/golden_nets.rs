//! The nets of the recipes, small ones with the same layers, give what PyTorch gives: logits, every gradient, and the
//! losses of ten steps of training (see testdata/make_nn_golden.py).

use std::collections::BTreeMap;

use fenlei_nn::kernels::tiles::{Unit, unit};
use fenlei_nn::layers::Pass;
use fenlei_nn::loss::{Head, Loss, LossSpec};
use fenlei_nn::net::{Net, NetSizes, Workspace};
use fenlei_nn::optim::{OptimizerSpec, Regularization};
use fenlei_nn::params::{ParamId, Role};
use fenlei_nn::ragged::Document;
use fenlei_nn::spec::NetSpec;
use fenlei_nn::training::{Average, Training};
use fenlei_nn::{Batch, Scalar};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tensor {
    shape: Vec<usize>,
    data: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    spec: NetSpec,
    vocab_size: usize,
    n_labels: usize,
    docs: Vec<Vec<u32>>,
    /// What each token counts; none where each counts 1.
    #[serde(default)]
    values: Vec<Vec<f32>>,
    labels: Vec<u32>,
    params: BTreeMap<String, Tensor>,
    logits: Vec<f64>,
    grads: BTreeMap<String, Vec<f64>>,
    losses: Vec<f64>,
}

fn assert_close<T: Scalar>(found: &[T], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: how many");
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        let a = a.to_f64();
        assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{what}[{i}]: {a}, PyTorch has {b}");
    }
}

impl Golden {
    fn net<T: Scalar>(&self) -> Net<T> {
        let sizes = NetSizes { vocab_size: self.vocab_size, n_labels: self.n_labels, multi_label: false };
        let mut net = Net::zeros(&self.spec, sizes).unwrap();
        let mut n_loaded = 0;
        for param in net.params.iter_mut().filter(|param| param.role != Role::Statistic) {
            let tensor = self.params.get(&param.name).unwrap_or_else(|| panic!("PyTorch has no {}", param.name));
            assert_eq!(param.shape, tensor.shape, "{}", param.name);
            param.data = tensor.data.iter().map(|&x| T::from_f64(x)).collect();
            assert_eq!(param.trainable, self.grads.contains_key(&param.name), "{}", param.name);
            n_loaded += 1;
        }
        assert_eq!(n_loaded, self.params.len());
        net
    }

    fn docs(&self) -> impl Iterator<Item = Document<'_>> {
        let values = |i| self.values.get(i).map_or(&[][..], Vec::as_slice);
        self.docs.iter().enumerate().map(move |(i, ids)| Document { ids, values: values(i) })
    }

    /// Training may multiply with fewer bits than prediction.
    fn check<T: Scalar>(&self, of_prediction: f64, tolerance: f64) {
        let net = self.net::<T>();
        let head = if self.n_labels == 2 { Head::Binary } else { Head::Softmax };
        assert_eq!(net.head(), head);
        let batch = Batch::new(self.docs(), self.vocab_size);
        for (pass, tolerance) in [(Pass::Predict, of_prediction), (Pass::Train { seed: 1 }, tolerance)] {
            let mut workspace = Workspace::default();
            assert_close(&net.forward(&mut workspace, &batch, pass).data, &self.logits, tolerance, "logits");
        }

        let loss = Loss::new(LossSpec::of(head), head).unwrap();
        let (rule, none) = (OptimizerSpec::adam(0.01), Regularization::default());
        let mut training = Training::new(net, rule, loss, none, Average::None, None);
        let mut losses = Vec::new();
        for step in 0..self.losses.len() {
            losses.push(training.step(self.docs(), self.labels.chunks(1), step as u64, 1.0));
            if step == 0 {
                self.check_gradients(&training, tolerance);
            }
        }
        assert_close(&losses, &self.losses, tolerance, "losses");
    }

    fn check_gradients<T: Scalar>(&self, training: &Training<T>, tolerance: f64) {
        let mut n_checked = 0;
        for (i, param) in training.params().iter().enumerate() {
            let grad = training.grads().get(ParamId(i));
            let Some(expected) = self.grads.get(&param.name) else {
                assert!(grad.data.is_empty(), "{} is frozen", param.name);
                continue;
            };
            n_checked += 1;
            if !param.role.is_table() {
                assert_close(&grad.data, expected, tolerance, &param.name);
                continue;
            }
            let mut dense = vec![T::ZERO; param.data.len()];
            for (row, grad) in grad.rows.iter().zip(grad.data.chunks(param.row_len())) {
                dense[*row as usize * param.row_len()..][..param.row_len()].copy_from_slice(grad);
            }
            assert_close(&dense, expected, tolerance, &param.name);
        }
        assert_eq!(n_checked, self.grads.len());
    }
}

fn check(recipe: &str) {
    let path = format!("{}/testdata/net-{recipe}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let cases: Vec<Golden> = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
    assert!(!cases.is_empty());
    for golden in cases {
        assert_eq!(golden.losses.len(), 10);
        assert!(golden.docs.iter().any(Vec::is_empty), "an empty document is among them");
        golden.check::<f64>(1e-9, 1e-9);
        golden.check::<f32>(1e-4, if unit() == Some(Unit::Dots) { 5e-2 } else { 1e-4 });
    }
}

#[test]
fn appendix_c() {
    check("appendix-c");
}

#[test]
fn chapter_8() {
    check("chapter-8");
}

#[test]
fn kim_2014_with_random_static_and_multichannel_vectors() {
    check("kim-2014");
}

#[test]
fn dpcnn() {
    check("dpcnn");
}

#[test]
fn char_cnn() {
    check("char-cnn");
}

#[test]
fn one_hot_cnn() {
    check("one-hot-cnn");
}

#[test]
fn cnn() {
    check("cnn");
}

#[test]
fn bag() {
    check("bag");
}

#[test]
fn mlp() {
    check("mlp");
}

#[test]
fn recurrent_nets() {
    check("recurrent");
}

#[test]
fn encoders_like_bert_and_modern_bert() {
    check("encoder");
}

#[test]
fn decoders_like_llama_and_gpt() {
    check("decoder");
}

#[test]
fn lstm_gru_and_the_convolution_behind_one() {
    ["lstm", "gru", "rcnn"].into_iter().for_each(check);
}

#[test]
fn transformer() {
    check("transformer");
}
