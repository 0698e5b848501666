//! Why a figure of a report is missing.

use std::collections::BTreeMap;

use super::{ClassReport, Report};

/// The reason for each figure that ought to be there and is not, by its name in the report.
pub(super) fn undefined(report: &Report) -> BTreeMap<String, String> {
    let mut reasons = BTreeMap::new();
    let mut because = |figure: &str, is_missing: bool, reason: &str| {
        if is_missing {
            reasons.insert(figure.to_owned(), reason.to_owned());
        }
    };
    let about_areas = about_areas(report);
    because("auc", report.auc.is_none(), &about_areas);
    because("weighted_auc", report.weighted_auc.is_none(), &about_areas);
    let without = listed(report, |class| class.support == 0);
    let no_documents = format!("no document has {without}");
    because("average_precision", report.average_precision.is_none(), &no_documents);
    let none = "no document has any label";
    because("weighted_average_precision", report.weighted_average_precision.is_none(), none);
    because("micro_average_precision", report.micro_average_precision.is_none(), none);
    if report.multi_label {
        let n_labels = report.labels.len();
        let too_few = format!("there are only {n_labels} labels");
        because("precision_at_3", report.precision_at_3.is_none(), &too_few);
        because("precision_at_5", report.precision_at_5.is_none(), &too_few);
    } else {
        let alike = "only one label occurs, and it alone is predicted";
        because("cohen_kappa", report.cohen_kappa.is_none(), alike);
    }
    if let Some(coverage) = &report.coverage {
        let silent = "every document is abstained from";
        because("coverage.accuracy", coverage.accuracy.is_none(), silent);
    }
    reasons
}

fn about_areas(report: &Report) -> String {
    let n_occurring = report.per_class.iter().filter(|class| class.support > 0).count();
    if !report.multi_label && n_occurring == 1 {
        return "only one label occurs".to_owned();
    }
    if report.per_class.iter().any(|class| class.support == 0) {
        return format!("no document has {}", listed(report, |class| class.support == 0));
    }
    format!("every document has {}", listed(report, |class| class.support == report.n_docs))
}

/// The first label of those, and how many more there are.
fn listed(report: &Report, is_meant: impl Fn(&ClassReport) -> bool) -> String {
    let meant: Vec<&str> = report.per_class.iter().filter(|class| is_meant(class)).map(|c| c.label.as_str()).collect();
    match meant[..] {
        [] => "a label".to_owned(),
        [one] => format!("the label {one:?}"),
        [one, ref others @ ..] => format!("the label {one:?} (and {} more)", others.len()),
    }
}
