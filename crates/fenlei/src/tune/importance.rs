//! Which parameters a figure depends on.

use serde::Serialize;
use toml::Value;

use super::space::Values;
use super::trial::{State, Trial};

/// Bins that numbers are divided into, with equally many trials each.
const N_BINS: usize = 4;

/// How much of the variance of the scores a parameter explains by itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Importance {
    /// The parameter.
    pub key: String,
    /// From 0 to 1, corrected for chance.
    pub share: f64,
    /// Trials that had it.
    pub n_trials: usize,
}

/// One-way analysis of variance for each parameter over the trials that ran to their end: its ε² (Kelley 1935), the
/// share of the variance between groups of equal values (or quarters of its numbers), less what chance would give.
/// Interactions are not seen. Greatest first.
pub fn importance(trials: &[Trial]) -> Vec<Importance> {
    let ended = |t: &&Trial| matches!(t.state, State::Complete | State::Infeasible) && t.score.is_some();
    let scored: Vec<(&Values, f64)> = trials.iter().filter(ended).filter_map(|t| Some((&t.values, t.score?))).collect();
    let mut keys: Vec<&String> = scored.iter().flat_map(|(values, _)| values.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let of = |key: &String| {
        let seen: Vec<(&Value, f64)> = scored.iter().filter_map(|(v, s)| Some((v.get(key)?, *s))).collect();
        Importance { key: key.clone(), share: explained(&seen), n_trials: seen.len() }
    };
    let mut all: Vec<Importance> = keys.into_iter().map(of).collect();
    all.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.key.cmp(&b.key)));
    all
}

fn explained(seen: &[(&Value, f64)]) -> f64 {
    let n = seen.len();
    let groups = groups(seen);
    if n <= groups.len() || groups.len() < 2 {
        return 0.0;
    }
    let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
    let all: Vec<f64> = seen.iter().map(|(_, score)| *score).collect();
    let squares = |scores: &[f64], around: f64| scores.iter().map(|s| (s - around).powi(2)).sum::<f64>();
    let total = squares(&all, mean(&all));
    if total <= 0.0 {
        return 0.0;
    }
    let within: f64 = groups.iter().map(|group| squares(group, mean(group))).sum();
    let by_chance = (groups.len() - 1) as f64 * within / (n - groups.len()) as f64;
    ((total - within - by_chance) / total).clamp(0.0, 1.0)
}

/// Scores by equal values; numbers of many values by quarters.
fn groups(seen: &[(&Value, f64)]) -> Vec<Vec<f64>> {
    let mut equal: Vec<(&Value, Vec<f64>)> = Vec::new();
    for (value, score) in seen {
        match equal.iter_mut().find(|(other, _)| other == value) {
            Some((_, scores)) => scores.push(*score),
            None => equal.push((value, vec![*score])),
        }
    }
    let number = |v: &Value| v.as_float().or_else(|| v.as_integer().map(|i| i as f64));
    let numbers: Option<Vec<(f64, f64)>> = seen.iter().map(|(v, s)| Some((number(v)?, *s))).collect();
    match numbers {
        Some(mut numbers) if equal.len() > N_BINS => {
            numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
            let size = numbers.len().div_ceil(N_BINS);
            numbers.chunks(size).map(|bin| bin.iter().map(|(_, score)| *score).collect()).collect()
        }
        _ => equal.into_iter().map(|(_, scores)| scores).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decides_explains_the_variance_and_what_does_not_explains_none() {
        let trial = |i: u64| {
            let (kind, noise) = (i % 2, i.wrapping_mul(2_654_435_761) % 97);
            let values = Values::from([
                ("kind".to_owned(), Value::String(format!("k{kind}"))),
                ("noise".to_owned(), Value::Float(noise as f64)),
            ]);
            Trial {
                number: i,
                state: State::Complete,
                values,
                seed: 0,
                score: Some(kind as f64 + 0.001 * (i % 7) as f64),
                message: None,
                bytes: None,
                latency_us: None,
                attempts: 1,
                given: false,
                seconds: None,
            }
        };
        let trials: Vec<Trial> = (0..80).map(trial).collect();
        let found = importance(&trials);
        assert_eq!(found[0].key, "kind");
        assert!(found[0].share > 0.99 && found[1].share < 0.2, "{found:?}");
        assert_eq!(importance(&trials[..1])[0].share, 0.0);
    }
}
