//! Which values the next trial takes.
//!
//! Invariant: a proposal follows from the seed, its number and the trials before it, so that a search by one worker can
//! be repeated, and one that was interrupted goes on as if nothing had happened.

use fenlei_nn::rng;
use serde::{Deserialize, Serialize};
use toml::Value;

use super::space::{Range, Space, Values};
use super::tpe;
use crate::Result;

/// Trials at random before the others are learned from.
const N_STARTUP: usize = 10;

/// How often another proposal is drawn when one has been tried already.
const N_RETRIES: u64 = 40;

/// How values are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampler {
    /// Every combination, in order.
    Grid,
    /// At random.
    Random,
    /// Near what did well (tree-structured Parzen estimator, Bergstra et al. 2011).
    #[default]
    Tpe,
}

/// What is known of a trial before the next.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// What it took.
    pub values: Values,
    /// Larger is better; `None` while it runs and for what failed.
    pub score: Option<f64>,
    /// Whether it ran to its end and kept to the limits.
    pub complete: bool,
}

impl Sampler {
    /// The values of trial `number`; `None` when every combination has been tried. `past` are all trials before, in
    /// order, of which the first `n_first` were given by the user.
    ///
    /// # Errors
    /// When a grid is too large.
    pub fn propose(
        self,
        space: &Space,
        past: &[Observation],
        n_first: usize,
        seed: u64,
        number: u64,
    ) -> Result<Option<Values>> {
        let tried = |values: &Values| past.iter().any(|other| other.values == *values);
        if self == Self::Grid {
            return Ok(space.grid()?.into_iter().find(|values| !tried(values)));
        }
        let seed = rng::derive(seed, number);
        let n_scored = past.iter().skip(n_first).filter(|other| other.score.is_some()).count();
        let mut last = None;
        for retry in 0..N_RETRIES {
            let seed = rng::derive(seed, retry);
            // What keeps proposing the same has found its place: look elsewhere.
            let values = match self {
                Self::Tpe if n_scored >= N_STARTUP && retry < N_RETRIES / 2 => tpe::propose(space, past, seed),
                _ => random(space, seed),
            };
            if !tried(&values) {
                return Ok(Some(values));
            }
            last = Some(values);
        }
        match space.n_points() {
            Some(_) => Ok(space.grid()?.into_iter().find(|values| !tried(values))),
            None => Ok(last),
        }
    }
}

/// Values at random.
fn random(space: &Space, seed: u64) -> Values {
    let mut values = Values::new();
    for (i, parameter) in space.parameters.iter().enumerate() {
        if Space::is_active(parameter, &values) {
            let value = parameter.range.at(rng::uniform(seed, i as u64));
            values.insert(parameter.key.clone(), value);
        }
    }
    values
}

impl Range {
    /// The value at a share of the range, from 0 to below 1.
    pub(super) fn at(&self, share: f64) -> Value {
        match self {
            Self::Choice(values) => values[((share * values.len() as f64) as usize).min(values.len() - 1)].clone(),
            _ => {
                let (low, high) = self.scale();
                self.value(low + share * (high - low))
            }
        }
    }

    /// The ends of the range where distances mean something: of logarithms, or half a step beyond whole numbers.
    pub(super) fn scale(&self) -> (f64, f64) {
        match self {
            Self::Choice(_) => (0.0, 1.0),
            Self::Real { low, high, log: true, .. } => (low.ln(), high.ln()),
            Self::Real { low, high, log: false, .. } => (*low, *high),
            Self::Int { low, high, step, log } => {
                let half = *step as f64 / 2.0;
                let (low, high) = (*low as f64, *high as f64);
                if *log { ((low - half.min(low / 2.0)).ln(), (high + half).ln()) } else { (low - half, high + half) }
            }
        }
    }

    /// The value at a place of the scale.
    pub(super) fn value(&self, x: f64) -> Value {
        match self {
            Self::Choice(values) => values[0].clone(),
            Self::Real { low, high, log, .. } => Value::Float(if *log { x.exp() } else { x }.clamp(*low, *high)),
            Self::Int { low, high, step, log } => {
                let x = if *log { x.exp() } else { x };
                let most = (high - low) / step;
                let steps = ((x - *low as f64) / *step as f64).round() as i64;
                Value::Integer(low + steps.clamp(0, most) * step)
            }
        }
    }

    /// The place of a value on the scale.
    pub(super) fn place(&self, value: &Value) -> Option<f64> {
        let number = value.as_float().or_else(|| value.as_integer().map(|n| n as f64))?;
        match self {
            Self::Choice(_) => None,
            Self::Real { log, .. } | Self::Int { log, .. } => Some(if *log { number.ln() } else { number }),
        }
        .filter(|x| x.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(toml: &str) -> Space {
        Space::from_table(&toml.parse().unwrap(), "space").unwrap()
    }

    /// The best value after `n` trials of an analytic function whose maximum, 0, lies at x = 0.01, n = 37, kind = b.
    fn best_after(sampler: Sampler, n: u64, seed: u64) -> f64 {
        let space = space(
            "x = { log = [1e-5, 1.0] }\nn = { int = [1, 100] }\nkind = { choice = ['a', 'b', 'c'] }\n\
             y = { uniform = [1.0, 3.0], when = { kind = 'b' } }",
        );
        let score = |values: &Values| {
            let x = values["x"].as_float().unwrap().log10() + 2.0;
            let n = (values["n"].as_integer().unwrap() - 37) as f64 / 25.0;
            let kind = if values["kind"].as_str() == Some("b") { 0.0 } else { 3.0 };
            let y = values.get("y").map_or(0.0, |y| y.as_float().unwrap() - 2.0);
            -(x * x + n * n + kind + y * y)
        };
        let mut past: Vec<Observation> = Vec::new();
        for number in 0..n {
            let values = sampler.propose(&space, &past, 0, seed, number).unwrap().unwrap();
            let score = Some(score(&values));
            past.push(Observation { values, score, complete: true });
        }
        past.iter().filter_map(|o| o.score).fold(f64::NEG_INFINITY, f64::max)
    }

    #[test]
    fn tpe_comes_nearer_than_random_on_an_analytic_function() {
        let mean = |sampler| (0..20).map(|seed| best_after(sampler, 100, seed)).sum::<f64>() / 20.0;
        let (tpe, random) = (mean(Sampler::Tpe), mean(Sampler::Random));
        assert!(tpe > random * 0.7, "TPE {tpe}, random {random}");
        assert_eq!(best_after(Sampler::Tpe, 30, 7), best_after(Sampler::Tpe, 30, 7));
    }

    #[test]
    fn every_point_of_a_small_space_is_tried_once_and_then_it_ends() {
        let space = space("a = { choice = [1, 2, 3] }\nb = { int = [0, 4], step = 2, when = { a = 2 } }");
        for sampler in [Sampler::Grid, Sampler::Random, Sampler::Tpe] {
            let mut past: Vec<Observation> = Vec::new();
            while let Some(values) = sampler.propose(&space, &past, 0, 3, past.len() as u64).unwrap() {
                assert!(past.iter().all(|other| other.values != values));
                past.push(Observation { values, score: Some(past.len() as f64), complete: true });
                assert!(past.len() <= 5);
            }
            assert_eq!(past.len(), 5, "{sampler:?}");
        }
    }

    #[test]
    fn values_stay_in_their_range_and_reach_both_ends() {
        for toml in ["x = { int = [2, 9], step = 3 }", "x = { int = [1, 64], log = true }"] {
            let range = space(toml).parameters.remove(0).range;
            let drawn: Vec<i64> = (0..=2000).map(|i| range.at(f64::from(i) / 2001.0).as_integer().unwrap()).collect();
            let expected = if toml.contains("step") { (2, 8) } else { (1, 64) };
            assert_eq!((drawn[0], drawn[2000]), expected);
        }
    }
}
