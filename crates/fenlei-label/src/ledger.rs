//! What holds at the moment: the decisions of all annotators, by document.

use std::collections::{BTreeMap, HashMap};

use crate::documents::{Answer, Documents};
use crate::store::{Decision, Kind};

/// Decisions about a document, the oldest first.
type OfItem = Vec<Decision>;

/// All decisions that hold. Those about documents that are not in the file are left out.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    places: HashMap<String, usize>,
    by_item: BTreeMap<usize, OfItem>,
}

/// What is decided about a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing, or all have skipped it.
    Open,
    /// All say the same, or somebody had the last word.
    Agreed(Vec<String>),
    /// They differ; the labels of more than half of them, where there are such.
    Conflict(Option<Vec<String>>),
}

impl Ledger {
    pub fn new(documents: &Documents, decisions: Vec<Decision>) -> Self {
        let places = documents.items.iter().enumerate().map(|(place, item)| (item.key.clone(), place)).collect();
        let mut ledger = Self { places, by_item: BTreeMap::new() };
        decisions.into_iter().for_each(|decision| ledger.add(decision));
        ledger
    }

    /// The place of a document in the file.
    pub fn place(&self, key: &str) -> Option<usize> {
        self.places.get(key).copied()
    }

    pub fn add(&mut self, decision: Decision) {
        let Some(place) = self.place(&decision.item) else { return };
        self.by_item.entry(place).or_default().push(decision);
    }

    /// Takes a decision back.
    pub fn remove(&mut self, decision: &Decision) {
        let Some(place) = self.place(&decision.item) else { return };
        if let Some(of_item) = self.by_item.get_mut(&place) {
            of_item.retain(|own| own.ticket != decision.ticket);
            if of_item.is_empty() {
                self.by_item.remove(&place);
            }
        }
    }

    /// What an annotator said last about a document.
    pub fn by(&self, place: usize, annotator: &str) -> Option<&Decision> {
        self.by_item.get(&place)?.iter().rev().find(|own| own.annotator == annotator && own.kind != Kind::Review)
    }

    /// What each annotator said last about a document, by name; without those who skipped it.
    pub fn said(&self, place: usize) -> BTreeMap<&str, &Decision> {
        let of_item = self.by_item.get(&place).into_iter().flatten();
        let mut said: BTreeMap<&str, &Decision> = BTreeMap::new();
        for decision in of_item.filter(|own| own.kind != Kind::Review) {
            said.insert(&decision.annotator, decision);
        }
        said.retain(|_, decision| decision.kind == Kind::Label);
        said
    }

    /// The last word about a document.
    pub fn review(&self, place: usize) -> Option<&Decision> {
        self.by_item.get(&place)?.iter().rev().find(|own| own.kind == Kind::Review)
    }

    pub fn state(&self, place: usize) -> State {
        if let Some(review) = self.review(place) {
            return State::Agreed(review.labels.clone());
        }
        let said = self.said(place);
        let mut votes: BTreeMap<&[String], usize> = BTreeMap::new();
        said.values().for_each(|decision| *votes.entry(&decision.labels).or_default() += 1);
        match votes.len() {
            0 => State::Open,
            1 => State::Agreed(votes.into_keys().next().unwrap_or_default().to_vec()),
            _ => {
                let most = votes.into_iter().find(|(_, n)| 2 * n > said.len());
                State::Conflict(most.map(|(labels, _)| labels.to_vec()))
            }
        }
    }

    /// Documents about which something was decided.
    pub fn places(&self) -> impl Iterator<Item = usize> {
        self.by_item.keys().copied()
    }

    /// The names of all who decided something.
    pub fn annotators(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.by_item.values().flatten().map(|decision| decision.annotator.clone()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// What each document is answered with, `[n_docs]`.
    pub fn answers(&self, n_docs: usize) -> Vec<Option<Answer>> {
        let answer = |place| {
            let labels = match self.state(place) {
                State::Open => return None,
                State::Agreed(labels) => Some(labels),
                State::Conflict(labels) => labels,
            };
            let said = self.said(place).into_iter();
            Some(Answer { labels, annotators: said.map(|(who, own)| (who.to_owned(), own.labels.clone())).collect() })
        };
        (0..n_docs).map(answer).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::documents::ReadAs;

    fn says(who: &str, place: usize, kind: Kind, label: &str) -> Decision {
        let documents = documents();
        Decision {
            ticket: format!("{who}{place}{label}"),
            annotator: who.to_owned(),
            kind,
            item: documents.items[place].key.clone(),
            labels: if label.is_empty() { vec![] } else { vec![label.to_owned()] },
            why: String::new(),
            seconds: 0.0,
        }
    }

    fn documents() -> Documents {
        Documents::of_bytes(Path::new("a.txt"), b"one\ntwo\nthree\n", &ReadAs::default()).unwrap()
    }

    fn labels(label: &str) -> Vec<String> {
        vec![label.to_owned()]
    }

    #[test]
    fn the_last_word_of_each_counts_and_a_review_ends_a_conflict() {
        let mut ledger = Ledger::new(&documents(), vec![says("ann", 0, Kind::Label, "x")]);
        assert_eq!(ledger.state(0), State::Agreed(labels("x")));
        ledger.add(says("bob", 0, Kind::Label, "y"));
        assert_eq!(ledger.state(0), State::Conflict(None));
        ledger.add(says("cy", 0, Kind::Label, "y"));
        assert_eq!(ledger.state(0), State::Conflict(Some(labels("y"))));
        ledger.add(says("ann", 0, Kind::Label, "y"));
        assert_eq!(ledger.state(0), State::Agreed(labels("y")));
        ledger.add(says("dan", 0, Kind::Label, "z"));
        let review = says("ann", 0, Kind::Review, "z");
        ledger.add(review.clone());
        assert_eq!(ledger.state(0), State::Agreed(labels("z")));
        assert_eq!(ledger.by(0, "ann").unwrap().labels, labels("y"));
        ledger.remove(&review);
        assert_eq!(ledger.state(0), State::Conflict(Some(labels("y"))));
        assert_eq!(ledger.annotators(), ["ann", "bob", "cy", "dan"]);
    }

    #[test]
    fn who_skips_a_document_says_nothing_about_it() {
        let ledger = Ledger::new(&documents(), vec![says("ann", 1, Kind::Label, "x"), says("ann", 1, Kind::Skip, "")]);
        assert_eq!(ledger.state(1), State::Open);
        assert_eq!(ledger.by(1, "ann").unwrap().kind, Kind::Skip);
        assert_eq!(ledger.answers(3), [None, None, None]);
        // About a document that is gone.
        let gone = Decision { item: "no such key".to_owned(), ..says("ann", 0, Kind::Label, "x") };
        assert_eq!(Ledger::new(&documents(), vec![gone]).places().count(), 0);
    }

    #[test]
    fn answers_tell_what_everybody_said() {
        let decisions = vec![says("bob", 2, Kind::Label, "x"), says("ann", 2, Kind::Label, "y")];
        let answers = Ledger::new(&documents(), decisions).answers(3);
        let annotators = vec![("ann".to_owned(), labels("y")), ("bob".to_owned(), labels("x"))];
        assert_eq!(answers[2], Some(Answer { labels: None, annotators }));
    }
}
