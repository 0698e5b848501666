use std::io::Write;
use std::path::PathBuf;

use fenlei_nn::rng;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/pretrained").join(name)
}

fn safetensors(tensors: &[(&str, Dtype, &[usize], &[u8])]) -> Vec<u8> {
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        ((*name).to_owned(), TensorView::new(*dtype, shape.to_vec(), bytes).unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

fn f32s(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, bytes)| fs::write(folder.path().join(name), bytes).unwrap());
    folder
}

fn problem(files: &[(&str, &[u8])]) -> String {
    Weights::open(folder(files).path()).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn numbers_of_every_type_are_read() {
    let half: Vec<u8> = [0.5f32, -2.0].iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect();
    let brain: Vec<u8> = [1.5f32, 3.0].iter().flat_map(|&x| bf16::from_f32(x).to_le_bytes()).collect();
    let double: Vec<u8> = [0.25f64, -1.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let bytes = safetensors(&[
        ("a", Dtype::F32, &[2, 1], &f32s(&[1.0, 2.0])),
        ("b", Dtype::F16, &[2], &half),
        ("c", Dtype::BF16, &[2], &brain),
        ("d", Dtype::F64, &[2], &double),
        ("e", Dtype::I64, &[1], &[0; 8]),
    ]);
    let folder = folder(&[("model.safetensors", &bytes)]);
    let weights = Weights::open(folder.path()).unwrap();
    assert_eq!(weights.names().collect::<Vec<_>>(), ["a", "b", "c", "d", "e"]);
    assert_eq!(weights.read("a", &[2, 1]).unwrap(), [1.0, 2.0]);
    assert_eq!(weights.read("b", &[2]).unwrap(), [0.5, -2.0]);
    assert_eq!(weights.read("c", &[2]).unwrap(), [1.5, 3.0]);
    assert_eq!(weights.read("d", &[2]).unwrap(), [0.25, -1.0]);
    for (name, shape, expected) in [
        ("e", &[1][..], "expected F32, F16, BF16 or F64"),
        ("a", &[1, 2], "has shape [2, 1], expected [1, 2]"),
        ("x", &[1], "the tensor \"x\" is missing"),
    ] {
        let error = weights.read(name, shape).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("help: "), "{error}");
    }
}

#[test]
fn what_is_no_finite_number_is_named() {
    let bytes = safetensors(&[("a", Dtype::F32, &[2], &f32s(&[1.0, f32::NAN]))]);
    let folder = folder(&[("model.safetensors", &bytes)]);
    let error = Weights::open(folder.path()).unwrap().read("a", &[2]).unwrap_err().to_string();
    assert!(error.contains("number 1 of the tensor \"a\" is NaN"), "{error}");
}

#[test]
fn damaged_and_hostile_safetensors_are_refused() {
    assert!(problem(&[]).contains("there are no weights"));
    let good = safetensors(&[("a", Dtype::F32, &[2], &f32s(&[1.0, 2.0]))]);
    for cut in 0..good.len() {
        problem(&[("model.safetensors", &good[..cut])]);
    }
    let list = |list: &str, data: usize| {
        let mut bytes = (list.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(list.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    };
    let huge = list(r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,2],"data_offsets":[0,8]}}"#, 8);
    let beyond = list(r#"{"a":{"dtype":"F32","shape":[1000],"data_offsets":[0,4000]}}"#, 8);
    let long = [&u64::MAX.to_le_bytes()[..], &[0; 100]].concat();
    for (bytes, expected) in
        [(huge, "not a safetensors file"), (beyond, "8 bytes of numbers"), (long, "not a safetensors file")]
    {
        let problem = problem(&[("model.safetensors", &bytes)]);
        assert!(problem.contains(expected), "{problem}");
    }
}

#[test]
fn a_list_of_files_is_followed_within_its_folder_only() {
    let (a, b) = (
        safetensors(&[("a", Dtype::F32, &[1], &f32s(&[1.0]))]),
        safetensors(&[("b", Dtype::F32, &[1], &f32s(&[2.0]))]),
    );
    let list = |map: &str| format!(r#"{{"metadata": {{}}, "weight_map": {map}}}"#).into_bytes();
    let good = list(r#"{"a": "1.safetensors", "b": "2.safetensors"}"#);
    let files: [(&str, &[u8]); 3] =
        [("model.safetensors.index.json", &good), ("1.safetensors", &a), ("2.safetensors", &b)];
    let folder = folder(&files);
    let weights = Weights::open(folder.path()).unwrap();
    assert_eq!(weights.read("b", &[1]).unwrap(), [2.0]);
    for (map, expected) in [
        (r#"{"a": "../1.safetensors"}"#, "not the name of a file in the same folder"),
        (r#"{"a": "/etc/passwd"}"#, "not the name of a file in the same folder"),
        (r#"{"a": ".."}"#, "not the name of a file in the same folder"),
        (r#"{"a": "1.safetensors", "z": "1.safetensors"}"#, "\"z\" is not in the file"),
        (r#"{"a": "3.safetensors"}"#, "cannot read"),
        ("3", "not a list of weights"),
    ] {
        let list = list(map);
        let problem = problem(&[("model.safetensors.index.json", &list), ("1.safetensors", &a)]);
        assert!(problem.contains(expected), "{problem}");
    }
}

#[test]
fn a_file_of_pytorch_holds_what_a_file_of_safetensors_does() {
    let weights = Weights::open(&fixture("bert-torch")).unwrap();
    let name = "bert.encoder.layer.0.intermediate.dense.weight";
    assert_eq!(weights.shape(name), Some(&[12, 8][..]));
    let numbers = weights.read(name, &[12, 8]).unwrap();
    assert!(numbers.iter().all(|x| x.abs() < 4.0) && numbers.iter().any(|x| x.abs() > 0.1));
    assert!(weights.names().any(|name| name == "classifier.weight"));
}

/// A file as PyTorch saves it, with this pickle and a storage of 16 bytes.
fn archive(pickle: &[u8], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    zip.start_file("archive/data.pkl", options).unwrap();
    zip.write_all(pickle).unwrap();
    zip.start_file("archive/byteorder", options).unwrap();
    zip.write_all(b"little").unwrap();
    zip.start_file("archive/data/0", options).unwrap();
    zip.write_all(&f32s(&[1.0, 2.0, 3.0, 4.0])).unwrap();
    zip.finish().unwrap().into_inner()
}

/// The pickle of `{"a": tensor}` with a view of the storage.
fn pickle_of(offset: u8, shape: [u8; 2], strides: [u8; 2]) -> Vec<u8> {
    let mut p =
        b"\x80\x02}q\x00X\x01\x00\x00\x00aq\x01ctorch._utils\n_rebuild_tensor_v2\nq\x02((X\x07\x00\x00\x00storageq\x03"
            .to_vec();
    p.extend_from_slice(b"ctorch\nFloatStorage\nq\x04X\x01\x00\x00\x000q\x05X\x03\x00\x00\x00cpuq\x06K\x04tq\x07Q");
    p.extend_from_slice(&[
        b'K', offset, b'K', shape[0], b'K', shape[1], 0x86, b'K', strides[0], b'K', strides[1], 0x86,
    ]);
    p.extend_from_slice(b"\x89ccollections\nOrderedDict\nq\x08)RtRs.");
    p
}

#[test]
fn views_of_a_storage_are_gathered_and_must_lie_within_it() {
    let read = |offset, shape: [u8; 2], strides| {
        let bytes = archive(&pickle_of(offset, shape, strides), CompressionMethod::Stored);
        let folder = folder(&[("pytorch_model.bin", &bytes)]);
        let weights = Weights::open(folder.path()).map_err(|e| e.to_string())?;
        weights.read("a", &shape.map(usize::from)).map_err(|e| e.to_string())
    };
    assert_eq!(read(0, [2, 2], [2, 1]).unwrap(), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(read(0, [2, 2], [1, 2]).unwrap(), [1.0, 3.0, 2.0, 4.0], "transposed");
    assert_eq!(read(2, [1, 2], [1, 1]).unwrap(), [3.0, 4.0]);
    assert_eq!(read(3, [2, 2], [0, 0]).unwrap(), [4.0; 4], "one number many times");
    assert!(read(1, [2, 2], [2, 1]).unwrap_err().contains("reaches beyond its 16 bytes"));
    assert!(read(0, [255, 255], [255, 255]).unwrap_err().contains("reaches beyond"));
}

#[test]
fn pickles_that_do_more_than_name_tensors_are_refused_and_never_run() {
    let good = pickle_of(0, [2, 2], [2, 1]);
    for (pickle, expected) in [
        (&b"cos\nsystem\n(X\x02\x00\x00\x00lstR."[..], "it asks for os.system"),
        (b"\x80\x02cbuiltins\neval\n.", "it asks for builtins.eval"),
        (b"\x8c\x05posix\x8c\x06system\x93.", "it asks for posix.system"),
        (b"ctorch\nload\n.", "it asks for torch.load"),
        (b"(ios\nsystem\n.", "the instruction 0x69 is none"),
        (b"}K\x01K\x02s.", "a key of its dictionary is not a name"),
        (b"}X\x01\x00\x00\x00aK\x02s.", "\"a\" in its dictionary is not a tensor"),
        (b"K\x01.", "it holds no dictionary"),
        (b"ccollections\nOrderedDict\n(K\x01tR.", "which PyTorch does not write"),
        (b"K\x01K\x01R.", "not a function"),
        (b"K\x01}b.", "attributes of something"),
        (b"}(K\x01u.", "a key without a value"),
        (b"h\x07.", "recalls what it never remembered"),
        (b"}r\xff\xff\xff\xff.", "a number far ahead"),
        (b"X\xff\xff\xff\xffab", "ends too early"),
        (b"", "ends too early"),
        (b".", "an empty stack"),
        (b"\x87.", "a tuple of more than there is"),
        (b"(t(Q.", "an empty stack"),
        (b"K\x01Q.", "refers to something outside"),
    ] {
        let problem = problem(&[("pytorch_model.bin", &archive(pickle, CompressionMethod::Stored))]);
        assert!(problem.contains(expected), "{problem}, expected {expected}");
    }
    for cut in 0..good.len() {
        problem(&[("pytorch_model.bin", &archive(&good[..cut], CompressionMethod::Stored))]);
    }
    // Tuples in tuples, a million deep, and a dictionary in itself: nothing nests on the machine's stack.
    let deep = [vec![b'N'], vec![0x85; 1_000_000], vec![b'.']].concat();
    assert!(problem(&[("pytorch_model.bin", &archive(&deep, CompressionMethod::Stored))]).contains("no dictionary"));
    let itself = b"}q\x00X\x01\x00\x00\x00ah\x00s.";
    assert!(problem(&[("pytorch_model.bin", &archive(itself, CompressionMethod::Stored))]).contains("not a tensor"));
}

#[test]
fn archives_that_pytorch_does_not_write_are_refused() {
    let good = pickle_of(0, [2, 2], [2, 1]);
    let packed = archive(&good, CompressionMethod::Deflated);
    assert!(problem(&[("pytorch_model.bin", &packed)]).contains("is packed, and PyTorch packs nothing"));
    assert!(problem(&[("pytorch_model.bin", b"\x80\x02\x8a\nl\xfc")]).contains("PyTorch 1.6 or later"));
    let whole = archive(&good, CompressionMethod::Stored);
    for cut in (0..whole.len()).step_by(7) {
        problem(&[("pytorch_model.bin", &whole[..cut])]);
    }
}

#[test]
fn no_change_of_bytes_does_more_than_make_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for (family, name) in [("bert-torch", "pytorch_model.bin"), ("bert", "model.safetensors")] {
        let good = fs::read(fixture(family).join(name)).unwrap();
        let path = folder.path().join(name);
        let mut n_opened = 0;
        for seed in 0..300u64 {
            let mut bytes = good.clone();
            for change in 0..1 + seed % 4 {
                // Half of the changes in what describes the numbers, which stands first or last.
                let draw = rng::bits(seed, 2 * change) as usize;
                let at = match seed % 4 {
                    0 => draw % bytes.len().min(3000),
                    1 => bytes.len() - 1 - draw % bytes.len().min(3000),
                    _ => draw % bytes.len(),
                };
                bytes[at] = rng::bits(seed, 2 * change + 1) as u8;
            }
            fs::write(&path, &bytes).unwrap();
            let Ok(weights) = Weights::open(folder.path()) else { continue };
            n_opened += 1;
            let names: Vec<String> = weights.names().map(str::to_owned).collect();
            for name in names {
                let shape = weights.shape(&name).unwrap().to_vec();
                let n = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
                if n.is_some_and(|n| n < 1 << 20) {
                    let _ = weights.read(&name, &shape);
                }
            }
        }
        assert!(n_opened > 10, "{name}: the changes reach what lies behind the first check");
        fs::remove_file(&path).unwrap();
    }
}
