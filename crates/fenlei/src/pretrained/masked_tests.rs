use std::fs;
use std::path::PathBuf;

use fenlei_nn::masked::{MaskedDocument, MaskedNet, MaskedTraining, MaskedWorkspace};
use fenlei_nn::optim::{OptimizerSpec, Regularization};
use fenlei_nn::params::{Grads, ParamId};
use serde::Deserialize;

use super::*;

/// As `testdata/make_masked_golden.py` wrote it.
#[derive(Deserialize)]
struct Golden {
    documents: Vec<GoldenDocument>,
    logits: Vec<f32>,
    loss: f64,
    grads: BTreeMap<String, Vec<f32>>,
    lr: f64,
    curve: Vec<f64>,
}

#[derive(Deserialize)]
struct GoldenDocument {
    ids: Vec<u32>,
    places: Vec<u32>,
    tokens: Vec<u32>,
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/pretrained").join(name)
}

fn golden(name: &str) -> (Golden, Vec<MaskedDocument>) {
    let golden: Golden = serde_json::from_slice(&fs::read(fixture(name).join("masked.json")).unwrap()).unwrap();
    let document =
        |d: &GoldenDocument| MaskedDocument { ids: d.ids.clone(), places: d.places.clone(), tokens: d.tokens.clone() };
    let documents = golden.documents.iter().map(document).collect();
    (golden, documents)
}

/// A net without dropout that computes what the folder's model does.
fn net(dir: &Path) -> (MaskedFolder, MaskedNet<f32>, String) {
    let (folder, source) = MaskedFolder::open(dir).unwrap();
    let spec = folder.spec(Precision::F32, |layers| {
        layers.retain(|layer| !matches!(layer, LayerSpec::Dropout { .. }));
        for layer in layers {
            if let LayerSpec::Transformer(spec) = layer {
                (spec.dropout, spec.attention_dropout) = (0.0, 0.0);
            }
        }
    });
    let mut net = MaskedNet::new(&spec, folder.vocab_size(), 1).unwrap();
    let told = folder.fill(&source, &mut net.params).unwrap();
    (folder, net, told)
}

fn worst(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (a - b).abs() / (1.0 + b.abs())).fold(0.0, f32::max)
}

#[test]
fn logits_loss_and_gradients_equal_those_of_transformers() {
    for name in ["bert-masked", "roberta-masked"] {
        let (golden, documents) = golden(name);
        let (mut folder, net, told) = net(&fixture(name));
        assert!(told.contains("its masked head is there too"), "{told}");
        let mut workspace = MaskedWorkspace::default();
        let found = worst(&net.logits(&mut workspace, &documents[..1]), &golden.logits);
        assert!(found < 1e-4, "{name}: logits {found}");

        let n_hidden: usize = documents.iter().map(|document| document.places.len()).sum();
        let mut grads = Grads::default();
        grads.reset(&net.params, &[]);
        let scale = 1.0 / n_hidden as f64;
        let loss = scale * net.add_gradients(&mut grads, &mut workspace, &documents, scale, 1);
        assert!((loss - golden.loss).abs() < 1e-5, "{name}: loss {loss} and {}", golden.loss);

        // Gradients go by the names of the library as numbers do.
        let mut params = net.params.clone();
        for (i, param) in params.iter_mut().enumerate() {
            param.data.clone_from(&grads.get(ParamId(i)).data);
        }
        folder.kept.clear();
        let found = folder.tensors(&params).unwrap();
        for (name, expected) in &golden.grads {
            let Some((_, found)) = found.get(name) else {
                assert!(name.contains("token_type_embeddings"), "{name} has no gradient");
                continue;
            };
            // Positions that are never used come first.
            let unused = expected.len() - found.len();
            assert!(unused == 0 || name.contains("position_embeddings"), "{name}");
            let found = worst(found, &expected[unused..]);
            assert!(found < 1e-4, "{name}: {found}");
        }
    }
}

#[test]
fn steps_of_adamw_go_the_way_of_pytorch() {
    for name in ["bert-masked", "roberta-masked"] {
        let (golden, documents) = golden(name);
        let (_, net, _) = net(&fixture(name));
        let optimizer =
            OptimizerSpec::AdamW { lr: golden.lr, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };
        let mut training = MaskedTraining::new(net, optimizer, Regularization::default(), usize::MAX);
        for (step, expected) in golden.curve.iter().enumerate() {
            let found = training.step(&documents, step as u64, 1.0);
            assert!((found - expected).abs() < 1e-3, "{name}, step {step}: {found} and {expected}");
        }
        assert!(golden.curve[golden.curve.len() - 1] < 0.6 * golden.curve[0]);
    }
}

#[test]
fn what_is_saved_is_what_is_read_again() {
    let place = tempfile::tempdir().unwrap();
    for name in ["bert-masked", "roberta-masked", "bert-torch"] {
        let (folder, before, _) = net(&fixture(name));
        let dir = place.path().join(name);
        folder.save(&before.params, &dir).unwrap();
        let (again, now, told) = net(&dir);
        assert!(told.contains("its masked head is there too"), "{told}");
        assert_eq!(again.tokenizer, folder.tokenizer);
        for (before, now) in before.params.iter().zip(now.params.iter()) {
            assert!(worst(&now.data, &before.data) < 1e-6, "{}", before.name);
        }
        assert_eq!(again.kept, folder.kept, "{name}");
        let config: Value = serde_json::from_slice(&fs::read(dir.join("config.json")).unwrap()).unwrap();
        assert!(config["architectures"][0].as_str().unwrap().ends_with("ForMaskedLM"));
    }
}

#[test]
fn a_head_that_is_not_there_starts_anew_and_says_so() {
    let (_, net, told) = net(&fixture("bert"));
    assert!(told.contains("the folder has no masked head, which starts anew"), "{told}");
    assert!(net.params.iter().any(|param| param.name == "head.dense.weight"));
}

#[test]
fn other_families_and_decoders_of_their_own_are_refused() {
    for name in ["electra", "gpt2", "albert", "distilbert"] {
        let error = MaskedFolder::open(&fixture(name)).unwrap_err().to_string();
        assert!(error.contains("no family that can be pretrained further") && error.contains("help"), "{error}");
    }
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("untied");
    let (folder, whole, _) = net(&fixture("bert-masked"));
    folder.save(&whole.params, &dir).unwrap();
    let mut tensors = folder.tensors(&whole.params).unwrap();
    let (shape, mut table) = tensors["bert.embeddings.word_embeddings.weight"].clone();
    tensors.insert("cls.predictions.decoder.weight".to_owned(), (shape.clone(), table.clone()));
    fs::write(dir.join("model.safetensors"), folder::safetensors(&tensors).unwrap()).unwrap();
    net(&dir);
    table[3] += 1.0;
    tensors.insert("cls.predictions.decoder.weight".to_owned(), (shape, table));
    fs::write(dir.join("model.safetensors"), folder::safetensors(&tensors).unwrap()).unwrap();
    let (folder, source) = MaskedFolder::open(&dir).unwrap();
    let mut params = whole.params.clone();
    let error = folder.fill(&source, &mut params).unwrap_err().to_string();
    assert!(error.contains("another than the table") && error.contains("tied"), "{error}");
}

/// What transformers made of a folder of ours.
#[derive(Deserialize)]
struct Own {
    texts: Vec<String>,
    ids: Vec<Vec<u32>>,
    logits: Vec<f32>,
}

#[test]
fn transformers_reads_the_folders_that_are_written_here() {
    for name in ["own-wordpiece", "own-bpe"] {
        let own: Own = serde_json::from_slice(&fs::read(fixture(name).join("own.json")).unwrap()).unwrap();
        let (folder, net, _) = net(&fixture(name));
        let tokenizer = tokenizers::Tokenizer::from_bytes(&folder.tokenizer).unwrap();
        for (text, expected) in own.texts.iter().zip(&own.ids) {
            let found = tokenizer.encode(text.as_str(), true).unwrap();
            assert_eq!(found.get_ids(), expected, "{name}: {text}");
        }
        let document = MaskedDocument { ids: own.ids[0].clone(), ..MaskedDocument::default() };
        let found = worst(&net.logits(&mut MaskedWorkspace::default(), &[document]), &own.logits);
        assert!(found < 1e-4, "{name}: {found}");
    }
}
