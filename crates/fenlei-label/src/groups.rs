//! Documents that are nearly the same.

use fenlei::data::near_duplicates;

/// From which Jaccard similarity on documents are near-duplicates, as `fenlei data check` has it.
pub(crate) const SIMILARITY: f64 = 0.8;

/// Which documents belong together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Groups {
    /// The first document of each one's group, `[n_docs]`; empty while that is not known.
    first: Vec<u32>,
    /// The members of groups of several, by their first document, ascending.
    members: std::collections::BTreeMap<u32, Vec<u32>>,
}

impl Groups {
    pub fn find(texts: &[String]) -> Self {
        Self::of_pairs(texts.len(), &near_duplicates(texts, SIMILARITY))
    }

    /// `pairs`: a document and an earlier one that it is like, which is like no earlier one itself.
    fn of_pairs(n_docs: usize, pairs: &[(usize, usize)]) -> Self {
        let mut groups = Self { first: (0..n_docs as u32).collect(), ..Self::default() };
        for &(document, earlier) in pairs {
            let first = groups.first[earlier];
            groups.first[document] = first;
            groups.members.entry(first).or_insert_with(|| vec![first]).push(document as u32);
        }
        groups
    }

    /// All documents of a document's group, itself too; empty where it stands alone.
    pub fn of(&self, place: usize) -> &[u32] {
        self.first.get(place).and_then(|first| self.members.get(first)).map_or(&[], Vec::as_slice)
    }

    /// A name of the group, the same for all of its documents.
    pub fn name(&self, place: usize) -> usize {
        self.first.get(place).map_or(place, |&first| first as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_duplicates_come_together() {
        let base = "the quick brown fox jumps over the lazy dog and runs far away into the deep dark woods tonight";
        let texts = [
            base.to_owned(),
            "something else entirely, nothing like it".to_owned(),
            format!("{base}!"),
            base.to_owned(),
        ];
        let groups = Groups::find(&texts);
        assert_eq!(groups.of(3), [0, 2, 3]);
        assert_eq!((groups.of(1), groups.name(2)), (&[][..], 0));
        assert_eq!((Groups::default().of(7), Groups::default().name(7)), (&[][..], 7));
    }
}
