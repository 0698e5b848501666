use std::borrow::Cow;

use proptest::prelude::*;

use super::*;
use crate::artifact::DType;

/// Written by `testdata/make_container_golden.py` from the description of format version 1.
const VERSION_1: &[u8] = include_bytes!("../../testdata/container-v1.fenlei");

fn example_tensors() -> Vec<TensorData<'static>> {
    let tensor = |name: &str, dtype, shape: &[usize], bytes: Vec<u8>| TensorData {
        name: name.into(),
        dtype,
        shape: shape.to_vec(),
        bytes: Cow::Owned(bytes),
    };
    let classes = [1u32, 2, 3, u32::MAX].iter().flat_map(|class| class.to_le_bytes()).collect();
    let bias = [0.5f32, -65504.0].iter().flat_map(|&value| half::f16::from_f32(value).to_le_bytes()).collect();
    vec![
        tensor("mask", DType::U8, &[3], vec![0, 1, 255]),
        TensorData::from_f32("scale", &[], &[0.125]),
        TensorData::from_f32("embedding.weight", &[2, 3], &[0.0, -1.5, 2.25, 1e-3, 1e30, -0.0]),
        TensorData::from_f32("empty", &[0, 4], &[]),
        tensor("bias", DType::F16, &[2], bias),
        tensor("ids", DType::I64, &[1], (-(1i64 << 40)).to_le_bytes().to_vec()),
        tensor("classes", DType::U32, &[4], classes),
    ]
}

/// Wraps any manifest and block in a header whose checksums are right, as a forger would.
fn forged(manifest: &[u8], block: &[u8]) -> Vec<u8> {
    let header = Header {
        version: FORMAT_VERSION,
        manifest_len: manifest.len() as u64,
        tensors_len: block.len() as u64,
        manifest_crc: crc32fast::hash(manifest),
        tensors_crc: crc32fast::hash(block),
    };
    let mut file = header.to_bytes().to_vec();
    file.extend_from_slice(manifest);
    file.resize(file.len().next_multiple_of(64), 0);
    file.extend_from_slice(block);
    file
}

fn refusal(bytes: &[u8]) -> String {
    match Container::from_bytes(bytes.to_vec()) {
        Ok(_) => panic!("a damaged file was accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn files_of_format_version_1_load() {
    let container = Container::from_bytes(VERSION_1.to_vec()).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(container.manifest()).unwrap();
    assert_eq!(manifest["labels"], serde_json::json!(["负面", "正面"]));
    let names: Vec<_> = container.names().collect();
    assert_eq!(names, ["bias", "classes", "embedding.weight", "empty", "ids", "mask", "scale"]);
    let weight = container.tensor("embedding.weight").unwrap();
    assert_eq!((weight.dtype, weight.shape), (DType::F32, &[2, 3][..]));
    assert_eq!(weight.to_f32().unwrap(), [0.0, -1.5, 2.25, 1e-3, 1e30, -0.0]);
    assert_eq!(container.read_f32("scale", &[]).unwrap(), [0.125]);
    assert_eq!(container.read_f32("bias", &[2]).unwrap(), [0.5, -65504.0]);
    assert!(container.read_f32("empty", &[0, 4]).unwrap().is_empty());
    assert_eq!(container.tensor("ids").unwrap().data, (-(1i64 << 40)).to_le_bytes());
    assert_eq!(container.tensor("mask").unwrap().data, [0, 1, 255]);
}

#[test]
fn writes_format_version_1_byte_for_byte_whatever_the_order_of_the_tensors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.fenlei");
    let manifest = r#"{"labels": ["负面", "正面"], "note": "committed example"}"#;
    let mut tensors = example_tensors();
    for _ in 0..2 {
        save(&path, manifest.as_bytes(), &tensors).unwrap();
        assert!(fs::read(&path).unwrap() == VERSION_1);
        tensors.reverse();
    }
    let container = Container::open(&path).unwrap();
    assert_eq!(container.manifest(), manifest.as_bytes());
    for tensor in &tensors {
        let loaded = container.tensor(&tensor.name).unwrap();
        assert_eq!((loaded.dtype, loaded.shape, loaded.data), (tensor.dtype, &tensor.shape[..], &*tensor.bytes));
    }
    assert_eq!(container.path(), path);
}

#[test]
fn the_block_of_tensors_is_a_safetensors_buffer_with_aligned_numbers() {
    let container = Container::from_bytes(VERSION_1.to_vec()).unwrap();
    assert_eq!(container.tensors_start % 64, 0);
    let block = &VERSION_1[container.tensors_start..];
    let read = safetensors::SafeTensors::deserialize(block).unwrap();
    assert_eq!(read.len(), 7);
    assert_eq!(read.tensor("embedding.weight").unwrap().data(), container.tensor("embedding.weight").unwrap().data);
    for (name, entry) in &container.tensors {
        assert_eq!((container.tensors_start + entry.bytes.start) % entry.dtype.size(), 0, "{name}");
    }
}

#[test]
fn a_file_that_is_open_survives_its_replacement() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.fenlei");
    save(&path, b"{}", &[TensorData::from_f32("w", &[2], &[1.0, 2.0])]).unwrap();
    let old = Container::open(&path).unwrap();
    save(&path, b"[]", &[TensorData::from_f32("w", &[1], &[3.0])]).unwrap();
    assert_eq!(old.read_f32("w", &[2]).unwrap(), [1.0, 2.0]);
    assert_eq!(Container::open(&path).unwrap().read_f32("w", &[1]).unwrap(), [3.0]);
}

#[test]
fn a_model_without_tensors_and_with_an_empty_manifest_is_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.fenlei");
    save(&path, b"", &[]).unwrap();
    let container = Container::open(&path).unwrap();
    assert_eq!((container.manifest(), container.names().count()), (&b""[..], 0));
}

#[test]
fn every_single_changed_bit_is_noticed() {
    let mut file = VERSION_1.to_vec();
    for bit in 0..file.len() * 8 {
        file[bit / 8] ^= 1 << (bit % 8);
        let message = refusal(&file);
        let in_magic = bit < 12 * 8;
        assert!(message.contains(if in_magic { "fenlei model" } else { "corrupt" }), "bit {bit}: {message}");
        file[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn every_cut_file_is_called_truncated_with_both_sizes() {
    for len in 1..VERSION_1.len() {
        let message = refusal(&VERSION_1[..len]);
        assert!(message.contains("truncated") && message.contains(&format!(": {len} bytes")), "{message}");
        assert!(len < 64 || message.contains(&format!("announces {}", VERSION_1.len())), "{message}");
    }
    assert!(refusal(b"").contains("the file is empty"));
    assert!(refusal(&[VERSION_1, b"\n"].concat()).contains("1 bytes too many"));
}

#[test]
fn what_is_no_model_is_told_by_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let message = |path: &Path| Container::open(path).unwrap_err().to_string();
    let path = folder.path().join("model.fenlei");
    assert!(message(&path).contains("cannot read"));
    fs::write(&path, "").unwrap();
    assert!(message(&path).contains("the file is empty"));
    fs::write(&path, "a review\n").unwrap();
    assert!(message(&path).contains("looks like text"));
    assert!(message(folder.path()).contains("this is a folder") && message(folder.path()).contains("help: give"));
    fs::write(folder.path().join("saved_model.pb"), "").unwrap();
    assert!(message(folder.path()).contains("TensorFlow"));
    #[cfg(unix)]
    assert!(message(Path::new("/dev/zero")).contains("a device"));
}

#[test]
fn tensors_that_do_not_fit_the_question_are_refused() {
    let container = Container::from_bytes(VERSION_1.to_vec()).unwrap();
    let message = container.tensor("weight").unwrap_err().to_string();
    assert!(message.contains("no tensor \"weight\" among its 7"), "{message}");
    let message = container.read_f32("embedding.weight", &[3, 2]).unwrap_err().to_string();
    assert!(message.contains("shape [2, 3], expected [3, 2]"), "{message}");
    assert!(container.read_f32("mask", &[3]).is_err());
}

#[test]
fn what_cannot_be_saved_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let twice = [TensorData::from_f32("w", &[1], &[1.0]), TensorData::from_f32("w", &[1], &[2.0])];
    let error = save(&folder.path().join("model.fenlei"), b"{}", &twice).unwrap_err().to_string();
    assert!(error.contains("two tensors are named \"w\""), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_gap_that_is_not_empty_is_refused() {
    let mut file = forged(b"{}", &VERSION_1[128 + 64..]);
    file[70] = 1;
    assert!(refusal(&file).contains("gap"));
}

/// Loads hostile bytes and touches everything that loads.
fn load_and_touch(bytes: Vec<u8>) {
    if let Ok(container) = Container::from_bytes(bytes) {
        for name in container.names() {
            let view = container.tensor(name).unwrap();
            assert_eq!(view.shape.iter().product::<usize>() * view.dtype.size(), view.data.len());
            let _ = view.to_f32();
        }
    }
}

/// The block of the committed file.
fn example_block() -> Vec<u8> {
    let start = Container::from_bytes(VERSION_1.to_vec()).unwrap().tensors_start;
    VERSION_1[start..].to_vec()
}

proptest! {
    #[test]
    fn what_is_saved_is_what_is_loaded(
        manifest in prop::collection::vec(any::<u8>(), 0..200),
        tensors in prop::collection::btree_map("\\PC{0,8}", (prop::collection::vec(any::<f32>(), 0..20), any::<bool>()), 0..6),
    ) {
        let tensors: Vec<_> = tensors.into_iter().filter(|(name, _)| name != "__metadata__").map(|(name, (values, tall))| {
            let shape = if tall { vec![values.len(), 1] } else { vec![values.len()] };
            TensorData::from_f32(name, &shape, &values)
        }).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        save(&path, &manifest, &tensors).unwrap();
        let container = Container::open(&path).unwrap();
        prop_assert_eq!(container.manifest(), &manifest[..]);
        prop_assert_eq!(container.names().count(), tensors.len());
        for tensor in &tensors {
            let view = container.tensor(&tensor.name).unwrap();
            prop_assert_eq!(view.shape, &tensor.shape[..]);
            prop_assert_eq!(view.data, &tensor.bytes[..]);
        }
    }

    #[test]
    fn mutated_files_never_panic_and_are_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        tail in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut file = VERSION_1.to_vec();
        changes.iter().for_each(|(at, byte)| file[at.index(VERSION_1.len())] = *byte);
        file.truncate(cut.index(VERSION_1.len()) + 1);
        file.extend_from_slice(&tail);
        prop_assume!(file != VERSION_1);
        prop_assert!(Container::from_bytes(file).is_err());
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Container::from_bytes(bytes).is_err());
    }

    /// The checksums are right, the lengths are anything.
    #[test]
    fn forged_headers_never_panic(
        version in prop_oneof![Just(1u32), any::<u32>()],
        manifest_len in prop_oneof![0..400u64, any::<u64>(), u64::MAX - 200..=u64::MAX],
        tensors_len in prop_oneof![0..400u64, any::<u64>(), u64::MAX - 200..=u64::MAX],
        body in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let header = Header { version, manifest_len, tensors_len, manifest_crc: 0, tensors_crc: 0 };
        load_and_touch([&header.to_bytes()[..], &body].concat());
    }

    /// The checksums are right, the list of tensors is damaged.
    #[test]
    fn forged_blocks_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), b'0'..=b'9']), 0..4),
        list_len in prop_oneof![Just(None), (0..800u64).prop_map(Some), any::<u64>().prop_map(Some)],
    ) {
        let mut block = example_block();
        let len = block.len();
        changes.iter().for_each(|(at, byte)| block[at.index(len)] = *byte);
        if let Some(list_len) = list_len {
            block[..8].copy_from_slice(&list_len.to_le_bytes());
        }
        load_and_touch(forged(b"{}", &block));
    }
}
