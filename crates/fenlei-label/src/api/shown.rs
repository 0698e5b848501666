//! A document as the page gets it.

use serde::Serialize;

use crate::desk::{Desk, Inner, View};
use crate::order::Why;

/// Characters that are sent at first; the rest comes when it is asked for.
const SHOWN: usize = 20_000;
/// Probabilities that are shown.
const SCORES: usize = 40;

#[derive(Debug, Serialize)]
pub(super) struct Shown {
    place: usize,
    key: String,
    text: String,
    /// Whether there is more of it.
    cut: bool,
    n_chars: usize,
    why: &'static str,
    suggestion: Option<Suggestion>,
    /// Labels that a model finds probable, best first.
    scores: Vec<(String, f32)>,
    /// What the annotator said before, or the file.
    now: Option<Vec<String>>,
    /// Other documents that are nearly the same.
    n_similar: usize,
}

#[derive(Debug, Serialize)]
struct Suggestion {
    labels: Vec<String>,
    /// Where it comes from: `model`, `similar`, `suspect`.
    from: &'static str,
}

impl Shown {
    pub fn of(desk: &Desk, inner: &Inner, view: &View, annotator: &str, place: usize, why: Why) -> Self {
        let text = &desk.documents.texts[place];
        let n_chars = text.chars().count();
        let end = text.char_indices().nth(SHOWN).map_or(text.len(), |(end, _)| end);
        let item = &desk.documents.items[place];
        let own = inner.ledger.by(place, annotator).map(|own| own.labels.clone());
        let now = own.or_else(|| inner.ledger.said(place).values().last().map(|said| said.labels.clone()));
        let group = view.groups.of(place);
        Self {
            place,
            key: item.key.clone(),
            text: text[..end].to_owned(),
            cut: end < text.len(),
            n_chars,
            why: why.name(),
            suggestion: suggestion(desk, inner, view, place, why),
            scores: scores(inner, view, place),
            // Others' labels stay unseen where several opinions are wanted.
            now: if matches!(why, Why::Suspect | Why::Search) { now.or_else(|| item.given.clone()) } else { None },
            n_similar: group.len().saturating_sub(1),
        }
    }
}

fn suggestion(desk: &Desk, inner: &Inner, view: &View, place: usize, why: Why) -> Option<Suggestion> {
    let known = |labels: Vec<String>| labels.iter().all(|label| inner.labels.contains(label)).then_some(labels);
    if why == Why::Suspect {
        let suspect = view.suspects.iter().find(|suspect| suspect.place == place)?;
        return known(suspect.suggested.clone()).map(|labels| Suggestion { labels, from: "suspect" });
    }
    if let Some(labels) = inner.label_of_any(view.groups.of(place), place).and_then(known) {
        return Some(Suggestion { labels, from: "similar" });
    }
    let (row, decision) = view.suggestions.row(place).zip(view.suggestions.decision.as_ref())?;
    let decided = decision.decide(row);
    if decided.abstained || (decided.labels.is_empty() && !desk.documents.multi_label) {
        return None;
    }
    let mut labels: Vec<String> =
        decided.labels.iter().map(|&label| view.suggestions.labels[label as usize].clone()).collect();
    if !desk.documents.multi_label {
        labels.truncate(1);
    }
    known(labels).map(|labels| Suggestion { labels, from: "model" })
}

fn scores(inner: &Inner, view: &View, place: usize) -> Vec<(String, f32)> {
    let Some(row) = view.suggestions.row(place) else { return Vec::new() };
    let pairs = view.suggestions.labels.iter().zip(row).filter(|(label, _)| inner.labels.contains(label));
    let mut scores: Vec<(String, f32)> = pairs.map(|(label, &p)| (label.clone(), p)).collect();
    scores.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    scores.truncate(SCORES);
    scores
}
