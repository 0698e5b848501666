//! Which features a document has, as a configuration says it: `[model.features]`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::df_limit::DfLimit;
use crate::{Error, Result};

/// The longest n-gram of tokens or characters.
const LONGEST_NGRAM: usize = 16;

/// A bag of n-grams: which are counted, and how a count becomes a number.
///
/// With the tokens of the pipeline joined by spaces, the numbers are those of scikit-learn's `CountVectorizer` and
/// `TfidfVectorizer`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeaturesSpec {
    /// Runs of one token up to this many are features; 0 leaves tokens out. An unknown token ends a run. Default: 2.
    pub word_ngrams: usize,
    /// Runs of characters from the first length to the second are features. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub char_ngrams: Option<[usize; 2]>,
    /// Where runs of characters may stand. Default: `words`.
    pub char_scope: CharScope,
    /// What a count becomes. Default: `sublinear`.
    pub tf: Tf,
    /// How much rare features count. Default: `smooth`.
    pub idf: Idf,
    /// What is made 1 for every document. Default: `l2`.
    pub norm: Norm,
    /// Features of fewer documents of the training part are left out: a number, or a share (with a decimal point).
    /// Default: 2.
    pub min_df: DfLimit,
    /// Features of more documents are left out. Default: 1.0, none.
    pub max_df: DfLimit,
    /// The most features; those that stand most often are kept. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_features: Option<usize>,
    /// Puts every feature into one of so many columns by its hash, without keeping a list of them: memory no longer
    /// grows with the documents, and nothing tells what a column stands for. Default: none, features are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_columns: Option<usize>,
    /// Keeps the features that tell most about the labels. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select: Option<SelectSpec>,
}

impl Default for FeaturesSpec {
    fn default() -> Self {
        Self {
            word_ngrams: 2,
            char_ngrams: None,
            char_scope: CharScope::Words,
            tf: Tf::Sublinear,
            idf: Idf::Smooth,
            norm: Norm::L2,
            min_df: DfLimit::Documents(2),
            max_df: DfLimit::Share(1.0),
            max_features: None,
            hash_columns: None,
            select: None,
        }
    }
}

/// Where runs of characters may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CharScope {
    /// Within a token, with a space on both sides of it; a token that is too short counts once, whole.
    #[default]
    Words,
    /// Anywhere in the tokens joined by spaces, none of them beside a Chinese character.
    Text,
}

/// What a count becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tf {
    /// 1, however often.
    Binary,
    /// The count itself.
    Count,
    /// `1 + ln(count)`.
    #[default]
    Sublinear,
}

/// How much rare features count; `n` documents, of which `df` have the feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Idf {
    /// As much as others.
    None,
    /// `ln(n / df) + 1`.
    Plain,
    /// `ln((1 + n) / (1 + df)) + 1`, as if one more document had every feature.
    #[default]
    Smooth,
}

/// What is made 1 for every document that has a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// Nothing.
    None,
    /// The sum of the numbers.
    L1,
    /// The sum of their squares.
    #[default]
    L2,
}

/// Which features to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelectSpec {
    /// By what.
    pub by: SelectBy,
    /// How many.
    pub keep: usize,
}

/// What tells how much a feature says about the labels. Several labels a document: the label it says most about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SelectBy {
    /// The chi-squared statistic of the counts.
    Chi2,
    /// The mutual information of the feature's presence and the label.
    MutualInformation,
}

impl FeaturesSpec {
    /// Checks the values and what does not go together.
    ///
    /// # Errors
    /// [`Error::Config`] with the dotted key.
    pub fn check(&self) -> Result<()> {
        let wrong =
            |key: &str, problem: String, help: &str| Err(Error::config(format!("model.features.{key}"), problem, help));
        if self.word_ngrams == 0 && self.char_ngrams.is_none() {
            let help = "set word_ngrams = 1 for single tokens, or char_ngrams = [2, 5]";
            return wrong("word_ngrams", "0 and no char_ngrams leave no features".to_owned(), help);
        }
        if self.word_ngrams > LONGEST_NGRAM {
            let problem = format!("found {}, expected at most {LONGEST_NGRAM}", self.word_ngrams);
            return wrong("word_ngrams", problem, "2 or 3 is usual");
        }
        if let Some([shortest, longest]) = self.char_ngrams
            && !(1 <= shortest && shortest <= longest && longest <= LONGEST_NGRAM)
        {
            let problem =
                format!("found [{shortest}, {longest}], expected a shortest and a longest from 1 to {LONGEST_NGRAM}");
            return wrong("char_ngrams", problem, "[2, 5] is usual");
        }
        for (key, limit) in [("min_df", self.min_df), ("max_df", self.max_df)] {
            if let DfLimit::Share(share) = limit
                && !(0.0..=1.0).contains(&share)
            {
                let problem = format!("{share} is not a share, expected 0.0 to 1.0");
                return wrong(key, problem, "leave the decimal point out for a number of documents");
            }
        }
        let few = |n: &usize| *n == 0 || u32::try_from(*n).is_err();
        if let Some(n) = self.max_features.filter(few) {
            return wrong(
                "max_features",
                format!("found {n}, expected 1 to {}", u32::MAX),
                "leave it out for no limit",
            );
        }
        if let Some(n) = self.hash_columns.filter(few) {
            return wrong("hash_columns", format!("found {n}, expected 1 to {}", u32::MAX), "1048576 is usual");
        }
        if let Some(n) = self.select.map(|select| select.keep).filter(few) {
            return wrong("select.keep", format!("found {n}, expected 1 to {}", u32::MAX), "leave select out for all");
        }
        if self.hash_columns.is_some() {
            let listed = [
                ("max_features", self.max_features.is_some()),
                ("select", self.select.is_some()),
                ("min_df", !matches!(self.min_df, DfLimit::Documents(0 | 1))),
                ("max_df", self.max_df != DfLimit::Share(1.0)),
            ];
            if let Some((key, _)) = listed.into_iter().find(|(_, used)| *used) {
                let problem = "hash_columns keeps no list of features of which some could be left out".to_owned();
                return wrong(key, problem, "leave hash_columns out, or set min_df = 1 and leave out the other limits");
            }
        }
        Ok(())
    }
}

impl fmt::Display for FeaturesSpec {
    /// One line for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |value: &dyn fmt::Debug| format!("{value:?}").to_lowercase();
        let mut parts = Vec::new();
        match self.word_ngrams {
            0 => {}
            1 => parts.push("tokens".to_owned()),
            n => parts.push(format!("runs of 1 to {n} tokens")),
        }
        if let Some([shortest, longest]) = self.char_ngrams {
            let scope = if self.char_scope == CharScope::Words { "within tokens" } else { "over the text" };
            parts.push(format!("runs of {shortest} to {longest} characters {scope}"));
        }
        write!(f, "{}", parts.join(" and "))?;
        write!(f, ": tf {}, idf {}, norm {}", word(&self.tf), word(&self.idf), word(&self.norm))?;
        if let Some(n) = self.hash_columns {
            write!(f, ", hashed to {n} columns")?;
        }
        if let Some(select) = self.select {
            let by = if select.by == SelectBy::Chi2 { "chi-squared" } else { "mutual information" };
            write!(f, ", the best {} by {by}", select.keep)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_with_its_key() {
        for (toml, place) in [
            ("word_ngrams = 0", "word_ngrams"),
            ("word_ngrams = 99", "word_ngrams"),
            ("char_ngrams = [3, 2]", "char_ngrams"),
            ("char_ngrams = [0, 2]", "char_ngrams"),
            ("min_df = 1.5", "min_df"),
            ("max_df = nan", "max_df"),
            ("max_features = 0", "max_features"),
            ("hash_columns = 0", "hash_columns"),
            ("select = { by = 'chi2', keep = 0 }", "select.keep"),
            ("hash_columns = 64", "min_df"),
            ("hash_columns = 64\nmin_df = 1\nmax_features = 3", "max_features"),
        ] {
            let error = toml::from_str::<FeaturesSpec>(toml).unwrap().check().unwrap_err().to_string();
            assert!(error.starts_with(&format!("model.features.{place}: ")) && error.contains("help: "), "{error}");
        }
        FeaturesSpec::default().check().unwrap();
    }
}
