//! The demonstration on the bundled corpus: short messages in two languages, one model for both.

use std::path::Path;

use anyhow::Result;
use fenlei::config::{PlanSource, load_plan};
use fenlei::data::{self, Dataset, Format, ReadOptions};
use fenlei::eval::compare;
use fenlei::train::Plan;

use super::VOICE;
use crate::output::counted;

const ENGLISH: &str = include_str!("../../demo/en.tsv");
const CHINESE: &str = include_str!("../../demo/zh.tsv");

/// The share of each language that nothing is learned from.
const TEST_SHARE: f64 = 0.2;
const SEED: u64 = 1;
const EPOCHS: u32 = 30;

/// Texts that stand in neither part.
const NEW_TEXTS: [&str; 8] = [
    "The lamp arrived with a cracked base and nobody answers my mails.",
    "Does the blue one come in a size for children?",
    "Best noodles I have had in years, and such friendly people.",
    "Only today: buy two, pay one! Order now and save half!",
    "快递箱子都压烂了，里面的杯子碎了一个，客服也不理人",
    "请问这款有没有适合敏感肌的？",
    "老板人很好，菜量足味道正，下次还来",
    "扫码加群立减五十元，名额有限先到先得",
];

pub(super) fn run(output: &Path) -> Result<()> {
    super::check_destination(output)?;
    let (english, chinese) = (corpus(ENGLISH)?, corpus(CHINESE)?);
    VOICE.note(format_args!(
        "{} in English and {} in Chinese, bundled with this program: {}",
        counted(english.len(), "message"),
        counted(chinese.len(), "message"),
        english.labels.join(", ")
    ));
    let (english_train, english_test) = divided(&english)?;
    let (chinese_train, chinese_test) = divided(&chinese)?;
    let train = joined(english_train, &chinese_train)?;
    VOICE.note(format_args!("{:.0} % of each are held out for the test; one model learns both", TEST_SHARE * 100.0));
    let trained = super::train_and_keep(&plan()?, &train, output)?;
    let classifier = &trained.classifier;

    VOICE.result("\nTest on messages that were held out, accuracy:")?;
    let test = joined(english_test.clone(), &chinese_test)?;
    for (name, part) in [("English", &english_test), ("Chinese", &chinese_test)] {
        let report = compare(classifier, part, Path::new("demo"))?.report;
        VOICE.result(format_args!("  {name}   {:.3}  ({})", report.accuracy, counted(report.n_docs, "document")))?;
    }
    VOICE.result(format_args!("\nBoth together: {}", compare(classifier, &test, Path::new("demo"))?.report))?;
    VOICE.result("New messages:")?;
    super::show_predictions(classifier, &NEW_TEXTS)?;
    let model = output.display();
    VOICE.note(format_args!(
        "\nnext: fenlei predict {model} \"any text of yours\"\n      fenlei inspect {model}\n      \
         fenlei train YOUR.csv -o yours.fenlei\n      fenlei demo imdb"
    ));
    Ok(())
}

/// The everyday network, for a few hundred messages: too few to hold some back to validate with, and too few steps an
/// epoch for an average of the weights to settle.
fn plan() -> fenlei::Result<Plan> {
    let set = ["train.validation=0", "train.average="];
    load_plan(&PlanSource {
        seed: Some(SEED),
        epochs: Some(EPOCHS),
        set: set.map(str::to_owned).to_vec(),
        ..PlanSource::default()
    })
}

fn corpus(tsv: &str) -> fenlei::Result<Dataset> {
    let options = ReadOptions {
        format: Some(Format::Tsv),
        text_column: Some("text".into()),
        label_column: Some("label".into()),
        has_header: Some(true),
        ..ReadOptions::default()
    };
    data::read_bytes(tsv.as_bytes(), &options).map(|(dataset, _)| dataset)
}

fn divided(dataset: &Dataset) -> fenlei::Result<(Dataset, Dataset)> {
    let (train, test) = data::stratified_split(dataset, TEST_SHARE, SEED)?;
    Ok((dataset.subset(&train), dataset.subset(&test)))
}

fn joined(mut first: Dataset, second: &Dataset) -> fenlei::Result<Dataset> {
    let second = second.clone().relabel(&first.labels, first.multi_label)?;
    first.texts.extend(second.texts);
    first.targets.extend(second.targets);
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_have_the_same_labels_in_like_numbers() {
        let (english, chinese) = (corpus(ENGLISH).unwrap(), corpus(CHINESE).unwrap());
        assert_eq!(english.labels, chinese.labels);
        for counts in [english.label_counts(), chinese.label_counts()] {
            assert!(counts.iter().all(|&n| n >= 100), "{counts:?}");
        }
    }

    #[test]
    fn new_messages_are_not_in_the_corpus() {
        for text in NEW_TEXTS {
            assert!(!ENGLISH.contains(text) && !CHINESE.contains(text), "{text}");
        }
    }
}
