//! The next documents.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::annotator;
use super::shown::Shown;
use crate::Labelling;
use crate::error::{ApiError, ApiResult};
use crate::order::{Mode, Ranks, Situation, Why, next as choose};

/// Documents that may be asked for at a time.
const MOST: usize = 20;
/// Bytes of a search.
const SEARCH: usize = 500;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    annotator: String,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    search: String,
    n: usize,
    /// Documents that the page has already.
    #[serde(default)]
    held: Vec<usize>,
    /// The document that was decided last.
    #[serde(default)]
    last: Option<usize>,
    /// How many documents were shown so far.
    #[serde(default)]
    n_shown: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Next {
    items: Vec<Shown>,
    /// Documents that hold the words that are searched for.
    n_found: Option<usize>,
}

pub(super) fn next(state: &Labelling, asked: Asked) -> ApiResult<Next> {
    let annotator = annotator(&asked.annotator)?;
    if asked.search.len() > SEARCH {
        let message = format!("the words have {} bytes, expected up to {SEARCH}", asked.search.len());
        return Err(ApiError::bad_request(message, "search for less"));
    }
    let desk = &state.desk;
    let words: Vec<String> = asked.search.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let is_search = asked.mode == Mode::Search;
    let found = if is_search { found(&desk.documents.texts, &words) } else { Vec::new() };
    // Only now: looking through a million documents must not hold up others.
    let view = desk.view();
    let mut inner = desk.inner()?;
    let is_given = |place: usize| !desk.options.relabel && desk.documents.items[place].given.is_some();
    let votes = desk.options.votes;
    let counts = inner.counts(&desk.documents);
    // Labels in the order of the model's, as its lists are.
    let of_label = |label: &String| inner.labels.iter().position(|own| own == label).map_or(0, |i| counts.by_label[i]);
    let counts: Vec<usize> = view.suggestions.labels.iter().map(of_label).collect();
    let mut begun = Vec::new();
    if votes > 1 {
        // Others' first: agreement can only be told from documents that several have labelled.
        let places = inner.ledger.places().filter(|&place| !inner.ledger.said(place).is_empty());
        let free = places.filter(|&place| inner.is_free(place, &annotator, votes));
        begun = Ranks::some_by_chance(free.map(|place| (desk.documents.items[place].key.as_str(), place as u32)));
    }
    let held: std::collections::HashSet<usize> = asked.held.iter().copied().collect();
    let situation = Situation {
        ranks: &view.ranks,
        groups: &view.groups,
        is_free: &|place| {
            !held.contains(&place) && (is_search || !is_given(place)) && inner.is_free(place, &annotator, votes)
        },
        is_doubtful: &|place| {
            !held.contains(&place) && !inner.is_held(place, &annotator) && !inner.has_checked(place, &annotator)
        },
        begun: &begun,
        matches: &|place| found[place],
        last: asked.last,
        n_shown: asked.n_shown,
        counts: &counts,
    };
    let chosen: Vec<(usize, Why)> = choose(asked.mode, asked.n.min(MOST), &situation);
    let items = chosen.iter().map(|&(place, why)| Shown::of(desk, &inner, &view, &annotator, place, why)).collect();
    inner.hold(&annotator, held.iter().copied().chain(chosen.iter().map(|&(place, _)| place)));
    drop(inner);
    let n_found = is_search.then(|| found.iter().filter(|&&is| is).count());
    Ok(Next { items, n_found })
}

/// Which documents hold all the words; without words, all of them.
fn found(texts: &[String], words: &[String]) -> Vec<bool> {
    let holds = |text: &String| {
        let text = text.to_lowercase();
        words.iter().all(|word| text.contains(word.as_str()))
    };
    texts.par_iter().map(|text| words.is_empty() || holds(text)).collect()
}
