//! Tasks of Label Studio: the document in `data`, its labels in the choices of an annotation.

use std::path::Path;

use fenlei::{Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::columns::choose_in_objects;
use super::fields::{Fields, raw};
use super::json::{in_array, text_of};
use super::write::Answer;
use super::{Found, Item, Layout, ReadAs};

/// The names of the controls in Label Studio's own template for text classification.
const FROM: &str = "sentiment";
const TO: &str = "text";

pub(super) fn read(path: &Path, text: &str, options: &ReadAs) -> Result<Found> {
    let tasks = in_array(path, text)?;
    let mut data = Vec::with_capacity(tasks.len());
    for (place, task) in &tasks {
        let fields: Fields =
            task.get("data").and_then(|data| serde_json::from_str(data.get()).ok()).ok_or_else(|| {
                let problem = "found no \"data\", expected an object with the text";
                Error::data(path, Some(*place), problem, "export the project from Label Studio as JSON")
            })?;
        data.push(fields);
    }
    let (text_name, _) = choose_in_objects(path, data.iter(), options)?;
    let mut several = false;
    let mut items = Vec::with_capacity(tasks.len());
    for ((place, task), data) in tasks.into_iter().zip(data) {
        let text = text_of(path, place, &data, &text_name)?;
        let given = task.get("annotations").and_then(|annotations| given(annotations.get()));
        several |= given.as_ref().is_some_and(|names| names.len() > 1);
        items.push((text, given, task));
    }
    let layout = Layout { text: text_name, array: true, ..Layout::default() };
    Ok(Found { items, layout, several })
}

#[derive(Deserialize)]
struct Annotation {
    #[serde(default)]
    result: Vec<Region>,
    #[serde(default)]
    was_cancelled: Option<bool>,
}

#[derive(Deserialize)]
struct Region {
    #[serde(default)]
    value: Value,
    from_name: Option<String>,
    to_name: Option<String>,
    #[serde(rename = "type", default)]
    kind: String,
}

/// The choices of the first annotation that was not taken back.
fn given(annotations: &str) -> Option<Vec<String>> {
    let annotations: Vec<Annotation> = serde_json::from_str(annotations).ok()?;
    let annotations = annotations.into_iter().filter(|annotation| annotation.was_cancelled != Some(true));
    annotations.filter_map(|annotation| choices(&annotation)).next()
}

fn choices(annotation: &Annotation) -> Option<Vec<String>> {
    let region = annotation.result.iter().find(|region| region.kind == "choices")?;
    let choices = region.value.get("choices")?.as_array()?;
    Some(choices.iter().filter_map(|choice| choice.as_str().map(str::to_owned)).collect())
}

/// A task with the answers as further annotations.
pub(super) fn task(item: &Item, is_task: bool, label: Option<&str>, answer: Option<&Answer>) -> Fields {
    let mut task = item.fields.clone();
    if !is_task {
        let mut data = item.fields.clone();
        label.into_iter().for_each(|label| data.remove(label));
        task = Fields::default();
        task.push("data", &data);
    }
    let mut annotations: Vec<Box<serde_json::value::RawValue>> = task
        .get("annotations")
        .and_then(|annotations| serde_json::from_str(annotations.get()).ok())
        .unwrap_or_default();
    let names = annotations.iter().find_map(|annotation| {
        let annotation: Annotation = serde_json::from_str(annotation.get()).ok()?;
        let region = annotation.result.into_iter().find(|region| region.kind == "choices")?;
        region.from_name.zip(region.to_name)
    });
    let (from, to) = names.unwrap_or_else(|| (FROM.to_owned(), TO.to_owned()));
    let annotation = |labels: &[String], who: &str, is_final: bool| {
        raw(&json!({
            "result": [{
                "from_name": from, "to_name": to, "type": "choices", "value": { "choices": labels },
            }],
            "was_cancelled": false,
            "ground_truth": is_final,
            "meta": { "annotator": who },
        }))
    };
    match answer {
        // What others have said is kept for whoever wants to compare; the final word comes first, as readers take it.
        Some(answer) => {
            let by = answer.annotators.iter().map(|(who, labels)| annotation(labels, who, false));
            let by: Vec<_> = by.collect();
            let said = answer.labels.as_deref().map(|labels| annotation(labels, "", true));
            annotations.splice(0..0, said.into_iter().chain(by));
        }
        None if !is_task && item.given.is_some() => {
            annotations.push(annotation(item.given.as_deref().unwrap_or_default(), "", false));
        }
        None => {}
    }
    if !annotations.is_empty() || is_task && task.get("annotations").is_some() {
        task.set("annotations", raw(&annotations));
    }
    task
}
