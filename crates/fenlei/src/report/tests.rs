//! Reports of small models: every section, every escape, every language.

use std::path::Path;

use super::*;
use crate::artifact::ModelInfo;
use crate::classifier::Classifier;
use crate::config::{PlanSource, load_plan};
use crate::data::{Dataset, Target};
use crate::eval::compare;
use crate::train::train;

const EVIL: &str = "<script>alert(1)</script>";

fn documents(labels: &[&str], multi_label: bool) -> Dataset {
    let n = labels.len() as u32;
    let texts: Vec<String> = (0..40)
        .map(|i| format!("{} text \"{i}\" & word{} <img src=x onerror=alert(1)> {EVIL}", "long ".repeat(i % 7), i % 4))
        .collect();
    let target = |i: u32| if multi_label { Target::many(vec![i % n, (i / 2) % n]) } else { Target::One(i % n) };
    let targets = (0..40).map(target).collect();
    Dataset::new(texts, targets, labels.iter().map(ToString::to_string).collect(), multi_label).unwrap()
}

fn data(labels: &[&str], multi_label: bool) -> ReportData {
    let documents = documents(labels, multi_label);
    let set = ["model.features.min_df=1", "pipeline.vocab.min_count=1"].map(String::from).to_vec();
    let source = PlanSource { recipe: Some("linear".to_owned()), set, ..PlanSource::default() };
    let plan = load_plan(&source).unwrap();
    let classifier = train(&plan, &documents, None).unwrap().classifier;
    report_on(&classifier, &documents, serde_json::to_value(&plan).unwrap())
}

fn report_on(classifier: &Classifier, documents: &Dataset, plan: serde_json::Value) -> ReportData {
    let history = serde_json::json!([
        {"epoch": 1, "loss": 0.7, "seconds": 1.0, "docs_per_second": 9.0, "lr_factor": 1.0, "best": false,
         "validation": {"accuracy": 0.5, "macro_f1": 0.5, "log_loss": 0.69}},
        {"epoch": 2, "loss": 0.5, "seconds": 1.0, "docs_per_second": 9.0, "lr_factor": 1.0, "best": true,
         "validation": {"accuracy": 0.8, "macro_f1": 0.5, "log_loss": 0.4}},
    ]);
    let info = ModelInfo { plan, history, n_train: 40, ..ModelInfo::default() };
    let comparison = compare(classifier, documents, Path::new("test.csv")).unwrap();
    let options = ReportOptions { model: EVIL.to_owned(), documents: "a&b.csv".to_owned(), n_errors: 5 };
    ReportData::new(classifier, &info, documents, &comparison, &options).unwrap()
}

#[test]
fn nothing_that_a_document_or_a_label_says_becomes_markup() {
    for multi_label in [false, true] {
        let data = data(&[EVIL, "b\"onmouseover=\"x"], multi_label);
        for language in [Language::En, Language::Zh] {
            let html = data.html(language).unwrap();
            let lower = html.to_lowercase();
            assert!(!lower.contains("<script") && !lower.contains("<img"), "{language:?}");
            assert!(!html.contains("b\"onmouse") && html.contains("b&quot;onmouseover"));
            assert!(html.contains("&lt;script&gt;"));
            let markdown = data.markdown(language).unwrap();
            assert!(!markdown.contains("<script") && !markdown.contains("<img"));
        }
    }
}

#[test]
fn a_page_needs_nothing_from_anywhere_and_every_reference_in_it_is_there() {
    let html = data(&["a", "b", "c"], false).html(Language::En).unwrap();
    let (before, rest) = html.split_once("<style>").unwrap();
    let (style, behind) = rest.split_once("</style>").unwrap();
    assert!(!style.contains("@import") && !style.contains("url(") && !style.contains("//"));
    // All that is markup lies between these signs: those of documents are escaped.
    let tags = [before, behind].map(|part| part.split('<').filter_map(|tag| tag.split('>').next()).collect::<Vec<_>>());
    for tag in tags.iter().flatten() {
        for unwanted in ["http:", "https:", " src=", " style=", " onclick", " onerror="] {
            assert!(!tag.contains(unwanted), "{tag}");
        }
    }
    assert!(html.contains("Content-Security-Policy") && html.contains("default-src 'none'"));
    let mut ids: Vec<&str> = html.split(" id=\"").skip(1).map(|part| part.split('"').next().unwrap()).collect();
    for reference in html.split("href=\"#").skip(1).map(|part| part.split('"').next().unwrap()) {
        assert!(ids.contains(&reference), "{reference}");
    }
    for labelled in html.split("aria-labelledby=\"").skip(1).flat_map(|part| part.split('"').next().unwrap().split(' '))
    {
        assert!(ids.contains(&labelled), "{labelled}");
    }
    let n = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), n, "ids are unique");
}

#[test]
fn tags_are_closed_in_the_order_in_which_they_were_opened() {
    for data in [data(&["a", "b", "c"], false), data(&["a", "b"], false), data(&["a", "b", "c"], true)] {
        let html = data.html(Language::Zh).unwrap();
        let mut open: Vec<&str> = Vec::new();
        for part in html.split('<').skip(1) {
            let tag = part.split('>').next().unwrap();
            let name = tag.trim_start_matches('/').split([' ', '\n']).next().unwrap();
            match () {
                () if tag.starts_with('!') || tag.ends_with('/') || ["meta", "link", "input"].contains(&name) => {}
                () if tag.starts_with('/') => assert_eq!(open.pop(), Some(name)),
                () => open.push(name),
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }
}

#[test]
fn every_section_is_there_and_figures_are_those_of_the_evaluation() {
    let data = data(&["a", "b"], false);
    let html = data.html(Language::En).unwrap();
    for section in [
        "Summary",
        "Learning curves",
        "Confusion matrix",
        "Labels",
        "ROC curve",
        "Precision and recall",
        "Calibration",
        "How sure the model is",
        "Thresholds",
        "Accuracy and coverage",
        "Lengths",
        "By length",
        "Worst errors",
        "Problems of the data",
        "Model",
        "Configuration",
    ] {
        assert!(html.contains(&format!(">{section}</h2>")), "{section}");
    }
    assert_eq!(html.matches("role=\"img\"").count(), 9);
    let right: u64 = data.confidences.iter().map(|bin| bin.n_right).sum();
    assert_eq!(right as f64 / 40.0, data.report.accuracy);
    assert_eq!(
        data.coverage.last().map(|point| (point.share_answered, point.accuracy)),
        Some((1.0, data.report.accuracy))
    );
    let curve = &data.thresholds.as_ref().unwrap().curve;
    assert_eq!((curve.len(), curve[0].recall), (101, 1.0));
    let n_errors = ((1.0 - data.report.accuracy) * 40.0).round() as usize;
    assert_eq!(data.errors.len(), n_errors.min(5));
    assert_eq!(data.problems.n_counted, 40);
    assert_eq!(data.problems.slices.iter().filter(|slice| slice.by == "label").count(), 2);
    let json = serde_json::to_value(&data).unwrap();
    assert!(json["report"]["accuracy"].is_number() && json["configuration"]["train"].is_object());
}

#[test]
fn undefined_figures_are_said_and_never_written_as_nan() {
    let all = documents(&["a", "b"], false);
    let classifier = {
        let set = ["model.features.min_df=1".to_owned()].to_vec();
        let source = PlanSource { recipe: Some("nb".to_owned()), set, ..PlanSource::default() };
        train(&load_plan(&source).unwrap(), &all, None).unwrap().classifier
    };
    let one = Dataset::new(vec!["word1".to_owned()], vec![Target::One(0)], vec!["a".to_owned()], false).unwrap();
    let data = report_on(&classifier, &one, serde_json::Value::Null);
    assert_eq!(data.report.auc, None);
    for page in [data.html(Language::En).unwrap(), data.markdown(Language::En).unwrap()] {
        assert!(page.contains("undefined") && !page.contains("NaN") && !page.contains("inf"), "{page}");
    }
}

#[test]
fn a_wrong_label_of_the_documents_is_suspected_and_unknown_words_are_counted() {
    let texts = |i: usize| if i % 2 == 1 { "a good fine film" } else { "a bad dull film" };
    let clean = |n: usize, labels: &dyn Fn(usize) -> u32| {
        let texts = (0..n).map(|i| texts(i).to_owned()).collect();
        let targets = (0..n).map(|i| Target::One(labels(i))).collect();
        Dataset::new(texts, targets, vec!["neg".into(), "pos".into()], false).unwrap()
    };
    let set = ["model.features.min_df=1".to_owned()].to_vec();
    let source = PlanSource { recipe: Some("linear".to_owned()), set, ..PlanSource::default() };
    let classifier = train(&load_plan(&source).unwrap(), &clean(40, &|i| (i % 2) as u32), None).unwrap().classifier;
    let mut test = clean(20, &|i| if i == 6 { 1 } else { (i % 2) as u32 });
    test.texts[3] = "zebra zebra zebra quagga".to_owned();
    let data = report_on(&classifier, &test, serde_json::Value::Null);
    let suspects: Vec<_> =
        data.problems.suspects.iter().map(|s| (s.document, s.given.as_str(), s.suggested.as_str())).collect();
    assert_eq!(suspects, [(7, "pos", "neg")]);
    assert_eq!(data.problems.unknown.frequent[0], ("zebra".to_owned(), 3));
    for page in [data.html(Language::En).unwrap(), data.markdown(Language::Zh).unwrap()] {
        assert!(page.contains("zebra (3)"), "{page}");
    }
}

#[test]
fn the_charts_stand_on_one_sheet_that_is_well_formed() {
    let data = data(&["a", "b"], false);
    let svg = data.svg(Language::Zh).unwrap();
    assert!(!svg.contains("<script>") && !svg.contains("NaN"), "{svg}");
    let titles = svg.matches("class=\"title\"").count();
    assert_eq!(titles, data.html(Language::Zh).unwrap().matches("role=\"img\"").count());
    let mut open: Vec<&str> = Vec::new();
    for tag in svg.split('<').skip(1).filter_map(|part| part.split('>').next()) {
        let name = tag.trim_start_matches('/').split(' ').next().unwrap();
        match () {
            () if tag.ends_with('/') => {}
            () if tag.starts_with('/') => assert_eq!(open.pop(), Some(name)),
            () => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}
