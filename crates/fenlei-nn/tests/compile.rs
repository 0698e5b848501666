//! From descriptions to layers: the fast path is taken where it can be, and computes the same as the general one.

use fenlei_nn::compile::compile;
use fenlei_nn::count::count_parameters;
use fenlei_nn::init::Builder;
use fenlei_nn::layers::Pass;
use fenlei_nn::net::{Net, NetSizes, Workspace};
use fenlei_nn::params::{Grads, ParamId, Params, Role};
use fenlei_nn::spec::{LayerSpec, NetSpec};
use fenlei_nn::{Batch, rng};
use serde_json::{Value as Json, json};

const SIZES: NetSizes = NetSizes { vocab_size: 12, n_labels: 3, multi_label: false };

fn spec(layers: &Json) -> NetSpec {
    let layers: Vec<LayerSpec> = serde_json::from_value(layers.clone()).unwrap_or_else(|e| panic!("{layers}: {e}"));
    NetSpec { layers, ..NetSpec::default() }
}

fn embedding() -> Json {
    json!({"type": "embedding", "dim": 5, "init": 0.8})
}

fn global_max() -> Json {
    json!({"type": "global-pool", "kind": "max"})
}

/// The types of the compiled layers.
fn kinds(layers: Json) -> Vec<String> {
    let mut params = Params::<f32>::default();
    let layers = compile(&spec(&layers), SIZES.vocab_size, 3, Builder::new(&mut params, 1)).unwrap();
    let name = |layer| format!("{layer:?}").split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned();
    layers.iter().map(name).collect()
}

#[test]
fn what_follows_an_embedding_becomes_one_layer_where_it_can() {
    let conv = |activation: &str| json!({"type": "conv", "widths": [3], "filters": 2, "activation": activation});
    let dropout = json!({"type": "dropout", "rate": 0.5});
    let pool = json!({"type": "pool", "kind": "max", "size": 2});
    assert_eq!(kinds(json!([embedding(), conv("relu"), global_max()])), ["TextConv", "Dense"]);
    assert_eq!(
        kinds(json!([embedding(), dropout, conv("tanh"), global_max(), dropout])),
        ["TextConv", "Dropout", "Dense"]
    );
    assert_eq!(
        kinds(json!([embedding(), conv("relu"), pool, conv("relu"), global_max()])),
        ["TextConv", "Conv1d", "Relu", "GlobalPool", "Dense"]
    );
    let average = json!({"type": "global-pool", "kind": "average"});
    assert_eq!(kinds(json!([embedding(), conv("relu"), average])), ["TextConv", "GlobalPool", "Dense"]);
    let side_by_side = json!({"type": "conv", "widths": [2, 3, 4], "filters": 2});
    assert_eq!(kinds(json!([embedding(), side_by_side, global_max()])), ["TextConv", "Dense"]);
}

#[test]
fn what_the_fast_path_cannot_do_becomes_layers_of_their_own() {
    let gelu = json!({"type": "conv", "widths": [3], "filters": 2, "activation": "gelu"});
    assert_eq!(kinds(json!([embedding(), gelu, global_max()])), ["TextConv", "Gelu", "GlobalPool", "Dense"]);
    let strided = json!({"type": "conv", "widths": [3], "filters": 2, "stride": 2, "activation": "relu"});
    assert_eq!(
        kinds(json!([embedding(), strided, global_max()])),
        ["Embedding", "Conv1d", "Relu", "GlobalPool", "Dense"]
    );
    assert_eq!(kinds(json!([embedding(), global_max()])), ["Embedding", "GlobalPool", "Dense"]);
    let dropout = json!({"type": "dropout", "rate": 0.5});
    assert_eq!(kinds(json!([embedding(), dropout, global_max()])), ["Embedding", "Dropout", "GlobalPool", "Dense"]);
}

/// Documents long, short, of one token and empty.
fn batch() -> Batch {
    let ids = |len: u64, doc: u64| -> Vec<u32> { (0..len).map(|i| (rng::bits(doc, i) % 12) as u32).collect() };
    let docs: Vec<Vec<u32>> = [9, 0, 1, 2, 14, 4].iter().zip(1..).map(|(&len, doc)| ids(len, doc)).collect();
    Batch::new(docs.iter().map(Vec::as_slice), SIZES.vocab_size)
}

/// Logits and gradients of a net whose numbers are set by `fill`, for fixed gradients of the logits.
fn run(layers: &Json, fill: impl FnOnce(&mut Params<f64>)) -> (Vec<f64>, Params<f64>, Grads<f64>) {
    let mut net = Net::<f64>::new(&spec(layers), SIZES, 3).unwrap();
    fill(&mut net.params);
    let (batch, mut workspace, mut grads) = (batch(), Workspace::default(), Grads::default());
    let logits = net.forward(&mut workspace, &batch, Pass::Train { seed: 4 }).data.clone();
    let d_logits: Vec<f64> = (0..logits.len()).map(|i| rng::normal(8, i as u64)).collect();
    net.backward(&mut grads, &mut workspace, &d_logits, &batch);
    (logits, net.params, grads)
}

fn assert_close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{what}[{i}]: {a}, expected {b}");
    }
}

/// `(group, tap, filter)` rows of the fast path as one `[n_filters, width, dim]` array after another, and back.
fn by_filter(weight: &[f64], widths: &[usize], n_filters: usize, dim: usize) -> Vec<f64> {
    let (mut out, mut first) = (Vec::new(), 0);
    for &width in widths {
        for filter in 0..n_filters {
            for tap in 0..width {
                let row = first + tap * n_filters + filter;
                out.extend_from_slice(&weight[row * dim..(row + 1) * dim]);
            }
        }
        first += width * n_filters;
    }
    out
}

/// All numbers of the parameters that `select` names, one after another.
fn joined(params: &Params<f64>, grads: &Grads<f64>, select: impl Fn(&str) -> bool) -> (Vec<f64>, Vec<f64>) {
    let (mut numbers, mut gradients) = (Vec::new(), Vec::new());
    for (i, param) in params.iter().enumerate().filter(|(_, param)| select(&param.name)) {
        numbers.extend_from_slice(&param.data);
        gradients.extend_from_slice(&grads.get(ParamId(i)).data);
    }
    (numbers, gradients)
}

/// Compares a convolution on the fast path with other layers, which have the same weights in the order that `rearrange`
/// puts them in.
fn assert_same(fast: &Json, general: &Json, rearrange: impl Fn(&[f64]) -> Vec<f64>) {
    let what = format!("{fast}");
    let is_conv = |name: &str, part: &str| name.contains(".conv.") && name.ends_with(part);
    let is_other = |name: &str| !name.contains(".conv.");
    let uneven = |params: &mut Params<f64>| {
        // Biases start at zero, which would hide a forgotten one.
        for (p, param) in params.iter_mut().enumerate().filter(|(_, param)| param.role == Role::Bias) {
            param.data.iter_mut().enumerate().for_each(|(i, x)| *x = rng::normal(p as u64, i as u64));
        }
    };
    let (expected, params, grads) = run(fast, uneven);
    let (weight, d_weight) = joined(&params, &grads, |name| is_conv(name, ".weight"));
    let (bias, d_bias) = joined(&params, &grads, |name| is_conv(name, ".bias"));
    let (other, d_other) = joined(&params, &grads, is_other);
    let weight = rearrange(&weight);

    let copy = |params: &mut Params<f64>| {
        let (mut weight, mut bias, mut other) = (&weight[..], &bias[..], &other[..]);
        for param in params.iter_mut() {
            let from = match param.name.as_str() {
                name if is_conv(name, ".weight") => &mut weight,
                name if is_conv(name, ".bias") => &mut bias,
                name if is_conv(name, ".scale") => continue,
                _ => &mut other,
            };
            let (head, tail) = from.split_at(param.data.len());
            param.data.copy_from_slice(head);
            *from = tail;
        }
        assert!(weight.is_empty() && bias.is_empty() && other.is_empty());
    };
    let (logits, params, grads) = run(general, copy);
    assert_close(&logits, &expected, &format!("logits of {what}"));
    let (_, found) = joined(&params, &grads, |name| is_conv(name, ".weight"));
    assert_close(&found, &rearrange(&d_weight), &format!("weight gradients of {what}"));
    let (_, found) = joined(&params, &grads, |name| is_conv(name, ".bias"));
    assert_close(&found, &d_bias, &format!("bias gradients of {what}"));
    let (_, found) = joined(&params, &grads, is_other);
    assert_close(&found, &d_other, &format!("other gradients of {what}"));
}

/// A dropout of nothing that keeps the embedding out of the convolution.
fn nothing() -> Json {
    json!({"type": "dropout", "rate": 0.0, "spatial": true})
}

#[test]
fn the_fast_path_and_the_general_layers_compute_the_same() {
    let average = json!({"type": "global-pool", "kind": "average"});
    let pools = [
        vec![global_max()],
        vec![average.clone()],
        vec![json!({"type": "pool", "size": 3}), average.clone()],
        vec![json!({"type": "pool", "size": 3, "stride": 2}), average],
    ];
    for padding in ["valid", "same", "full"] {
        for activation in ["relu", "gelu", "tanh", "sigmoid", "linear"] {
            for width in [1, 3, 4] {
                for pool in &pools {
                    let conv = json!({
                        "type": "conv", "widths": [width], "filters": 4, "padding": padding, "activation": activation,
                    });
                    let mut fast = vec![embedding(), conv.clone()];
                    let mut general = vec![embedding(), nothing(), conv];
                    fast.extend_from_slice(pool);
                    general.extend_from_slice(pool);
                    assert_same(&json!(fast), &json!(general), |weight| by_filter(weight, &[width], 4, 5));
                }
            }
        }
    }
}

#[test]
fn several_widths_are_as_the_same_widths_side_by_side() {
    let conv = |widths: &[usize], padding: &str| {
        let widths = widths.to_vec();
        json!({"type": "conv", "widths": widths, "filters": 4, "padding": padding, "activation": "relu"})
    };
    let widths = [2, 3, 5];
    for mode in ["tuned", "static", "multichannel"] {
        let embedding = json!({"type": "embedding", "dim": 5, "init": 0.8, "mode": mode});
        let dim = if mode == "multichannel" { 10 } else { 5 };
        for padding in ["valid", "same", "full"] {
            let fast = json!([embedding, conv(&widths, padding), global_max()]);
            let branch = |width: usize| json!([conv(&[width], padding), global_max()]);
            let branches = json!({"type": "branches", "branches": widths.map(branch)});
            assert_same(&fast, &json!([embedding, branches]), <[f64]>::to_vec);
        }
        let pool = json!({"type": "pool", "size": 2});
        for tail in [vec![global_max()], vec![pool.clone(), global_max()]] {
            let mut fast = vec![embedding.clone(), conv(&widths, "same")];
            let mut general = vec![embedding.clone(), nothing(), conv(&widths, "same")];
            fast.extend_from_slice(&tail);
            general.extend_from_slice(&tail);
            assert_same(&json!(fast), &json!(general), |weight| by_filter(weight, &widths, 4, dim));
        }
    }
}

#[test]
fn a_branch_without_layers_and_a_residual_without_layers_pass_rows_on() {
    let pass_on = json!([embedding(), global_max(), {"type": "branches", "branches": [[]]}]);
    let (expected, ..) = run(&json!([embedding(), global_max()]), |_| {});
    let (found, ..) = run(&pass_on, |_| {});
    assert_close(&found, &expected, "an empty branch");
    let (found, ..) = run(&json!([embedding(), global_max(), {"type": "residual", "layers": []}]), |_| {});
    let (_, params, _) = run(&json!([embedding(), global_max()]), |_| {});
    let bias = &params.iter().find(|param| param.name == "output.bias").unwrap().data;
    let twice: Vec<f64> = expected.iter().zip(bias.iter().cycle()).map(|(z, b)| 2.0 * (z - b) + b).collect();
    assert_close(&found, &twice, "an empty residual");
}

#[test]
fn the_count_of_weights_is_that_of_the_net() {
    let conv = json!({"type": "conv", "widths": [2, 3], "filters": 4, "padding": "same"});
    let k_max = json!({"type": "global-pool", "kind": "k-max", "k": 3});
    let dense = json!({"type": "dense", "units": 7});
    let residual = json!({"type": "residual", "layers": [conv]});
    let one_hot = json!({"type": "one-hot-conv", "width": 3, "filters": 4});
    let multichannel = json!({"type": "embedding", "dim": 5, "mode": "multichannel"});
    let nets = [
        (json!([embedding(), conv, global_max(), dense]), 0),
        (json!([multichannel, conv, {"type": "pool", "size": 2}, conv, k_max, dense]), 0),
        (json!([one_hot, {"type": "activation", "kind": "relu"}, global_max()]), 0),
        (json!([embedding(), conv, residual, {"type": "dropout", "rate": 0.5}, global_max()]), 0),
        (
            json!([{"type": "branches", "branches": [
                [embedding(), global_max()], [one_hot, k_max], [multichannel, conv, global_max()],
            ]}, dense]),
            0,
        ),
        // Of the norms, scale and shift are counted.
        (json!([embedding(), conv, {"type": "layer-norm"}, global_max(), {"type": "batch-norm"}]), 2 * 8 + 2 * 8),
    ];
    for (layers, of_norms) in nets {
        for (head, n_labels) in [("auto", 3), ("binary", 2)] {
            let spec = NetSpec { head: serde_json::from_value(json!(head)).unwrap(), ..spec(&layers) };
            let sizes = NetSizes { n_labels, ..SIZES };
            let net = Net::<f32>::zeros(&spec, sizes).unwrap();
            let weights =
                net.params.iter().filter(|p| matches!(p.role, Role::Weight | Role::Table | Role::SparseTable));
            let n: usize = weights.map(|p| p.data.len()).sum();
            assert_eq!(count_parameters(&spec, sizes), (n + of_norms) as u128, "{layers}");
        }
    }
}

#[test]
fn the_count_of_an_absurd_description_saturates() {
    let huge = json!([
        {"type": "embedding", "dim": usize::MAX},
        {"type": "conv", "widths": [usize::MAX, usize::MAX], "filters": usize::MAX},
        {"type": "global-pool", "kind": "k-max", "k": usize::MAX},
    ]);
    let sizes = NetSizes { vocab_size: usize::MAX, n_labels: usize::MAX, multi_label: false };
    assert_eq!(count_parameters(&spec(&huge), sizes), u128::MAX);
}
