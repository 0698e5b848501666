//! Rows → [`Dataset`]: label names become indices, missing labels are dealt with, labels are sorted.

use std::collections::HashMap;
use std::path::Path;

use super::{Column, Dataset, Findings, MissingLabel, ReadOptions, Target, label_order, listed};
use crate::{Error, Result};

/// The names that stand for class numbers, one a line of a file beside the data.
pub(crate) struct ClassNames {
    /// The file's name, for the findings.
    pub(crate) file: String,
    /// The names in order.
    pub(crate) names: Vec<String>,
}

/// Gathers rows.
pub(crate) struct Collector<'a> {
    options: &'a ReadOptions,
    texts: Vec<String>,
    /// Indices into `names`, in the order in which names appeared.
    targets: Vec<Target>,
    /// What else is kept of each row.
    columns: Vec<Column>,
    names: Vec<String>,
    index: HashMap<String, u32>,
    /// Rows without a label.
    missing: Vec<usize>,
    first_missing_line: Option<u64>,
    texts_with_nul: u64,
    /// Whether any row may have several labels.
    pub(crate) multi_label: bool,
    /// What separates labels in one field.
    pub(crate) label_separator: Option<char>,
    /// Whether a row without a label means "none of them" where rows may have several (fastText).
    pub(crate) bare_is_none: bool,
}

impl<'a> Collector<'a> {
    pub(crate) fn new(options: &'a ReadOptions) -> Self {
        Self {
            options,
            texts: Vec::new(),
            targets: Vec::new(),
            columns: Vec::new(),
            names: Vec::new(),
            index: HashMap::new(),
            missing: Vec::new(),
            first_missing_line: None,
            texts_with_nul: 0,
            multi_label: options.label_separator.is_some(),
            label_separator: options.label_separator,
            bare_is_none: false,
        }
    }

    /// Names the columns of which each row brings a value with [`push_values`](Self::push_values).
    pub(crate) fn keep_columns(&mut self, names: impl IntoIterator<Item = String>) {
        self.columns = names.into_iter().map(|name| Column { name, values: Vec::new() }).collect();
    }

    /// The values of the kept columns of the row that was pushed last.
    pub(crate) fn push_values(&mut self, values: impl IntoIterator<Item = String>) {
        self.columns.iter_mut().zip(values).for_each(|(column, value)| column.values.push(value));
    }

    /// A row whose label is one field: several labels if there is a separator, none if it is empty.
    pub(crate) fn push_field(&mut self, text: String, label: &str, line: u64) {
        match self.label_separator {
            Some(separator) => self.push_many(text, label.split(separator)),
            None if label.trim().is_empty() => self.push_missing(text, line),
            None => {
                let index = self.label_index(label);
                self.push(text, Target::One(index));
            }
        }
    }

    /// A row with any number of labels; makes the data multi-label. Empty names are dropped.
    pub(crate) fn push_many<'l>(&mut self, text: String, labels: impl IntoIterator<Item = &'l str>) {
        self.multi_label = true;
        let labels = labels.into_iter().filter(|label| !label.trim().is_empty());
        let labels = labels.map(|label| self.label_index(label)).collect();
        self.push(text, Target::many(labels));
    }

    /// A row without a label.
    pub(crate) fn push_missing(&mut self, text: String, line: u64) {
        self.missing.push(self.texts.len());
        self.first_missing_line.get_or_insert(line);
        self.push(text, Target::Unlabelled);
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.texts.len()
    }

    fn push(&mut self, text: String, target: Target) {
        self.texts_with_nul += u64::from(text.as_bytes().contains(&0));
        self.texts.push(text);
        self.targets.push(target);
    }

    fn label_index(&mut self, label: &str) -> u32 {
        let mut label = label.trim();
        if let Some(until) = self.options.label_until {
            label = label.split(until).next().unwrap_or(label).trim_end();
        }
        if let Some(&index) = self.index.get(label) {
            return index;
        }
        let index = self.names.len() as u32;
        self.names.push(label.to_owned());
        self.index.insert(label.to_owned(), index);
        index
    }

    /// The data set, with what was found about it noted.
    pub(crate) fn finish(
        mut self,
        path: &Path,
        class_names: Option<&ClassNames>,
        findings: &mut Findings,
    ) -> Result<Dataset> {
        findings.texts_with_nul = self.texts_with_nul;
        findings.label_separator = self.label_separator;
        if self.texts.is_empty() {
            let help = "check that the path is right and that the file was written completely";
            return Err(Error::data(path, None, "found no documents, expected at least one", help));
        }
        if self.multi_label {
            self.widen();
        }
        self.settle_missing(path, findings)?;
        let mut names = self.names;
        if let Some(named) = class_names
            && let Some(mapped) = named.apply(&names, path)?
        {
            names = mapped;
            findings.class_names = Some(named.file.clone());
        }
        let mut labels = names.clone();
        labels.sort_by(label_order(&names));
        labels.dedup();
        let place: HashMap<&str, u32> = labels.iter().zip(0..).map(|(label, i)| (label.as_str(), i)).collect();
        let sorted: Vec<u32> = names.iter().map(|name| place[name.as_str()]).collect();
        for target in &mut self.targets {
            match target {
                Target::Unlabelled => {}
                Target::One(label) => *label = sorted[*label as usize],
                Target::Many(many) => *target = Target::many(many.iter().map(|&l| sorted[l as usize]).collect()),
            }
        }
        if self.columns.is_empty() && !self.options.columns.is_empty() {
            let problem = format!("found no columns but text and label, expected {}", listed(&self.options.columns));
            return Err(Error::data(path, None, problem, "give CSV, TSV, JSON lines or Parquet with these columns"));
        }
        let dataset = Dataset::new(self.texts, self.targets, labels, self.multi_label)?;
        let dataset = Dataset { columns: self.columns, ..dataset };
        findings.describe(&dataset);
        Ok(dataset)
    }

    /// Rows read before the first one with several labels become sets of one.
    fn widen(&mut self) {
        for target in &mut self.targets {
            if let Target::One(label) = target {
                *target = Target::Many(Box::new([*label]));
            }
        }
        if self.bare_is_none {
            for row in self.missing.drain(..) {
                self.targets[row] = Target::Many(Box::new([]));
            }
        }
    }

    fn settle_missing(&mut self, path: &Path, findings: &mut Findings) -> Result<()> {
        if self.missing.is_empty() || self.options.keeps_unlabelled() {
            return Ok(());
        }
        let n = self.missing.len();
        if self.options.missing_label == MissingLabel::Refuse || n == self.texts.len() {
            let problem = format!("found no label for {n} of {} documents, this is the first", self.texts.len());
            let help = "fill the label in, choose --label-column, or pass --missing-label skip (or keep)";
            return Err(Error::data(path, self.first_missing_line.filter(|&line| line > 0), problem, help));
        }
        findings.ignore("documents without a label", n as u64);
        let labelled = |target: &Target| *target != Target::Unlabelled;
        let rows: Vec<usize> = (0..self.texts.len()).filter(|&row| labelled(&self.targets[row])).collect();
        self.columns = self.columns.iter().map(|column| column.subset(&rows)).collect();
        self.texts = rows.iter().map(|&row| std::mem::take(&mut self.texts[row])).collect();
        self.targets.retain(labelled);
        Ok(())
    }
}

impl ClassNames {
    /// One name a line; blank lines at the end do not count.
    pub(crate) fn parse(file: String, text: &str) -> Self {
        Self { file, names: text.trim_end().lines().map(|line| line.trim().to_owned()).collect() }
    }

    /// The names of these class numbers, or `None` if the labels are not class numbers.
    fn apply(&self, labels: &[String], path: &Path) -> Result<Option<Vec<String>>> {
        let numbers: Option<Vec<usize>> = labels.iter().map(|label| label.parse().ok()).collect();
        let Some(numbers) = numbers.filter(|n| !n.is_empty() && !self.names.is_empty()) else { return Ok(None) };
        let (least, most) = numbers.iter().fold((usize::MAX, 0), |(lo, hi), &n| (lo.min(n), hi.max(n)));
        // Numbers count from 0, unless the last name would be out of reach and 0 is not used (AG News).
        let first = usize::from(most == self.names.len() && least > 0);
        if most - first >= self.names.len() {
            let problem = format!("found class {most}, but {} holds {} names", self.file, self.names.len());
            return Err(Error::data(path, None, problem, format!("complete {} or remove it", self.file)));
        }
        let mut distinct = self.names.clone();
        distinct.sort();
        distinct.dedup();
        if distinct.len() < self.names.len() || distinct.contains(&String::new()) {
            let problem = format!("{} holds empty or repeated names: {}", self.file, listed(&self.names));
            return Err(Error::data(path, None, problem, "give each class a line with its own name"));
        }
        Ok(Some(numbers.into_iter().map(|n| self.names[n - first].clone()).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Format;

    fn finish(collector: Collector<'_>, names: Option<&ClassNames>) -> Result<(Dataset, Findings)> {
        let mut findings = Findings::new("x".into(), Format::Tsv);
        collector.finish(Path::new("x"), names, &mut findings).map(|data| (data, findings))
    }

    fn labelled(options: &ReadOptions, labels: &[&str]) -> Result<(Dataset, Findings)> {
        let mut collector = Collector::new(options);
        for (row, label) in labels.iter().enumerate() {
            collector.push_field(format!("text {row}"), label, row as u64 + 1);
        }
        finish(collector, None)
    }

    #[test]
    fn indices_do_not_depend_on_the_order_of_rows() {
        let (data, findings) = labelled(&ReadOptions::default(), &["10", " 9 ", "10"]).unwrap();
        assert_eq!(data.labels, ["9", "10"]);
        assert_eq!(data.targets, [Target::One(1), Target::One(0), Target::One(1)]);
        assert_eq!(findings.rows, 3);
    }

    #[test]
    fn a_label_can_be_cut_and_split() {
        let options = ReadOptions { label_until: Some(':'), ..Default::default() };
        assert_eq!(labelled(&options, &["DESC:manner", "DESC:reason", "NUM:x"]).unwrap().0.labels, ["DESC", "NUM"]);
        let options = ReadOptions { label_separator: Some('|'), ..Default::default() };
        let (data, _) = labelled(&options, &["b|a", "", "a|a"]).unwrap();
        assert!(data.multi_label);
        assert_eq!(data.targets, [Target::many(vec![0, 1]), Target::many(vec![]), Target::many(vec![0])]);
    }

    #[test]
    fn a_missing_label_is_refused_skipped_or_kept() {
        let with = |missing_label| ReadOptions { missing_label, ..Default::default() };
        let error = labelled(&with(MissingLabel::Refuse), &["a", " ", "b"]).unwrap_err();
        assert!(matches!(error, Error::Data { line: Some(2), .. }), "{error}");
        let (data, findings) = labelled(&with(MissingLabel::Skip), &["a", "", "b"]).unwrap();
        assert_eq!(data.texts, ["text 0", "text 2"]);
        assert_eq!(findings.ignored[0].count, 1);
        let (data, findings) = labelled(&with(MissingLabel::Keep), &["a", "", "b"]).unwrap();
        assert_eq!(data.targets[1], Target::Unlabelled);
        assert_eq!(findings.unlabelled, 1);
    }

    #[test]
    fn class_numbers_become_names_from_zero_or_from_one() {
        let options = ReadOptions::default();
        let names = ClassNames::parse("class.txt".into(), "world\nsport\n\n");
        let read = |labels: &[&str]| {
            let mut collector = Collector::new(&options);
            labels.iter().for_each(|label| collector.push_field(String::new(), label, 1));
            finish(collector, Some(&names))
        };
        assert_eq!(read(&["1", "0"]).unwrap().0.labels, ["sport", "world"]);
        assert_eq!(read(&["0", "1"]).unwrap().0.targets, [Target::One(1), Target::One(0)]);
        assert_eq!(read(&["2", "1"]).unwrap().0.targets, [Target::One(0), Target::One(1)]);
        assert!(read(&["0", "2"]).unwrap_err().to_string().contains("class 2"));
        assert_eq!(read(&["a", "0"]).unwrap().0.labels, ["0", "a"]);
        assert_eq!(read(&["a", "0"]).unwrap().1.class_names, None);
    }

    #[test]
    fn no_rows_are_an_error() {
        let options = ReadOptions::default();
        assert!(finish(Collector::new(&options), None).is_err());
    }
}
