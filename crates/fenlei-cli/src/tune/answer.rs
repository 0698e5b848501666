//! What a search gives: the best trial as a model, or the best few as one.

use std::path::Path;

use anyhow::Result;
use fenlei::artifact::{self, ModelInfo};
use fenlei::config::PlanSource;
use fenlei::data::Dataset;
use fenlei::ensemble::{Voting, join};
use fenlei::metrics::Report;
use fenlei::train::{Plan, TrainOptions, Trained, train_with};
use fenlei::tune::{Trial, plan_of};

use super::progress;
use crate::output::{Voice, counted, size};
use crate::progress::TrainingProgress;
use crate::train::model_info;

/// What the last training needs.
pub(super) struct Answering<'a> {
    pub output: &'a Path,
    pub voice: Voice,
    /// To learn from: all of them, but those that a plan holds back.
    pub documents: &'a Dataset,
    pub validation: Option<&'a Dataset>,
}

impl Answering<'_> {
    /// Trains by the plan of the best trial and writes the model.
    pub fn train(&self, plan: &Plan) -> Result<()> {
        self.voice.note("training the best on all documents");
        let trained = self.trained(plan)?;
        artifact::save(self.output, &trained.classifier, &model_info(plan, &trained)?)?;
        self.tell(trained.validation.as_ref())
    }

    /// Trains by the plan of each of these trials and writes one model in which all answer.
    pub fn train_together(&self, trials: &[&Trial], base: &PlanSource) -> Result<()> {
        let mut classifiers = Vec::with_capacity(trials.len());
        let mut n_train = 0;
        for (i, trial) in trials.iter().enumerate() {
            let (values, n) = (progress::values(&trial.values), trials.len());
            self.voice.note(format_args!("training {} of {n} on all documents: {values}", i + 1));
            let trained = self.trained(&plan_of(base, &trial.values)?)?;
            n_train = trained.n_train;
            classifiers.push(trained.classifier);
        }
        // Soft votes fit nothing, so the documents only judge.
        let held_out = self.validation.map(|documents| (documents, Path::new("--validation")));
        let together = join(classifiers, Voting::Soft, held_out)?;
        let info = ModelInfo {
            library_version: env!("CARGO_PKG_VERSION").to_owned(),
            plan: serde_json::json!({ "model": serde_json::to_value(together.classifier.model().spec())? }),
            validation: serde_json::to_value(&together.report)?,
            data_fingerprint: self.documents.fingerprint(),
            n_train,
            ..ModelInfo::default()
        };
        artifact::save(self.output, &together.classifier, &info)?;
        self.voice.note(format_args!("{} answer together", counted(trials.len(), "trial")));
        self.tell(together.report.as_ref())
    }

    fn trained(&self, plan: &Plan) -> Result<Trained> {
        let mut progress = TrainingProgress::new(self.voice.quiet);
        let mut on_event = |event: fenlei::train::Event<'_>| progress.show(&event);
        let options =
            TrainOptions { validation: self.validation, on_event: Some(&mut on_event), ..TrainOptions::default() };
        Ok(train_with(plan, self.documents, options)?)
    }

    fn tell(&self, validation: Option<&Report>) -> Result<()> {
        if let Some(report) = validation {
            self.voice.result(format_args!("\nvalidation: {report}"))?;
        }
        let bytes = std::fs::metadata(self.output).map(|file| file.len()).unwrap_or(0);
        let model = self.output.display();
        self.voice.result(format_args!("wrote {model} ({})", size(bytes)))?;
        self.voice.note(format_args!("next: fenlei eval {model} TEST"));
        Ok(())
    }
}
