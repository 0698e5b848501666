//! Files whose checksums are right and whose content is not: refused with a message, before memory is taken.

use fenlei::artifact::container::{self, Container};
use fenlei::artifact::{TensorData, from_bytes};
use fenlei::classifier::Profile;
use proptest::prelude::*;
use serde_json::{Value, json};

const MODEL: &[u8] = include_bytes!("../../testdata/classifier-v1.fenlei");

/// The manifest and the tensors of a good file, to be changed.
fn parts() -> (Value, Vec<TensorData<'static>>) {
    let container = Container::from_bytes(MODEL.to_vec()).unwrap();
    let tensors = container
        .names()
        .map(|name| {
            let tensor = container.tensor(name).unwrap();
            let bytes = tensor.data.to_vec().into();
            TensorData { name: name.to_owned(), dtype: tensor.dtype, shape: tensor.shape.to_vec(), bytes }
        })
        .collect();
    (serde_json::from_slice(container.manifest()).unwrap(), tensors)
}

fn file(manifest: &[u8], tensors: &[TensorData<'_>]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.fenlei");
    container::save(&path, manifest, tensors).unwrap();
    std::fs::read(path).unwrap()
}

/// Loads the file with a changed manifest; gives the message of its refusal.
fn refusal_of(change: impl FnOnce(&mut Value, &mut Vec<TensorData<'static>>)) -> String {
    let (mut manifest, mut tensors) = parts();
    change(&mut manifest, &mut tensors);
    let message = from_bytes(file(&serde_json::to_vec(&manifest).unwrap(), &tensors)).unwrap_err().to_string();
    assert!(message.contains("help: "), "no help in: {message}");
    message
}

#[track_caller]
fn refused(expected: &str, change: impl FnOnce(&mut Value, &mut Vec<TensorData<'static>>)) {
    let message = refusal_of(change);
    assert!(message.contains(expected), "{message}\nexpected: {expected}");
}

#[test]
fn the_parts_as_they_are_load() {
    let (manifest, tensors) = parts();
    from_bytes(file(&serde_json::to_vec(&manifest).unwrap(), &tensors)).unwrap();
}

#[test]
fn tensors_that_do_not_fit_are_refused() {
    refused("tensors, expected", |_, tensors| tensors.push(TensorData::from_f32("one.more", &[1], &[0.0])));
    refused("needs", |_, tensors| tensors.truncate(1));
    refused("there is no tensor", |_, tensors| tensors[0].name.push('s'));
    refused("has shape", |_, tensors| {
        let tensor = tensors.iter_mut().find(|t| t.shape.len() == 2).unwrap();
        tensor.shape.reverse();
    });
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        refused(&format!("is {bad}"), |_, tensors| {
            tensors[1].bytes.to_mut()[4..8].copy_from_slice(&bad.to_le_bytes());
        });
    }
}

#[test]
fn weights_other_than_those_that_were_saved_are_noticed() {
    refused("when it was saved", |_, tensors| {
        let output = tensors.iter_mut().find(|t| t.name.ends_with("output.bias")).unwrap();
        output.bytes.to_mut()[..4].copy_from_slice(&5f32.to_le_bytes());
    });
}

#[test]
fn counts_of_usual_texts_that_do_not_fit_are_refused() {
    let (manifest, tensors) = parts();
    let (classifier, info) = from_bytes(file(&serde_json::to_vec(&manifest).unwrap(), &tensors)).unwrap();
    assert_eq!(info.usual, None);
    let usual = serde_json::to_value(Profile::of(&classifier, &["one text", "另一个"])).unwrap();
    let with = |change: &dyn Fn(&mut Value)| {
        let (mut manifest, mut usual) = (manifest.clone(), usual.clone());
        change(&mut usual);
        manifest["info"]["usual"] = usual;
        from_bytes(file(&serde_json::to_vec(&manifest).unwrap(), &tensors))
    };
    let (_, info) = with(&|_| {}).unwrap();
    assert_eq!(serde_json::to_value(info.usual).unwrap(), usual);
    let changes: [&dyn Fn(&mut Value); 5] = [
        &|usual| usual["labels"] = json!([1]),
        &|usual| usual["words"] = json!([]),
        &|usual| usual["lengths"][0] = json!(u64::MAX),
        &|usual| usual["n_texts"] = json!(-1),
        &|usual| usual["more"] = json!(1),
    ];
    for change in changes {
        let message = with(change).unwrap_err().to_string();
        assert!(message.contains("usual texts") || message.contains("manifest"), "{message}");
    }
}

#[test]
fn probes_that_do_not_come_true_are_refused() {
    refused("other tokens", |manifest, _| manifest["probes"][0]["ids"][0] = json!(4_000_000_000u32));
    refused("other tokens", |manifest, _| manifest["probes"][1]["ids"] = json!([]));
    refused("when it was saved", |manifest, _| manifest["probes"][0]["probabilities"] = json!([]));
    refused("when it was saved", |manifest, _| manifest["probes"][2]["probabilities"][0] = json!(0.123));
}

#[test]
fn sizes_beyond_the_file_are_refused_before_memory_is_taken() {
    for dim in [1usize << 20, 1 << 40, usize::MAX >> 1] {
        refused("numbers, the file holds", |manifest, _| {
            manifest["model"]["layers"][0]["branches"][0][0]["dim"] = json!(dim)
        });
    }
    refused("numbers, the file holds", |manifest, _| {
        let dense = json!({"type": "dense", "units": 1 << 20});
        manifest["model"]["layers"].as_array_mut().unwrap().push(dense);
    });
    // Ways that only copy double the width, so that the output would not fit into any memory.
    refused("numbers, the file holds", |manifest, _| {
        let layers = manifest["model"]["layers"].as_array_mut().unwrap();
        for _ in 0..200 {
            layers.insert(1, json!({"type": "branches", "branches": [[], []]}));
        }
    });
    refused("expected 1 to", |manifest, _| manifest["model"]["layers"][0]["branches"][0][0]["dim"] = json!(0));
}

#[test]
fn descriptions_of_something_else_are_refused() {
    refused("unknown field `layres`", |manifest, _| manifest["model"]["layres"] = json!([]));
    refused("unknown field `extra`", |manifest, _| manifest["extra"] = json!(1));
    refused("unknown variant `attention`", |manifest, _| manifest["model"]["layers"][0]["type"] = json!("attention"));
    refused("unknown variant `forest`", |manifest, _| manifest["model"]["family"] = json!("forest"));
    refused("missing field `labels`", |manifest, _| {
        manifest.as_object_mut().unwrap().remove("labels");
    });
    refused("no labels", |manifest, _| manifest["labels"] = json!([]));
    refused("two of its labels", |manifest, _| manifest["labels"][0] = manifest["labels"][1].clone());
    refused("threshold is 2", |manifest, _| manifest["decision"]["threshold"] = json!(2.0));
    for (expected, key, value) in [
        ("temperature is 0", "calibration", json!({"method": "temperature", "temperature": 0.0})),
        ("unknown variant `platt`", "calibration", json!({"method": "platt"})),
        ("1 curves of calibration", "calibration", json!({"method": "isotonic", "curves": [{"x": [0.5], "y": [0.5]}]})),
        ("gives one label a document", "thresholds", json!([0.5])),
        ("does not give one of two labels", "positive", json!({"label": 1, "threshold": 0.5})),
        ("abstains below 7", "abstain_below", json!(7.0)),
        ("unknown field `magic`", "magic", json!(1)),
    ] {
        refused(expected, |manifest, _| manifest["decision"][key] = value);
    }
    refused("unknown field", |manifest, _| manifest["pipeline"]["spec"]["clean"]["magic"] = json!(true));
    refused("stands twice", |manifest, _| {
        let tokens = &mut manifest["pipeline"]["vocabulary"]["tokens"];
        tokens[2] = tokens[1].clone();
    });
    refused("describe", |manifest, _| *manifest = json!([1, 2, 3]));
}

/// Processors round differently, and a steep calibration makes much of that: probes are about the model itself.
#[test]
fn a_calibration_does_not_touch_what_the_probes_check() {
    let (mut manifest, tensors) = parts();
    let n_labels = manifest["labels"].as_array().unwrap().len();
    manifest["decision"]["calibration"] = json!({"method": "temperature", "temperature": 0.05});
    let (classifier, _) = from_bytes(file(&serde_json::to_vec(&manifest).unwrap(), &tensors)).unwrap();
    let sharp = classifier.predict_batch(&["where is my parcel?"]);
    assert!(sharp.row(0).iter().copied().fold(0.0, f32::max) > 0.999, "{:?}", sharp.row(0));
    let step = json!({"x": [0.4999, 0.5], "y": [0.0, 1.0]});
    manifest["decision"]["calibration"] = json!({"method": "isotonic", "curves": vec![step; n_labels]});
    from_bytes(file(&serde_json::to_vec(&manifest).unwrap(), &tensors)).unwrap();
}

#[test]
fn deep_nesting_is_refused_and_overflows_no_stack() {
    for depth in [20, 60, 100, 1000, 100_000] {
        for (open, close) in [
            (r#"{"type":"residual","layers":["#, "]}"),
            (r#"{"type":"branches","branches":[["#, "]]}"),
            (r#"{"type":"nothing","layers":["#, "]}"),
        ] {
            let (mut manifest, tensors) = parts();
            manifest["model"]["layers"] = json!(["HERE"]);
            let inner = format!("{}{}", open.repeat(depth), close.repeat(depth));
            let text = serde_json::to_string(&manifest).unwrap().replace("\"HERE\"", &inner);
            let message = from_bytes(file(text.as_bytes(), &tensors)).unwrap_err().to_string();
            assert!(message.contains("help: "), "{message}");
        }
    }
}

/// Every place in the manifest but the vocabulary's, of which a few stand for all.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| places(inner, &format!("{at}/{key}"), found)),
        Value::Array(list) => {
            list.iter().take(4).enumerate().for_each(|(i, inner)| places(inner, &format!("{at}/{i}"), found));
        }
        _ => {}
    }
}

fn replacement() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0u64..40).prop_map(Value::from),
        Just(json!(u64::MAX)),
        any::<f64>().prop_map(Value::from),
        prop_oneof![Just("same"), Just("valid"), Just("k-max"), Just("static"), Just("binary"), Just("")]
            .prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        Just(json!({"type": "layer-norm"})),
        Just(json!({"type": "global-pool", "kind": "k-max", "k": 1 << 20})),
        Just(json!({"type": "pool", "size": 1 << 20, "stride": 3})),
        Just(json!({"type": "conv", "widths": [1 << 20, 1], "filters": 1, "padding": "full"})),
        Just(json!({"type": "embedding", "dim": 1})),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Value::from))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_change_of_the_manifest_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..3u8, replacement()), 1..4),
    ) {
        let (mut manifest, tensors) = parts();
        for (index, kind, value) in changes {
            let mut found = Vec::new();
            places(&manifest, "", &mut found);
            let at = index.get(&found);
            match (kind, at.rsplit_once('/')) {
                (0, Some((parent, key))) => match manifest.pointer_mut(parent) {
                    Some(Value::Object(map)) => { map.remove(key); }
                    Some(Value::Array(list)) => { list.remove(key.parse().unwrap()); }
                    _ => {}
                },
                (1, Some((parent, _))) => {
                    if let Some(Value::Array(list)) = manifest.pointer_mut(parent) {
                        list.push(value);
                    }
                }
                _ => *manifest.pointer_mut(at).unwrap() = value,
            }
        }
        match from_bytes(file(&serde_json::to_vec(&manifest).unwrap(), &tensors)) {
            Ok((classifier, _)) => {
                let predictions = classifier.predict_batch(&["where is my parcel?", ""]);
                prop_assert!(predictions.probabilities().iter().all(|p| (0.0..=1.0 + 1e-5).contains(p)));
            }
            Err(error) => prop_assert!(error.to_string().contains("help: "), "{}", error),
        }
    }
}
