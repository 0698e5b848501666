//! A page to label documents with, beside the models.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use fenlei::{Result, artifact};
use fenlei_label::{Labelling, Options, ReadAs};

#[derive(Debug, Args)]
#[command(next_help_heading = "Labelling")]
pub(super) struct LabellingArguments {
    /// Documents to label at /label/, as in `fenlei label FILE`: what was said there about their fields and labels holds here
    /// too, and the first model suggests
    #[arg(long, value_name = "FILE")]
    label: Option<PathBuf>,
    /// Annotators for each document; with 2 or more their agreement is measured
    #[arg(long, value_name = "N", default_value_t = 1, requires = "label", value_parser = clap::value_parser!(u32).range(1..=100))]
    label_votes: u32,
}

impl LabellingArguments {
    /// Reads the documents, where there are some to be labelled.
    pub fn open(&self, first_model: Option<&PathBuf>, n_threads: Option<usize>) -> Result<Option<Arc<Labelling>>> {
        let Some(file) = &self.label else { return Ok(None) };
        let model = first_model.map(|path| artifact::load(path)).transpose()?.map(|(model, _)| model);
        let multi_label = model.as_ref().is_some_and(|model| model.decision().multi_label);
        let options = Options {
            read_as: ReadAs { multi_label, ..ReadAs::default() },
            model,
            votes: self.label_votes as usize,
            threads: n_threads.unwrap_or(0),
            ..Options::of(file.clone())
        };
        Ok(Some(Arc::new(Labelling::open(options)?)))
    }
}
