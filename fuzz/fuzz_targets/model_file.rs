//! Bytes as a model file: whatever they are, loading gives a model file or an error.
//!
//! Invariant: what loads can be read to the end, tensor by tensor. Checksums would keep the fuzzer in front of the
//! door, so that half of the inputs get a header that fits them.
#![no_main]

mod header;

use fenlei::artifact::Container;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match bytes.split_first() {
        // Two bytes give the length of the manifest, the rest is manifest and tensors.
        Some((b'r', [low, high, rest @ ..])) => {
            let n_manifest = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
            let (manifest, tensors) = rest.split_at(n_manifest);
            load(header::with_header(manifest, tensors), Some(manifest));
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
