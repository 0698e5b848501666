//! Why a configuration was not understood, and where that stands.
//!
//! The layers are merged before they are understood, so the reader's message knows no line. The place is found by
//! experiment: what has to be taken out for the message to change is what it is about.

use toml::{Table, Value};

use super::Layer;
use super::merge::KIND_KEYS;
use super::trail::{self, Step, Trail};
use crate::Error;
use crate::train::Plan;

/// The error for a merged configuration that the reader refused with `message`.
pub(super) fn explain(merged: &Table, layers: &[Layer], message: &str) -> Error {
    if let Some((key, known)) = words_of(message, "unknown field ") {
        let all = trail::all(merged);
        let mut with_key = all.iter().map(|(trail, _)| trail).filter(|trail| trail.last_key() == Some(&key));
        let found = with_key.find(|trail| changes(merged, trail, message)).cloned();
        let trail = found.unwrap_or_else(|| Trail(vec![Step::Key(key.clone())]));
        let problem = format!("there is no key `{trail}`");
        return Error::config(place(layers, &trail), problem, key_help(&key, &known));
    }
    if let Some((key, _)) = words_of(message, "missing field ")
        && let Some(table) = lacking_table(merged, &key, message)
    {
        let trail =
            if table.0.is_empty() { Trail(vec![Step::Key(key.clone())]) } else { table.then(Step::Key(key.clone())) };
        let where_from = if table.0.is_empty() { "configuration".to_owned() } else { place(layers, &table) };
        let problem = format!("the key `{trail}` is missing");
        return Error::config(where_from, problem, format!("add it, or --set {trail}=…"));
    }
    let (trail, problem) = match wrong_value(merged, message) {
        Some(trail) => {
            let problem = format!("`{trail}`: {}", without_indices(message));
            (trail, problem)
        }
        None => return Error::config("configuration", message, "`fenlei config show` prints a complete configuration"),
    };
    let help = match words_of(message, "unknown variant ") {
        Some((found, known)) => match nearest(&found, &known) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("choose one of {}", known.join(", ")),
        },
        None => format!("see `fenlei config show` for a value that `{trail}` can have"),
    };
    Error::config(place(layers, &trail), problem, help)
}

/// Whether the reader says something else, or nothing, without what stands there.
fn changes(merged: &Table, trail: &Trail, message: &str) -> bool {
    match trail::without(merged, trail).try_into::<Plan>() {
        Ok(_) => true,
        Err(error) => error.message() != message,
    }
}

/// The value that the message is about: a single value if possible, innermost first; what names a kind comes last, for
/// without it any message changes.
fn wrong_value(merged: &Table, message: &str) -> Option<Trail> {
    let all = trail::all(merged);
    let rank = |(trail, value): &(Trail, &Value)| match value {
        Value::Table(_) | Value::Array(_) => 2,
        _ if trail.last_key().is_some_and(|key| KIND_KEYS.contains(&key)) => 1,
        _ => 0,
    };
    let quoted = words_of(message, "unknown variant ").map(|(found, _)| found);
    let mut candidates: Vec<&(Trail, &Value)> = all.iter().collect();
    candidates.sort_by_key(|candidate| {
        let named = quoted.as_deref().is_some_and(|word| candidate.1.as_str() == Some(word));
        (!named, rank(candidate), std::cmp::Reverse(candidate.0.0.len()))
    });
    candidates.into_iter().find(|(trail, _)| changes(merged, trail, message)).map(|(trail, _)| trail.clone())
}

/// The table that lacks `key`: the one that the reader no longer complains about when the key is there.
fn lacking_table(merged: &Table, key: &str, message: &str) -> Option<Trail> {
    let tables = trail::all(merged).into_iter().filter(|(_, value)| value.is_table()).map(|(trail, _)| trail);
    std::iter::once(Trail::default()).chain(tables).find(|table| {
        let mut merged = merged.clone();
        let inner = match table.0.is_empty() {
            true => Some(&mut merged),
            false => trail::get_mut(&mut merged, table).and_then(Value::as_table_mut),
        };
        if let Some(inner) = inner {
            inner.entry(key).or_insert(Value::Integer(1));
        }
        merged.try_into::<Plan>().err().is_none_or(|error| error.message() != message)
    })
}

/// The layer, the uppermost, in which something stands, with its line.
fn place(layers: &[Layer], trail: &Trail) -> String {
    let found = layers.iter().rev().find_map(|layer| match layer {
        Layer::Setting { raw, trail: set } => {
            (set.starts_with(trail) || trail.starts_with(set)).then(|| format!("--set {raw}"))
        }
        Layer::Text { place, text } => trail::line_in(text, trail).map(|line| format!("{place}:{line}")),
    });
    found.unwrap_or_else(|| "configuration".to_owned())
}

/// Of a message such as "unknown field `a`, expected one of `b`, `c`": the first word, and the others.
fn words_of(message: &str, beginning: &str) -> Option<(String, Vec<String>)> {
    let start = message.find(beginning)? + beginning.len();
    let mut words = message[start..].split('`').skip(1).step_by(2).map(str::to_owned);
    Some((words.next()?, words.collect()))
}

/// The reader's message on one line.
fn without_indices(message: &str) -> String {
    message.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

fn key_help(key: &str, known: &[String]) -> String {
    let expected = match known {
        [] => "no keys go here".to_owned(),
        known => format!("keys here: {}", known.join(", ")),
    };
    if let Some(near) = nearest(key, known) {
        return format!("did you mean `{near}`? ({expected})");
    }
    // The right key in the wrong table.
    let complete = Table::try_from(Plan::default()).unwrap_or_default();
    let elsewhere =
        trail::all(&complete).into_iter().map(|(trail, _)| trail).find(|trail| trail.last_key() == Some(key));
    match elsewhere {
        Some(trail) => format!("did you mean `{trail}`? ({expected})"),
        None => expected,
    }
}

/// The known word that a misspelt one was meant to be, if one is near enough.
pub(super) fn nearest<'k, S: AsRef<str>>(word: &str, known: &'k [S]) -> Option<&'k str> {
    let word = word.to_lowercase().replace('-', "_");
    let distances = known.iter().map(|known| {
        let known = known.as_ref();
        (strsim::damerau_levenshtein(&word, &known.to_lowercase().replace('-', "_")), known)
    });
    let (distance, near) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= (word.chars().count() / 3).max(2) && distance < near.chars().count()).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_taken_out_of_the_readers_messages() {
        let message = "unknown field `epoch`, expected one of `epochs`, `loss`";
        assert_eq!(
            words_of(message, "unknown field ").unwrap(),
            ("epoch".into(), vec!["epochs".into(), "loss".into()])
        );
        assert_eq!(words_of(message, "unknown variant "), None);
    }

    #[test]
    fn the_nearest_word_is_near() {
        assert_eq!(nearest("epoch", &["loss", "epochs"]), Some("epochs"));
        assert_eq!(nearest("batch-size", &["batch_size"]), Some("batch_size"));
        assert_eq!(nearest("zzz", &["loss", "epochs"]), None);
        assert_eq!(nearest("x", &["k"]), None);
    }
}
