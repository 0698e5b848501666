//! Decisions: kept before they are answered.

use serde::{Deserialize, Serialize};

use super::annotator;
use super::shown::Shown;
use crate::Labelling;
use crate::desk::{Counts, Inner};
use crate::error::{ApiError, ApiResult};
use crate::order::Why;
use crate::store::{Decision, Kind};

/// Characters of a label.
const LABEL: usize = 200;
/// Labels that a page can show.
const LABELS: usize = 2000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decided {
    annotator: String,
    ticket: String,
    place: usize,
    key: String,
    kind: Kind,
    #[serde(default)]
    labels: Vec<String>,
    why: Why,
    #[serde(default)]
    seconds: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct Kept {
    /// Whether it had been kept before.
    known: bool,
    counts: Counts,
}

pub(super) fn decide(state: &Labelling, decided: Decided) -> ApiResult<Kept> {
    let annotator = annotator(&decided.annotator)?;
    check_ticket(&decided.ticket)?;
    let desk = &state.desk;
    desk.place(decided.place, &decided.key)?;
    let mut inner = desk.inner()?;
    let labels = check_labels(&inner, decided.kind, decided.labels, desk.documents.multi_label)?;
    let seconds = if decided.seconds.is_finite() { decided.seconds.clamp(0.0, 86_400.0) } else { 0.0 };
    let known = desk.decide(
        &mut inner,
        Decision {
            ticket: decided.ticket,
            annotator,
            kind: decided.kind,
            item: decided.key,
            labels,
            why: decided.why.name().to_owned(),
            seconds,
        },
    )?;
    let counts = inner.counts(&desk.documents);
    if desk.wants_lesson(counts.n_labelled) {
        state.learner.teach(desk, desk.lesson(&inner), counts.n_labelled);
    }
    Ok(Kept { known, counts })
}

/// In the order of all labels, each once.
fn check_labels(inner: &Inner, kind: Kind, labels: Vec<String>, multi_label: bool) -> ApiResult<Vec<String>> {
    if let Some(unknown) = labels.iter().find(|label| !inner.labels.contains(label)) {
        let message = format!("there is no label {unknown:?}");
        return Err(ApiError::bad_request(message, "add it first, or choose another one"));
    }
    let chosen: Vec<String> = inner.labels.iter().filter(|label| labels.contains(label)).cloned().collect();
    let fits = match kind {
        Kind::Skip => chosen.is_empty(),
        Kind::Label | Kind::Review => multi_label || chosen.len() == 1,
    };
    if !fits {
        let expected = if kind == Kind::Skip { "none" } else { "exactly one" };
        let message = format!("found {} labels, expected {expected}", chosen.len());
        return Err(ApiError::bad_request(message, "start with --multi-label to give several"));
    }
    Ok(chosen)
}

fn check_ticket(ticket: &str) -> ApiResult<()> {
    if (8..=64).contains(&ticket.len()) && ticket.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Ok(());
    }
    let message = "found no good ticket, expected 8 to 64 letters and digits";
    Err(ApiError::bad_request(message, "make one by chance for each decision"))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Undo {
    annotator: String,
    ticket: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Undone {
    /// The document, to decide again; `None` where nothing was left to undo.
    item: Option<Shown>,
    /// What had been decided.
    labels: Vec<String>,
    kind: Option<Kind>,
    counts: Counts,
}

pub(super) fn undo(state: &Labelling, asked: Undo) -> ApiResult<Undone> {
    let annotator = annotator(&asked.annotator)?;
    check_ticket(&asked.ticket)?;
    let desk = &state.desk;
    let view = desk.view();
    let mut inner = desk.inner()?;
    let undone = desk.undo(&mut inner, &annotator, &asked.ticket)?;
    let counts = inner.counts(&desk.documents);
    let Some(decision) = undone else { return Ok(Undone { item: None, labels: Vec::new(), kind: None, counts }) };
    let why: Why = serde_json::from_value(decision.why.as_str().into()).unwrap_or(Why::Random);
    let place = inner.ledger.place(&decision.item);
    let item = place.map(|place| Shown::of(desk, &inner, &view, &annotator, place, why));
    Ok(Undone { item, labels: decision.labels, kind: Some(decision.kind), counts })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLabel {
    name: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Labels {
    labels: Vec<String>,
    counts: Counts,
}

pub(super) fn add_label(state: &Labelling, new: NewLabel) -> ApiResult<Labels> {
    let name = new.name.trim().to_owned();
    let n = name.chars().count();
    if n == 0 || n > LABEL || name.chars().any(char::is_control) {
        let message = format!("found a label of {n} characters, expected 1 to {LABEL} without control characters");
        return Err(ApiError::bad_request(message, "choose another name"));
    }
    let desk = &state.desk;
    let mut inner = desk.inner()?;
    if inner.labels.len() >= LABELS {
        let message = format!("there are {LABELS} labels already");
        return Err(ApiError::bad_request(message, "use those that there are"));
    }
    if !inner.labels.contains(&name) {
        inner.store.add_labels(std::slice::from_ref(&name))?;
        inner.labels.push(name);
    }
    Ok(Labels { labels: inner.labels.clone(), counts: inner.counts(&desk.documents) })
}
