//! A masked language model as a whole: gradients, parts of a step, threads.

use fenlei_nn::layers::Activation;
use fenlei_nn::masked::{MaskedDocument, MaskedNet, MaskedSpec, MaskedTraining, MaskedWorkspace};
use fenlei_nn::optim::{OptimizerSpec, Regularization};
use fenlei_nn::params::Grads;
use fenlei_nn::rng;
use fenlei_nn::spec::{LayerSpec, PoolKind, Precision, TransformerSpec};

const VOCAB: usize = 11;

fn spec(width: usize, dropout: f64, precision: Precision) -> MaskedSpec {
    let transformer = TransformerSpec {
        feed_forward: Some(2 * width),
        dropout,
        attention_dropout: dropout,
        ..TransformerSpec::new(2, 2)
    };
    let layers = vec![
        LayerSpec::Embedding { dim: width, init: 0.5, mode: Default::default() },
        LayerSpec::Positions { kind: Default::default(), max: 12 },
        LayerSpec::LayerNorm { epsilon: 1e-12 },
        LayerSpec::Transformer(Box::new(transformer)),
    ];
    MaskedSpec { layers, activation: Activation::Gelu, epsilon: 1e-12, precision }
}

/// Documents of several lengths, the last without a hidden token.
fn documents(n: u32) -> Vec<MaskedDocument> {
    let document = |d: u32| {
        let len = 1 + d * 5 % 9;
        let places: Vec<u32> = (0..len).filter(|i| d + 1 < n && (i + d).is_multiple_of(3)).collect();
        let tokens = places.iter().map(|place| (place * 3 + d) % VOCAB as u32).collect();
        MaskedDocument { ids: (0..len).map(|i| (i * 7 + d * 3) % VOCAB as u32).collect(), places, tokens }
    };
    (0..n).map(document).collect()
}

#[test]
fn gradients_are_those_of_the_value() {
    let mut net = MaskedNet::<f64>::new(&spec(4, 0.0, Precision::F32), VOCAB, 3).unwrap();
    let documents = documents(4);
    let mut workspace = MaskedWorkspace::default();
    let mut grads = Grads::default();
    grads.reset(&net.params, &[]);
    let sum = net.add_gradients(&mut grads, &mut workspace, &documents, 0.5, 1);
    assert!((sum - net.losses(&mut workspace, &documents)).abs() < 1e-12);
    let ids: Vec<_> = (0..net.params.len()).map(fenlei_nn::params::ParamId).collect();
    for id in ids {
        for i in 0..net.params.data(id).len() {
            let kept = net.params.data(id)[i];
            let [up, down] = [1e-6, -1e-6].map(|offset| {
                net.params.data_mut(id)[i] = kept + offset;
                net.losses(&mut workspace, &documents)
            });
            net.params.data_mut(id)[i] = kept;
            let (found, numeric) = (grads.get(id).data[i], 0.5 * (up - down) / 2e-6);
            let name = &net.params.get(id).name;
            assert!((found - numeric).abs() < 1e-7 * (1.0 + numeric.abs()), "{name}[{i}]: {found} and {numeric}");
        }
    }
}

fn training(max_tokens: usize, dropout: f64, seed: u64) -> MaskedTraining<f32> {
    let net = MaskedNet::new(&spec(16, dropout, Precision::F32), VOCAB, seed).unwrap();
    let optimizer = OptimizerSpec::AdamW { lr: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 };
    MaskedTraining::new(net, optimizer, Regularization { clip_norm: Some(1.0), ..Default::default() }, max_tokens)
}

#[test]
fn a_step_in_parts_is_the_step_and_what_is_learned_is_remembered() {
    let documents = documents(12);
    let (mut whole, mut parts) = (training(usize::MAX, 0.0, 5), training(10, 0.0, 5));
    let first = whole.evaluate(&documents);
    for step in 0..60 {
        let (a, b) = (whole.step(&documents, step, 1.0), parts.step(&documents, step, 1.0));
        assert!((a - b).abs() < 1e-3, "step {step}: {a} and {b}");
    }
    let last = whole.evaluate(&documents);
    assert_eq!(first.1, last.1);
    assert!(last.0 < 0.3 * first.0, "{first:?}, then {last:?}");
    assert!((parts.evaluate(&documents).0 - last.0).abs() < 0.01);
}

#[test]
fn every_row_of_the_table_moves_and_the_same_seed_gives_the_same_bits_for_any_number_of_threads() {
    let documents = documents(30);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut training = training(40, 0.1, 9);
            let losses: Vec<f64> = (0..4).map(|step| training.step(&documents, rng::derive(1, step), 1.0)).collect();
            (losses, training.net.params.clone())
        })
    };
    let one = run(1);
    assert!(one == run(2) && one == run(3));
    let fresh = training(40, 0.1, 9).net.params;
    let (table, before) = (one.1.iter().next().unwrap(), fresh.iter().next().unwrap());
    assert!(table.data.chunks(16).zip(before.data.chunks(16)).all(|(now, then)| now != then), "no token is left out");
}

#[test]
fn nets_that_cannot_be_tied_or_give_no_state_for_each_token_are_refused() {
    let mut small = spec(4, 0.0, Precision::F32);
    small.layers.insert(2, LayerSpec::Dense { units: 6, activation: Default::default() });
    let error = MaskedNet::<f32>::new(&small, VOCAB, 1).unwrap_err().to_string();
    assert!(error.contains("tied"), "{error}");
    let mut pooled = spec(4, 0.0, Precision::F32);
    pooled.layers.push(LayerSpec::GlobalPool { kind: PoolKind::Max, k: 1, units: None });
    let error = MaskedNet::<f32>::new(&pooled, VOCAB, 1).unwrap_err().to_string();
    assert!(error.contains("row of numbers for each token"), "{error}");
}
