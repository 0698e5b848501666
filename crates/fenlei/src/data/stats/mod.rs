//! What documents are like: how many, how long, how balanced, how often repeated, in which language.

mod duplicates;
mod language;
mod length;

use std::fmt;

use serde::Serialize;

pub use duplicates::Duplicates;
pub use language::Share;
pub use length::Lengths;

use super::{Dataset, Split, Target, shortened};

/// A label and how many documents carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabelCount {
    /// The label.
    pub label: String,
    /// How many documents.
    pub count: u64,
}

impl LabelCount {
    pub(crate) fn of(dataset: &Dataset) -> Vec<Self> {
        let counts = dataset.label_counts();
        let counted = dataset.labels.iter().zip(counts);
        counted.map(|(label, count)| Self { label: label.clone(), count: count as u64 }).collect()
    }
}

/// What the documents of a data set are like.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// How many documents.
    pub documents: u64,
    /// How many documents carry each label.
    pub labels: Vec<LabelCount>,
    /// Whether a document may have several labels.
    pub multi_label: bool,
    /// How many documents have no label.
    pub unlabelled: u64,
    /// The mean number of labels of a labelled document.
    pub labels_per_document: f64,
    /// How often the most frequent label is found for once the least frequent; 0 without labels.
    pub imbalance: f64,
    /// The share of the most frequent label: the accuracy of always guessing it.
    pub majority: f64,
    /// Texts without anything but white space.
    pub empty: u64,
    /// Lengths in characters (Unicode scalar values).
    pub characters: Lengths,
    /// Lengths in words, where each Han character and each kana counts as one.
    pub words: Lengths,
    /// Repeated texts.
    pub duplicates: Duplicates,
    /// Shares of languages, on a sample of at most 1,000 documents; "unknown" where there is too little text.
    pub languages: Vec<Share>,
    /// Shares of scripts on the same sample.
    pub scripts: Vec<Share>,
}

/// Describes `dataset`; repeated texts are also looked for in `others`, the other parts of the same data.
pub fn stats(dataset: &Dataset, others: &[(Split, &Dataset)]) -> Stats {
    let labels = LabelCount::of(dataset);
    let unlabelled = dataset.targets.iter().filter(|target| **target == Target::Unlabelled).count();
    let labelled = dataset.len() - unlabelled;
    let carried: u64 = labels.iter().map(|label| label.count).sum();
    let most = labels.iter().map(|label| label.count).max().unwrap_or(0);
    let least = labels.iter().map(|label| label.count).filter(|&count| count > 0).min().unwrap_or(0);
    let ratio = |a: f64, b: f64| if b > 0.0 { a / b } else { 0.0 };
    let (characters, words) = length::measure(&dataset.texts);
    let (languages, scripts) = language::guess(&dataset.texts);
    Stats {
        documents: dataset.len() as u64,
        multi_label: dataset.multi_label,
        unlabelled: unlabelled as u64,
        labels_per_document: ratio(carried as f64, labelled as f64),
        imbalance: ratio(most as f64, least as f64),
        majority: ratio(most as f64, labelled as f64),
        empty: dataset.texts.iter().filter(|text| text.trim().is_empty()).count() as u64,
        characters,
        words,
        duplicates: duplicates::find(dataset, others),
        languages,
        scripts,
        labels,
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |count: u64| 100.0 * count as f64 / self.documents.max(1) as f64;
        writeln!(f, "documents     {:>9}", self.documents)?;
        writeln!(f, "  empty       {:>9}", self.empty)?;
        if self.unlabelled > 0 {
            writeln!(f, "  unlabelled  {:>9}", self.unlabelled)?;
        }
        let duplicates = &self.duplicates;
        writeln!(
            f,
            "  repeated    {:>9}  (also counted: {} with conflicting labels)",
            duplicates.repeated, duplicates.conflicting
        )?;
        for (split, count) in &duplicates.shared {
            writeln!(f, "  in {split:<10} {count:>7}  texts that stand in the {split} part as well")?;
        }
        writeln!(f)?;
        writeln!(f, "length            min      25%   median     mean      75%      95%      max")?;
        for (name, l) in [("characters", &self.characters), ("words", &self.words)] {
            writeln!(
                f,
                "{name:<12}{:>9}{:>9}{:>9}{:>9.1}{:>9}{:>9}{:>9}",
                l.min, l.quartile1, l.median, l.mean, l.quartile3, l.p95, l.max
            )?;
        }
        if !self.labels.is_empty() {
            writeln!(f, "\n{:<24}{:>9}{:>9}", "label", "documents", "share")?;
            for label in &self.labels {
                writeln!(f, "{:<24}{:>9}{:>8.1}%", shortened(&label.label, 23), label.count, percent(label.count))?;
            }
            writeln!(
                f,
                "always the most frequent label: {:.1} % right; most to least: {:.1}",
                100.0 * self.majority,
                self.imbalance
            )?;
            if self.multi_label {
                writeln!(f, "labels a document: {:.2}", self.labels_per_document)?;
            }
        }
        for (what, shares) in [("languages", &self.languages), ("scripts", &self.scripts)] {
            let shares: Vec<String> =
                shares.iter().take(6).map(|s| format!("{} {:.1} %", s.name, 100.0 * s.share)).collect();
            if !shares.is_empty() {
                write!(f, "\n{what:<12}{}", shares.join(", "))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describes_counts_balance_and_repeats() {
        let texts = ["a good film", "a  good film ", "bad", "", "bad"].map(str::to_owned).to_vec();
        let targets = [1, 0, 0, 1, 0].map(Target::One).to_vec();
        let data = Dataset::new(texts, targets, vec!["neg".into(), "pos".into()], false).unwrap();
        let test = data.subset(&[2]);
        let stats = stats(&data, &[(Split::Test, &test)]);
        assert_eq!((stats.documents, stats.empty, stats.unlabelled), (5, 1, 0));
        assert_eq!(stats.labels[0], LabelCount { label: "neg".into(), count: 3 });
        assert_eq!((stats.imbalance, stats.majority), (1.5, 0.6));
        assert_eq!((stats.duplicates.repeated, stats.duplicates.conflicting), (2, 2));
        assert_eq!(stats.duplicates.shared, [(Split::Test, 2)]);
        assert_eq!((stats.words.max, stats.characters.max), (3, 13));
        let text = stats.to_string();
        assert!(text.contains("60.0 % right") && text.contains("neg"), "{text}");
        assert_eq!(serde_json::to_value(&stats).unwrap()["words"]["max"], 3);
    }

    #[test]
    fn nothing_is_described_too() {
        let none = stats(&Dataset::default(), &[]);
        assert_eq!((none.documents, none.imbalance, none.words.max), (0, 0.0, 0));
        assert!(!none.to_string().contains("NaN"));
    }
}
