//! The words of a report, one data file a language.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The language of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Chinese, simplified.
    Zh,
}

impl std::str::FromStr for Language {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name.to_ascii_lowercase().as_str() {
            "en" => Ok(Self::En),
            "zh" | "zh-cn" => Ok(Self::Zh),
            _ => Err(Error::config("--lang", format!("there is no language {name:?}"), "choose en or zh")),
        }
    }
}

macro_rules! strings {
    ($($key:ident)*) => {
        /// Every text of a report. A file that lacks one, or has one too many, does not load.
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct Strings {
            $(pub $key: String,)*
        }
    };
}

strings! {
    lang title of_model on_data theme theme_auto theme_light theme_dark contents table
    summary accuracy subset_accuracy macro_f1 auc log_loss calibration_error interval verdict baseline undefined
    undefined_auc left_out_unknown left_out_unlabelled
    learning learning_note learning_none epoch loss training_loss validation_loss validation_accuracy best_epoch
    confusion confusion_note confusion_multi_note confusion_large truth predicted most_frequent_errors
    true_positives false_positives false_negatives
    labels labels_note label precision recall f1 support
    roc roc_note false_positive_rate true_positive_rate curves_none
    precision_recall precision_recall_note
    calibration calibration_note calibration_multi_note confidence share_right
    confidences confidences_note right wrong
    lengths lengths_note characters
    thresholds thresholds_one thresholds_micro threshold
    coverage coverage_note share_answered
    slices slices_note
    errors errors_note errors_none document truth_probability probability legend_for legend_against
    method_exact method_linearised method_leave_one_out skipped strongest explanations_title
    problems problems_note suspects_note suggested text number unknown_note slices_by_note slice language
    model family vocabulary trained_on fingerprint version configuration configuration_note
}

static EN: LazyLock<Option<Strings>> = LazyLock::new(|| toml::from_str(include_str!("strings/en.toml")).ok());
static ZH: LazyLock<Option<Strings>> = LazyLock::new(|| toml::from_str(include_str!("strings/zh.toml")).ok());

impl Language {
    /// The texts of this language.
    ///
    /// # Errors
    /// When the file that was built in is damaged, which the tests of this module rule out.
    pub(super) fn strings(self) -> Result<&'static Strings> {
        let strings = match self {
            Self::En => EN.as_ref(),
            Self::Zh => ZH.as_ref(),
        };
        strings.ok_or_else(|| Error::config("report", "its texts are damaged", "this is a bug, please report it"))
    }
}

/// Puts values in the place of `{name}`.
pub(super) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len() + 32);
    let mut rest = template;
    // In one pass, so that a value that looks like a place is left alone.
    while let Some(open) = rest.find('{') {
        let Some(close) = rest[open..].find('}') else { break };
        let name = &rest[open + 1..open + close];
        filled.push_str(&rest[..open]);
        match values.iter().find(|(key, _)| *key == name) {
            Some((_, value)) => filled.push_str(value),
            None => filled.push_str(&rest[open..=open + close]),
        }
        rest = &rest[open + close + 1..];
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_every_text_with_the_same_places() {
        let read = |file: &str| toml::from_str::<toml::Table>(file).unwrap();
        let (en, zh) = (read(include_str!("strings/en.toml")), read(include_str!("strings/zh.toml")));
        toml::from_str::<Strings>(include_str!("strings/en.toml")).unwrap();
        toml::from_str::<Strings>(include_str!("strings/zh.toml")).unwrap();
        let places = |text: &toml::Value| {
            let text = text.as_str().unwrap().to_owned();
            let mut places: Vec<String> =
                text.split('{').skip(1).map(|part| part.split('}').next().unwrap().to_owned()).collect();
            places.sort();
            places
        };
        for (key, text) in &en {
            assert_eq!(places(text), places(&zh[key]), "{key}");
            assert!(!text.as_str().unwrap().is_empty() && !zh[key].as_str().unwrap().is_empty(), "{key}");
        }
    }

    #[test]
    fn values_take_their_places_and_are_not_read_again() {
        assert_eq!(fill("{a} of {b}, {c}", &[("a", "{b}"), ("b", "2")]), "{b} of 2, {c}");
    }
}
