//! Bytes as a classifier: whatever they are, loading gives a classifier or an error.
//!
//! Invariant: what loads predicts, and its probabilities are probabilities. Half of the inputs get a header that fits
//! them, so that the fuzzer gets past the checksums to the manifest.
#![no_main]

mod header;

use fenlei::artifact::from_bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match bytes.split_first() {
        // Two bytes give the length of the manifest, the rest is manifest and tensors.
        Some((b'r', [low, high, rest @ ..])) => {
            let n_manifest = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
            let (manifest, tensors) = rest.split_at(n_manifest);
            load(header::with_header(manifest, tensors));
        }
        Some((_, rest)) => load(rest.to_vec()),
        None => load(Vec::new()),
    }
});

fn load(file: Vec<u8>) {
    match from_bytes(file) {
        Ok((classifier, _)) => {
            let texts = ["a fine film", "", "词 so dull", "so dull so dull so dull"];
            let predictions = classifier.predict_batch(&texts);
            assert_eq!(predictions.probabilities().len(), texts.len() * classifier.labels().len());
            // Finite weights may be too large for a finite score; that is a bad model, and no reason to panic.
            assert!(predictions.probabilities().iter().all(|p| p.is_nan() || (-1e-5..=1.0 + 1e-5).contains(p)));
        }
        Err(error) => assert!(error.to_string().contains("help: "), "no help in: {error}"),
    }
}
