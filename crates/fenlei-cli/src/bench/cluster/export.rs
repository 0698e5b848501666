//! The documents as the matrix that a method worked on, for other programs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use fenlei::cluster::Clustered;
use fenlei::data::{Dataset, Target};
use fenlei::features::{Norm, SparseRows};
use fenlei::model::Model;

/// Documents that have features, with their labels.
pub(super) struct Exported {
    /// Which documents these are.
    pub docs: Vec<usize>,
    pub rows: SparseRows,
    pub labels: Vec<u32>,
    pub n_labels: usize,
    /// What the script calls the matrix.
    name: &'static str,
}

impl Exported {
    /// By the features of a finished model.
    pub fn new(found: &Clustered, documents: &Dataset) -> Result<Self> {
        let Model::Cluster(model) = found.classifier.model() else { bail!("this model has no clusters") };
        let rows = model.vectorizer().rows(found.classifier.pipeline(), &documents.texts);
        let (mut docs, mut labels) = (Vec::new(), Vec::new());
        for (doc, target) in documents.targets.iter().enumerate().filter(|(doc, _)| !rows.row(*doc).0.is_empty()) {
            if let Target::One(label) = target {
                docs.push(doc);
                labels.push(*label);
            }
        }
        let name = if model.spec().features().norm == Norm::L2 { "tfidf" } else { "counts" };
        Ok(Self { rows: rows.subset(&docs), docs, labels, n_labels: documents.labels.len(), name })
    }

    /// How many documents.
    pub fn len(&self) -> usize {
        self.docs.len()
    }

    /// Writes the matrix to a folder, as `benches/peers/cluster_peer.py` says.
    pub fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let write = |part: &str, bytes: Vec<u8>| {
            let path = folder.join(format!("{}.{part}", self.name));
            fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
        };
        write("starts.u64", self.rows.starts.iter().flat_map(|&start| (start as u64).to_le_bytes()).collect())?;
        write("columns.u32", self.rows.columns.iter().flat_map(|column| column.to_le_bytes()).collect())?;
        write("values.f32", self.rows.values.iter().flat_map(|value| value.to_le_bytes()).collect())?;
        let meta = serde_json::json!({ format!("n_{}", self.name): self.rows.n_columns });
        fs::write(folder.join("meta.json"), meta.to_string()).context("cannot write meta.json")
    }
}
