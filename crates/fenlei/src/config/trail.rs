//! The way to a value in nested tables and lists.

use std::fmt;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

/// One step of a way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Into the table entry of this name.
    Key(String),
    /// Into the list item of this number, from 0.
    Item(usize),
}

/// The way to a value. `Display` gives `model.layers[2].units`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Trail(pub Vec<Step>);

impl fmt::Display for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if i == 0 => write!(f, "{key}")?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Item(item) => write!(f, "[{item}]")?,
            }
        }
        Ok(())
    }
}

impl Trail {
    pub fn then(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }

    /// The name of the last table entry on the way.
    pub fn last_key(&self) -> Option<&str> {
        self.0.iter().rev().find_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Item(_) => None,
        })
    }

    /// The table or list that the value stands in.
    pub fn parent(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }

    pub fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

/// Every way there is in `table`, outer ones before inner ones, with what lies at its end.
pub(super) fn all(table: &Table) -> Vec<(Trail, &Value)> {
    let mut found = Vec::new();
    let mut open: Vec<(Trail, &Value)> = below_table(&Trail::default(), table).collect();
    open.reverse();
    while let Some((trail, value)) = open.pop() {
        let mut below: Vec<(Trail, &Value)> = match value {
            Value::Table(table) => below_table(&trail, table).collect(),
            Value::Array(items) => items.iter().enumerate().map(|(i, v)| (trail.then(Step::Item(i)), v)).collect(),
            _ => Vec::new(),
        };
        below.reverse();
        found.push((trail, value));
        open.extend(below);
    }
    found
}

fn below_table<'t>(trail: &Trail, table: &'t Table) -> impl Iterator<Item = (Trail, &'t Value)> {
    let trail = trail.clone();
    table.iter().map(move |(key, value)| (trail.then(Step::Key(key.clone())), value))
}

/// The value at the end of the way.
pub(super) fn get_mut<'t>(table: &'t mut Table, trail: &Trail) -> Option<&'t mut Value> {
    let (first, rest) = trail.0.split_first()?;
    let Step::Key(key) = first else { return None };
    let mut value = table.get_mut(key)?;
    for step in rest {
        value = match (step, value) {
            (Step::Key(key), Value::Table(table)) => table.get_mut(key)?,
            (Step::Item(item), Value::Array(items)) => items.get_mut(*item)?,
            _ => return None,
        };
    }
    Some(value)
}

/// The same tables without the value at the end of the way.
pub(super) fn without(table: &Table, trail: &Trail) -> Table {
    let mut table = table.clone();
    let parent = trail.parent();
    match (trail.0.last(), parent.0.is_empty()) {
        (Some(Step::Key(key)), true) => {
            table.remove(key);
        }
        (Some(Step::Key(key)), false) => {
            if let Some(Value::Table(inner)) = get_mut(&mut table, &parent) {
                inner.remove(key);
            }
        }
        (Some(Step::Item(item)), _) => {
            if let Some(Value::Array(items)) = get_mut(&mut table, &parent)
                && *item < items.len()
            {
                items.remove(*item);
            }
        }
        (None, _) => {}
    }
    table
}

/// The line, from 1, in which the end of the way stands in a TOML text.
pub(super) fn line_in(text: &str, trail: &Trail) -> Option<usize> {
    let root = DeTable::parse(text).ok()?;
    let mut value: Option<&Spanned<DeValue<'_>>> = None;
    let mut place = 0;
    for step in &trail.0 {
        let table = match value {
            None => Some(root.get_ref()),
            Some(value) => value.get_ref().as_table(),
        };
        let next = match step {
            Step::Key(wanted) => {
                let (key, next) = table?.iter().find(|(key, _)| key.get_ref().as_ref() == wanted)?;
                place = key.span().start;
                next
            }
            Step::Item(item) => {
                let next = value?.get_ref().as_array()?.get(*item)?;
                place = next.span().start;
                next
            }
        };
        value = Some(next);
    }
    Some(line_of(text, place))
}

/// The line, from 1, of a place in a text.
pub(super) fn line_of(text: &str, place: usize) -> usize {
    text.bytes().take(place).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "seed = 1\n[train]\nepochs = 2\n\n[[model.layers]]\ntype = 'a'\n\n[[model.layers]]\nunits = 3\n";

    fn trail(steps: &[&str]) -> Trail {
        Trail(steps.iter().map(|s| s.parse().map_or_else(|_| Step::Key((*s).to_owned()), Step::Item)).collect())
    }

    #[test]
    fn every_way_is_found_and_written_as_people_write_it() {
        let table: Table = TEXT.parse().unwrap();
        let ways: Vec<String> = all(&table).iter().map(|(trail, _)| trail.to_string()).collect();
        let expected = [
            "model",
            "model.layers",
            "model.layers[0]",
            "model.layers[0].type",
            "model.layers[1]",
            "model.layers[1].units",
            "seed",
            "train",
            "train.epochs",
        ];
        assert_eq!(ways, expected);
    }

    #[test]
    fn a_way_leads_to_its_line() {
        assert_eq!(line_in(TEXT, &trail(&["seed"])), Some(1));
        assert_eq!(line_in(TEXT, &trail(&["train", "epochs"])), Some(3));
        assert_eq!(line_in(TEXT, &trail(&["model", "layers", "1", "units"])), Some(9));
        assert_eq!(line_in(TEXT, &trail(&["model", "layers", "2", "units"])), None);
        assert_eq!(line_in(TEXT, &trail(&["train", "epoch"])), None);
    }

    #[test]
    fn what_lies_at_the_end_can_be_taken_out_and_changed() {
        let mut table: Table = TEXT.parse().unwrap();
        let units = trail(&["model", "layers", "1", "units"]);
        *get_mut(&mut table, &units).unwrap() = Value::Integer(9);
        let less = without(&table, &units);
        assert!(get_mut(&mut less.clone(), &units).is_none());
        assert_eq!(all(&table).len(), all(&less).len() + 1);
        assert_eq!(without(&table, &trail(&["seed"])).get("seed"), None);
        assert_eq!(without(&table, &trail(&["nothing", "here"])), table);
    }
}
