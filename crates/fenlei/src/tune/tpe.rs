//! The tree-structured Parzen estimator: values that are frequent among good trials and rare among the others.
//!
//! "Algorithms for Hyper-Parameter Optimization", Bergstra et al., NIPS 2011, each parameter by itself. Parameters
//! under a condition learn from the trials in which it held.

use fenlei_nn::rng;
use toml::Value;

use super::sampler::Observation;
use super::space::{Range, Space, Values};

/// Values that are drawn from the good ones, of which the best is taken.
const N_CANDIDATES: u64 = 24;

/// The share of trials that count as good, and the most.
const GOOD_SHARE: f64 = 0.15;
const MOST_GOOD: usize = 25;

/// Values for the next trial.
pub(super) fn propose(space: &Space, past: &[Observation], seed: u64) -> Values {
    let mut ranked: Vec<&Observation> = past.iter().filter(|o| o.score.is_some()).collect();
    // What ran to its end goes before what was pruned, whatever its figure.
    ranked.sort_by(|a, b| {
        let score = |o: &Observation| o.score.unwrap_or(f64::NEG_INFINITY);
        b.complete.cmp(&a.complete).then(score(b).total_cmp(&score(a)))
    });
    let n_good = ((ranked.len() as f64 * GOOD_SHARE).ceil() as usize).clamp(1, MOST_GOOD).min(ranked.len());
    let (good, bad) = ranked.split_at(n_good);
    let mut values = Values::new();
    for (i, parameter) in space.parameters.iter().enumerate() {
        if !Space::is_active(parameter, &values) {
            continue;
        }
        let of = |trials: &[&Observation]| -> Vec<Value> {
            trials.iter().filter_map(|trial| trial.values.get(&parameter.key).cloned()).collect()
        };
        let seed = rng::derive(seed, i as u64);
        let value = match &parameter.range {
            Range::Choice(choices) => choose(choices, &of(good), &of(bad), seed),
            range => {
                let places = |values: Vec<Value>| values.iter().filter_map(|v| range.place(v)).collect();
                let (low, high) = range.scale();
                let good = Parzen::new(places(of(good)), low, high);
                let bad = Parzen::new(places(of(bad)), low, high);
                let candidates = (0..N_CANDIDATES).map(|c| good.draw(rng::derive(seed, c)));
                let gain = |x: &f64| good.density(*x).ln() - bad.density(*x).ln();
                let best = candidates.map(|x| (gain(&x), x)).reduce(|a, b| if b.0 > a.0 { b } else { a });
                range.value(best.map_or(low, |(_, x)| x))
            }
        };
        values.insert(parameter.key.clone(), value);
    }
    values
}

/// One of some choices. Each counts as if a share of one more trial had had it.
fn choose(choices: &[Value], good: &[Value], bad: &[Value], seed: u64) -> Value {
    let shares = |seen: &[Value]| -> Vec<f64> {
        let prior = 1.0 / choices.len() as f64;
        let count = |choice: &Value| seen.iter().filter(|value| *value == choice).count() as f64;
        choices.iter().map(|choice| (count(choice) + prior) / (seen.len() as f64 + 1.0)).collect()
    };
    let (good, bad) = (shares(good), shares(bad));
    let drawn = (0..N_CANDIDATES).map(|c| {
        let mut left = rng::uniform(seed, c);
        good.iter().position(|share| {
            left -= share;
            left < 0.0
        })
    });
    let candidates = drawn.map(|i| i.unwrap_or(choices.len() - 1));
    let best = candidates.reduce(|a, b| if good[b] / bad[b] > good[a] / bad[a] { b } else { a });
    choices[best.unwrap_or(0)].clone()
}

/// A density over a range: a wide bell over the whole of it, and one at each place seen.
struct Parzen {
    bells: Vec<(f64, f64)>,
    low: f64,
    high: f64,
}

impl Parzen {
    fn new(mut places: Vec<f64>, low: f64, high: f64) -> Self {
        places.sort_by(f64::total_cmp);
        let width = high - low;
        let least = width / (places.len() as f64 + 2.0).min(100.0);
        let mut bells = vec![((low + high) / 2.0, width)];
        for (i, &x) in places.iter().enumerate() {
            let before = x - if i == 0 { low } else { places[i - 1] };
            let after = places.get(i + 1).unwrap_or(&high) - x;
            bells.push((x, before.max(after).clamp(least, width)));
        }
        Self { bells, low, high }
    }

    /// A place within the range.
    fn draw(&self, seed: u64) -> f64 {
        let bell = ((rng::uniform(seed, 0) * self.bells.len() as f64) as usize).min(self.bells.len() - 1);
        let (mean, sd) = self.bells[bell];
        (1..64).map(|i| mean + sd * rng::normal(seed, i)).find(|x| (self.low..=self.high).contains(x)).unwrap_or(mean)
    }

    fn density(&self, x: f64) -> f64 {
        let bell = |&(mean, sd): &(f64, f64)| {
            let z = (x - mean) / sd;
            let inside = normal_below((self.high - mean) / sd) - normal_below((self.low - mean) / sd);
            (-0.5 * z * z).exp() / (std::f64::consts::TAU.sqrt() * sd * inside.max(1e-12))
        };
        self.bells.iter().map(bell).sum::<f64>() / self.bells.len() as f64 + 1e-300
    }
}

/// The share of the standard normal distribution below `z`, to 1e-3, by the logistic function of a cubic (Page 1977).
fn normal_below(z: f64) -> f64 {
    1.0 / (1.0 + (-2.0 * (0.7988 * z * (1.0 + 0.04417 * z * z))).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn densities_sum_to_one_over_the_range_and_peak_where_places_were_seen() {
        let parzen = Parzen::new(vec![1.9, 2.0, 2.0, 2.1, 2.2], 0.0, 10.0);
        let sum: f64 = (0..10_000).map(|i| parzen.density(f64::from(i) / 1000.0) / 1000.0).sum();
        assert!((sum - 1.0).abs() < 0.01, "{sum}");
        assert!(parzen.density(2.05) > 1.5 * parzen.density(8.0));
        assert!((0..1000).all(|seed| (0.0..=10.0).contains(&parzen.draw(seed))));
    }

    #[test]
    fn what_good_trials_chose_is_chosen_and_the_rest_is_not_forgotten() {
        let choices: Vec<Value> = (0..3).map(Value::Integer).collect();
        let (good, bad) = (vec![Value::Integer(1); 5], vec![Value::Integer(0); 5]);
        let drawn: Vec<Value> = (0..100).map(|seed| choose(&choices, &good, &bad, seed)).collect();
        assert!(drawn.iter().filter(|value| **value == Value::Integer(1)).count() > 60);
    }
}
