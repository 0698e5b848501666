//! The charts of a report on one sheet, as one SVG that needs no style sheet of a page: for what shows no HTML.

use std::fmt::Write;

use super::charts;
use super::data::ReportData;
use super::escape::escape;
use super::strings::{Language, fill};
use super::svg::{HEIGHT, WIDTH};
use super::tables::{count, decimal, percent};
use crate::Result;

/// Between charts, and around all of them.
const GAP: f64 = 24.0;
/// Above a chart for its title, and below it for its legend.
const TITLE: f64 = 26.0;
const LEGEND: f64 = 20.0;
/// Above all charts.
const HEAD: f64 = 92.0;
/// About what a letter takes of a legend's line; those of Chinese take two.
const LETTER: f64 = 6.4;

/// The light colours of the page.
const STYLE: &str = "text { font-family: sans-serif; font-size: 12px; fill: #5b6068 } .name, .title, .head { fill: #1c1e21 } \
.title { font-size: 15px; font-weight: bold } .head { font-size: 20px; font-weight: bold } path { fill: none } \
.grid { stroke: #dfe1e4 } .axis, .tick { stroke: #5b6068 } .guide { stroke: #5b6068; stroke-dasharray: 4 4 } \
.line0 { stroke: #1f5fbf; stroke-width: 2 } .line1 { stroke: #c2570c; stroke-width: 2; stroke-dasharray: 7 4 } \
.line2 { stroke: #1a7f4b; stroke-width: 2; stroke-dasharray: 2 4 } .line3 { stroke: #8a3ab9; stroke-width: 2; stroke-dasharray: 9 3 2 3 } \
.line4 { stroke: #b3254f; stroke-width: 2; stroke-dasharray: 12 4 } .line5 { stroke: #7a6a00; stroke-width: 2; stroke-dasharray: 4 2 } \
.fill0 { fill: #1f5fbf } .fill1 { fill: #c2570c } .fill2 { fill: #1a7f4b } .fill3 { fill: #8a3ab9 } .fill4 { fill: #b3254f } .fill5 { fill: #7a6a00 }";

impl ReportData {
    /// The summary and every chart as one SVG, two charts in a row, in the light colours.
    ///
    /// # Errors
    /// When the texts that were built in are damaged.
    pub fn svg(&self, language: Language) -> Result<String> {
        let t = language.strings()?;
        let figures = charts::all(self, t);
        let cell = (WIDTH + GAP, TITLE + HEIGHT + LEGEND + GAP);
        let size = (GAP + 2.0 * cell.0, HEAD + figures.len().div_ceil(2) as f64 * cell.1);
        let mut out = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" viewBox="0 0 {0} {1}"><style>{STYLE}</style><rect width="{0}" height="{1}" fill="#ffffff"/>"##,
            size.0, size.1
        );
        let head = format!("{} · {} · {}", t.title, self.about.model, self.about.documents);
        let right = (self.report.accuracy * self.report.n_docs as f64).round() as u64;
        let values =
            [("right", count(right)), ("n", count(self.report.n_docs)), ("share", percent(self.report.accuracy))];
        let values = values.each_ref().map(|(key, value)| (*key, value.as_str()));
        let auc = self.report.auc.map_or_else(|| t.undefined.clone(), decimal);
        let figures_line = format!(
            "{} {} · {} {auc} · {} {} · {} {}",
            t.macro_f1,
            decimal(self.report.macro_f1),
            t.auc,
            t.log_loss,
            decimal(self.report.log_loss),
            t.calibration_error,
            decimal(self.report.calibration_error)
        );
        for (y, class, words) in
            [(34.0, "head", &head), (56.0, "name", &fill(&t.verdict, &values)), (76.0, "", &figures_line)]
        {
            let _ = write!(out, r#"<text class="{class}" x="{GAP}" y="{y}">{}</text>"#, escape(words));
        }
        for (i, figure) in figures.iter().enumerate() {
            let at = (GAP + (i % 2) as f64 * cell.0, HEAD + (i / 2) as f64 * cell.1);
            let _ = write!(
                out,
                r#"<g transform="translate({} {})"><text class="title" y="16">{}</text><g transform="translate(0 {TITLE})">{}</g>"#,
                at.0,
                at.1,
                escape(&figure.title),
                figure.marks
            );
            let (mut x, y) = (0.0, TITLE + HEIGHT + 14.0);
            for (colour, words) in &figure.legend {
                let _ = write!(
                    out,
                    r#"<rect class="fill{colour}" x="{x:.1}" y="{:.1}" width="10" height="10"/><text x="{:.1}" y="{y:.1}">{}</text>"#,
                    y - 9.0,
                    x + 14.0,
                    escape(words)
                );
                let n_letters: usize = words.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
                x += 30.0 + LETTER * n_letters as f64;
            }
            out.push_str("</g>");
        }
        out.push_str("</svg>\n");
        Ok(out)
    }
}
