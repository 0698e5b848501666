//! The search itself: workers that claim trials of a study, train them and keep what came out.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::objective::{Limits, Outcome, Parts};
use super::pruner::Pruner;
use super::sampler::{Observation, Sampler};
use super::space::{Space, Values, plan_of};
use super::study::{Claim, Identity, Study};
use super::trial::{State, Trial, best};
use crate::config::{PlanSource, load_plan};
use crate::data::Dataset;
use crate::train::{Metric, Plan};
use crate::{Error, Result};

/// How often a worker says that it lives, and looks whether it should end.
const HEARTBEAT: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(50);

/// When so many trials failed and none ran to its end, something is wrong with all of them.
const HOPELESS: usize = 5;

/// What to search for and how.
#[derive(Debug, Clone, Default)]
pub struct SearchSpec {
    /// The configuration that values are laid over.
    pub base: PlanSource,
    /// What may be chosen.
    pub space: Space,
    /// Values to try before others are proposed.
    pub first: Vec<Values>,
    /// How values are chosen.
    pub sampler: Sampler,
    /// When a trial ends early.
    pub pruner: Pruner,
    /// The figure to make better.
    pub metric: Metric,
    /// Measures by cross-validation with so many folds, rather than on documents held back.
    pub folds: Option<usize>,
    /// What a model must keep to.
    pub limits: Limits,
    /// Trials of the study, at most.
    pub most_trials: Option<u64>,
    /// How long to search from now on.
    pub time: Option<Duration>,
    /// Trials at a time.
    pub jobs: usize,
}

/// Something that happened in a search.
#[derive(Debug)]
#[non_exhaustive]
pub enum TuneEvent<'a> {
    /// A trial begins.
    Begin(&'a Trial),
    /// A figure on the way.
    Step {
        /// Of this trial.
        trial: u64,
        /// An epoch, or a fold, from 1.
        step: u64,
        /// Larger is better.
        score: f64,
    },
    /// A trial has ended.
    End {
        /// With its figure.
        trial: &'a Trial,
        /// The best of the study so far.
        best: Option<f64>,
    },
}

/// Who is told, from any thread, and who may ask for the end.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Raised by whoever wants the search to end; the running trials wait again.
    pub stop: &'a AtomicBool,
    /// Told what happens.
    pub on_event: &'a (dyn Fn(&TuneEvent<'_>) + Sync),
}

/// What every worker of a search needs.
struct Shared<'a> {
    spec: &'a SearchSpec,
    parts: Parts,
    seed: u64,
    deadline: Option<Instant>,
    watch: Watch<'a>,
}

/// Searches until the trials or the time are spent, or every point was tried, or the end is asked for; gives all trials
/// of the study. The study in `path` goes on where it was.
///
/// # Errors
/// When the space, the study or the documents cannot be used, and when every trial fails.
pub fn search(
    path: &Path,
    documents: &Dataset,
    validation: Option<&Dataset>,
    spec: &SearchSpec,
    watch: Watch<'_>,
) -> Result<Vec<Trial>> {
    spec.space.check(&spec.base)?;
    for values in &spec.first {
        plan_of(&spec.base, values)?;
    }
    let plan = load_plan(&spec.base)?;
    let parts = Parts::new(documents, validation, spec.folds, &plan)?;
    let identity = identity(spec, &plan, documents, validation)?;
    let study = Study::create_or_open(path, &identity, &spec.first)?;
    let deadline = spec.time.map(|time| Instant::now() + time);
    let shared = Shared { spec, parts, seed: plan.seed, deadline, watch };
    if spec.jobs <= 1 {
        shared.work(study)?;
    } else {
        let n_threads = (rayon::current_num_threads() / spec.jobs).max(1);
        let studies = (0..spec.jobs).map(|_| study.again()).collect::<Result<Vec<_>>>()?;
        thread::scope(|scope| {
            let work = |study: Study| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build();
                let pool = pool.map_err(|error| Error::train(format!("no threads: {error}"), "lower --jobs"))?;
                pool.install(|| shared.work(study))
            };
            let workers: Vec<_> = studies.into_iter().map(|study| scope.spawn(move || work(study))).collect();
            let ended = workers.into_iter().map(|worker| worker.join().unwrap_or_else(resume));
            ended.collect::<Vec<Result<()>>>().into_iter().collect::<Result<()>>()
        })?;
    }
    Study::open(path)?.trials()
}

fn resume(panic: Box<dyn std::any::Any + Send>) -> Result<()> {
    std::panic::resume_unwind(panic)
}

impl Shared<'_> {
    fn ends(&self) -> bool {
        self.watch.stop.load(Ordering::Relaxed) || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Runs trials until there is nothing to do.
    fn work(&self, mut study: Study) -> Result<()> {
        let mut beats = study.again()?;
        while !self.ends() {
            let propose = |trials: &[Trial]| {
                let past: Vec<Observation> = trials.iter().map(Trial::observation).collect();
                let n_given = trials.iter().filter(|trial| trial.given).count();
                self.spec.sampler.propose(&self.spec.space, &past, n_given, self.seed, trials.len() as u64)
            };
            match study.claim(self.spec.most_trials, propose, self.seed)? {
                Claim::Done => break,
                Claim::Wait => thread::sleep(4 * LOOK),
                Claim::Trial(trial) => self.run(&mut study, &mut beats, trial)?,
            }
        }
        Ok(())
    }

    fn run(&self, study: &mut Study, beats: &mut Study, mut trial: Trial) -> Result<()> {
        (self.watch.on_event)(&TuneEvent::Begin(&trial));
        let clock = Instant::now();
        let (stop, over) = (AtomicBool::new(false), AtomicBool::new(false));
        let worker = study.worker().to_owned();
        let outcome = thread::scope(|scope| {
            let guard = scope.spawn(|| {
                let mut beaten = Instant::now();
                while !over.load(Ordering::Relaxed) {
                    if self.ends() {
                        stop.store(true, Ordering::Relaxed);
                    }
                    if beaten.elapsed() >= HEARTBEAT {
                        // One that is missed does no harm; the next one comes soon.
                        let _ = beats.heartbeat(&worker);
                        beaten = Instant::now();
                    }
                    thread::park_timeout(LOOK);
                }
            });
            let outcome = self.outcome(study, &trial, &stop);
            over.store(true, Ordering::Relaxed);
            guard.thread().unpark();
            outcome
        });
        match outcome {
            Ok(Outcome::Stopped) => return study.give_back(trial.number),
            Ok(Outcome::Pruned { score }) => (trial.state, trial.score) = (State::Pruned, Some(score)),
            Ok(Outcome::Complete { score, bytes, latency_us }) => {
                (trial.score, trial.bytes, trial.latency_us) = (Some(score), bytes, latency_us);
                trial.message = self.spec.limits.broken(bytes, latency_us);
                trial.state = if trial.message.is_some() { State::Infeasible } else { State::Complete };
            }
            // The study itself cannot be used any more.
            Err(error @ Error::Artifact { .. }) => return Err(error),
            Err(error) => {
                trial.state = State::Failed;
                trial.message = Some(error.to_string().lines().next().unwrap_or_default().to_owned());
            }
        }
        trial.seconds = Some(clock.elapsed().as_secs_f64());
        if !study.end(&trial)? {
            return Ok(());
        }
        let trials = study.trials()?;
        let best = best(&trials).and_then(|best| best.score);
        (self.watch.on_event)(&TuneEvent::End { trial: &trial, best });
        let n_failed = trials.iter().filter(|trial| trial.state == State::Failed).count();
        if n_failed >= HOPELESS
            && trials.iter().all(|t| matches!(t.state, State::Failed | State::Waiting | State::Running))
        {
            let why = trial.message.unwrap_or_default();
            let problem = format!("{n_failed} trials failed and none ran to its end; the last: {why}");
            return Err(Error::train(
                problem,
                "try one of them with `fenlei train`, and mend the space or the documents",
            ));
        }
        Ok(())
    }

    fn outcome(&self, study: &mut Study, trial: &Trial, stop: &AtomicBool) -> Result<Outcome> {
        let plan = plan_of(&self.spec.base, &trial.values)?;
        let pruner = self.spec.pruner;
        let mut report = |step: u64, score: f64| {
            (self.watch.on_event)(&TuneEvent::Step { trial: trial.number, step, score });
            study.report(trial.number, step, score, pruner)
        };
        self.parts.evaluate(&plan, self.spec.metric, self.spec.limits, stop, &mut report)
    }
}

impl Limits {
    /// What a model does not keep to.
    fn broken(&self, bytes: Option<u64>, latency_us: Option<f64>) -> Option<String> {
        if let (Some(found), Some(most)) = (bytes, self.bytes)
            && found > most
        {
            return Some(format!("{found} bytes, expected at most {most}"));
        }
        match (latency_us, self.latency_us) {
            (Some(found), Some(most)) if found > most => {
                Some(format!("{found:.0} µs a document, expected at most {most:.0}"))
            }
            _ => None,
        }
    }
}

/// What the study is of.
fn identity(spec: &SearchSpec, plan: &Plan, documents: &Dataset, validation: Option<&Dataset>) -> Result<Identity> {
    let hash = |text: &str| -> String {
        Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    };
    let measured_on = match (spec.folds, validation) {
        (Some(k), _) => format!("{k} folds"),
        (None, Some(_)) => "the validation documents".to_owned(),
        (None, None) => "documents held back".to_owned(),
    };
    let metric = match spec.metric {
        Metric::Accuracy => "accuracy",
        Metric::MacroF1 => "macro-f1",
        Metric::LogLoss => "log-loss",
    };
    let mut limits = String::new();
    if let Some(bytes) = spec.limits.bytes {
        limits += &format!(", at most {bytes} bytes");
    }
    if let Some(latency) = spec.limits.latency_us {
        limits += &format!(", at most {latency} µs a document");
    }
    Ok(Identity {
        configuration: hash(&plan.to_toml()?),
        space: spec.space.signature(),
        documents: match validation {
            Some(validation) => format!("{} and {}", documents.fingerprint(), validation.fingerprint()),
            None => documents.fingerprint(),
        },
        objective: format!("{metric} on {measured_on}{limits}"),
        seed: plan.seed,
    })
}
