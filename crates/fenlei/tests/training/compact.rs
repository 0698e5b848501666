//! Encoders that take less: windows over long documents, what was learned apart from its model, weights of 16 and 8 bits.

use std::path::Path;

use fenlei::artifact::{self, Container, DType, ModelInfo};
use fenlei::classifier::Classifier;
use fenlei::model::Model;
use fenlei::pretrained;
use fenlei::train::{Trained, train};

use super::corpus::bytes;
use super::encoder::{encoder, plan, reviews};
use super::same_bytes::check_resumption_on;

const TEXTS: [&str; 4] = ["the film was good!", "dull and long", "", "the plot was really bad;"];

const LORA: &str = "train.fine_tuning.lora={ rank = 2, beside = 'all' }";

fn is_near(a: &Classifier, b: &Classifier, tolerance: f32) -> bool {
    let (a, b) = (a.predict_batch(&TEXTS), b.predict_batch(&TEXTS));
    a.probabilities().iter().zip(b.probabilities()).all(|(a, b)| (a - b).abs() <= tolerance)
}

fn n_params(trained: &Trained, end: &str) -> usize {
    let Model::Net(net) = trained.classifier.model() else { panic!("this is no net") };
    net.net().params.iter().filter(|param| param.name.ends_with(end)).count()
}

#[test]
fn a_long_document_is_read_in_windows() {
    let windows = ["pipeline.truncate.max_tokens=60", "pipeline.truncate.window=12"];
    let plan = plan("bert", &windows);
    let trained = train(&plan, &reviews(), None).unwrap();
    let classifier = &trained.classifier;
    let own = "the film was good and the plot was dull and the acting was long and bad and not good";
    let encoding = classifier.pipeline().encode(own);
    let special = |id: &u32| ["[CLS]", "[SEP]"].contains(&classifier.pipeline().vocab().token(*id).unwrap());
    let n_special = encoding.ids.iter().filter(|id| special(id)).count();
    assert!(encoding.ids.len() > 12 && n_special == 2 * encoding.ids.len().div_ceil(12), "{:?}", encoding.ids);
    for window in encoding.ids.chunks(12) {
        assert!(special(&window[0]) && special(&window[window.len() - 1]));
    }
    assert_eq!(classifier.pipeline().encode_batch(&[own]).ids, encoding.ids, "both ways to encode agree");
    let (loaded, _) = artifact::from_bytes(bytes(&plan, &trained)).unwrap();
    assert_eq!(loaded.predict_batch(&[own]), classifier.predict_batch(&[own]));
    // A document that fits one window is read as without windows.
    let whole = train(&super::encoder::plan("bert", &["pipeline.truncate.max_tokens=12"]), &reviews(), None).unwrap();
    assert!(is_near(classifier, &whole.classifier, 1e-6));
}

#[test]
fn windows_are_for_encoders_and_fit_their_positions() {
    let error = |family, set: &[&str]| {
        let source = fenlei::config::PlanSource {
            recipe: Some("encoder".to_owned()),
            pretrained: Some(encoder(family)),
            set: set.iter().map(|&setting| setting.to_owned()).collect(),
            ..Default::default()
        };
        fenlei::config::load_plan(&source).and_then(|plan| train(&plan, &reviews(), None)).unwrap_err().to_string()
    };
    let long = error("bert", &["pipeline.truncate.window=4000", "pipeline.truncate.max_tokens=8000"]);
    assert!(long.starts_with("pipeline.truncate.window: found 4000, but the model has positions for"), "{long}");
    let narrow = error("bert", &["pipeline.truncate.window=2"]);
    assert!(narrow.contains("2 special tokens stand around"), "{narrow}");
    let source = fenlei::config::PlanSource {
        recipe: Some("transformer".to_owned()),
        set: vec!["pipeline.truncate.window=8".to_owned()],
        ..Default::default()
    };
    let plan = fenlei::config::load_plan(&source);
    let error = plan.and_then(|plan| train(&plan, &reviews(), None)).unwrap_err().to_string();
    assert!(error.contains("only a pretrained encoder reads windows"), "{error}");
}

#[test]
fn what_was_learned_apart_and_its_model_make_the_classifier_again() {
    let folder = tempfile::tempdir().unwrap();
    let apart = folder.path().join("apart.fenlei");
    for (set, rounded) in [
        (vec![LORA], false),
        (vec![LORA, "train.fine_tuning.frozen_storage=bf16"], true),
        (vec!["train.fine_tuning.frozen_layers=3"], false),
    ] {
        let mut trained = train(&plan("bert", &set), &reviews(), None).unwrap();
        let info = ModelInfo::default();
        artifact::save_apart(&apart, &trained.classifier, &info, "bert", rounded).unwrap();
        trained.classifier.merge().unwrap();
        assert_eq!(n_params(&trained, ".lora-a"), 0);
        let whole = folder.path().join("whole.fenlei");
        artifact::save(&whole, &trained.classifier, &info).unwrap();
        let (merged, info) = pretrained::merge(&apart, &encoder("bert")).unwrap();
        let again = folder.path().join("again.fenlei");
        artifact::save(&again, &merged, &info).unwrap();
        assert!(std::fs::read(&whole).unwrap() == std::fs::read(&again).unwrap(), "{set:?}");
        let held = |path: &Path| {
            let container = Container::open(path).unwrap();
            let names: Vec<String> = container.names().map(str::to_owned).collect();
            names.iter().map(|name| container.tensor(name).unwrap().data.len()).sum::<usize>()
        };
        assert!(held(&apart) < held(&whole), "{} and {}", held(&apart), held(&whole));
    }
    let alone = artifact::load(&apart).unwrap_err().to_string();
    assert!(alone.contains("beside the pretrained model \"bert\"") && alone.contains("fenlei merge"), "{alone}");
    // Of the same shape, all numbers with the other sign.
    let near = folder.path().join("near");
    std::fs::create_dir(&near).unwrap();
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        let mut content = std::fs::read(encoder("bert").join(name)).unwrap();
        if name == "model.safetensors" {
            let start = 8 + u64::from_le_bytes(content[..8].try_into().unwrap()) as usize;
            content[start..].chunks_exact_mut(4).for_each(|number| number[3] ^= 1 << 7);
        }
        std::fs::write(near.join(name), content).unwrap();
    }
    let other = pretrained::merge(&apart, &near).map(drop).unwrap_err().to_string();
    assert!(other.contains("whose numbers are others than those given"), "{other}");
    assert!(pretrained::merge(&apart, &encoder("electra")).is_err());
    let whole = pretrained::merge(&folder.path().join("whole.fenlei"), &encoder("bert")).unwrap_err().to_string();
    assert!(whole.contains("needs nothing beside it"), "{whole}");
    let trained = train(&plan("bert", &[]), &reviews(), None).unwrap();
    let nothing = artifact::save_apart(&apart, &trained.classifier, &ModelInfo::default(), "bert", false).unwrap_err();
    assert!(nothing.to_string().contains("nothing of this model was left as it was"), "{nothing}");
}

#[test]
fn frozen_weights_of_16_bits_train_as_those_of_32() {
    let whole = train(&plan("bert", &[LORA]), &reviews(), None).unwrap();
    let half = train(&plan("bert", &[LORA, "train.fine_tuning.frozen_storage=bf16"]), &reviews(), None).unwrap();
    assert!(is_near(&whole.classifier, &half.classifier, 0.1), "rounding 8 bits changes little");
    assert_ne!(whole.classifier.predict_batch(&TEXTS), half.classifier.predict_batch(&TEXTS), "they were rounded");
    check_resumption_on(&plan("bert", &[LORA, "train.fine_tuning.frozen_storage=bf16"]), &reviews(), "16 bits");
}

#[test]
fn weights_of_8_bits_are_a_quarter_and_answer_alike() {
    let plan = plan("bert", &["train.epochs=12"]);
    let mut trained = train(&plan, &reviews(), None).unwrap();
    let whole = bytes(&plan, &trained);
    let (reference, _) = artifact::from_bytes(whole).unwrap();
    trained.classifier.quantize().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.fenlei");
    artifact::save(&path, &trained.classifier, &ModelInfo::default()).unwrap();
    let (loaded, _) = artifact::load(&path).unwrap();
    assert_eq!(loaded.predict_batch(&TEXTS), trained.classifier.predict_batch(&TEXTS));
    assert!(is_near(&loaded, &reference, 0.1));
    assert_ne!(loaded.predict_batch(&TEXTS), reference.predict_batch(&TEXTS), "they were rounded");
    let container = Container::open(&path).unwrap();
    let names: Vec<String> = container.names().map(str::to_owned).collect();
    let n = names.iter().filter(|name| container.tensor(name).unwrap().dtype == DType::I8).count();
    assert_eq!(n, 1 + 2 * 4, "the table and the weights of two blocks");
    // One text alone and in any batch.
    let alone = loaded.predict_batch(&TEXTS[..1]);
    assert_eq!(alone.row(0), loaded.predict_batch(&TEXTS).row(0));
}

#[test]
fn other_models_are_not_quantized() {
    let source = fenlei::config::PlanSource { set: vec!["train.epochs=1".to_owned()], ..Default::default() };
    let plan = fenlei::config::load_plan(&source).unwrap();
    let mut trained = train(&plan, &reviews(), None).unwrap();
    let before = trained.classifier.predict_batch(&TEXTS);
    let error = trained.classifier.quantize().unwrap_err().to_string();
    assert!(error.contains("no weights that are worth 8-bit integers"), "{error}");
    assert_eq!(trained.classifier.predict_batch(&TEXTS), before);
}
