//! How far the work is: counts, annotators, agreement, the learning curve.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use crate::Labelling;
use crate::agreement::{Agreement, agreements};
use crate::desk::Counts;
use crate::documents::LabelFormat;
use crate::error::ApiResult;
use crate::learning::{Advice, Point, advice};
use crate::ledger::State;

/// Conflicts that are shown at a time.
const CONFLICTS: usize = 50;
/// Characters of a text in the list of conflicts.
const SHOWN: usize = 4000;

#[derive(Debug, Serialize)]
pub(super) struct Session {
    file: String,
    labels: Vec<String>,
    multi_label: bool,
    guidelines: Option<String>,
    language: Option<&'static str>,
    votes: usize,
    annotators: Vec<String>,
    formats: Vec<&'static str>,
    format: &'static str,
    words: serde_json::Value,
    counts: Counts,
}

pub(super) fn session(state: &Labelling) -> ApiResult<Session> {
    let desk = &state.desk;
    let inner = desk.inner()?;
    Ok(Session {
        file: desk.documents.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        labels: inner.labels.clone(),
        multi_label: desk.documents.multi_label,
        guidelines: desk.options.guidelines.clone(),
        language: desk.options.language,
        votes: desk.options.votes,
        annotators: inner.ledger.annotators(),
        formats: LabelFormat::ALL.map(LabelFormat::name).to_vec(),
        format: desk.documents.format.name(),
        words: crate::page::words(),
        counts: inner.counts(&desk.documents),
    })
}

#[derive(Debug, Serialize)]
pub(super) struct Progress {
    labels: Vec<String>,
    counts: Counts,
    agreements: Vec<Agreement>,
    n_conflicts: usize,
    n_suspects: usize,
    learning: Learning,
}

#[derive(Debug, Serialize)]
struct Learning {
    busy: bool,
    problem: Option<String>,
    points: Vec<Point>,
    advice: Advice,
    /// Whether there are suggestions.
    suggests: bool,
}

pub(super) fn progress(state: &Labelling) -> ApiResult<Progress> {
    let desk = &state.desk;
    let view = desk.view();
    let inner = desk.inner()?;
    let is_open = |place: usize| inner.ledger.review(place).is_none();
    Ok(Progress {
        labels: inner.labels.clone(),
        counts: inner.counts(&desk.documents),
        agreements: agreements(&inner.ledger, &inner.labels, desk.documents.multi_label),
        n_conflicts: inner.conflicts().count(),
        n_suspects: view.suspects.iter().filter(|suspect| is_open(suspect.place)).count(),
        learning: Learning {
            busy: desk.learning.busy.load(Ordering::Relaxed),
            problem: desk.learning.problem.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            advice: advice(&inner.points),
            points: inner.points.clone(),
            suggests: !view.suggestions.probabilities.is_empty(),
        },
    })
}

#[derive(Debug, Serialize)]
pub(super) struct Conflicts {
    n: usize,
    items: Vec<Conflict>,
}

#[derive(Debug, Serialize)]
struct Conflict {
    place: usize,
    key: String,
    text: String,
    cut: bool,
    said: Vec<(String, Vec<String>)>,
    /// What more than half of them say.
    most: Option<Vec<String>>,
}

pub(super) fn conflicts(state: &Labelling) -> ApiResult<Conflicts> {
    let desk = &state.desk;
    let inner = desk.inner()?;
    let places: Vec<usize> = inner.conflicts().collect();
    let items = places.iter().take(CONFLICTS).map(|&place| {
        let text = &desk.documents.texts[place];
        let end = text.char_indices().nth(SHOWN).map_or(text.len(), |(end, _)| end);
        Conflict {
            place,
            key: desk.documents.items[place].key.clone(),
            text: text[..end].to_owned(),
            cut: end < text.len(),
            said: inner.ledger.said(place).into_iter().map(|(who, own)| (who.to_owned(), own.labels.clone())).collect(),
            most: match inner.ledger.state(place) {
                State::Conflict(most) => most,
                State::Open | State::Agreed(_) => None,
            },
        }
    });
    Ok(Conflicts { n: places.len(), items: items.collect() })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Learn {}

/// Learns at once, unless it does already.
pub(super) fn learn(state: &Labelling, _: Learn) -> ApiResult<bool> {
    let desk = &state.desk;
    if desk.learning.busy.load(Ordering::Relaxed) {
        return Ok(false);
    }
    let inner = desk.inner()?;
    state.learner.teach(desk, desk.lesson(&inner), inner.counts(&desk.documents).n_labelled);
    Ok(true)
}
