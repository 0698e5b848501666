//! Figures from feedback: accuracy, macro F1 and confusion, by hour and over all.

use std::collections::BTreeMap;

use serde::Serialize;

use super::store::HourCount;

/// Of one version of a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Quality {
    pub model: String,
    pub version: u64,
    pub n: u64,
    pub accuracy: f64,
    /// The mean of the labels' F1; a label that was neither predicted nor true is none.
    pub macro_f1: f64,
    /// Predicted label, true label, how often.
    pub confusion: Vec<(String, String, u64)>,
    /// The second at which an hour begins, predictions with feedback, those that were right.
    pub hours: Vec<(u64, u64, u64)>,
}

/// Sums up what was right and wrong.
pub(crate) fn quality(counts: &[HourCount]) -> Vec<Quality> {
    let mut of_models: BTreeMap<(&str, u64), Vec<&HourCount>> = BTreeMap::new();
    for count in counts {
        of_models.entry((&count.model, count.version)).or_default().push(count);
    }
    of_models.into_iter().map(|((model, version), counts)| of_model(model, version, &counts)).collect()
}

fn of_model(model: &str, version: u64, counts: &[&HourCount]) -> Quality {
    let mut confusion: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut hours: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    // Predicted, true, both.
    let mut labels: BTreeMap<&str, (u64, u64, u64)> = BTreeMap::new();
    for count in counts {
        let right = if count.label == count.truth { count.n } else { 0 };
        *confusion.entry((&count.label, &count.truth)).or_default() += count.n;
        let hour = hours.entry(count.hour).or_default();
        hour.0 += count.n;
        hour.1 += right;
        labels.entry(&count.label).or_default().0 += count.n;
        labels.entry(&count.truth).or_default().1 += count.n;
        labels.entry(&count.label).or_default().2 += right;
    }
    let (n, n_right) = hours.values().fold((0, 0), |sum, hour| (sum.0 + hour.0, sum.1 + hour.1));
    let f1 = labels.values().map(|&(predicted, truth, both)| 2.0 * both as f64 / (predicted + truth).max(1) as f64);
    Quality {
        model: model.to_owned(),
        version,
        n,
        accuracy: n_right as f64 / n.max(1) as f64,
        macro_f1: f1.sum::<f64>() / labels.len().max(1) as f64,
        confusion: confusion.into_iter().map(|((label, truth), n)| (label.to_owned(), truth.to_owned(), n)).collect(),
        hours: hours.into_iter().map(|(hour, (n, right))| (hour, n, right)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_the_counts() {
        let count = |hour, label: &str, truth: &str, n| HourCount {
            hour,
            model: "m".to_owned(),
            version: 2,
            label: label.to_owned(),
            truth: truth.to_owned(),
            n,
        };
        let counts = [count(0, "a", "a", 3), count(0, "a", "b", 1), count(3600, "b", "b", 4)];
        let [quality] = &quality(&counts)[..] else { panic!() };
        assert_eq!((quality.n, quality.accuracy), (8, 0.875));
        // F1 of a: 2·3 / (4+3); of b: 2·4 / (4+5).
        assert!((quality.macro_f1 - (6.0 / 7.0 + 8.0 / 9.0) / 2.0).abs() < 1e-12);
        assert_eq!(quality.hours, [(0, 4, 3), (3600, 4, 4)]);
        assert_eq!(quality.confusion.len(), 3);
        assert!(super::quality(&[]).is_empty());
    }
}
