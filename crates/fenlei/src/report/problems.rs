//! What may be wrong with the documents of an evaluation: labels, words that the model does not know, slices.

use std::fmt::Write;

use serde::Serialize;

use super::data::ReportData;
use super::distributions::Outcomes;
use super::escape::escape;
use super::strings::{Strings, fill};
use super::tables::{count, percent, table};
use crate::Result;
use crate::audit::{Slice, SliceBy, UnknownWords, label_errors, slices, unknown_words};
use crate::classifier::Classifier;
use crate::data::Dataset;
use crate::eval::Comparison;

/// Documents whose words are counted and whose language is told, at most: more do not change a share, and take seconds.
const LOOKED_AT: usize = 5_000;

/// Suspected labels that are shown.
const SUSPECTS_SHOWN: usize = 10;

/// Slices of a kind that are shown, the worst first.
const SLICES_SHOWN: usize = 12;

/// Unknown words that are shown.
const WORDS_SHOWN: usize = 12;

/// Characters of a text in a table.
const TEXT_SHOWN: usize = 140;

/// What may be wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DataProblems {
    /// Documents whose labels are suspected to be wrong, by confident learning.
    pub n_suspects: usize,
    /// The surest of them. Of several labels a document none are listed.
    pub suspects: Vec<SuspectedLabel>,
    /// Words that the model does not know.
    pub unknown: UnknownWords,
    /// Documents whose words were counted and whose language was told: all, or an even choice of many.
    pub n_counted: usize,
    /// Slices by label and by language, where there are several.
    pub slices: Vec<Slice>,
}

/// A label that is likely wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SuspectedLabel {
    /// Which document, from 1, in the order of the data.
    pub document: usize,
    /// The label that it has.
    pub given: String,
    /// The label that it should rather have.
    pub suggested: String,
    /// The probability of the label that it has.
    pub score: f32,
    /// Its beginning.
    pub text: String,
}

/// A sentence, and the table behind it if it has rows.
pub(super) struct Said<'t> {
    pub words: String,
    pub headers: Vec<&'t str>,
    pub rows: Vec<Vec<String>>,
}

impl DataProblems {
    /// Looks at the documents that were compared.
    pub(super) fn new(
        classifier: &Classifier,
        documents: &Dataset,
        comparison: &Comparison,
        outcomes: &Outcomes,
    ) -> Result<Self> {
        let multi_label = classifier.decision().multi_label;
        let labels = classifier.labels();
        let found = match outcomes.len() {
            0 => Vec::new(),
            _ => label_errors(comparison.targets(), comparison.probabilities(), labels.len(), multi_label)?.suspects,
        };
        let shown = found.iter().filter_map(|suspect| {
            let document = *comparison.documents().get(suspect.document)?;
            let text = &documents.texts[document];
            let mut excerpt: String = text.chars().take(TEXT_SHOWN).collect();
            if excerpt.len() < text.len() {
                excerpt.push('…');
            }
            Some(SuspectedLabel {
                document: document + 1,
                given: labels.get(suspect.given? as usize)?.clone(),
                suggested: labels.get(suspect.suggested? as usize)?.clone(),
                score: suspect.score,
                text: excerpt,
            })
        });
        let suspects = shown.take(SUSPECTS_SHOWN).collect();

        let compared = documents.subset(comparison.documents());
        let step = compared.len().div_ceil(LOOKED_AT).max(1);
        let places: Vec<usize> = (0..compared.len()).step_by(step).collect();
        let some = compared.subset(&places);
        let right_of_some: Vec<bool> = places.iter().map(|&i| outcomes.right()[i]).collect();
        let kinds =
            [(&compared, outcomes.right(), SliceBy::Label), (&some, right_of_some.as_slice(), SliceBy::Language)];
        let mut all_slices = Vec::new();
        for (documents, right, by) in kinds {
            let mut of_kind = slices(documents, right, by);
            if of_kind.len() > 1 {
                of_kind.sort_by(|a, b| a.accuracy.total_cmp(&b.accuracy).then_with(|| a.name.cmp(&b.name)));
                all_slices.extend(of_kind.into_iter().take(SLICES_SHOWN));
            }
        }
        Ok(Self {
            n_suspects: found.len(),
            suspects,
            unknown: unknown_words(classifier.pipeline(), &some.texts)?,
            n_counted: some.len(),
            slices: all_slices,
        })
    }

    /// What there is to say, in the order of the page.
    pub(super) fn said<'t>(&self, t: &'t Strings) -> Vec<Said<'t>> {
        let mut said = Vec::new();
        let suspects: Vec<Vec<String>> = self
            .suspects
            .iter()
            .map(|s| {
                let score = format!("{:.4}", s.score);
                vec![count(s.document), s.given.clone(), s.suggested.clone(), score, s.text.clone()]
            })
            .collect();
        let headers = vec![t.number.as_str(), &t.label, &t.suggested, &t.probability, &t.text];
        let words = fill(&t.suspects_note, &[("n", &count(self.n_suspects))]);
        said.push(Said { words, headers, rows: suspects });
        let words: Vec<String> =
            self.unknown.frequent.iter().take(WORDS_SHOWN).map(|(word, n)| format!("{word} ({n})")).collect();
        let values = [
            ("share", percent(self.unknown.share)),
            ("mostly", percent(self.unknown.mostly_unknown)),
            ("n", count(self.n_counted)),
            ("words", words.join(", ")),
        ];
        let values = values.each_ref().map(|(key, value)| (*key, value.as_str()));
        said.push(Said { words: fill(&t.unknown_note, &values), headers: Vec::new(), rows: Vec::new() });
        if !self.slices.is_empty() {
            let rows = self.slices.iter().map(|slice| {
                let by = if slice.by == "label" { &t.label } else { &t.language };
                let (low, high) = slice.interval;
                let interval = format!("{} – {}", percent(low), percent(high));
                vec![format!("{by}: {}", slice.name), count(slice.n_docs as usize), percent(slice.accuracy), interval]
            });
            let headers = vec![t.slice.as_str(), &t.support, &t.accuracy, "95 %"];
            said.push(Said { words: t.slices_by_note.clone(), headers, rows: rows.collect() });
        }
        said
    }
}

impl ReportData {
    /// The section as HTML.
    pub(super) fn problems_section(&self, t: &Strings) -> String {
        let mut out = String::new();
        for Said { words, headers, rows } in self.problems.said(t) {
            let _ = write!(out, "<p class=\"note\">{}</p>", escape(&words));
            if !rows.is_empty() {
                let _ = write!(out, "<div class=\"words\">{}</div>", table(&headers, &rows));
            }
        }
        out
    }
}
