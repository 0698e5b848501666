//! The universal tags, and jieba's tags in terms of them.

use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// A part of speech, by the universal tags of Universal Dependencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Tag {
    /// Adjective.
    Adj,
    /// Adposition: prepositions, and the Chinese words of locality.
    Adp,
    /// Adverb.
    Adv,
    /// Auxiliary.
    Aux,
    /// Coordinating conjunction; Chinese conjunctions of every kind.
    Cconj,
    /// Determiner.
    Det,
    /// Interjection.
    Intj,
    /// Noun.
    Noun,
    /// Numeral.
    Num,
    /// Particle.
    Part,
    /// Pronoun.
    Pron,
    /// Proper noun.
    Propn,
    /// Punctuation mark.
    Punct,
    /// Subordinating conjunction.
    Sconj,
    /// Symbol.
    Sym,
    /// Verb.
    Verb,
    /// Anything else.
    X,
}

impl Tag {
    /// All tags, in the order of their names.
    pub const ALL: [Self; 17] = [
        Self::Adj,
        Self::Adp,
        Self::Adv,
        Self::Aux,
        Self::Cconj,
        Self::Det,
        Self::Intj,
        Self::Noun,
        Self::Num,
        Self::Part,
        Self::Pron,
        Self::Propn,
        Self::Punct,
        Self::Sconj,
        Self::Sym,
        Self::Verb,
        Self::X,
    ];

    /// The name that Universal Dependencies gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Adj => "ADJ",
            Self::Adp => "ADP",
            Self::Adv => "ADV",
            Self::Aux => "AUX",
            Self::Cconj => "CCONJ",
            Self::Det => "DET",
            Self::Intj => "INTJ",
            Self::Noun => "NOUN",
            Self::Num => "NUM",
            Self::Part => "PART",
            Self::Pron => "PRON",
            Self::Propn => "PROPN",
            Self::Punct => "PUNCT",
            Self::Sconj => "SCONJ",
            Self::Sym => "SYM",
            Self::Verb => "VERB",
            Self::X => "X",
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A row a tag: jieba's, the universal one, and what it means.
pub(super) const ICTCLAS: &str = include_str!("ictclas.tsv");

/// jieba's tags in ascending order, with the universal ones.
static OF_ICTCLAS: LazyLock<Vec<(&str, Tag)>> = LazyLock::new(|| {
    let row = |line: &'static str| {
        let mut fields = line.split('\t');
        let (ictclas, universal) = (fields.next()?, fields.next()?);
        Some((ictclas, Tag::ALL.into_iter().find(|tag| tag.name() == universal)?))
    };
    let mut rows: Vec<_> = ICTCLAS.lines().filter(|line| !line.starts_with('#')).filter_map(row).collect();
    rows.sort_unstable();
    rows
});

/// The universal tag for one of jieba's, or for one that a user's dictionary gives: that may be a universal tag too.
pub(super) fn of_ictclas(tag: &str) -> Tag {
    if let Some(universal) = Tag::ALL.into_iter().find(|universal| universal.name() == tag) {
        return universal;
    }
    let rows = &*OF_ICTCLAS;
    let is_longest = |len: &usize| rows.binary_search_by(|(name, _)| (*name).cmp(tag.get(..*len).unwrap_or(" ")));
    (1..=tag.len()).rev().find_map(|len| is_longest(&len).ok()).map_or(Tag::X, |i| rows[i].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_understood() {
        let n_rows = ICTCLAS.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(OF_ICTCLAS.len(), n_rows);
        assert!(OF_ICTCLAS.windows(2).all(|pair| pair[0].0 < pair[1].0), "a tag stands twice");
    }

    #[test]
    fn the_table_stands_in_the_documentation() {
        let page = include_str!("../../../../../docs/text.md");
        for row in ICTCLAS.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = row.split('\t').collect();
            let documented = format!("| `{}` | `{}` | {} |", fields[0], fields[1], fields[2]);
            assert!(page.contains(&documented), "docs/text.md lacks {documented}");
        }
    }

    #[test]
    fn tags_count_as_the_longest_row_that_they_begin_with() {
        for (tag, universal) in
            [("n", Tag::Noun), ("nr", Tag::Propn), ("nrfg", Tag::Propn), ("ng", Tag::Noun), ("uj", Tag::Part)]
        {
            assert_eq!(of_ictclas(tag), universal, "{tag}");
        }
        assert_eq!((of_ictclas("ADJ"), of_ictclas("奇"), of_ictclas("")), (Tag::Adj, Tag::X, Tag::X));
    }

    #[test]
    fn names_are_what_configurations_hold() {
        for tag in Tag::ALL {
            assert_eq!(serde_json::to_string(&tag).unwrap(), format!("\"{tag}\""));
        }
    }
}
