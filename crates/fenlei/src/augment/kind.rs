//! The kinds of change.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// A kind of change to a document. The order is that in which they are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A word becomes another word of the same meaning.
    Synonym,
    /// A word of the same meaning as one of the document's is put in anywhere.
    Insert,
    /// Two words change places.
    Swap,
    /// A word is left out.
    Delete,
    /// A Chinese character becomes another one that sounds the same.
    SameSound,
    /// A character becomes another one that looks much the same.
    LookAlike,
    /// A letter becomes its neighbour on the keyboard.
    Keyboard,
    /// A character of a word is left out.
    Drop,
    /// A character of a word stands twice.
    Double,
    /// Two neighbouring characters of a word change places.
    Transpose,
    /// A punctuation mark is put in behind a word.
    Punctuation,
    /// A word becomes the unknown token.
    Fill,
}

impl Kind {
    /// Every kind, in the order in which they are made.
    pub const ALL: [Self; 12] = [
        Self::Synonym,
        Self::Insert,
        Self::Swap,
        Self::Delete,
        Self::SameSound,
        Self::LookAlike,
        Self::Keyboard,
        Self::Drop,
        Self::Double,
        Self::Transpose,
        Self::Punctuation,
        Self::Fill,
    ];

    /// The key of a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Synonym => "synonym",
            Self::Insert => "insert",
            Self::Swap => "swap",
            Self::Delete => "delete",
            Self::SameSound => "same_sound",
            Self::LookAlike => "look_alike",
            Self::Keyboard => "keyboard",
            Self::Drop => "drop",
            Self::Double => "double",
            Self::Transpose => "transpose",
            Self::Punctuation => "punctuation",
            Self::Fill => "fill",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let wanted = name.trim().replace('-', "_");
        if let Some(kind) = Self::ALL.into_iter().find(|kind| kind.name() == wanted) {
            return Ok(kind);
        }
        let distance = |kind: &Self| strsim::damerau_levenshtein(kind.name(), &wanted.to_lowercase());
        let nearest = Self::ALL.into_iter().min_by_key(distance).map_or("", Self::name);
        let problem = format!("found {name:?}, expected one of {}", Self::ALL.map(Self::name).join(", "));
        Err(Error::config("kind of change", problem, format!("did you mean {nearest:?}?")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_kind_is_told_the_nearest_one() {
        assert_eq!("look-alike".parse::<Kind>().unwrap(), Kind::LookAlike);
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse::<Kind>().unwrap(), kind);
        }
        let error = "synonim".parse::<Kind>().unwrap_err();
        assert!(error.is_wrong_use() && error.to_string().contains("did you mean \"synonym\"?"), "{error}");
    }
}
