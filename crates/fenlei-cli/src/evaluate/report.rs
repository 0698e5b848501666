//! `fenlei eval --report`: the whole evaluation as a page, as Markdown or as JSON.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};
use fenlei::Error;
use fenlei::report::{Language, ReportData};
use fenlei::storage::write_atomically;

use super::png;

/// Where a report goes and how it is written.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct ReportArguments {
    /// Write a report with charts, worst errors and the whole configuration: FILE.html, .md, .json, .svg or .png
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// The form of the report, whatever its file is called
    #[arg(long, value_name = "FORM", requires = "report")]
    pub report_format: Option<ReportFormat>,
    /// The language of the report: en, zh
    #[arg(long, value_name = "LANGUAGE", requires = "report")]
    pub lang: Option<Language>,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// One page that needs nothing else.
    Html,
    /// Tables as text.
    Md,
    /// All figures.
    Json,
    /// The charts on one sheet.
    Svg,
    /// The same as pixels; letters are those of the fonts of this machine.
    Png,
}

impl ReportArguments {
    /// The file and its form, if a report is asked for. To be called before any work.
    pub fn resolve(&self) -> fenlei::Result<Option<(&Path, ReportFormat)>> {
        let Some(path) = &self.report else { return Ok(None) };
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
        let format = match (self.report_format, ending.as_str()) {
            (Some(format), _) => format,
            (None, "html" | "htm") => ReportFormat::Html,
            (None, "md" | "markdown") => ReportFormat::Md,
            (None, "json") => ReportFormat::Json,
            (None, "svg") => ReportFormat::Svg,
            (None, "png") => ReportFormat::Png,
            (None, _) => {
                let problem = format!("{} does not end with .html, .md, .json, .svg or .png", path.display());
                return Err(Error::config("--report", problem, "name the form with --report-format"));
            }
        };
        if path.is_dir() {
            let problem = format!("{} is a folder, expected a file", path.display());
            return Err(Error::config("--report", problem, "name a file in it, as report.html"));
        }
        Ok(Some((path, format)))
    }

    /// Writes the report.
    pub fn write(&self, path: &Path, format: ReportFormat, data: &ReportData) -> Result<()> {
        let language = self.lang.unwrap_or_default();
        let bytes = match format {
            ReportFormat::Html => data.html(language)?.into_bytes(),
            ReportFormat::Md => data.markdown(language)?.into_bytes(),
            ReportFormat::Json => serde_json::to_vec_pretty(data)?,
            ReportFormat::Svg => data.svg(language)?.into_bytes(),
            ReportFormat::Png => png::drawn(&data.svg(language)?)?,
        };
        Ok(write_atomically(path, |file| file.write_all(&bytes))?)
    }
}
