//! The documents with what was decided, in the layout of the file or in another.

use std::io::{self, Write};

use super::fields::{Fields, raw};
use super::{Documents, Item, LabelFormat, delimited, fasttext, label_studio};

/// The field of labels where the file has none.
const LABEL: &str = "label";

/// What was decided about a document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Its labels; `None` while its annotators do not agree.
    pub labels: Option<Vec<String>>,
    /// What each annotator said, by name.
    pub annotators: Vec<(String, Vec<String>)>,
}

impl Documents {
    /// Writes the documents with the answers, `[n_docs]`; only those with labels, where `labelled_only`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(
        &self,
        out: &mut dyn Write,
        format: LabelFormat,
        answers: &[Option<Answer>],
        labelled_only: bool,
    ) -> io::Result<()> {
        let has_labels = |item: &Item, answer: &Option<Answer>| match answer {
            Some(answer) => answer.labels.is_some(),
            None => item.given.is_some(),
        };
        let rows = self.items.iter().zip(&self.texts).zip(answers).map(|((item, text), answer)| (item, text, answer));
        let rows = rows.filter(|(item, _, answer)| !labelled_only || has_labels(item, answer));
        match format {
            LabelFormat::JsonLines | LabelFormat::Doccano => {
                let array = self.layout.array && self.format == format;
                let objects =
                    rows.map(|(item, _, answer)| serde_json::to_string(&self.object(item, answer.as_ref(), format)));
                write_json(out, objects.map(|object| object.unwrap_or_default()), array)
            }
            LabelFormat::LabelStudio => {
                let is_task = self.format == LabelFormat::LabelStudio;
                let label = self.layout.label.as_deref();
                let tasks = rows.map(|(item, _, answer)| {
                    serde_json::to_string(&label_studio::task(item, is_task, label, answer.as_ref()))
                });
                write_json(out, tasks.map(|task| task.unwrap_or_default()), true)
            }
            LabelFormat::FastText => rows.into_iter().try_for_each(|(item, text, answer)| {
                writeln!(out, "{}", fasttext::line(text, labels(item, answer.as_ref()).unwrap_or_default()))
            }),
            LabelFormat::Csv | LabelFormat::Tsv => {
                let delimiter = if format == LabelFormat::Csv { b',' } else { b'\t' };
                let as_read = self.layout.header.is_none() && self.layout.delimiter != 0;
                let names = self.column_names();
                let rows = rows.map(|(item, _, answer)| self.object(item, answer.as_ref(), format));
                delimited::write(out, delimiter, &names, !as_read, rows)
            }
        }
    }

    /// The name of the field of labels.
    fn label_name(&self) -> &str {
        self.layout.label.as_deref().unwrap_or(LABEL)
    }

    /// All columns of a table, in the order in which they appear first.
    fn column_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let mut known = std::collections::HashSet::new();
        for item in &self.items {
            let flat = self.flat(item);
            for name in flat.names().filter(|name| !known.contains(*name)).collect::<Vec<_>>() {
                known.insert(name.to_owned());
                names.push(name.to_owned());
            }
        }
        if known.insert(self.label_name().to_owned()) {
            names.push(self.label_name().to_owned());
        }
        names
    }

    /// The fields of a document beside each other; of a task, those of its data come first.
    fn flat(&self, item: &Item) -> Fields {
        if self.format != LabelFormat::LabelStudio {
            return item.fields.clone();
        }
        let data = item.fields.get("data").and_then(|data| serde_json::from_str(data.get()).ok());
        let mut flat: Fields = data.unwrap_or_default();
        let own = |name: &str| !matches!(name, "data" | "annotations" | "predictions");
        for (name, value) in item.fields.iter().filter(|(name, _)| own(name)) {
            if flat.get(name).is_none() {
                flat.set(name, value.to_owned());
            }
        }
        flat
    }

    fn object(&self, item: &Item, answer: Option<&Answer>, format: LabelFormat) -> Fields {
        let mut fields = self.flat(item);
        let same_shape = self.format == format;
        if answer.is_none() && same_shape {
            return fields;
        }
        let name = self.label_name();
        let Some(labels) = labels(item, answer) else {
            // What the file says has been doubted, and nothing stands in its place yet.
            if answer.is_some() && fields.get(name).is_some() {
                fields.set(name, raw(&()));
            }
            return fields;
        };
        let value = match format {
            LabelFormat::Csv | LabelFormat::Tsv => raw(&labels.join(delimited::SEPARATOR.encode_utf8(&mut [0; 4]))),
            LabelFormat::Doccano => raw(labels),
            _ if self.multi_label || self.layout.lists => self.raw_list(labels),
            _ => labels.first().map_or_else(|| raw(&()), |label| self.raw_label(label)),
        };
        fields.set(name, value);
        fields
    }

    /// A label that stood in the file as a number stays one.
    fn raw_label(&self, label: &str) -> Box<serde_json::value::RawValue> {
        match self.layout.raw_labels.get(label).map(|json| json.to_owned()) {
            Some(json) => serde_json::value::RawValue::from_string(json).unwrap_or_else(|_| raw(label)),
            None => raw(label),
        }
    }

    fn raw_list(&self, labels: &[String]) -> Box<serde_json::value::RawValue> {
        raw(&labels.iter().map(|label| self.raw_label(label)).collect::<Vec<_>>())
    }
}

fn labels<'a>(item: &'a Item, answer: Option<&'a Answer>) -> Option<&'a [String]> {
    match answer {
        Some(answer) => answer.labels.as_deref(),
        None => item.given.as_deref(),
    }
}

fn write_json(out: &mut dyn Write, objects: impl Iterator<Item = String>, array: bool) -> io::Result<()> {
    if !array {
        return objects.into_iter().try_for_each(|object| writeln!(out, "{object}"));
    }
    out.write_all(b"[")?;
    for (i, object) in objects.enumerate() {
        out.write_all(if i == 0 { b"\n" } else { b",\n" })?;
        out.write_all(object.as_bytes())?;
    }
    out.write_all(b"\n]\n")
}
