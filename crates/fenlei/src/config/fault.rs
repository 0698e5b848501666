//! Why a configuration was not understood, and where that stands.
//!
//! The layers are merged before they are understood, so the reader's message knows no line. The place is found by
//! experiment: what is taken out or changed so that the message changes is what it is about.

use toml::{Table, Value};

use super::Layer;
use super::trail::{self, Step, Trail};
use crate::Error;
use crate::train::Plan;

/// The error for a merged configuration that the reader refused with `message`.
pub(super) fn explain(merged: &Table, layers: &[Layer], message: &str) -> Error {
    if let Some((key, known)) = words_of(message, "unknown field ") {
        let all = trail::all(merged);
        let mut with_key = all.iter().map(|(trail, _)| trail).filter(|trail| trail.last_key() == Some(&key));
        let missed = format!("missing field `{key}`");
        let is_unknown =
            |trail: &&Trail| says(&trail::without(merged, trail)).is_none_or(|m| m != message && m != missed);
        let found = with_key.find(is_unknown).cloned();
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

/// What the reader says to a configuration, if it refuses it.
fn says(merged: &Table) -> Option<String> {
    merged.clone().try_into::<Plan>().err().map(|error| error.message().to_owned())
}

/// The value that the message is about. The reader goes through values in order and stops at the first wrong one, so it
/// is the last of those that look like it and that cannot be made wrong in another way without its noticing.
fn wrong_value(merged: &Table, message: &str) -> Option<Trail> {
    let all = trail::all(merged);
    let mut alike = all.iter().filter(|(_, value)| looks_like(value, message)).map(|(trail, _)| trail);
    let noticed = |trail: &&Trail| {
        let mut probe = merged.clone();
        if let Some(value) = trail::get_mut(&mut probe, trail) {
            *value = Value::String("\u{1}probe".to_owned());
        }
        says(&probe).is_none_or(|m| m != message)
    };
    alike.rfind(noticed).cloned()
}

/// Whether serde would describe `value` as the message describes what it found.
fn looks_like(value: &Value, message: &str) -> bool {
    let described = match value {
        Value::String(text) if message.contains("unknown variant") => format!("unknown variant `{text}`"),
        Value::String(text) => format!("string {text:?}"),
        Value::Integer(n) => format!("integer `{n}`"),
        Value::Float(x) => format!("floating point `{x}"),
        Value::Boolean(b) => format!("boolean `{b}`"),
        Value::Array(_) => "sequence".to_owned(),
        Value::Table(_) | Value::Datetime(_) => "map".to_owned(),
    };
    message.contains(&described)
}

/// The table that lacks `key`: the innermost one that the reader goes on in when the key is there.
fn lacking_table(merged: &Table, key: &str, message: &str) -> Option<Trail> {
    let unknown = format!("unknown field `{key}`");
    let tables = trail::all(merged).into_iter().filter(|(_, value)| value.is_table()).map(|(trail, _)| trail);
    let tables: Vec<Trail> = std::iter::once(Trail::default()).chain(tables).collect();
    tables.into_iter().rev().find(|table| {
        let mut merged = merged.clone();
        let inner = match table.0.is_empty() {
            true => Some(&mut merged),
            false => trail::get_mut(&mut merged, table).and_then(Value::as_table_mut),
        };
        if let Some(inner) = inner {
            inner.entry(key).or_insert(Value::Integer(1));
        }
        says(&merged).is_none_or(|m| m != message && !m.starts_with(&unknown))
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
    let complete = super::load_plan(&super::PlanSource::default()).ok();
    let complete = complete.and_then(|plan| Table::try_from(plan).ok()).unwrap_or_default();
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
