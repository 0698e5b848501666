//! What is measured, how, and what is to be reached.

/// How documents are divided into those to learn from and those to test on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Protocol {
    /// The parts of the data: train on the training part, with its validation part where there is one.
    Splits,
    /// Each of that many folds is the test part once; validation is held back from the others.
    Folds(usize),
    /// That share of the documents is the test part.
    Holdout(f64),
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Splits => f.write_str("its parts"),
            Self::Folds(k) => write!(f, "{k} folds"),
            Self::Holdout(share) => write!(f, "{:.0} % held out", 100.0 * share),
        }
    }
}

/// Which figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    /// The share of documents with the right label.
    Accuracy,
    /// The F1 of one label.
    F1(&'static str),
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Accuracy => f.write_str("accuracy"),
            Self::F1(label) => write!(f, "F1 of {label}"),
        }
    }
}

/// One figure to reach.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    /// What to call it.
    pub name: &'static str,
    /// Path in the folder of data sets.
    pub data: &'static str,
    /// Where a label ends, for labels with parts.
    pub label_until: Option<char>,
    /// The recipe to train by.
    pub recipe: &'static str,
    /// `key=value` settings over the recipe.
    pub settings: &'static [&'static str],
    /// Word vectors to start from: a path in the folder of data sets.
    pub embeddings: Option<&'static str>,
    /// How documents are divided.
    pub protocol: Protocol,
    /// Which figure counts.
    pub metric: Metric,
    /// What it should be at least.
    pub target: Option<f64>,
    /// How long training may take.
    pub max_seconds: Option<f64>,
}

/// What most cases have in common.
const PLAIN: Case = Case {
    name: "",
    data: "",
    label_until: None,
    recipe: "cnn",
    settings: &[],
    embeddings: None,
    protocol: Protocol::Splits,
    metric: Metric::Accuracy,
    target: None,
    max_seconds: None,
};

/// Kim's network. The settings over it were chosen on validation parts.
const KIM: Case = Case { recipe: "kim-2014", ..PLAIN };

/// The same on data without parts of its own.
const KIM_FOLDS: Case = Case { protocol: Protocol::Folds(10), ..KIM };

const SST2: &str = "sst/stsa.binary";

const GLOVE: &str = "glove/glove.6B.100d.top60k.txt.gz";

/// Fewer words to learn by heart.
const AVERAGED: &[&str] =
    &["model.word_dropout=0.3", "train.average={ kind = 'exponential', decay = 0.998, start_steps = 100 }"];

/// As Kim's own program, which leaves the capitals of questions alone.
const CASED: &[&str] = &["pipeline.clean.lowercase=false"];

/// Beside a linear model of n-grams.
const WIDE: &[&str] = &[AVERAGED[0], AVERAGED[1], "train.optimizer.lr=0.0005", "model.wide={ word_ngrams = 3 }"];

/// The case whose target another program sets on the same machine.
pub(in crate::bench) const THUCNEWS: &str = "thucnews";

/// All cases, in the order in which they run.
pub(super) const CASES: &[Case] = &[
    Case { name: "imdb-appendix-c", data: crate::bench::IMDB, recipe: "appendix-c", target: Some(0.890), ..PLAIN },
    Case { name: "imdb-cnn", data: crate::bench::IMDB, target: Some(0.908), max_seconds: Some(120.0), ..PLAIN },
    Case { name: "mr-rand", data: "mr", settings: AVERAGED, target: Some(0.761), ..KIM_FOLDS },
    Case { name: "mr-cnn", data: "mr", recipe: "cnn", target: Some(0.761), ..KIM_FOLDS },
    // Files with one beginning: stsa.binary.train, .dev and .test.
    Case { name: "sst2-rand", data: SST2, settings: AVERAGED, target: Some(0.827), ..KIM },
    Case { name: "sst2-cnn", data: SST2, target: Some(0.827), ..PLAIN },
    Case { name: "subj-rand", data: "subj", target: Some(0.896), ..KIM_FOLDS },
    Case { name: "subj-cnn", data: "subj", recipe: "cnn", target: Some(0.896), ..KIM_FOLDS },
    Case { name: "trec-rand", data: "trec", label_until: Some(':'), settings: CASED, target: Some(0.912), ..KIM },
    Case { name: "trec-cnn", data: "trec", label_until: Some(':'), settings: CASED, target: Some(0.912), ..PLAIN },
    Case { name: "mr-glove", data: "mr", settings: WIDE, embeddings: Some(GLOVE), target: Some(0.785), ..KIM_FOLDS },
    Case { name: THUCNEWS, data: "thucnews-titles", ..PLAIN },
    Case {
        name: "sms-spam",
        data: "sms-spam/SMSSpamCollection",
        protocol: Protocol::Holdout(0.2),
        metric: Metric::F1("spam"),
        target: Some(0.95),
        ..PLAIN
    },
];

#[cfg(test)]
mod tests {
    use fenlei::config::{PlanSource, load_plan};

    use super::*;

    #[test]
    fn every_case_has_a_name_of_its_own_and_a_plan_that_loads() {
        for (i, case) in CASES.iter().enumerate() {
            assert!(CASES[..i].iter().all(|other| other.name != case.name), "{}", case.name);
            let set = case.settings.iter().map(|setting| (*setting).to_owned()).collect();
            let source = PlanSource { recipe: Some(case.recipe.into()), set, ..PlanSource::default() };
            load_plan(&source).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        }
    }
}
