//! Parts of the documents, and how well each is predicted.

use rayon::prelude::*;
use serde::Serialize;

use crate::data::{Dataset, Target, language_of};
use crate::metrics::wilson_interval;

/// Values of a column that become slices, the most frequent ones; the rest is one slice.
const MAX_VALUES: usize = 20;

/// By what documents are put into slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SliceBy<'a> {
    /// Four parts by the number of characters, of nearly equal size.
    Length,
    /// The language, as it is guessed.
    Language,
    /// The label.
    Label,
    /// The value of a column.
    Column(&'a str),
}

/// A part of the documents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slice {
    /// By what it was made.
    pub by: String,
    /// Which it is.
    pub name: String,
    /// Its documents.
    pub n_docs: u64,
    /// The share that was predicted right.
    pub accuracy: f64,
    /// The 95 % interval of that share (Wilson 1927).
    pub interval: (f64, f64),
}

/// How well each slice was predicted. `is_right`: for each document whether it was. A document with several labels is in
/// the slice of each of them; slices of a column that the documents lack are none.
pub fn slices(documents: &Dataset, is_right: &[bool], by: SliceBy<'_>) -> Vec<Slice> {
    let (by, names): (String, Vec<Vec<String>>) = match by {
        SliceBy::Length => ("length".to_owned(), lengths(documents)),
        SliceBy::Language => {
            let of = |text: &String| vec![language_of(text).unwrap_or("unknown").to_owned()];
            ("language".to_owned(), documents.texts.par_iter().map(of).collect())
        }
        SliceBy::Label => {
            let of =
                |target: &Target| target.as_slice().iter().map(|&l| documents.labels[l as usize].clone()).collect();
            ("label".to_owned(), documents.targets.iter().map(of).collect())
        }
        SliceBy::Column(name) => {
            let Some(column) = documents.columns.iter().find(|column| column.name == name) else { return Vec::new() };
            (name.to_owned(), column.values.iter().map(|value| vec![value.clone()]).collect())
        }
    };
    let mut found: Vec<(String, u64, u64)> = Vec::new();
    let mut place = std::collections::HashMap::new();
    for (names, &right) in names.into_iter().zip(is_right) {
        for name in names {
            let i = *place.entry(name).or_insert_with_key(|name| {
                found.push((name.clone(), 0, 0));
                found.len() - 1
            });
            found[i].1 += 1;
            found[i].2 += u64::from(right);
        }
    }
    if by != "length" {
        found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        if found.len() > MAX_VALUES {
            let rest = found.split_off(MAX_VALUES);
            let sum = |of: fn(&(String, u64, u64)) -> u64| rest.iter().map(of).sum();
            found.push((format!("{} others", rest.len()), sum(|slice| slice.1), sum(|slice| slice.2)));
        }
    } else {
        found.sort_by_key(|slice| slice.0.split(' ').next().and_then(|least| least.parse::<u64>().ok()));
    }
    let slice = |(name, n, right): (String, u64, u64)| Slice {
        by: by.clone(),
        name,
        n_docs: n,
        accuracy: right as f64 / n as f64,
        interval: wilson_interval(right, n),
    };
    found.into_iter().map(slice).collect()
}

/// For each document the quarter of lengths that it is in.
fn lengths(documents: &Dataset) -> Vec<Vec<String>> {
    let lengths: Vec<usize> = documents.texts.iter().map(|text| text.chars().count()).collect();
    let mut sorted = lengths.clone();
    sorted.sort_unstable();
    let Some(&most) = sorted.last() else { return Vec::new() };
    let mut last: Vec<usize> =
        (1..4).map(|quarter| sorted[(quarter * sorted.len() / 4).min(sorted.len() - 1)]).collect();
    last.push(most);
    last.dedup();
    let name = |length: &usize| {
        let part = last.iter().position(|end| length <= end).unwrap_or_default();
        let first = if part == 0 { sorted[0] } else { last[part - 1] + 1 };
        vec![format!("{first} to {} characters", last[part])]
    };
    lengths.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Column;

    fn documents() -> Dataset {
        let texts = (0..40).map(|i| "x".repeat(i + 1)).collect();
        let targets = (0..40).map(|i| Target::One(i % 2)).collect();
        let values = (0..40).map(|i| if i < 30 { "web" } else { "print" }.to_owned()).collect();
        let documents = Dataset::new(texts, targets, vec!["a".into(), "b".into()], false).unwrap();
        Dataset { columns: vec![Column { name: "source".into(), values }], ..documents }
    }

    #[test]
    fn documents_are_counted_in_the_slice_that_they_are_in() {
        let is_right: Vec<bool> = (0..40).map(|i| i < 20 || i % 2 == 0).collect();
        let found = slices(&documents(), &is_right, SliceBy::Length);
        let told: Vec<_> = found.iter().map(|slice| (slice.name.as_str(), slice.n_docs, slice.accuracy)).collect();
        let expected = [
            ("1 to 11 characters", 11, 1.0),
            ("12 to 21 characters", 10, 1.0),
            ("22 to 31 characters", 10, 0.5),
            ("32 to 40 characters", 9, 4.0 / 9.0),
        ];
        assert_eq!(told, expected);
        let by_column = slices(&documents(), &is_right, SliceBy::Column("source"));
        assert_eq!((by_column[0].name.as_str(), by_column[0].n_docs, by_column[1].accuracy), ("web", 30, 0.5));
        let by_label = slices(&documents(), &is_right, SliceBy::Label);
        assert_eq!((by_label[0].accuracy, by_label[1].accuracy), (1.0, 0.5));
        assert!(slices(&documents(), &is_right, SliceBy::Column("none")).is_empty());
    }
}
