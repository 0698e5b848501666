use std::fs;

use fenlei_nn::Batch;
use fenlei_nn::layers::Pass;
use fenlei_nn::net::{Net, Workspace};
use serde::Deserialize;

use super::*;
use crate::testing::data_dir;

/// Families with a golden state, as `testdata/make_pretrained_golden.py` wrote them.
const FAMILIES: [&str; 12] = [
    "bert",
    "bert-shards",
    "bert-torch",
    "roberta",
    "xlm-roberta",
    "electra",
    "distilbert",
    "albert",
    "modernbert",
    "gpt2",
    "llama",
    "qwen2",
];

#[derive(Deserialize)]
struct Case {
    text: String,
    pieces: Vec<String>,
    first: Vec<f32>,
    last: Vec<f32>,
    average: Vec<f32>,
    max: Vec<f32>,
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/pretrained").join(name)
}

/// Documents are cleaned by the tokenizer alone.
fn spec(max_tokens: usize) -> PipelineSpec {
    let mut spec = PipelineSpec::default();
    spec.clean.nfkc = false;
    spec.clean.lowercase = false;
    spec.clean.simplify = false;
    spec.segment.special_tokens = true;
    spec.truncate.max_tokens = max_tokens;
    spec
}

/// A net whose logits are the pooled states.
fn pooled(pretrained: &Pretrained, kind: PoolKind) -> Net<f32> {
    let mut layers = pretrained.config().layers().to_vec();
    layers.push(LayerSpec::GlobalPool { kind, k: 1, units: None });
    let width = pretrained.config().width();
    let sizes = NetSizes { vocab_size: pretrained.tokenizer.vocabulary.len(), n_labels: width, multi_label: true };
    let mut net = Net::new(&NetSpec { layers, ..NetSpec::default() }, sizes, 1).unwrap();
    pretrained.fill(&mut net.params).unwrap();
    for param in net.params.iter_mut().filter(|param| param.name.starts_with("output.")) {
        let is_weight = param.shape.len() == 2;
        param.data.iter_mut().enumerate().for_each(|(i, x)| *x = f32::from(is_weight && i / width == i % width));
    }
    net
}

fn states(net: &Net<f32>, documents: &[Vec<u32>]) -> Vec<Vec<f32>> {
    let batch = Batch::new(documents.iter().map(Vec::as_slice), net.sizes().vocab_size);
    let mut workspace = Workspace::default();
    let out = net.forward(&mut workspace, &batch, Pass::Predict);
    out.data.chunks(out.width).map(<[f32]>::to_vec).collect()
}

#[test]
fn states_of_every_family_equal_those_of_transformers() {
    for family in FAMILIES {
        let pretrained = Pretrained::open(&fixture(family)).unwrap();
        let pipeline = pretrained.pipeline(&spec(pretrained.config().max_tokens())).unwrap();
        let golden = fs::read(fixture(family).join("golden.json")).unwrap();
        let cases: Vec<Case> = serde_json::from_slice(&golden).unwrap();
        let documents: Vec<Vec<u32>> = cases.iter().map(|case| pipeline.encode(&case.text).ids).collect();
        for (case, ids) in cases.iter().zip(&documents) {
            let row = |id: u32| pretrained.tokenizer.rows[id as usize];
            let tokenizer = tokenizers::Tokenizer::from_bytes(&pretrained.tokenizer.json).unwrap();
            let expected: Vec<_> = case.pieces.iter().map(|piece| tokenizer.token_to_id(piece)).collect();
            assert_eq!(ids.iter().map(|&id| row(id)).collect::<Vec<_>>(), expected, "{family}: {}", case.text);
        }
        for (kind, of) in [
            (PoolKind::First, (|case| &case.first) as fn(&Case) -> &Vec<f32>),
            (PoolKind::Last, |case| &case.last),
            (PoolKind::Average, |case| &case.average),
            (PoolKind::Max, |case| &case.max),
        ] {
            let found = states(&pooled(&pretrained, kind), &documents);
            for (case, found) in cases.iter().zip(found) {
                let worst = found.iter().zip(of(case)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 1e-4, "{family}, {kind:?}, {:?}: {worst}", case.text);
            }
        }
    }
}

#[test]
fn minilm_gives_the_sentence_vectors_of_transformers() {
    let Some(dir) = data_dir().map(|data| data.join("../models/all-MiniLM-L6-v2")) else { return };
    if !dir.is_dir() {
        crate::testing::data_file("../models/all-MiniLM-L6-v2");
        return;
    }
    let golden = fs::read(fixture("minilm-golden.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_slice(&golden).unwrap();
    let pretrained = Pretrained::open(&dir).unwrap();
    let pipeline = pretrained.pipeline(&spec(256)).unwrap();
    let documents: Vec<Vec<u32>> = cases.iter().map(|case| pipeline.encode(&case.text).ids).collect();
    for (case, ids) in cases.iter().zip(&documents) {
        assert_eq!(ids.len(), case.pieces.len(), "{}", case.text);
    }
    let found = states(&pooled(&pretrained, PoolKind::Average), &documents);
    for (case, found) in cases.iter().zip(found) {
        let worst = found.iter().zip(&case.average).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4, "{:?}: {worst}", case.text);
    }
}

/// A copy of a model with one file changed.
fn changed(family: &str, file: &str, change: impl FnOnce(String) -> String) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(fixture(family)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let path = folder.path().join(file);
    let text = fs::read_to_string(&path).unwrap();
    let new = change(text.clone());
    assert_ne!(new, text, "nothing was changed");
    fs::write(path, new).unwrap();
    folder
}

fn problem(folder: &Path) -> String {
    let opened = Pretrained::open(folder).and_then(|pretrained| {
        let mut layers = pretrained.config().layers().to_vec();
        layers.push(LayerSpec::GlobalPool { kind: PoolKind::Average, k: 1, units: None });
        let sizes = NetSizes { vocab_size: pretrained.tokenizer.vocabulary.len(), n_labels: 2, multi_label: false };
        let mut net = Net::<f32>::zeros(&NetSpec { layers, ..NetSpec::default() }, sizes).unwrap();
        pretrained.fill(&mut net.params)
    });
    opened.unwrap_err().to_string()
}

#[test]
fn configurations_that_are_not_understood_are_refused_with_the_key() {
    for (family, from, to, expected) in [
        ("bert", "\"bert\"", "\"t5\"", "model_type: found \"t5\", expected one of bert"),
        ("bert", "\"hidden_size\": 8", "\"hidden_size\": 7", "2 heads do not divide a width of 7"),
        ("bert", "\"hidden_size\": 8", "\"hidden_size\": 0", "hidden_size: found 0, expected 1 to"),
        ("bert", "\"hidden_size\": 8", "\"hidden_size\": 4", "has shape [40, 8], expected [40, 4]"),
        ("bert", "\"intermediate_size\": 12", "\"intermediate_size\": 1000000", "but the weights hold at most"),
        ("bert", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1000000", "but the weights hold at most"),
        (
            "bert",
            "\"num_hidden_layers\": 2",
            "\"num_hidden_layers\": 3",
            "encoder.layer.2.attention.self.query.weight\" is missing",
        ),
        (
            "bert",
            "\"num_hidden_layers\": 2",
            "\"num_hidden_layers\": 1",
            "\"encoder.layer.1.attention.output.LayerNorm.bias\" has no place",
        ),
        ("bert", "\"gelu\"", "\"mish\"", "hidden_act: found \"mish\""),
        ("bert", "\"vocab_size\": 40", "\"vocab_size\": 20", "the model has vectors for 20 only"),
        ("bert", "0.1", "1.5", "found 1.5, expected 0 to below 1"),
        ("llama", "\"rope_type\": \"default\"", "\"rope_type\": \"yarn\"", "positions of the type \"yarn\""),
        ("llama", "\"attention_bias\": false", "\"attention_bias\": true", "attention_bias: found true"),
        ("llama", "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", "3 heads of keys do not divide 4"),
        ("gpt2", "\"scale_attn_weights\": true", "\"scale_attn_weights\": false", "scale_attn_weights: found false"),
        (
            "roberta",
            "\"max_position_embeddings\": 90",
            "\"max_position_embeddings\": 2",
            "of which the first 2 are not used",
        ),
    ] {
        let folder = changed(family, "config.json", |text| text.replacen(from, to, 1));
        let problem = problem(folder.path());
        assert!(problem.contains(expected) && problem.contains("help: "), "{from}: {problem}");
    }
}

#[test]
fn folders_that_hold_no_model_are_refused() {
    let empty = tempfile::tempdir().unwrap();
    for (folder, expected) in [
        (Path::new("/no/such/folder"), "there is no folder /no/such/folder"),
        (empty.path(), "there is no config.json"),
    ] {
        let error = Pretrained::open(folder).unwrap_err();
        assert!(error.is_wrong_use() && error.to_string().contains(expected), "{error}");
    }
    let folder = changed("bert", "config.json", |text| text.replacen('{', "", 1));
    assert!(problem(folder.path()).contains("not a configuration of a model"));
    for (file, expected) in [
        ("tokenizer.json", "there is no tokenizer.json and no vocab.txt"),
        ("model.safetensors", "there are no weights"),
    ] {
        let folder = changed("bert", "config.json", |text| format!("{text} "));
        fs::remove_file(folder.path().join(file)).unwrap();
        assert!(problem(folder.path()).contains(expected));
    }
    let folder = changed("bert", "tokenizer.json", |text| text.replacen("WordPiece", "Word", 1));
    assert!(problem(folder.path()).contains("not a tokenizer"));
    let folder = changed("bert-torch", "vocab.txt", |text| text.replacen("[CLS]", "[CLASS]", 1));
    assert!(problem(folder.path()).contains("the token \"[CLS]\" is missing"));
}

#[test]
fn documents_longer_than_the_model_can_read_are_refused_beforehand() {
    let pretrained = Pretrained::open(&fixture("bert")).unwrap();
    let problem = pretrained.pipeline(&spec(41)).unwrap_err().to_string();
    assert!(problem.contains("found 41, but the model has positions for 40"), "{problem}");
}
