//! One trial of a search, as a study keeps it.

use serde::Serialize;

use super::sampler::Observation;
use super::space::Values;

/// Where a trial is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nobody has begun it, or whoever did has died.
    Waiting,
    /// Somebody works on it.
    Running,
    /// It ran to its end.
    Complete,
    /// It was ended, as its curve was behind those of others.
    Pruned,
    /// It ran to its end, but its model is too large or too slow.
    Infeasible,
    /// It could not be trained.
    Failed,
}

/// One trial.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    /// From 0.
    pub number: u64,
    /// Where it is.
    pub state: State,
    /// What it took.
    pub values: Values,
    /// The seed of its plan.
    pub seed: u64,
    /// Larger is better; of log loss the negative.
    pub score: Option<f64>,
    /// Why it failed, or what is too large.
    pub message: Option<String>,
    /// Size of the model file, where it was measured.
    pub bytes: Option<u64>,
    /// Median time of one document, where it was measured.
    pub latency_us: Option<f64>,
    /// How often it was begun.
    pub attempts: u32,
    /// Whether it was given with the space, rather than proposed.
    pub given: bool,
    /// From its beginning to its end.
    pub seconds: Option<f64>,
}

impl State {
    const ALL: [Self; 6] = [Self::Waiting, Self::Running, Self::Complete, Self::Pruned, Self::Infeasible, Self::Failed];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Pruned => "pruned",
            Self::Infeasible => "infeasible",
            Self::Failed => "failed",
        }
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

impl Trial {
    /// What the next ones learn from it.
    pub(super) fn observation(&self) -> Observation {
        let ended = matches!(self.state, State::Complete | State::Pruned | State::Infeasible);
        let score = self.score.filter(|_| ended);
        Observation { values: self.values.clone(), score, complete: self.state == State::Complete }
    }
}

/// The best trial that ran to its end within the limits; of equals the first.
pub fn best(trials: &[Trial]) -> Option<&Trial> {
    best_of(trials, 1).first().copied()
}

/// The `n` best trials that ran to their ends within the limits, the best first; of equals the earlier.
pub fn best_of(trials: &[Trial], n: usize) -> Vec<&Trial> {
    let mut complete: Vec<(f64, &Trial)> = trials
        .iter()
        .filter(|trial| trial.state == State::Complete)
        .filter_map(|trial| Some((trial.score?, trial)))
        .collect();
    complete.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    complete.into_iter().take(n).map(|(_, trial)| trial).collect()
}
