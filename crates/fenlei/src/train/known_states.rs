//! What frozen layers make of the documents, computed once and kept on the disk.
//!
//! Invariant: a file is found again only by a name that follows from everything that decides what is in it, the layers'
//! numbers and the documents' tokens.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use fenlei_nn::layers::Pass;
use fenlei_nn::net::{Net, Workspace};
use fenlei_nn::spec::{LayerSpec, PoolKind};
use fenlei_nn::{Batch, Rows};
use sha2::{Digest, Sha256};

use crate::model::NetInputs;
use crate::storage::write_atomically;
use crate::train::{Preparation, TrainOptions};
use crate::{Error, Result};

/// Tokens whose states are computed together, but for a longer document.
const TOKENS_AT_A_TIME: usize = 8192;

/// Documents that are scored together.
const DOCS_AT_A_TIME: usize = 1024;

/// The states of documents, in a file.
#[derive(Debug)]
pub(super) struct KnownStatesFile {
    path: PathBuf,
    file: File,
    /// Layers that they come from.
    pub n_layers: usize,
    width: usize,
    n_docs: usize,
}

/// The layers whose outcome is kept: those up to the Transformer with the pooling right behind it, which leaves a vector a
/// document; `None` where no pooling stands there, as the states of all tokens would take too much room.
///
/// # Errors
/// When one of them leaves out numbers at random.
pub(super) fn fixed_layers(layers: &[LayerSpec]) -> Result<Option<&[LayerSpec]>> {
    let n = layers.iter().rposition(|layer| matches!(layer, LayerSpec::Transformer(_))).map_or(0, |at| at + 1);
    let is_random = |layer: &LayerSpec| match layer {
        LayerSpec::Dropout { rate, .. } => *rate > 0.0,
        LayerSpec::Transformer(spec) => spec.dropout > 0.0 || spec.attention_dropout > 0.0,
        _ => false,
    };
    if n == 0 || layers[..n].iter().any(is_random) {
        let problem = "frozen layers must give the same in every step, but those of this net draw dropout";
        return Err(Error::config("train.fine_tuning.frozen", problem, "start from --pretrained, or leave frozen out"));
    }
    let is_pooled = match layers.get(n) {
        Some(LayerSpec::GlobalPool { kind, .. }) => *kind != PoolKind::Attention,
        _ => false,
    };
    Ok(is_pooled.then(|| &layers[..=n]))
}

impl KnownStatesFile {
    /// Computes what the first `layers` of a net make of documents, unless `cache` holds it already.
    ///
    /// # Errors
    /// When the file cannot be written or read, or the user asked to stop.
    pub fn of(
        net: &Net<f32>,
        inputs: &NetInputs,
        layers: &[LayerSpec],
        cache: Option<&Path>,
        options: &mut TrainOptions<'_>,
    ) -> Result<Self> {
        let n_layers = layers.len();
        let mut workspace = Workspace::default();
        let probe = Batch::new([&[0u32][..]], net.sizes().vocab_size);
        let width = net.states(&mut workspace, &probe, n_layers).width;
        let n_bytes = inputs.len() as u64 * width as u64 * 4;
        let mut write = |out: &mut dyn Write| {
            let tell = |done| {
                let told = options.prepared(Preparation::FrozenStates, done, inputs.len());
                told.map_err(|_| io::Error::from(ErrorKind::Interrupted))
            };
            write_states(out, net, inputs, n_layers, &mut workspace, tell)
        };
        let (path, file) = match cache {
            Some(folder) => {
                fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))?;
                let path = folder.join(format!("{}.states", fingerprint(net, inputs, layers)));
                if fs::metadata(&path).map_or(0, |file| file.len()) != n_bytes {
                    write_atomically(&path, |out| write(out)).map_err(stopped)?;
                }
                let file = File::open(&path).map_err(|error| Error::io("read", &path, error))?;
                (path, file)
            }
            None => {
                let path = std::env::temp_dir();
                let cannot_write = |error| Error::io("write", &path, error);
                let mut file = tempfile::tempfile().map_err(cannot_write)?;
                let mut out = BufWriter::new(&mut file);
                write(&mut out).and_then(|()| out.flush()).map_err(|error| stopped(cannot_write(error)))?;
                drop(out);
                (path, file)
            }
        };
        Ok(Self { path, file, n_layers, width, n_docs: inputs.len() })
    }

    /// The vectors of some documents, one after another.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn gather(&self, rows: &mut Rows<f32>, docs: impl ExactSizeIterator<Item = usize>) -> Result<()> {
        rows.reset_vectors(docs.len(), self.width);
        let mut file = &self.file;
        let mut bytes = vec![0; self.width * 4];
        for (doc, row) in docs.zip(rows.data.chunks_exact_mut(self.width)) {
            let place = SeekFrom::Start((doc * self.width) as u64 * 4);
            file.seek(place).and_then(|_| file.read_exact(&mut bytes)).map_err(|e| Error::io("read", &self.path, e))?;
            let numbers = bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
            row.iter_mut().zip(numbers).for_each(|(x, number)| *x = number);
        }
        Ok(())
    }

    /// The probabilities that a net gives for all documents, from these states on.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn probabilities(&self, net: &Net<f32>) -> Result<Vec<f32>> {
        let n_labels = net.sizes().n_labels;
        let mut all = vec![0.0; self.n_docs * n_labels];
        let (mut workspace, mut rows) = (Workspace::default(), Rows::default());
        for (task, out) in all.chunks_mut(DOCS_AT_A_TIME * n_labels).enumerate() {
            let first = task * DOCS_AT_A_TIME;
            self.gather(&mut rows, first..first + out.len() / n_labels)?;
            let logits = net.forward_from(&mut workspace, &rows, self.n_layers, Pass::Predict);
            net.head().probabilities(out, &logits.data, n_labels);
        }
        Ok(all)
    }
}

fn write_states(
    out: &mut dyn Write,
    net: &Net<f32>,
    inputs: &NetInputs,
    n_layers: usize,
    workspace: &mut Workspace<f32>,
    mut tell: impl FnMut(usize) -> io::Result<()>,
) -> io::Result<()> {
    let (mut batch, mut bytes, mut first) = (Batch::default(), Vec::new(), 0);
    while first < inputs.len() {
        tell(first)?;
        let mut n_tokens = 0;
        let fits = (first..inputs.len()).take_while(|&doc| {
            n_tokens += inputs.get(doc).ids.len();
            n_tokens <= TOKENS_AT_A_TIME
        });
        let last = first + fits.count().max(1);
        batch.fill((first..last).map(|doc| inputs.get(doc)), net.sizes().vocab_size);
        let states = net.states(workspace, &batch, n_layers);
        bytes.clear();
        states.data.iter().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes()));
        out.write_all(&bytes)?;
        first = last;
    }
    tell(inputs.len())
}

/// The user's wish to stop comes through whatever writes as an interruption.
fn stopped(error: Error) -> Error {
    match &error {
        Error::Io { source, .. } if source.kind() == ErrorKind::Interrupted => Error::Interrupted,
        _ => error,
    }
}

/// A name for the layers' numbers together with the documents' tokens.
fn fingerprint(net: &Net<f32>, inputs: &NetInputs, layers: &[LayerSpec]) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{layers:?}").as_bytes());
    // A name says which layer it is; the head's numbers follow from the seed and decide nothing here.
    for param in net.params.iter().filter(|param| !param.trainable) {
        hash.update(param.name.as_bytes());
        let mut bytes = Vec::with_capacity(param.data.len() * 4);
        param.data.iter().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes()));
        hash.update(&bytes);
    }
    inputs.ids.starts.iter().for_each(|&start| hash.update((start as u64).to_le_bytes()));
    inputs.ids.ids.iter().for_each(|&id| hash.update(id.to_le_bytes()));
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
