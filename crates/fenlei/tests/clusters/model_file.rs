//! Models without labels come back from their files as they were, in this version and in every later one.

use fenlei::artifact::container::{self, Container};
use fenlei::artifact::{DType, TensorData, from_bytes};
use fenlei::cluster::{Clustered, KChoice};

use super::corpus::{bytes, english, found, info, plans};

#[test]
fn every_method_comes_back_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let documents = english(120);
    for plan in plans(folder.path()) {
        let found = found(&plan, &documents, &KChoice::Fixed(3)).unwrap();
        let saved = bytes(&found);
        // The vectors are in the file.
        let (classifier, read) = from_bytes(saved.clone()).unwrap();
        assert_eq!(read, info(&found));
        assert_eq!(classifier.labels(), found.classifier.labels());
        let texts = &documents.texts;
        assert_eq!(classifier.predict_batch(texts), found.classifier.predict_batch(texts), "{:?}", plan.model);
        assert!(bytes(&Clustered { classifier, ..found }) == saved);
    }
}

#[test]
fn any_number_of_threads_gives_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let documents = english(120);
    for plan in plans(folder.path()) {
        let with_threads = |n| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
            pool.install(|| bytes(&found(&plan, &documents, &KChoice::Fixed(3)).unwrap()))
        };
        assert!(with_threads(1) == with_threads(3), "{:?}", plan.model);
    }
}

/// The file with other tensors.
fn changed(file: &[u8], change: impl Fn(&mut TensorData<'_>)) -> Vec<u8> {
    let container = Container::from_bytes(file.to_vec()).unwrap();
    let tensors: Vec<TensorData<'_>> = container
        .names()
        .map(|name| {
            let view = container.tensor(name).unwrap();
            let mut tensor = TensorData {
                name: name.to_owned(),
                dtype: view.dtype,
                shape: view.shape.to_vec(),
                bytes: view.data.to_vec().into(),
            };
            change(&mut tensor);
            tensor
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.fenlei");
    container::save(&path, container.manifest(), &tensors).unwrap();
    std::fs::read(path).unwrap()
}

fn with_first_number(tensor: &mut TensorData<'_>, name: &str, number: f32) {
    if tensor.name == name {
        assert_eq!(tensor.dtype, DType::F32);
        tensor.bytes.to_mut()[..4].copy_from_slice(&number.to_le_bytes());
    }
}

#[test]
fn a_file_that_lies_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let plans = plans(folder.path());
    let file = |plan: usize| bytes(&found(&plans[plan], &english(60), &KChoice::Fixed(3)).unwrap());
    let (kmeans, nmf, lda, averaged) = (file(0), file(2), file(3), file(4));
    let number = |file: &[u8], name: &str, x: f32| changed(file, |tensor| with_first_number(tensor, name, x));
    for (file, part) in [
        (number(&kmeans, "centroids", f32::NAN), "is NaN"),
        (number(&nmf, "topics", -1.0), "none below 0"),
        (number(&lda, "topics", 2.0), "expected 0 to 1"),
        (number(&averaged, "vectors", f32::INFINITY), "is inf"),
        (number(&averaged, "component", f32::NAN), "is NaN"),
        (
            changed(&averaged, |tensor| {
                if tensor.name == "vectors" {
                    tensor.shape = vec![tensor.shape.iter().product()];
                }
            }),
            "expected a table",
        ),
        (
            changed(&kmeans, |tensor| {
                if tensor.name == "centroids" {
                    tensor.shape.reverse();
                }
            }),
            "has shape",
        ),
    ] {
        let error = from_bytes(file).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("help: "), "{error}, expected {part}");
    }
    let container = Container::from_bytes(kmeans).unwrap();
    let manifest = String::from_utf8(container.manifest().to_vec()).unwrap();
    for (from, to, part) in [
        ("\"k\":3", "\"k\":4", "are not those of 4 clusters"),
        ("\"k\":3", "\"k\":1", "expected 2 to"),
        ("(no words)", "no words", "are not those of 3 clusters"),
        ("\"multi_label\":false", "\"multi_label\":true", "are not those of 3 clusters"),
    ] {
        let changed = manifest.replacen(from, to, 1);
        assert_ne!(changed, manifest);
        let path = folder.path().join("lies.fenlei");
        let tensors: Vec<TensorData<'_>> = container
            .names()
            .map(|name| {
                let view = container.tensor(name).unwrap();
                let (dtype, shape) = (view.dtype, view.shape.to_vec());
                TensorData { name: name.to_owned(), dtype, shape, bytes: view.data.into() }
            })
            .collect();
        container::save(&path, changed.as_bytes(), &tensors).unwrap();
        let error = from_bytes(std::fs::read(&path).unwrap()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}, expected {part}");
    }
}

#[test]
fn files_of_version_1_load_for_ever() {
    #[derive(serde::Deserialize)]
    struct Stored {
        labels: Vec<String>,
        predictions: Vec<(String, Vec<f32>)>,
    }
    // Made by `cargo run -p fenlei --example make_cluster_golden`.
    let files: [(&[u8], &str); 4] = [
        (include_bytes!("../../testdata/k-means-v1.fenlei"), include_str!("../../testdata/k-means-v1.json")),
        (include_bytes!("../../testdata/averages-v1.fenlei"), include_str!("../../testdata/averages-v1.json")),
        (include_bytes!("../../testdata/nmf-v1.fenlei"), include_str!("../../testdata/nmf-v1.json")),
        (include_bytes!("../../testdata/lda-v1.fenlei"), include_str!("../../testdata/lda-v1.json")),
    ];
    for (file, stored) in files {
        assert!(file.len() < 40 * 1024, "{}", file.len());
        let stored: Stored = serde_json::from_str(stored).unwrap();
        let (classifier, info) = from_bytes(file.to_vec()).unwrap();
        assert_eq!(classifier.labels(), stored.labels);
        assert!(info.n_train > 100 && stored.predictions.len() == 8);
        for (text, expected) in &stored.predictions {
            let predictions = classifier.predict_batch(&[text]);
            let near = predictions.row(0).iter().zip(expected).all(|(a, b)| (a - b).abs() < 2e-3);
            assert!(near && expected.len() == 5, "{text:?}: {:?}, expected {expected:?}", predictions.row(0));
        }
    }
}
