//! The charts of a report, each with its legend and the same figures as a table.

use std::fmt::Write;

use super::data::ReportData;
use super::distributions::CountBin;
use super::escape::escape;
use super::figures::LabelCurve;
use super::strings::Strings;
use super::svg::{Axis, Chart, Mark, Unit};
use super::tables::{count, decimal, percent, sampled, table};

/// Rows of the table beside a curve.
const ROWS: usize = 21;

/// A chart with its legend and the same figures as a table.
pub(super) struct Figure {
    pub title: String,
    svg: String,
    /// What is drawn, without the element around it.
    pub marks: String,
    /// Colours with their words.
    pub legend: Vec<(usize, String)>,
    table: String,
}

impl Figure {
    fn new(chart: &Chart<'_>, legend: &[(usize, String)], table: String) -> Self {
        let (svg, marks) = (chart.draw(), chart.marks());
        Self { title: chart.title.to_owned(), svg, marks, legend: legend.to_vec(), table }
    }

    /// As a part of the page.
    pub fn html(&self, t: &Strings) -> String {
        let mut out = format!("<figure>{}", self.svg);
        if !self.legend.is_empty() {
            out.push_str("<figcaption>");
            for (colour, words) in &self.legend {
                let _ = write!(out, "<span class=\"key\"><i class=\"back{colour}\"></i>{}</span> ", escape(words));
            }
            out.push_str("</figcaption>");
        }
        let _ = write!(out, "<details><summary>{}</summary>{}</details></figure>", escape(&t.table), self.table);
        out
    }
}

/// All charts that there is something to draw for, in the order of the page.
pub(super) fn all(data: &ReportData, t: &Strings) -> Vec<Figure> {
    let mut figures = learning(data, t);
    if !data.roc.is_empty() {
        figures.extend([roc(data, t), precision_recall(data, t)]);
    }
    figures.extend([calibration(data, t), confidences(data, t)]);
    figures.extend(thresholds(data, "", t));
    figures.extend([coverage(data, t), lengths(data, t)]);
    figures
}

/// Loss and accuracy by epoch; none without epochs.
pub(super) fn learning(data: &ReportData, t: &Strings) -> Vec<Figure> {
    let history = &data.history;
    let (Some(first), Some(last)) = (history.first(), history.last()) else { return Vec::new() };
    let epochs = |value: &dyn Fn(usize) -> Option<f64>| -> Vec<(f64, f64)> {
        let points = history.iter().enumerate().filter_map(|(i, record)| Some((f64::from(record.epoch), value(i)?)));
        points.filter(|(_, value)| value.is_finite()).collect()
    };
    let training = epochs(&|i| Some(history[i].loss));
    let validation = epochs(&|i| Some(history[i].validation?.log_loss));
    let accuracy = epochs(&|i| Some(history[i].validation?.accuracy));
    let x = Axis {
        title: &t.epoch,
        min: f64::from(first.epoch),
        max: f64::from(last.epoch).max(f64::from(first.epoch) + 1.0),
        unit: Unit::Count,
    };
    let highest = training.iter().chain(&validation).map(|point| point.1).fold(0.0, f64::max);
    let y = Axis { title: &t.loss, min: 0.0, max: (1.05 * highest).max(1e-6), unit: Unit::Number };
    let mut marks = vec![Mark::Line { colour: 0, points: &training }];
    let mut legend = vec![(0, t.training_loss.clone())];
    if !validation.is_empty() {
        marks.push(Mark::Line { colour: 1, points: &validation });
        legend.push((1, t.validation_loss.clone()));
    }
    let rows: Vec<Vec<String>> = history
        .iter()
        .map(|record| {
            let of_validation = |value: fn(&crate::train::ValidationRecord) -> f64| {
                record.validation.as_ref().map_or("–".to_owned(), |validation| decimal(value(validation)))
            };
            let kept = if record.best { t.best_epoch.clone() } else { String::new() };
            vec![
                record.epoch.to_string(),
                decimal(record.loss),
                of_validation(|v| v.log_loss),
                of_validation(|v| v.accuracy),
                kept,
            ]
        })
        .collect();
    let rows = table(&[&t.epoch, &t.training_loss, &t.validation_loss, &t.validation_accuracy, ""], &rows);
    let chart = Chart { id: "loss", title: &t.learning, description: &t.learning_note, x, y, marks };
    let mut figures = vec![Figure::new(&chart, &legend, rows.clone())];
    if !accuracy.is_empty() {
        let lowest = accuracy.iter().map(|point| point.1).fold(1.0, f64::min);
        let y = Axis { min: floor_to(lowest, 0.1), ..Axis::share(&t.accuracy) };
        let marks = vec![Mark::Line { colour: 1, points: &accuracy }];
        let title = &t.validation_accuracy;
        let chart = Chart { id: "validation", title, description: &t.learning_note, x, y, marks };
        figures.push(Figure::new(&chart, &[(1, title.clone())], rows));
    }
    figures
}

fn floor_to(x: f64, step: f64) -> f64 {
    ((x / step - 1e-9).floor() * step).clamp(0.0, 0.9)
}

pub(super) fn roc(data: &ReportData, t: &Strings) -> Figure {
    let axes = [Axis::share(&t.false_positive_rate), Axis::share(&t.true_positive_rate)];
    let guide = Some(Mark::Guide { from: (0.0, 0.0), to: (1.0, 1.0) });
    curves("roc-chart", [&t.roc, &t.roc_note], axes, &data.roc, guide, "AUC", t)
}

pub(super) fn precision_recall(data: &ReportData, t: &Strings) -> Figure {
    let axes = [Axis::share(&t.recall), Axis::share(&t.precision)];
    curves("pr-chart", [&t.precision_recall, &t.precision_recall_note], axes, &data.precision_recall, None, "AP", t)
}

fn curves<'a>(
    id: &str,
    [title, description]: [&str; 2],
    [x, y]: [Axis<'a>; 2],
    curves: &'a [LabelCurve],
    guide: Option<Mark<'a>>,
    area: &str,
    t: &Strings,
) -> Figure {
    let lines = curves.iter().enumerate().map(|(colour, curve)| Mark::Line { colour, points: &curve.points });
    let marks = guide.into_iter().chain(lines).collect();
    let legend: Vec<(usize, String)> = curves
        .iter()
        .enumerate()
        .map(|(colour, curve)| {
            let area = curve.area.map_or(String::new(), |value| format!(" · {area} {value:.3}"));
            (colour, format!("{}{area}", curve.label))
        })
        .collect();
    let rows: Vec<Vec<String>> = curves
        .iter()
        .flat_map(|curve| {
            let points = sampled(&curve.points, if curves.len() > 1 { 11 } else { ROWS });
            points.into_iter().map(|(x, y)| vec![curve.label.clone(), percent(x), percent(y)]).collect::<Vec<_>>()
        })
        .collect();
    let rows = table(&[&t.label, x.title, y.title], &rows);
    Figure::new(&Chart { id, title, description, x, y, marks }, &legend, rows)
}

pub(super) fn calibration(data: &ReportData, t: &Strings) -> Figure {
    let (x, y) = (Axis::share(&t.confidence), Axis::share(&t.share_right));
    let most = data.calibration.iter().map(|bin| bin.n).max().unwrap_or(1).max(1) as f64;
    let points: Vec<(f64, f64)> = data.calibration.iter().map(|bin| (bin.confidence, bin.share_right)).collect();
    let mut marks = vec![Mark::Guide { from: (0.0, 0.0), to: (1.0, 1.0) }, Mark::Line { colour: 0, points: &points }];
    marks.extend(data.calibration.iter().map(|bin| Mark::Dot {
        colour: 0,
        at: (bin.confidence, bin.share_right),
        radius: 2.5 + 5.0 * (bin.n as f64 / most).sqrt(),
        tip: format!("{} → {} ({})", percent(bin.confidence), percent(bin.share_right), count(bin.n)),
    }));
    let rows: Vec<Vec<String>> = data
        .calibration
        .iter()
        .map(|bin| vec![percent(bin.confidence), percent(bin.share_right), count(bin.n)])
        .collect();
    let rows = table(&[&t.confidence, &t.share_right, &t.support], &rows);
    let description = if data.report.multi_label { &t.calibration_multi_note } else { &t.calibration_note };
    Figure::new(&Chart { id: "calibration-chart", title: &t.calibration, description, x, y, marks }, &[], rows)
}

pub(super) fn confidences(data: &ReportData, t: &Strings) -> Figure {
    let max = data.confidences.last().map_or(1.0, |bin| bin.to);
    let min = data.confidences.first().map_or(0.0, |bin| bin.from);
    let x = Axis { title: &t.confidence, min, max, unit: Unit::Percent };
    histogram("confidence-chart", [&t.confidences, &t.confidences_note], x, &data.confidences, t)
}

pub(super) fn lengths(data: &ReportData, t: &Strings) -> Figure {
    let max = data.lengths.last().map_or(1.0, |bin| bin.to);
    let x = Axis { title: &t.characters, min: 0.0, max, unit: Unit::Count };
    histogram("length-chart", [&t.lengths, &t.lengths_note], x, &data.lengths, t)
}

fn histogram(id: &str, [title, description]: [&str; 2], x: Axis<'_>, bins: &[CountBin], t: &Strings) -> Figure {
    let most = bins.iter().map(|bin| bin.n_right + bin.n_wrong).max().unwrap_or(1).max(1) as f64;
    let y = Axis { title: &t.support, min: 0.0, max: 1.05 * most, unit: Unit::Count };
    let range = |bin: &CountBin| match x.unit {
        Unit::Percent => format!("{} – {}", percent(bin.from), percent(bin.to)),
        _ => format!("{} – {}", count(bin.from as u64), count(bin.to as u64)),
    };
    let mut marks = Vec::new();
    for bin in bins {
        let (right, all) = (bin.n_right as f64, (bin.n_right + bin.n_wrong) as f64);
        let tip = format!("{}: {} {}, {} {}", range(bin), count(bin.n_right), t.right, count(bin.n_wrong), t.wrong);
        let x = (bin.from, bin.to);
        // Errors at the bottom, where bars of different heights can be compared.
        marks.push(Mark::Bar { colour: 1, x, y: (0.0, all - right), tip: tip.clone() });
        marks.push(Mark::Bar { colour: 0, x, y: (all - right, all), tip });
    }
    let rows: Vec<Vec<String>> =
        bins.iter().map(|bin| vec![range(bin), count(bin.n_right), count(bin.n_wrong)]).collect();
    let rows = table(&[x.title, &t.right, &t.wrong], &rows);
    let legend = [(0, t.right.clone()), (1, t.wrong.clone())];
    Figure::new(&Chart { id, title, description, x, y, marks }, &legend, rows)
}

/// Precision, recall and F1 by threshold; nothing where no threshold decides.
pub(super) fn thresholds(data: &ReportData, note: &str, t: &Strings) -> Option<Figure> {
    let curve = &data.thresholds.as_ref()?.curve;
    let line = |value: fn(&super::ThresholdPoint) -> f64| -> Vec<(f64, f64)> {
        curve.iter().map(|point| (point.threshold, value(point))).collect()
    };
    let lines = [line(|p| p.precision), line(|p| p.recall), line(|p| p.f1)];
    let marks = lines.iter().enumerate().map(|(colour, points)| Mark::Line { colour, points }).collect();
    let legend = [(0, t.precision.clone()), (1, t.recall.clone()), (2, t.f1.clone())];
    let rows: Vec<Vec<String>> = sampled(curve, ROWS)
        .iter()
        .map(|p| vec![percent(p.threshold), percent(p.precision), percent(p.recall), decimal(p.f1)])
        .collect();
    let rows = table(&[&t.threshold, &t.precision, &t.recall, &t.f1], &rows);
    let (x, y) = (Axis::share(&t.threshold), Axis::share(""));
    let chart = Chart { id: "threshold-chart", title: &t.thresholds, description: note, x, y, marks };
    Some(Figure::new(&chart, &legend, rows))
}

pub(super) fn coverage(data: &ReportData, t: &Strings) -> Figure {
    let points: Vec<(f64, f64)> = data.coverage.iter().map(|point| (point.share_answered, point.accuracy)).collect();
    let lowest = points.iter().map(|point| point.1).fold(1.0, f64::min);
    let y = Axis { min: floor_to(lowest, 0.05), ..Axis::share(&t.accuracy) };
    let marks = vec![Mark::Line { colour: 0, points: &points }];
    let rows: Vec<Vec<String>> = sampled(&data.coverage, ROWS)
        .iter()
        .map(|point| vec![percent(point.share_answered), percent(point.accuracy), decimal(point.confidence)])
        .collect();
    let rows = table(&[&t.share_answered, &t.accuracy, &t.confidence], &rows);
    let (x, title) = (Axis::share(&t.share_answered), &t.coverage);
    Figure::new(&Chart { id: "coverage-chart", title, description: &t.coverage_note, x, y, marks }, &[], rows)
}
