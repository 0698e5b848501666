//! Averages of the weights along a run, which often generalise better than the last ones (Polyak and Juditsky 1992;
//! Izmailov et al. 2018).

use serde::{Deserialize, Serialize};

use crate::kernels::elementwise::update_with;
use crate::params::{Grads, Param, Params};
use crate::scalar::Scalar;

/// Which average, and its constants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum AverageSpec {
    /// After every step the average moves by `1 - decay` of the way to the weights.
    Exponential {
        /// Share that stays, usually 0.99 to 0.9999.
        decay: f64,
        /// The average begins with the weights behind this many steps, so that those at the start leave no trace.
        start_steps: u64,
    },
    /// The mean of the weights at the ends of the last epochs.
    Tail {
        /// How many epochs.
        epochs: u64,
    },
}

/// What an [`ExponentialAverage`] remembers; a checkpoint must hold it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExponentialState<T> {
    /// Steps seen.
    pub n_steps: u64,
    /// The average of each parameter in the order of [`Params`], as of the last step that was taken in. Empty before
    /// the start and for what is not trained.
    pub values: Vec<Vec<T>>,
    /// For tables: the last step that was taken in, of each row.
    pub row_steps: Vec<Vec<u64>>,
}

/// An exponential moving average of the weights: `a_t = d · a_{t-1} + (1 - d) · w_t`.
///
/// Rows of a table are brought up to date only when a step is about to change them: over `n` steps without a change the
/// recurrence is exactly `a = d^n · a + (1 - d^n) · w`. So a step costs in proportion to what it touches.
#[derive(Debug, Clone)]
pub struct ExponentialAverage<T> {
    decay: f64,
    start_steps: u64,
    /// What it remembers.
    pub state: ExponentialState<T>,
}

impl<T: Scalar> ExponentialAverage<T> {
    /// An average that begins with the weights behind `start_steps` steps. `decay` is from 0 to below 1.
    pub fn new(decay: f64, start_steps: u64) -> Self {
        Self { decay, start_steps, state: ExponentialState::default() }
    }

    /// Called before every step of the optimizer with the gradients that it is about to follow: takes in the weights
    /// that will change.
    pub fn before_step(&mut self, params: &Params<T>, grads: &Grads<T>) {
        let ExponentialState { n_steps, values, row_steps } = &mut self.state;
        let now = *n_steps;
        *n_steps += 1;
        if now < self.start_steps {
            return;
        }
        values.resize_with(params.len(), Vec::new);
        row_steps.resize_with(params.len(), Vec::new);
        let state = values.iter_mut().zip(row_steps);
        for ((param, grad), (average, row_steps)) in params.iter().zip(grads.iter()).zip(state) {
            if !param.trainable {
                continue;
            }
            if average.len() != param.data.len() {
                // The start, or a parameter that was frozen until now.
                average.clone_from(&param.data);
                row_steps.resize(if param.role.is_table() { param.shape[0] } else { 0 }, now);
            } else if param.role.is_table() {
                for &row in &grad.rows {
                    let row = if grad.by_entry { row / param.row_len() as u32 } else { row };
                    take_in_row(average, param, row as usize, &mut row_steps[row as usize], now, self.decay);
                }
            } else {
                take_in(average, &param.data, self.decay, 1);
            }
        }
    }

    /// The parameters with averages in place of weights. Statistics and frozen parameters are as they are; before the
    /// start everything is.
    pub fn averaged(&self, params: &Params<T>) -> Params<T> {
        let mut averaged = params.clone();
        let ExponentialState { n_steps: now, values, row_steps } = &self.state;
        for (((out, param), average), row_steps) in averaged.iter_mut().zip(params.iter()).zip(values).zip(row_steps) {
            if !param.trainable || average.len() != param.data.len() {
                continue;
            }
            out.data.clone_from(average);
            if param.role.is_table() {
                for (row, &step) in row_steps.iter().enumerate() {
                    take_in_row(&mut out.data, param, row, &mut { step }, *now, self.decay);
                }
            } else {
                take_in(&mut out.data, &param.data, self.decay, 1);
            }
        }
        averaged
    }
}

fn take_in_row<T: Scalar>(average: &mut [T], param: &Param<T>, row: usize, step: &mut u64, now: u64, decay: f64) {
    let row_len = param.row_len();
    let numbers = row * row_len..(row + 1) * row_len;
    take_in(&mut average[numbers.clone()], &param.data[numbers], decay, now - *step);
    *step = now;
}

/// `n` steps of the recurrence with unchanged weights.
fn take_in<T: Scalar>(average: &mut [T], weights: &[T], decay: f64, n: u64) {
    if n > 0 {
        let share = T::from_f64(1.0 - decay.powf(n as f64));
        update_with(average, weights, move |a, w| a + share * (w - a));
    }
}

/// The mean of the weights at several times. Its fields are its state; a checkpoint must hold them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TailAverage<T> {
    /// How many times.
    pub n: u64,
    /// The mean of each parameter in the order of [`Params`]; empty for what is not trained.
    pub values: Vec<Vec<T>>,
}

impl<T: Scalar> TailAverage<T> {
    /// Takes in the weights of now.
    pub fn add(&mut self, params: &Params<T>) {
        self.n += 1;
        self.values.resize_with(params.len(), Vec::new);
        let share = T::from_f64(1.0 / self.n as f64);
        for (mean, param) in self.values.iter_mut().zip(params.iter()).filter(|(_, param)| param.trainable) {
            if mean.len() != param.data.len() {
                mean.clone_from(&param.data);
            } else {
                update_with(mean, &param.data, move |mean, w| mean + share * (w - mean));
            }
        }
    }

    /// The parameters with means in place of weights; as they are before the first [`add`](Self::add).
    pub fn averaged(&self, params: &Params<T>) -> Params<T> {
        let mut averaged = params.clone();
        for (out, mean) in averaged.iter_mut().zip(&self.values) {
            if out.trainable && mean.len() == out.data.len() {
                out.data.clone_from(mean);
            }
        }
        averaged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::{Optimizer, OptimizerSpec};
    use crate::params::Role;
    use crate::rng;

    fn params() -> Params<f64> {
        let mut params = Params::default();
        params.add("table".into(), &[8, 3], Role::Table, |i| rng::normal(1, i as u64));
        params.add("weight".into(), &[2, 3], Role::Weight, |i| rng::normal(2, i as u64));
        params.add("mean".into(), &[2], Role::Statistic, |i| i as f64);
        params
    }

    fn random_grads(params: &Params<f64>, step: u64) -> Grads<f64> {
        let rows: Vec<u32> = (0..8).filter(|&row| rng::uniform(step, row as u64) < 0.3).collect();
        let mut grads = Grads::default();
        grads.reset(params, &rows);
        for (p, grad) in grads.iter_mut().enumerate() {
            grad.data.iter_mut().enumerate().for_each(|(i, g)| *g = rng::normal(step * 7 + p as u64, i as u64));
        }
        grads
    }

    #[test]
    fn the_lazy_average_equals_the_recurrence_over_everything() {
        let (decay, start) = (0.9, 5);
        let mut params = params();
        let mut optimizer = Optimizer::new(OptimizerSpec::adam(0.1), &params);
        let mut average = ExponentialAverage::new(decay, start);
        let mut plain: Vec<Vec<f64>> = Vec::new();
        for step in 0..60 {
            let grads = random_grads(&params, step);
            average.before_step(&params, &grads);
            optimizer.step(&mut params, &grads, 1.0);
            params.data_mut(crate::params::ParamId(2))[0] += 1.0;
            if step < start {
                plain = params.iter().map(|param| param.data.clone()).collect();
                assert_eq!(average.averaged(&params), params, "before the start");
            } else {
                for (average, param) in plain.iter_mut().zip(params.iter()) {
                    average.iter_mut().zip(&param.data).for_each(|(a, w)| *a = decay * *a + (1.0 - decay) * w);
                }
                let averaged = average.averaged(&params);
                for (found, expected) in averaged.iter().zip(&plain).take(2) {
                    for (a, b) in found.data.iter().zip(expected) {
                        assert!((a - b).abs() < 1e-12, "step {step}, {}: {a} and {b}", found.name);
                    }
                }
                assert_eq!(averaged.iter().last(), params.iter().last(), "statistics are not averaged");
            }
        }
    }

    #[test]
    fn the_tail_average_is_the_mean() {
        let mut tail = TailAverage::default();
        let mut params = params();
        assert_eq!(tail.averaged(&params), params);
        let id = crate::params::ParamId(1);
        for value in [1.0, 2.0, 6.0] {
            params.data_mut(id).fill(value);
            tail.add(&params);
        }
        assert!(tail.averaged(&params).data(id).iter().all(|&w| (w - 3.0).abs() < 1e-15));
    }

    #[test]
    fn parameters_thawed_later_are_averaged_from_then_on() {
        let mut params = params();
        let mut average = ExponentialAverage::new(0.5, 0);
        params.iter_mut().next().unwrap().trainable = false;
        let grads = random_grads(&params, 1);
        average.before_step(&params, &grads);
        params.iter_mut().next().unwrap().trainable = true;
        average.before_step(&params, &random_grads(&params, 2));
        let before = params.clone();
        params.data_mut(crate::params::ParamId(0)).iter_mut().for_each(|w| *w += 1.0);
        let averaged = average.averaged(&params);
        for (a, w) in averaged.data(crate::params::ParamId(0)).iter().zip(before.data(crate::params::ParamId(0))) {
            assert!((a - (w + 0.5)).abs() < 1e-12);
        }
    }
}
