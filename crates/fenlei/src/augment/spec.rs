//! What to change: the `[train.augment]` table of a configuration.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::{Error, Result};

/// How training documents are changed. Each rate is a share of a document's words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentSpec {
    /// The share of the documents that a net sees changed in an epoch; the others are seen as they are. Default: 1.
    pub documents: f64,
    /// How many changed copies of each document are added where weights are solved for, as there are no epochs.
    /// Default: 4.
    pub copies: u32,
    /// Words that become another word of the same meaning. Default of this and all rates: 0.
    pub synonym: f64,
    /// Words of the same meaning as one of the document's that are put in.
    pub insert: f64,
    /// Words that change places with another.
    pub swap: f64,
    /// Words that are left out.
    pub delete: f64,
    /// Words of which one Chinese character becomes another that sounds the same.
    pub same_sound: f64,
    /// Words of which one character becomes another that looks much the same.
    pub look_alike: f64,
    /// Words of which one letter becomes its neighbour on the keyboard.
    pub keyboard: f64,
    /// Words that lose a character.
    pub drop: f64,
    /// Words of which one character stands twice.
    pub double: f64,
    /// Words of which two neighbouring characters change places.
    pub transpose: f64,
    /// Words that get a punctuation mark behind them.
    pub punctuation: f64,
    /// Words that become the unknown token.
    pub fill: f64,
    /// The folder of the files of WordNet. Default: where they usually are, if no other synonyms are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wordnet: Option<PathBuf>,
    /// A file of Chinese synonyms in the format of 词林. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cilin: Option<PathBuf>,
    /// A file of synonyms of your own: a group a line, words separated by tabs or commas. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synonyms: Option<PathBuf>,
    /// Words that are never changed. Default: none.
    pub protect: Vec<String>,
    /// A file of such words, one a line. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protect_file: Option<PathBuf>,
}

impl Default for AugmentSpec {
    fn default() -> Self {
        Self {
            documents: 1.0,
            copies: 4,
            synonym: 0.0,
            insert: 0.0,
            swap: 0.0,
            delete: 0.0,
            same_sound: 0.0,
            look_alike: 0.0,
            keyboard: 0.0,
            drop: 0.0,
            double: 0.0,
            transpose: 0.0,
            punctuation: 0.0,
            fill: 0.0,
            wordnet: None,
            cilin: None,
            synonyms: None,
            protect: Vec::new(),
            protect_file: None,
        }
    }
}

/// More copies than any memory has room for.
const MAX_COPIES: u32 = 1000;

impl AugmentSpec {
    /// The rate of a kind of change.
    pub fn rate(&self, kind: Kind) -> f64 {
        match kind {
            Kind::Synonym => self.synonym,
            Kind::Insert => self.insert,
            Kind::Swap => self.swap,
            Kind::Delete => self.delete,
            Kind::SameSound => self.same_sound,
            Kind::LookAlike => self.look_alike,
            Kind::Keyboard => self.keyboard,
            Kind::Drop => self.drop,
            Kind::Double => self.double,
            Kind::Transpose => self.transpose,
            Kind::Punctuation => self.punctuation,
            Kind::Fill => self.fill,
        }
    }

    /// The place of the rate of a kind of change.
    pub fn rate_mut(&mut self, kind: Kind) -> &mut f64 {
        match kind {
            Kind::Synonym => &mut self.synonym,
            Kind::Insert => &mut self.insert,
            Kind::Swap => &mut self.swap,
            Kind::Delete => &mut self.delete,
            Kind::SameSound => &mut self.same_sound,
            Kind::LookAlike => &mut self.look_alike,
            Kind::Keyboard => &mut self.keyboard,
            Kind::Drop => &mut self.drop,
            Kind::Double => &mut self.double,
            Kind::Transpose => &mut self.transpose,
            Kind::Punctuation => &mut self.punctuation,
            Kind::Fill => &mut self.fill,
        }
    }

    /// Checks the values. `place` is where they stand, such as `train.augment`.
    ///
    /// # Errors
    /// [`Error::Config`] for rates outside of 0 to 1, and where every rate is 0.
    pub fn check(&self, place: &str) -> Result<()> {
        let shares = Kind::ALL.map(|kind| (kind.name(), self.rate(kind)));
        for (name, share) in shares.into_iter().chain([("documents", self.documents)]) {
            if !(0.0..=1.0).contains(&share) {
                let problem = format!("{share} is not a share, expected a number from 0 to 1");
                return Err(Error::config(format!("{place}.{name}"), problem, "0.1 changes a tenth of the words"));
            }
        }
        if self.copies == 0 || self.copies > MAX_COPIES {
            let problem = format!("{} copies of each document, expected 1 to {MAX_COPIES}", self.copies);
            return Err(Error::config(format!("{place}.copies"), problem, "4 is a good start"));
        }
        if shares.iter().all(|(_, share)| *share == 0.0) {
            let help = format!("give a rate, as delete = 0.1; kinds are {}", Kind::ALL.map(Kind::name).join(", "));
            return Err(Error::config(place, "every rate is 0, so nothing would change", help));
        }
        Ok(())
    }

    /// Whether some kind of change needs synonyms.
    pub(super) fn needs_synonyms(&self) -> bool {
        self.synonym > 0.0 || self.insert > 0.0
    }
}

impl fmt::Display for AugmentSpec {
    /// One line for people: the kinds and their rates.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rates = Kind::ALL.into_iter().filter(|&kind| self.rate(kind) > 0.0);
        let rates: Vec<String> = rates.map(|kind| format!("{kind} {}", self.rate(kind))).collect();
        if rates.is_empty() { f.write_str("nothing") } else { f.write_str(&rates.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_refused_with_their_place() {
        for (toml, place) in [
            ("delete = 1.5", "train.augment.delete"),
            ("swap = -0.1", "train.augment.swap"),
            ("fill = nan", "train.augment.fill"),
            ("delete = 0.1\ndocuments = 2.0", "train.augment.documents"),
            ("delete = 0.1\ncopies = 0", "train.augment.copies"),
            ("copies = 2", "train.augment: every rate is 0"),
        ] {
            let error = toml::from_str::<AugmentSpec>(toml).unwrap().check("train.augment").unwrap_err().to_string();
            assert!(error.starts_with(place) && error.contains("help: "), "{toml}: {error}");
        }
        assert!(toml::from_str::<AugmentSpec>("delte = 0.1").is_err());
    }

    #[test]
    fn every_kind_has_its_own_rate_and_stands_in_the_line_for_people() {
        let mut spec = AugmentSpec::default();
        for (i, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(spec.rate(kind), 0.0);
            *spec.rate_mut(kind) = i as f64 / 100.0;
        }
        for (i, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(spec.rate(kind), i as f64 / 100.0, "{kind}");
        }
        let spec = AugmentSpec { delete: 0.1, same_sound: 0.05, ..AugmentSpec::default() };
        assert_eq!(
            (spec.to_string(), AugmentSpec::default().to_string()),
            ("delete 0.1, same_sound 0.05".into(), "nothing".into())
        );
        let toml = toml::to_string(&spec).unwrap();
        assert_eq!(toml::from_str::<AugmentSpec>(&toml).unwrap(), spec);
    }
}
