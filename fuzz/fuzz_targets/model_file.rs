//! Bytes as a model file: whatever they are, loading gives a model file or an error.
//!
//! Invariant: what loads can be read to the end, tensor by tensor. Checksums would keep the fuzzer in front of the
//! door, so that half of the inputs get a header that fits them.
#![no_main]

use fenlei::artifact::Container;
use libfuzzer_sys::fuzz_target;

const MAGIC: &[u8; 12] = b"\x89FENLEI\r\n\x1a\n\0";

fuzz_target!(|bytes: &[u8]| {
    match bytes.split_first() {
        // Two bytes give the length of the manifest, the rest is manifest and tensors.
        Some((b'r', [low, high, rest @ ..])) => {
            let n_manifest = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
            let (manifest, tensors) = rest.split_at(n_manifest);
            load(with_header(manifest, tensors), Some(manifest));
        }
        Some((_, rest)) => load(rest.to_vec(), None),
        None => load(Vec::new(), None),
    }
});

fn load(file: Vec<u8>, manifest: Option<&[u8]>) {
    let n_bytes = file.len();
    let container = match Container::from_bytes(file) {
        Ok(container) => container,
        Err(error) => {
            assert!(error.to_string().contains("help: "), "no help in: {error}");
            return;
        }
    };
    if let Some(manifest) = manifest {
        assert_eq!(container.manifest(), manifest);
    }
    let mut n_read = container.manifest().len();
    for name in container.names() {
        let tensor = container.tensor(name).expect("a name that the file lists");
        n_read += tensor.data.len();
        assert_eq!(tensor.data.len(), tensor.shape.iter().product::<usize>() * tensor.dtype.size());
        match (tensor.to_f32(), container.read_f32(name, tensor.shape)) {
            (Ok(a), Ok(b)) => assert!(a.iter().map(|x| x.to_bits()).eq(b.iter().map(|x| x.to_bits()))),
            (a, b) => assert!(a.is_err() && b.is_err()),
        }
    }
    assert!(n_read <= n_bytes, "{n_read} bytes read of a file that has {n_bytes}");
}

/// A file whose lengths and checksums are right. The format is described in the library's `artifact::header`.
fn with_header(manifest: &[u8], tensors: &[u8]) -> Vec<u8> {
    let mut header = [0; 64];
    header[..12].copy_from_slice(MAGIC);
    header[12..16].copy_from_slice(&1u32.to_le_bytes());
    header[16..24].copy_from_slice(&(manifest.len() as u64).to_le_bytes());
    header[24..32].copy_from_slice(&(tensors.len() as u64).to_le_bytes());
    header[32..36].copy_from_slice(&crc32fast::hash(manifest).to_le_bytes());
    header[36..40].copy_from_slice(&crc32fast::hash(tensors).to_le_bytes());
    let crc = crc32fast::hash(&header[..60]);
    header[60..].copy_from_slice(&crc.to_le_bytes());
    let mut file = header.to_vec();
    file.extend_from_slice(manifest);
    file.resize(file.len().next_multiple_of(64), 0);
    file.extend_from_slice(tensors);
    file
}
