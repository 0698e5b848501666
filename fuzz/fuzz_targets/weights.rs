//! Bytes as the files of a pretrained model: configuration, tokenizer, weights, a list of weights.
//!
//! Invariant: whatever they are, reading gives a model or an error with help, and takes no memory that the files do not
//! have. What is read gives finite states.
#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use fenlei::pretrained::Pretrained;
use fenlei::text::PipelineSpec;
use fenlei_nn::Batch;
use fenlei_nn::layers::Pass;
use fenlei_nn::net::{Net, NetSizes, Workspace};
use fenlei_nn::spec::{LayerSpec, NetSpec, PoolKind};
use libfuzzer_sys::fuzz_target;

/// Names of the files, so that what an input before left can be removed.
const NAMES: [&str; 9] = [
    "config.json",
    "tokenizer.json",
    "vocab.txt",
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "a.safetensors",
    "a.bin",
];

fuzz_target!(|bytes: &[u8]| {
    // A byte chooses the names of the files; three numbers of two bytes tell how long configuration, tokenizer and list
    // are; the rest is the weights.
    let [control, sizes @ ..] = bytes else { return };
    let Some((lengths, mut rest)) = sizes.split_first_chunk::<6>() else { return };
    let mut next = |at: usize| {
        let length = usize::from(u16::from_le_bytes([lengths[at], lengths[at + 1]])).min(rest.len());
        let (part, behind) = rest.split_at(length);
        rest = behind;
        part
    };
    let (config, tokenizer, list) = (next(0), next(2), next(4));
    let dir = folder();
    for name in NAMES {
        let _ = fs::remove_file(dir.join(name));
    }
    let write = |name: &str, bytes: &[u8]| fs::write(dir.join(name), bytes).expect("the folder can be written");
    write("config.json", config);
    write(if control & 4 == 0 { "tokenizer.json" } else { "vocab.txt" }, tokenizer);
    match control & 3 {
        0 => write("model.safetensors", rest),
        1 => write("pytorch_model.bin", rest),
        2 => {
            write("model.safetensors.index.json", list);
            write("a.safetensors", rest);
        }
        _ => {
            write("pytorch_model.bin.index.json", list);
            write("a.bin", rest);
        }
    }
    if let Err(error) = read(dir) {
        let error = error.to_string();
        assert!(error.contains("help: ") || error.contains("cannot read"), "no help in: {error}");
    }
});

/// Reads a model whole, and lets it read a document.
fn read(dir: &Path) -> fenlei::Result<()> {
    let pretrained = Pretrained::open(dir)?;
    let mut spec = PipelineSpec::default();
    spec.segment.special_tokens = true;
    spec.truncate.max_tokens = pretrained.config().max_tokens().min(16);
    let pipeline = pretrained.pipeline(&spec)?;
    let vocab_size = pipeline.vocab().len();
    let mut layers = pretrained.config().layers().to_vec();
    layers.push(LayerSpec::GlobalPool { kind: PoolKind::Average, k: 1, units: None });
    let sizes = NetSizes { vocab_size, n_labels: 2, multi_label: false };
    // A description that cannot be built is refused by whoever builds it.
    let Ok(mut net) = Net::<f32>::zeros(&NetSpec { layers, ..NetSpec::default() }, sizes) else { return Ok(()) };
    pretrained.fill(&mut net.params)?;
    let ids = pipeline.encode("the film was good, 电影 and dull").ids;
    let states =
        net.forward(&mut Workspace::default(), &Batch::new([ids.as_slice()], vocab_size), Pass::Predict).clone();
    assert_eq!(states.data.len(), 2);
    Ok(())
}

/// A folder of this process.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("fenlei-fuzz-weights-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder can be made");
        folder
    })
}
