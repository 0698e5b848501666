//! What tokens have in an answer must sum up to the answer.

use fenlei_nn::attribution::Shares;
use fenlei_nn::layers::Pass;
use fenlei_nn::net::{Net, NetSizes, Workspace};
use fenlei_nn::params::{Grads, ParamId, Role};
use fenlei_nn::ragged::Batch;
use fenlei_nn::spec::{LayerSpec, NetSpec};

const DOCS: [&[u32]; 4] = [&[3, 1, 4, 1, 5, 9, 2, 6], &[7], &[], &[2, 2, 8, 1]];

fn net(layers: &str, with_bias: bool) -> Net<f64> {
    let layers: Vec<LayerSpec> = serde_json::from_str(layers).unwrap();
    let spec = NetSpec { layers, ..NetSpec::default() };
    let mut net = Net::new(&spec, NetSizes { vocab_size: 10, n_labels: 3, multi_label: false }, 7).unwrap();
    for param in net.params.iter_mut().filter(|p| p.role == Role::Bias) {
        param.data.iter_mut().enumerate().for_each(|(i, x)| *x = if with_bias { 0.05 * (i as f64 - 2.0) } else { 0.0 });
    }
    net.finalise();
    net
}

/// Logits and shares for the difference of the first two labels.
fn attributed(net: &Net<f64>) -> (Vec<f64>, Shares<f64>, Batch) {
    let batch = Batch::new(DOCS, 10);
    let (mut workspace, mut shares, mut scratch) = (Workspace::default(), Shares::default(), Grads::default());
    let logits = net.forward(&mut workspace, &batch, Pass::Trace).data.clone();
    let contrast = [1.0, -1.0, 0.0].repeat(DOCS.len());
    assert!(net.attribute(&mut shares, &mut scratch, &mut workspace, &contrast, &batch));
    let scores = logits.chunks(3).map(|z| z[0] - z[1]).collect();
    (scores, shares, batch)
}

#[test]
fn tokens_sum_to_the_score_of_nets_that_are_linear_around_every_input() {
    for layers in [
        r#"[{"type": "embedding", "dim": 4}, {"type": "conv", "widths": [1, 3], "filters": 5, "padding": "full",
            "activation": "relu"}, {"type": "global-pool", "kind": "max"}]"#,
        r#"[{"type": "embedding", "dim": 4}, {"type": "conv", "widths": [2], "filters": 5, "activation": "tanh"},
            {"type": "global-pool", "kind": "max"}, {"type": "dropout", "rate": 0.5}]"#,
        r#"[{"type": "embedding", "dim": 4}, {"type": "branches", "branches": [
            [{"type": "conv", "widths": [2], "filters": 5, "activation": "relu"}, {"type": "global-pool", "kind": "max"},
             {"type": "dense", "units": 4, "activation": "relu"}],
            [{"type": "global-pool", "kind": "average"}]]}]"#,
        r#"[{"type": "embedding", "dim": 4}, {"type": "conv", "widths": [3], "filters": 5, "padding": "same",
            "activation": "relu"}, {"type": "pool", "kind": "max", "size": 2},
            {"type": "conv", "widths": [2], "filters": 4, "padding": "same"}, {"type": "global-pool", "kind": "max"}]"#,
        r#"[{"type": "embedding-bag", "dim": 4}, {"type": "dense", "units": 6}]"#,
        r#"[{"type": "one-hot-conv", "width": 2, "filters": 5, "activation": "relu"},
            {"type": "global-pool", "kind": "max"}]"#,
    ] {
        let (scores, shares, batch) = attributed(&net(layers, false));
        for (doc, score) in scores.iter().enumerate() {
            let sum: f64 = shares.tokens[batch.doc(doc)].iter().sum();
            assert!((sum - score).abs() < 1e-9, "{layers}: document {doc} sums to {sum}, its score is {score}");
        }
        assert!(scores[0].abs() > 1e-6, "{layers}");
    }
}

#[test]
fn wins_of_filters_hold_their_biases_and_their_runs_lie_in_the_document() {
    let layers = r#"[{"type": "embedding", "dim": 4}, {"type": "conv", "widths": [1, 3], "filters": 5,
        "padding": "full", "activation": "relu"}, {"type": "global-pool", "kind": "max"}]"#;
    let net = net(layers, true);
    let (scores, shares, batch) = attributed(&net);
    let output = net.params.iter().find(|p| p.name == "output.bias").unwrap();
    for (doc, score) in scores.iter().enumerate().filter(|(doc, _)| !batch.doc(*doc).is_empty()) {
        let of_doc = shares.wins.iter().filter(|win| win.doc as usize == doc);
        let sum: f64 = of_doc.clone().map(|win| win.share).sum();
        assert!((sum + output.data[0] - output.data[1] - score).abs() < 1e-9, "document {doc}: {sum} for {score}");
        for win in of_doc {
            assert!(win.start < win.end && win.end as usize <= batch.doc(doc).len() && win.end - win.start <= 3);
        }
    }
}

#[test]
fn tokens_of_nets_over_sequences_have_gradient_times_input() {
    for layers in [
        r#"[{"type": "embedding", "dim": 4}, {"type": "lstm", "units": 3, "bidirectional": true},
            {"type": "global-pool", "kind": "attention", "units": 2}]"#,
        r#"[{"type": "embedding", "dim": 4}, {"type": "gru", "units": 3}, {"type": "global-pool", "kind": "last"}]"#,
        r#"[{"type": "embedding", "dim": 4}, {"type": "positions", "max": 9}, {"type": "layer-norm"},
            {"type": "transformer", "layers": 2, "heads": 2, "norm": "post", "checkpoint": true},
            {"type": "global-pool", "kind": "first"}]"#,
    ] {
        let mut net = net(layers, true);
        let (scores, shares, batch) = attributed(&net);
        // Token 9 stands once, in the first document: its share is the slope of the score along its vector.
        let place = batch.ids.iter().position(|&id| id == 9).unwrap();
        let table = net.params.iter().position(|p| p.name.ends_with("embedding.table")).unwrap();
        let mut at = |factor: f64| {
            let mut scaled = net.params.clone();
            scaled.data_mut(ParamId(table))[36..40].iter_mut().for_each(|x| *x *= factor);
            std::mem::swap(&mut net.params, &mut scaled);
            let score = attributed(&net).0[0];
            std::mem::swap(&mut net.params, &mut scaled);
            score
        };
        let slope = (at(1.0 + 1e-5) - at(1.0 - 1e-5)) / 2e-5;
        assert!(slope.abs() > 1e-7, "{layers}: {slope}");
        assert!((shares.tokens[place] - slope).abs() < 1e-8, "{layers}: {} and {slope}", shares.tokens[place]);
        assert!(scores[0].is_finite() && shares.wins.len() == batch.ids.len());
    }
}
