//! What a net does besides its passes: running statistics, pretrained vectors, heads.

use fenlei_nn::layers::Pass;
use fenlei_nn::loss::{Head, Loss, LossSpec};
use fenlei_nn::net::{Net, NetSizes, Workspace};
use fenlei_nn::optim::{OptimizerSpec, Regularization};
use fenlei_nn::params::{Grads, Param, Role};
use fenlei_nn::spec::NetSpec;
use fenlei_nn::training::{Average, Training};
use fenlei_nn::{Batch, Scalar};
use serde_json::{Value as Json, json};

const SIZES: NetSizes = NetSizes { vocab_size: 4, n_labels: 2, multi_label: false };

fn net<T: Scalar>(layers: Json, sizes: NetSizes) -> Net<T> {
    let spec: NetSpec = serde_json::from_value(json!({ "layers": layers })).unwrap();
    Net::new(&spec, sizes, 9).unwrap()
}

fn param<'n, T: Scalar>(net: &'n Net<T>, end: &str) -> &'n Param<T> {
    let mut found = net.params.iter().filter(|param| param.name.ends_with(end));
    let param = found.next().unwrap_or_else(|| panic!("no parameter ends with {end}"));
    assert!(found.next().is_none(), "several end with {end}");
    param
}

fn set<T: Scalar>(net: &mut Net<T>, end: &str, numbers: &[f64]) {
    let param = net.params.iter_mut().find(|param| param.name.ends_with(end)).unwrap();
    param.data = numbers.iter().map(|&x| T::from_f64(x)).collect();
}

/// A batch norm within branches and a residual, over the only number of each token's vector.
fn normed() -> Net<f64> {
    let norm = json!({"type": "residual", "layers": [{"type": "batch-norm"}]});
    let branches = json!({"type": "branches", "branches": [[norm], []]});
    let mut net = net(json!([{"type": "embedding", "dim": 1}, branches, {"type": "global-pool"}]), SIZES);
    set(&mut net, ".table", &[0.0, 1.0, 2.0, 6.0]);
    net
}

#[test]
fn running_statistics_move_with_training_passes_only() {
    let mut net = normed();
    let batch = Batch::new([&[1, 2][..], &[3]], 4);
    let mut workspace = Workspace::default();
    net.forward(&mut workspace, &batch, Pass::Predict);
    net.update_statistics(&workspace);
    assert_eq!(param(&net, ".running_mean").data, [0.0]);
    assert_eq!(param(&net, ".running_variance").data, [1.0]);
    net.forward(&mut workspace, &batch, Pass::Train { seed: 1 });
    net.update_statistics(&workspace);
    // A tenth of the way to the mean 3 and the unbiased variance 7.
    assert!((param(&net, ".running_mean").data[0] - 0.3).abs() < 1e-15);
    assert!((param(&net, ".running_variance").data[0] - 1.6).abs() < 1e-15);
    net.forward(&mut workspace, &batch, Pass::Train { seed: 2 });
    net.update_statistics(&workspace);
    assert!((param(&net, ".running_mean").data[0] - 0.57).abs() < 1e-15);
    assert!((param(&net, ".running_variance").data[0] - 2.14).abs() < 1e-15);
}

#[test]
fn a_training_step_updates_running_statistics_from_the_weights_before_it() {
    let loss = Loss::new(LossSpec::of(Head::Softmax), Head::Softmax).unwrap();
    let (rule, none) = (OptimizerSpec::adam(0.1), Regularization::default());
    let mut training = Training::new(normed(), rule, loss, none, Average::None, None);
    training.step([&[1, 2][..], &[3]], [&[0][..], &[1]], 1, 1.0);
    assert!((param(&training.net, ".running_mean").data[0] - 0.3).abs() < 1e-15);
    assert!((param(&training.net, ".running_variance").data[0] - 1.6).abs() < 1e-15);
    let mut trained = training.net.params.iter().filter(|param| param.trainable);
    assert!(trained.all(|param| param.role != Role::Statistic));
    assert_ne!(param(&training.net, ".table").data, [0.0, 1.0, 2.0, 6.0]);
}

fn embedded(dim: usize, mode: &str) -> Json {
    json!([{"type": "embedding", "dim": dim, "mode": mode}, {"type": "global-pool"}])
}

#[test]
fn words_have_their_vectors_and_missing_ones_random_ones_of_the_same_deviation() {
    let sizes = NetSizes { vocab_size: 2001, ..SIZES };
    let mut net = net::<f32>(embedded(10, "multichannel"), sizes);
    let vector = [0.5f32; 10];
    net.set_word_vectors(10, 0.25, |id| (id == 7).then_some(&vector[..])).unwrap();
    for end in ["embedding.table", ".static-table"] {
        let table = param(&net, end);
        assert_eq!(table.data[70..80], vector);
        let others =
            || table.data.iter().enumerate().filter(|(i, _)| !(70..80).contains(i)).map(|(_, x)| f64::from(*x));
        let mean = others().sum::<f64>() / 20_000.0;
        let deviation = (others().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 20_000.0).sqrt();
        assert!(mean.abs() < 0.006, "{mean}");
        assert!((deviation - 0.25).abs() < 0.004, "{deviation}");
        assert_ne!(table.data[0..10], table.data[10..20], "every word has a vector of its own");
    }
}

#[test]
fn the_vectors_of_missing_words_are_the_same_in_every_net() {
    let tables = ["tuned", "static"].map(|mode| {
        let mut net = net::<f32>(embedded(3, mode), SIZES);
        net.set_word_vectors(3, 0.1, |_| None).unwrap();
        param(&net, ".table").data.clone()
    });
    assert_eq!(tables[0], tables[1]);
}

#[test]
fn vectors_of_another_size_are_refused_and_change_nothing() {
    let branches = json!([{"type": "branches", "branches": [embedded(3, "tuned"), embedded(5, "tuned")]}]);
    let mut net = net::<f32>(branches, SIZES);
    let before = net.params.clone();
    let error = net.set_word_vectors(3, 0.1, |_| None).unwrap_err();
    let problem = "the vectors have 3 numbers, the embedding 5";
    assert_eq!((&*error.place, &*error.problem), ("layers", problem));
    assert_eq!(error.help, "set dim = 3 in the embedding layer");
    assert_eq!(net.params, before);
}

#[test]
fn vectors_need_an_embedding() {
    let one_hot = json!({"type": "one-hot-conv", "width": 3, "filters": 4});
    let mut net = net::<f32>(json!([one_hot, {"type": "global-pool"}]), SIZES);
    let error = net.set_word_vectors(3, 0.1, |_| None).unwrap_err();
    assert_eq!((&*error.place, &*error.problem), ("layers", "there is no embedding to put vectors into"));
    assert_eq!(error.help, "add an embedding");
}

#[test]
fn the_head_and_the_number_of_outputs_follow_from_the_labels() {
    let cases = [
        ("auto", 2, false, Head::Softmax, 2),
        ("auto", 5, true, Head::Sigmoid, 5),
        ("sigmoid", 5, false, Head::Sigmoid, 5),
        ("softmax", 5, false, Head::Softmax, 5),
        ("binary", 2, false, Head::Binary, 1),
    ];
    for (head, n_labels, multi_label, expected, n_outputs) in cases {
        let layers = embedded(3, "tuned");
        let spec: NetSpec = serde_json::from_value(json!({ "head": head, "layers": layers })).unwrap();
        let net = Net::<f32>::new(&spec, NetSizes { n_labels, multi_label, ..SIZES }, 1).unwrap();
        assert_eq!((net.head(), net.n_outputs()), (expected, n_outputs), "{head}");
        assert_eq!(net.n_trainable(), 4 * 3 + 3 * n_outputs + n_outputs);
        let logits = net.forward(&mut Workspace::default(), &Batch::new([&[1][..], &[]], 4), Pass::Predict).clone();
        assert_eq!((logits.n_docs(), logits.width), (2, n_outputs));
    }
}

#[test]
fn frozen_vectors_stay_and_the_others_move() {
    let loss = Loss::new(LossSpec::of(Head::Softmax), Head::Softmax).unwrap();
    let (rule, none) = (OptimizerSpec::adam(0.1), Regularization::default());
    let net = net::<f32>(embedded(3, "multichannel"), SIZES);
    let (tuned, frozen) = (param(&net, "embedding.table").data.clone(), param(&net, ".static-table").data.clone());
    let mut training = Training::new(net, rule, loss, none, Average::None, None);
    training.step([&[1, 2][..], &[]], [&[0][..], &[1]], 1, 1.0);
    assert_eq!(param(&training.net, ".static-table").data, frozen);
    let now = &param(&training.net, "embedding.table").data;
    assert_eq!((&now[..3], &now[9..]), (&tuned[..3], &tuned[9..]), "words that did not occur");
    assert_ne!(now[3..9], tuned[3..9]);
}

#[test]
fn a_step_in_parts_is_the_step_as_a_whole() {
    let layers = json!([
        {"type": "embedding", "dim": 3},
        {"type": "conv", "widths": [2], "filters": 4, "padding": "same", "activation": "relu"},
        {"type": "global-pool"}
    ]);
    let sizes = NetSizes { vocab_size: 12, n_labels: 3, multi_label: false };
    let documents: Vec<Vec<u32>> = (1..7u32).map(|n| (0..n).map(|i| 1 + (i * n) % 11).collect()).collect();
    let labels: Vec<Vec<u32>> = (0..6u32).map(|doc| vec![doc % 3]).collect();
    let weights = Some(vec![1.0, 3.0, 0.5]);
    let trained = |max_tokens: Option<usize>| {
        let loss = Loss::new(LossSpec::of(Head::Softmax), Head::Softmax).unwrap();
        let optimizer = OptimizerSpec::adam(0.05);
        let regularization = Regularization::default();
        let net = net::<f64>(layers.clone(), sizes);
        let mut training = Training::new(net, optimizer, loss, regularization, Average::None, weights.clone());
        if let Some(max_tokens) = max_tokens {
            training.limit_tokens(max_tokens);
        }
        let losses: Vec<f64> = (0..8)
            .map(|step| {
                let documents = documents.iter().map(Vec::as_slice);
                training.step(documents, labels.iter().map(Vec::as_slice), step, 1.0)
            })
            .collect();
        training.settle();
        (losses, training.net.params)
    };
    let (losses, whole) = trained(None);
    for max_tokens in [1, 7, 1000] {
        let (of_parts, params) = trained(Some(max_tokens));
        assert!(losses.iter().zip(&of_parts).all(|(a, b)| (a - b).abs() < 1e-12), "{max_tokens}: {of_parts:?}");
        for (a, b) in whole.iter().zip(params.iter()) {
            let near = a.data.iter().zip(&b.data).all(|(a, b)| (a - b).abs() < 1e-9);
            assert!(near, "{max_tokens}: {}", a.name);
        }
    }
}

const ENCODER: &str = r#"[{"type": "embedding", "dim": 4}, {"type": "positions", "max": 5},
    {"type": "transformer", "layers": 2, "heads": 2, "norm": "post", "feed-forward": 3},
    {"type": "global-pool", "kind": "average"}]"#;

fn encoder(change: impl Fn(&mut Json)) -> (NetSpec, Net<f64>) {
    let mut layers: Json = serde_json::from_str(ENCODER).unwrap();
    change(&mut layers[2]);
    let spec: NetSpec = serde_json::from_value(json!({ "layers": layers })).unwrap();
    let net = Net::new(&spec, SIZES, 9).unwrap();
    (spec, net)
}

const DOCS: [&[u32]; 3] = [&[1, 2, 3, 1], &[], &[2, 2, 3, 3, 3, 1, 2]];

fn logits(net: &Net<f64>) -> Vec<f64> {
    net.forward(&mut Workspace::default(), &Batch::new(DOCS, 4), Pass::Predict).data.clone()
}

fn gradients(net: &Net<f64>) -> Grads<f64> {
    let (mut workspace, mut grads) = (Workspace::default(), Grads::default());
    let batch = Batch::new(DOCS, 4);
    net.forward(&mut workspace, &batch, Pass::Train { seed: 1 });
    net.backward(&mut grads, &mut workspace, &[1.0, -2.0, 0.5, 0.1, -0.3, 0.7], &batch);
    grads
}

#[test]
fn frozen_layers_change_no_other_gradient() {
    let (_, mut net) = encoder(|_| ());
    let all = gradients(&net);
    for n_frozen in [1, 2, 6, 14] {
        net.params.iter_mut().enumerate().for_each(|(i, param)| param.trainable = i >= n_frozen);
        let some = gradients(&net);
        for (i, (found, expected)) in some.iter().zip(all.iter()).enumerate() {
            let name = &net.params.iter().nth(i).unwrap().name;
            if i < n_frozen {
                assert!(found.data.is_empty(), "{name}");
            } else {
                assert_eq!(found, expected, "{name}, {n_frozen} frozen");
                assert!(found.data.iter().any(|&d| d != 0.0), "{name}");
            }
        }
    }
    net.params.iter_mut().for_each(|param| param.trainable = false);
    assert!(gradients(&net).iter().all(|grad| grad.data.is_empty()));
}

#[test]
fn small_matrices_start_as_nothing_train_alone_and_are_merged() {
    let with_lora = |layer: &mut Json| layer["lora"] = json!({"rank": 2, "alpha": 4.0, "beside": "all"});
    let (spec, mut net) = encoder(with_lora);
    let trained: Vec<&str> = net.params.iter().filter(|p| p.trainable).map(|p| &*p.name).collect();
    assert!(trained.iter().all(|name| !name.contains("transformer") || name.contains(".lora-")), "{trained:?}");
    assert_eq!(trained.iter().filter(|name| name.contains(".lora-")).count(), 16);
    let (_, plain) = net.merged(&spec).unwrap();
    assert_eq!(logits(&net), logits(&plain), "they start as nothing");
    for param in net.params.iter_mut().filter(|p| p.name.ends_with(".lora-b")) {
        param.data.iter_mut().enumerate().for_each(|(i, x)| *x = 0.1 * (i % 5) as f64 - 0.2);
    }
    let (merged_spec, merged) = net.merged(&spec).unwrap();
    assert!(merged.params.iter().all(|p| !p.name.contains("lora")));
    assert!(!serde_json::to_string(&merged_spec).unwrap().contains("lora"));
    for ((found, expected), before) in logits(&merged).iter().zip(logits(&net)).zip(logits(&plain)) {
        assert!((found - expected).abs() < 1e-12, "{found} and {expected}");
        assert!((found - before).abs() > 1e-6);
    }
}

#[test]
fn recomputed_blocks_give_the_same_gradients() {
    let dropout = |layer: &mut Json| {
        layer["dropout"] = json!(0.3);
        layer["attention-dropout"] = json!(0.2);
    };
    let (_, kept) = encoder(dropout);
    let (_, again) = encoder(|layer| {
        dropout(layer);
        layer["checkpoint"] = json!(true);
    });
    assert!(gradients(&kept) == gradients(&again));
}
