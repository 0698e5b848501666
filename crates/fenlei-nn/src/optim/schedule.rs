//! How the learning rate changes during a run.

use serde::{Deserialize, Serialize};

/// How the learning rate changes. Factors are multiplied with the learning rate of the optimizer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ScheduleSpec {
    /// Always 1.
    Constant {},
    /// Times `gamma` after every `every_epochs` epochs.
    Step {
        /// Epochs between two changes, at least 1.
        every_epochs: u64,
        /// The change.
        gamma: f64,
    },
    /// Straight down from 1 to `min_factor` at the end of the run.
    Linear {
        /// The last factor.
        #[serde(default)]
        min_factor: f64,
    },
    /// Half a cosine down from 1 to `min_factor` at the end of the run (Loshchilov and Hutter 2017).
    Cosine {
        /// The last factor.
        #[serde(default)]
        min_factor: f64,
    },
    /// Up by half a cosine to 1, then down to nearly nothing (Smith and Topin 2019), with PyTorch's constants.
    OneCycle {
        /// Share of the run that goes up.
        #[serde(default = "warmup_share")]
        warmup_fraction: f64,
        /// The first factor.
        #[serde(default = "first_factor")]
        start_factor: f64,
        /// The last factor.
        #[serde(default = "last_factor")]
        end_factor: f64,
    },
    /// Straight up to 1 over the first steps, then another schedule over the rest.
    Warmup {
        /// How long.
        over: WarmupLength,
        /// What follows.
        then: Box<ScheduleSpec>,
    },
    /// Times `factor` whenever the validation loss has not become better for more than `patience` epochs.
    Plateau {
        /// Epochs to wait.
        patience: u64,
        /// The change.
        factor: f64,
        /// Never below this.
        #[serde(default)]
        min_factor: f64,
    },
}

/// The length of a warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WarmupLength {
    /// So many steps.
    Steps(u64),
    /// This share of all steps.
    Fraction(f64),
}

fn warmup_share() -> f64 {
    0.3
}
fn first_factor() -> f64 {
    0.04
}
fn last_factor() -> f64 {
    4e-6
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Steps done before this one.
    pub step: u64,
    /// Steps of the whole run.
    pub total_steps: u64,
    /// Epochs done before this one.
    pub epoch: u64,
}

impl ScheduleSpec {
    /// The first field that is outside its range: its name, what was found, what was expected.
    pub fn out_of_range(&self) -> Option<(&'static str, f64, &'static str)> {
        let share = |name, x: f64| (name, x, (0.0..=1.0).contains(&x), "from 0 to 1");
        let positive = |name, x: f64| (name, x, x > 0.0 && x.is_finite(), "a number above 0");
        let checks = match self {
            Self::Constant {} => vec![],
            Self::Step { every_epochs, gamma } => {
                vec![positive("every_epochs", *every_epochs as f64), positive("gamma", *gamma)]
            }
            Self::Linear { min_factor } | Self::Cosine { min_factor } => vec![share("min_factor", *min_factor)],
            Self::OneCycle { warmup_fraction, start_factor, end_factor } => vec![
                share("warmup_fraction", *warmup_fraction),
                share("start_factor", *start_factor),
                share("end_factor", *end_factor),
            ],
            Self::Warmup { over: WarmupLength::Fraction(fraction), then } => {
                return then.out_of_range().or(match share("over.fraction", *fraction) {
                    (_, _, true, _) => None,
                    (name, found, false, expected) => Some((name, found, expected)),
                });
            }
            Self::Warmup { then, .. } => return then.out_of_range(),
            Self::Plateau { factor, min_factor, .. } => {
                vec![share("factor", *factor), share("min_factor", *min_factor)]
            }
        };
        checks.into_iter().find(|check| !check.2).map(|(name, found, _, expected)| (name, found, expected))
    }

    fn factor(&self, Progress { step, total_steps, epoch }: Progress, plateau_factor: f64) -> f64 {
        let done = (step as f64 / total_steps.max(1) as f64).min(1.0);
        match *self {
            Self::Constant {} => 1.0,
            Self::Step { every_epochs, gamma } => gamma.powf((epoch / every_epochs.max(1)) as f64),
            Self::Linear { min_factor } => 1.0 + (min_factor - 1.0) * done,
            Self::Cosine { min_factor } => half_cosine(1.0, min_factor, done),
            Self::OneCycle { warmup_fraction, start_factor, end_factor } => {
                // The step of the peak and the last step, as PyTorch counts them.
                let peak = warmup_fraction * total_steps as f64 - 1.0;
                let (step, last) = (step as f64, total_steps as f64 - 1.0);
                if step <= peak {
                    half_cosine(start_factor, 1.0, if peak > 0.0 { step / peak } else { 1.0 })
                } else {
                    half_cosine(1.0, end_factor, ((step - peak) / (last - peak)).min(1.0))
                }
            }
            Self::Warmup { over, ref then } => {
                let n = match over {
                    WarmupLength::Steps(steps) => steps,
                    WarmupLength::Fraction(fraction) => (fraction * total_steps as f64).round() as u64,
                };
                if step < n {
                    return (step + 1) as f64 / n as f64;
                }
                let rest = Progress { step: step - n, total_steps: total_steps.saturating_sub(n), epoch };
                then.factor(rest, plateau_factor)
            }
            Self::Plateau { .. } => plateau_factor,
        }
    }
}

/// From `start` to `end` as `done` goes from 0 to 1.
fn half_cosine(start: f64, end: f64, done: f64) -> f64 {
    end + (start - end) * (1.0 + (std::f64::consts::PI * done).cos()) / 2.0
}

/// What a [`ScheduleSpec::Plateau`] remembers; a checkpoint must hold it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PlateauState {
    /// The best validation loss; `None` before the first.
    pub best: Option<f64>,
    /// Epochs since then.
    pub n_bad_epochs: u64,
    /// The factor now.
    pub factor: f64,
}

impl Default for PlateauState {
    fn default() -> Self {
        Self { best: None, n_bad_epochs: 0, factor: 1.0 }
    }
}

/// A schedule at work.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    spec: ScheduleSpec,
    /// What it remembers.
    pub state: PlateauState,
}

impl Schedule {
    /// A schedule at the start of a run.
    pub fn new(spec: ScheduleSpec) -> Self {
        Self { spec, state: PlateauState::default() }
    }

    /// The factor of the learning rate for a step.
    pub fn factor(&self, progress: Progress) -> f64 {
        self.spec.factor(progress, self.state.factor)
    }

    /// Tells the validation loss at the end of an epoch. Better means smaller by more than a ten-thousandth, as in
    /// PyTorch; a loss that is not a number is not better.
    pub fn observe(&mut self, validation_loss: f64) {
        let mut spec = &self.spec;
        while let ScheduleSpec::Warmup { then, .. } = spec {
            spec = then;
        }
        let ScheduleSpec::Plateau { patience, factor, min_factor } = *spec else { return };
        let state = &mut self.state;
        if !validation_loss.is_nan() && state.best.is_none_or(|best| validation_loss < best * (1.0 - 1e-4)) {
            (state.best, state.n_bad_epochs) = (Some(validation_loss), 0);
        } else {
            state.n_bad_epochs += 1;
        }
        if state.n_bad_epochs > patience {
            state.factor = (state.factor * factor).max(min_factor);
            state.n_bad_epochs = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(spec: ScheduleSpec, n: u64) -> Vec<f64> {
        let schedule = Schedule::new(spec);
        (0..n).map(|step| schedule.factor(Progress { step, total_steps: n, epoch: step })).collect()
    }

    fn assert_factors(spec: ScheduleSpec, expected: &[f64]) {
        let found = factors(spec, expected.len() as u64);
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
    }

    #[test]
    fn factors_are_those_of_the_definitions() {
        assert_factors(ScheduleSpec::Constant {}, &[1.0, 1.0]);
        assert_factors(ScheduleSpec::Step { every_epochs: 2, gamma: 0.5 }, &[1.0, 1.0, 0.5, 0.5, 0.25]);
        assert_factors(ScheduleSpec::Linear { min_factor: 0.0 }, &[1.0, 0.75, 0.5, 0.25]);
        assert_factors(
            ScheduleSpec::Cosine { min_factor: 0.2 },
            &[1.0, 0.6 + 0.4 * 0.5f64.sqrt(), 0.6, 0.6 - 0.4 * 0.5f64.sqrt()],
        );
    }

    #[test]
    fn warm_up_is_followed_by_the_next_schedule_over_the_rest() {
        let then = Box::new(ScheduleSpec::Linear { min_factor: 0.0 });
        let spec = ScheduleSpec::Warmup { over: WarmupLength::Fraction(0.5), then };
        assert_factors(spec.clone(), &[0.25, 0.5, 0.75, 1.0, 1.0, 0.75, 0.5, 0.25]);
        let text = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<ScheduleSpec>(&text).unwrap(), spec);
    }

    #[test]
    fn a_plateau_behind_a_warm_up_lowers_the_rate_and_its_state_goes_on() {
        let then = Box::new(ScheduleSpec::Plateau { patience: 1, factor: 0.5, min_factor: 0.2 });
        let mut schedule = Schedule::new(ScheduleSpec::Warmup { over: WarmupLength::Steps(2), then });
        let progress = Progress { step: 10, total_steps: 20, epoch: 3 };
        let mut seen = Vec::new();
        for loss in [1.0, 0.9, 0.95, f64::NAN, 0.9, 0.9, 0.9, 0.9, 0.1] {
            schedule.observe(loss);
            seen.push(schedule.factor(progress));
        }
        assert_eq!(seen, [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2]);
        assert_eq!(schedule.factor(Progress { step: 0, ..progress }), 0.5, "warming up");
        assert_eq!(schedule.state, PlateauState { best: Some(0.1), n_bad_epochs: 0, factor: 0.2 });
    }

    #[test]
    fn factors_are_finite_for_runs_of_any_length() {
        let one_cycle = ScheduleSpec::OneCycle { warmup_fraction: 0.3, start_factor: 0.04, end_factor: 4e-6 };
        let warmup = ScheduleSpec::Warmup { over: WarmupLength::Fraction(1.0), then: Box::new(one_cycle.clone()) };
        let cosine = ScheduleSpec::Cosine { min_factor: 0.0 };
        for spec in [one_cycle, warmup, cosine, ScheduleSpec::Linear { min_factor: 0.1 }] {
            for (step, total_steps) in (0..6).flat_map(|total| (0..8).map(move |step| (step, total))) {
                let factor = Schedule::new(spec.clone()).factor(Progress { step, total_steps, epoch: 0 });
                assert!((0.0..=1.0).contains(&factor), "{spec:?} {step} of {total_steps}: {factor}");
            }
        }
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        let inner = Box::new(ScheduleSpec::Cosine { min_factor: 2.0 });
        let spec = ScheduleSpec::Warmup { over: WarmupLength::Steps(5), then: inner };
        assert_eq!(spec.out_of_range(), Some(("min_factor", 2.0, "from 0 to 1")));
        assert_eq!(ScheduleSpec::Constant {}.out_of_range(), None);
    }
}
