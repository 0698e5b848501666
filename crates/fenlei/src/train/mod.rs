//! Training: from labelled documents and a plan to a classifier, as a stream of events.
//!
//! Invariant: every learned state, the vocabulary first of all, comes from the training part alone. The same plan and
//! documents give the same bytes for any number of threads, and for a training that was interrupted and resumed.

mod augmented;
pub(crate) mod checkpoint;
mod class_weights;
mod contrastive;
mod encoder;
mod event;
mod examples;
mod fine_tuning;
mod known_states;
pub(crate) mod memory;
mod plan;
mod run;
mod sparse;
mod spec;
mod stacking;
mod teacher;
mod usual;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

pub use contrastive::ContrastiveSpec;
pub use event::{EpochRecord, Event, Preparation, StopReason, ValidationRecord};
pub use fine_tuning::{FineTuningSpec, FrozenStorage};
pub use plan::Plan;
pub use spec::{ClassWeights, EarlyStoppingSpec, Metric, TrainSpec};
pub(crate) use stacking::fit_stacking;
pub use teacher::Teacher;

use crate::classifier::{Classifier, Profile};
use crate::data::Dataset;
use crate::metrics::Report;
use crate::model::{ClusterSpec, Model, ModelSpec, SparseSpec};
use crate::{Error, Result};

/// What a training may be given besides its plan and its documents.
#[derive(Default)]
pub struct TrainOptions<'a> {
    /// Documents to validate with; without them the plan's share of the training documents is held back.
    pub validation: Option<&'a Dataset>,
    /// A classifier to train further: its pipeline, labels and weights are kept. The plan must be one of the same
    /// pipeline and model; [`load_further_plan`](crate::config::load_further_plan) gives it.
    pub from: Option<Classifier>,
    /// A model whose answers are learned beside the labels, or in their place.
    pub teacher: Option<Teacher<'a>>,
    /// Where to keep the state of the training after each epoch and on an interruption.
    pub checkpoint: Option<PathBuf>,
    /// Go on from the checkpoint, if there is one.
    pub resume: bool,
    /// Raised by whoever wants the training to end after the current step.
    pub stop: Option<&'a AtomicBool>,
    /// Called with everything that happens.
    pub on_event: Option<&'a mut dyn FnMut(Event<'_>)>,
}

impl TrainOptions<'_> {
    /// Tells how far something is that comes before the first step.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the user asked to stop.
    fn prepared(&mut self, what: Preparation, done: usize, total: usize) -> Result<()> {
        if let Some(listener) = &mut self.on_event {
            listener(Event::Prepare { what, done, total });
        }
        if self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) { Err(Error::Interrupted) } else { Ok(()) }
    }
}

/// What a training gives.
#[derive(Debug)]
pub struct Trained {
    /// The classifier, with the best weights.
    pub classifier: Classifier,
    /// One record an epoch.
    pub history: Vec<EpochRecord>,
    /// How well the classifier does on the validation part; `None` where nothing was held back.
    pub validation: Option<Report>,
    /// What texts look like that it has not learned from; those that it has, where nothing was held back.
    pub usual: Profile,
    /// Why it ended.
    pub reason: StopReason,
    /// CRC-32 of the training texts and labels, in hexadecimal.
    pub fingerprint: String,
    /// Documents trained on.
    pub n_train: usize,
}

/// Trains a classifier by a plan. See [`train_with`] for progress, checkpoints and further training.
///
/// # Errors
/// When the plan makes no sense or the documents cannot be learned from.
pub fn train(plan: &Plan, documents: &Dataset, validation: Option<&Dataset>) -> Result<Trained> {
    train_with(plan, documents, TrainOptions { validation, ..TrainOptions::default() })
}

/// Trains a classifier.
///
/// # Errors
/// As [`train`]; also when a checkpoint cannot be read or written, or belongs to another training, and
/// [`Error::Interrupted`] when the user stopped it before the first step.
pub fn train_with<'a>(plan: &Plan, documents: &'a Dataset, options: TrainOptions<'a>) -> Result<Trained> {
    let Some(classifier) = &options.from else {
        plan.check()?;
        if ClusterSpec::of(&plan.model).is_some() {
            let problem = "this model finds clusters in documents and learns no labels";
            return Err(Error::config("model.family", problem, "run `fenlei cluster`, or choose another model"));
        }
        if let ModelSpec::Ensemble(_) = plan.model {
            let problem = "an ensemble is made of trained members";
            return Err(Error::config("model.family", problem, "run `fenlei ensemble`, or choose another model"));
        }
        return match SparseSpec::of(&plan.model) {
            Some(_) if options.teacher.is_some() => {
                let problem = "this model is solved from labels and cannot learn from probabilities";
                Err(Error::config("teacher", problem, "choose a net, such as --model cnn or --model bag"))
            }
            Some(spec) => sparse::train(plan, &spec, documents, options),
            None => run::Run::prepare(plan, documents, options)?.finish(),
        };
    };
    if let Model::Ensemble(_) = classifier.model() {
        let problem = "the classifier to train further is an ensemble, whose members were trained each by itself";
        return Err(Error::train(problem, "train its members further, and join them again"));
    }
    if let Model::Sparse(_) | Model::Cluster(_) = classifier.model() {
        return Err(Error::train(
            "the classifier to train further is solved from its counts, which it does not keep",
            "train anew on all documents together, or start from a net",
        ));
    }
    plan.check_further(classifier)?;
    run::Run::prepare(plan, documents, options)?.finish()
}

impl Plan {
    /// Checks every value that can be checked without documents.
    ///
    /// # Errors
    /// With the place of the first value that makes no sense.
    pub fn check(&self) -> Result<()> {
        self.train.check()?;
        self.check_encoder()?;
        if self.pretrained.is_none() {
            self.pipeline.check()?;
        }
        if let ModelSpec::Net(net) = &self.model {
            net.check()?;
        }
        ClusterSpec::of(&self.model).map_or(Ok(()), |spec| spec.check())?;
        SparseSpec::of(&self.model).map_or(Ok(()), |spec| spec.check())
    }

    /// Checks a plan to train `classifier` further by. What the classifier keeps, the plan cannot change.
    ///
    /// # Errors
    /// When the plan asks for word vectors, another pipeline or another model, and as [`Plan::check`].
    pub(crate) fn check_further(&self, classifier: &Classifier) -> Result<()> {
        if let Some(path) = &self.embeddings {
            let problem = format!("a classifier that is trained further keeps its vectors, found {}", path.display());
            return Err(Error::config("embeddings", problem, "leave them out, or train anew without --from"));
        }
        if let Some(path) = &self.pretrained {
            let problem = format!("a classifier that is trained further keeps its encoder, found {}", path.display());
            return Err(Error::config("pretrained", problem, "leave it out, or train anew without --from"));
        }
        let differs = |part: &str| {
            let problem = format!("a classifier that is trained further keeps its {part}, but the plan has another");
            let help = format!(
                "leave out the recipe and every setting of [{part}], put those of [train] into a file for --config or \
                 behind --set, or train anew without --from"
            );
            Err(Error::config(part, problem, help))
        };
        if self.model != classifier.model().spec() {
            return differs("model");
        }
        // Its files may be gone, as the classifier holds what it took from them.
        if self.pipeline != *classifier.pipeline().spec() {
            return differs("pipeline");
        }
        self.train.check()
    }
}

fn diverged(epoch: u32) -> Error {
    Error::train(
        format!("the loss is not a finite number any more in epoch {epoch}"),
        "lower the learning rate (train.optimizer.lr), or clip gradients (train.regularization.clip_norm = 1.0)",
    )
}
