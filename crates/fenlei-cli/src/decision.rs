//! What a saved decision says, in words.

use fenlei::classifier::{Calibration, Decision};

/// Thresholds of labels that are listed.
const THRESHOLDS_SHOWN: usize = 20;

/// Which labels a document gets, in a phrase.
pub(crate) fn rule(decision: &Decision, labels: &[String]) -> String {
    let name = |label: usize| labels.get(label).map_or("", String::as_str);
    match (&decision.thresholds, decision.positive) {
        (Some(_), _) => "any number a document, from a threshold for each on".to_owned(),
        (None, _) if decision.multi_label => {
            format!("any number a document, from a probability of {} on", decision.threshold)
        }
        (None, Some(positive)) => {
            let label = positive.label as usize;
            format!(
                "{} from a probability of {:.4} on, else {}",
                name(label),
                positive.threshold,
                name(1 - label.min(1))
            )
        }
        (None, None) => "one a document".to_owned(),
    }
}

/// The rest of a decision, a line each; none for a plain one.
pub(crate) fn lines(decision: &Decision, labels: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    match &decision.calibration {
        Some(Calibration::Temperature { temperature }) => {
            lines.push(format!("calibration: temperature {temperature:.4}"));
        }
        Some(Calibration::Isotonic { curves }) => {
            let n_points: usize = curves.iter().map(|curve| curve.x.len()).sum();
            lines.push(format!("calibration: isotonic, {n_points} points"));
        }
        None => {}
    }
    if let Some(thresholds) = &decision.thresholds {
        let shown = labels.iter().zip(thresholds).take(THRESHOLDS_SHOWN);
        let mut listed: Vec<String> = shown.map(|(label, threshold)| format!("{label} {threshold:.4}")).collect();
        if thresholds.len() > THRESHOLDS_SHOWN {
            listed.push(format!("and {} more", thresholds.len() - THRESHOLDS_SHOWN));
        }
        lines.push(format!("thresholds: {}", listed.join(", ")));
    }
    if let Some(bound) = decision.abstain_below {
        lines.push(format!("abstains below a confidence of {bound:.4}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_told_in_words() {
        let labels = ["bad".to_owned(), "good".to_owned()];
        let decision = |json: &str| serde_json::from_str::<Decision>(json).unwrap();
        let one = decision(
            r#"{"multi_label":false,"threshold":0.5,"positive":{"label":1,"threshold":0.75},
            "calibration":{"method":"temperature","temperature":1.5},"abstain_below":0.8}"#,
        );
        assert_eq!(rule(&one, &labels), "good from a probability of 0.7500 on, else bad");
        assert_eq!(lines(&one, &labels), ["calibration: temperature 1.5000", "abstains below a confidence of 0.8000"]);
        let many = decision(r#"{"multi_label":true,"threshold":0.5,"thresholds":[0.25,0.5]}"#);
        assert_eq!(lines(&many, &labels), ["thresholds: bad 0.2500, good 0.5000"]);
        assert!(lines(&decision(r#"{"multi_label":true,"threshold":0.5}"#), &labels).is_empty());
    }
}
