//! A search on standard error: one line a trial.

use std::sync::Mutex;
use std::time::Instant;

use fenlei::train::Metric;
use fenlei::tune::{SearchSpec, State, Trial, TuneEvent, Values};

use crate::output::{Voice, counted, duration, shortened};

/// Characters of the values that a line shows.
const VALUES_SHOWN: usize = 110;

/// Shows a search. Trials may end on several threads.
pub(super) struct SearchProgress {
    voice: Voice,
    metric: Metric,
    most_trials: Option<u64>,
    seconds: Option<f64>,
    started: Instant,
    /// Lines stay whole.
    line: Mutex<()>,
}

impl SearchProgress {
    pub fn new(voice: Voice, spec: &SearchSpec) -> Self {
        Self {
            voice,
            metric: spec.metric,
            most_trials: spec.most_trials,
            seconds: spec.time.map(|time| time.as_secs_f64()),
            started: Instant::now(),
            line: Mutex::new(()),
        }
    }

    pub fn show(&self, event: &TuneEvent<'_>) {
        if let TuneEvent::End { trial, best } = event {
            let best = best.map_or_else(String::new, |best| format!("  best {}", figure(self.metric, best)));
            let whole = self.line.lock();
            self.voice.note(format_args!("{}{best}{}", line(trial, self.metric), self.left(trial.number)));
            drop(whole);
        }
    }

    /// How much is left, in trials and in time.
    fn left(&self, number: u64) -> String {
        let trials = self.most_trials.map(|most| format!("  {} to go", most.saturating_sub(number + 1)));
        let time = self.seconds.map(|all| format!("  {} left", duration(all - self.started.elapsed().as_secs_f64())));
        trials.unwrap_or_default() + &time.unwrap_or_default()
    }
}

/// One trial on one line.
pub(super) fn line(trial: &Trial, metric: Metric) -> String {
    let score = trial.score.map_or_else(|| "-".to_owned(), |score| figure(metric, score));
    let state = match trial.state {
        State::Complete => String::new(),
        state => format!("  {}", state.as_str()),
    };
    let message = trial.message.as_ref().map(|message| format!(" ({message})")).unwrap_or_default();
    let seconds = trial.seconds.map(duration).unwrap_or_default();
    format!("trial {:>3}  {score}{state}{message}  {seconds}  {}", trial.number, values(&trial.values))
}

/// Values in short: the last word of each key.
pub(super) fn values(values: &Values) -> String {
    let one = |(key, value): (&String, &fenlei::tune::Value)| {
        let name = key.rsplit('.').next().unwrap_or(key);
        match value.as_float() {
            Some(x) => format!("{name}={:.3}", Short(x)),
            None => format!("{name}={}", value.to_string().replace('"', "")),
        }
    };
    shortened(&values.iter().map(one).collect::<Vec<_>>().join(" "), VALUES_SHOWN)
}

/// A number with few digits, however small.
struct Short(f64);

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let small = self.0 != 0.0 && self.0.abs() < 0.01;
        if small { write!(f, "{:.2e}", self.0) } else { write!(f, "{:.3}", self.0) }
    }
}

/// A figure as people know it: log loss is the smaller the better.
pub(super) fn figure(metric: Metric, score: f64) -> String {
    format!("{:.4}", if metric == Metric::LogLoss { -score } else { score })
}

/// What the search found.
pub(super) fn ended(trials: &[Trial], best: &Trial, metric: Metric) -> String {
    format!(
        "{}; the best is trial {} with {} {}:\n  {}",
        counted(trials.len(), "trial"),
        best.number,
        super::metric_name(metric),
        best.score.map(|score| figure(metric, score)).unwrap_or_default(),
        values(&best.values)
    )
}
