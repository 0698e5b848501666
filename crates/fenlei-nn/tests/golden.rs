//! Losses, optimizers, schedules and layers give what PyTorch gives (see testdata/make_nn_golden.py).

use std::collections::BTreeMap;

use fenlei_nn::init::Builder;
use fenlei_nn::layers::*;
use fenlei_nn::loss::{Head, Loss, LossSpec, Targets};
use fenlei_nn::optim::{Optimizer, OptimizerSpec, Progress, Regularization, Schedule, ScheduleSpec};
use fenlei_nn::params::{Grads, ParamId, Params, Role};
use fenlei_nn::{Rows, Scalar};
use serde::Deserialize;
use serde::de::DeserializeOwned;

fn cases<C: DeserializeOwned>(name: &str) -> Vec<C> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let cases: Vec<C> = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert!(!cases.is_empty());
    cases
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: how many");
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{what}[{i}]: {a}, PyTorch has {b}");
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LossCase {
    spec: LossSpec,
    head: Head,
    logits: Vec<f64>,
    labels: Vec<u32>,
    starts: Vec<u32>,
    class_weights: Option<Vec<f64>>,
    sample_weights: Option<Vec<f64>>,
    value: f64,
    gradient: Vec<f64>,
}

#[test]
fn losses_and_their_gradients() {
    fn check<T: Scalar>(case: &LossCase, tolerance: f64) {
        let targets = Targets {
            class_weights: case.class_weights.as_deref(),
            sample_weights: case.sample_weights.as_deref(),
            ..Targets::new(&case.labels, &case.starts)
        };
        let logits: Vec<T> = case.logits.iter().map(|&z| T::from_f64(z)).collect();
        let mut gradient = vec![T::ZERO; logits.len()];
        let value = Loss::new(case.spec, case.head).unwrap().forward_backward(&mut gradient, &logits, &targets);
        let gradient: Vec<f64> = gradient.iter().map(|g| g.to_f64()).collect();
        let what = format!("{:?} of {:?}", case.spec, case.head);
        assert_close(&[value], &[case.value], tolerance, &what);
        assert_close(&gradient, &case.gradient, tolerance, &format!("{what}: gradient"));
    }
    for case in cases::<LossCase>("losses.json") {
        check::<f64>(&case, 1e-12);
        check::<f32>(&case, 1e-6);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OptimizerCase {
    spec: OptimizerSpec,
    regularization: Regularization,
    start: Vec<f64>,
    gradients: Vec<Vec<f64>>,
    trace: Vec<Vec<f64>>,
}

#[test]
fn ten_steps_of_every_optimizer() {
    fn check<T: Scalar>(case: &OptimizerCase, role: Role, tolerance: f64) {
        let mut params = Params::<T>::default();
        let n = case.start.len();
        // A table of rows of one number, all touched, moves as a matrix does.
        let id = params.add("p".into(), &[n, 1], role, |i| case.start[i]);
        let mut optimizer = Optimizer::new(case.spec, &params);
        let mut grads = Grads::default();
        let rows: Vec<u32> = (0..n as u32).rev().collect();
        for (step, (gradient, expected)) in case.gradients.iter().zip(&case.trace).enumerate() {
            grads.reset(&params, &rows);
            for (place, g) in grads.data_mut(id).iter_mut().enumerate() {
                *g = T::from_f64(gradient[if role == Role::Table { rows[place] as usize } else { place }]);
            }
            Regularization { embeddings: true, ..case.regularization }.add_to_gradients(&mut grads, &params);
            case.regularization.clip(&mut grads);
            optimizer.step(&mut params, &grads, 1.0);
            let found: Vec<f64> = params.data(id).iter().map(|p| p.to_f64()).collect();
            let what = format!("{:?} with {:?}, step {step}", case.spec, case.regularization);
            assert_close(&found, expected, tolerance, &what);
        }
    }
    for case in cases::<OptimizerCase>("optimizers.json") {
        check::<f64>(&case, Role::Weight, 1e-12);
        check::<f32>(&case, Role::Weight, 1e-4);
        if !matches!(case.spec, OptimizerSpec::AdamW { .. }) {
            check::<f64>(&case, Role::Table, 1e-12);
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScheduleCase {
    spec: ScheduleSpec,
    total_steps: Option<u64>,
    losses: Option<Vec<f64>>,
    factors: Vec<f64>,
}

#[test]
fn schedules() {
    for case in cases::<ScheduleCase>("schedules.json") {
        let mut schedule = Schedule::new(case.spec.clone());
        let total_steps = case.total_steps.unwrap_or(case.factors.len() as u64);
        let mut factors = Vec::new();
        for step in 0..case.factors.len() {
            if let Some(losses) = &case.losses {
                schedule.observe(losses[step]);
            }
            factors.push(schedule.factor(Progress { step: step as u64, total_steps, epoch: step as u64 }));
        }
        assert_close(&factors, &case.factors, 1e-12, &format!("{:?}", case.spec));
    }
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum LayerCase {
    Conv1d { width: usize, stride: usize, padding: Padding, n_filters: usize },
    Dense { n_out: usize },
    Activation { activation: Activation },
    LayerNorm {},
    BatchNorm { train: bool },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tensor {
    shape: Vec<usize>,
    data: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Matrix {
    data: Vec<f64>,
    width: usize,
    starts: Vec<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    layer: LayerCase,
    params: BTreeMap<String, Tensor>,
    x: Matrix,
    y: Matrix,
    dy: Vec<f64>,
    dx: Vec<f64>,
    grads: BTreeMap<String, Vec<f64>>,
    #[serde(default)]
    statistics: BTreeMap<String, Vec<f64>>,
}

fn layer_agrees<T: Scalar>(golden: &Golden, tolerance: f64) {
    let narrow = |numbers: &[f64]| -> Vec<T> { numbers.iter().map(|&x| T::from_f64(x)).collect() };
    let wide = |numbers: &[T]| -> Vec<f64> { numbers.iter().map(|x| x.to_f64()).collect() };
    let n_in = golden.x.width;
    let mut params = Params::<T>::default();
    let builder = &mut Builder::new(&mut params, 1);
    let mut pass = Pass::Train { seed: 1 };
    let layer: Box<dyn Layer<T>> = match golden.layer {
        LayerCase::Conv1d { width, stride, padding, n_filters } => {
            Box::new(Conv1d::new(builder, "layer", ConvShape { n_in, n_filters, width, stride, padding }))
        }
        LayerCase::Dense { n_out } => Box::new(Dense::new(builder, "layer", n_in, n_out)),
        LayerCase::Activation { activation } => Box::new(activation),
        LayerCase::LayerNorm {} => Box::new(LayerNorm::new(builder, "layer", n_in, 1e-5)),
        LayerCase::BatchNorm { train } => {
            pass = if train { pass } else { Pass::Predict };
            Box::new(BatchNorm::new(builder, "layer", n_in))
        }
    };
    let id = |params: &Params<T>, name: &str| {
        let place = params.iter().position(|param| param.name == format!("layer.{name}"));
        ParamId(place.unwrap_or_else(|| panic!("the layer has no {name}")))
    };
    assert_eq!(params.len(), golden.params.len());
    for (name, tensor) in &golden.params {
        let id = id(&params, name);
        assert_eq!(params.get(id).shape, tensor.shape, "{name}");
        params.data_mut(id).copy_from_slice(&narrow(&tensor.data));
    }
    let x = Rows { data: narrow(&golden.x.data), width: n_in, starts: golden.x.starts.clone() };
    let (mut y, mut dx, mut cache) = (Rows::default(), Rows::default(), Cache::default());
    let mut grads = Grads::default();
    layer.forward(&mut y, &mut cache, Input::Rows(&x), &params, pass);
    assert_eq!((&y.starts, y.width), (&golden.y.starts, golden.y.width));
    assert_close(&wide(&y.data), &golden.y.data, tolerance, "y");
    grads.reset(&params, &[]);
    let dy = Rows { data: narrow(&golden.dy), ..y.clone() };
    layer.backward(Some(&mut dx), &mut grads, &mut cache, &dy, &y, Input::Rows(&x), &params);
    assert_close(&wide(&dx.data), &golden.dx, tolerance, "dx");
    for (name, expected) in &golden.grads {
        assert_close(&wide(&grads.get(id(&params, name)).data), expected, tolerance, name);
    }
    layer.update_statistics(&mut params, &cache);
    for (name, expected) in &golden.statistics {
        assert_close(&wide(params.data(id(&params, name))), expected, tolerance, name);
    }
}

#[test]
fn layers_and_all_their_gradients() {
    for golden in cases::<Golden>("layers.json") {
        layer_agrees::<f64>(&golden, 1e-12);
        layer_agrees::<f32>(&golden, 1e-4);
    }
}
