//! A web archive: each page is a document without a label.

use crate::data::crawl::CrawlReader;
use crate::data::select::language_of;
use crate::data::source::Source;
use crate::data::{Column, Dataset, Findings, Format, ReadOptions, Target};
use crate::{Error, Result};

/// What is known of a page beside its text.
pub(in crate::data) const COLUMNS: [&str; 4] = ["url", "date", "language", "title"];

pub(super) fn read(source: &Source<'_>, options: &ReadOptions) -> Result<(Dataset, Findings)> {
    if !options.keeps_unlabelled() {
        return Err(Error::data(
            &source.path,
            None,
            "found crawled pages, which have no labels; expected labelled documents",
            "turn them into documents to label with `fenlei data convert`, or pass --missing-label keep",
        ));
    }
    let failed = |error| source.failed(error);
    let mut reader = CrawlReader::new(source.open_packed()?, options.extract).map_err(failed)?;
    let mut pages = empty();
    while let Some(page) = reader.next_page().map_err(failed)? {
        let language = language_of(&page.text);
        push(&mut pages, page, language);
    }
    let mut findings = Findings::new(source.path.clone(), Format::Warc);
    reader.note(&mut findings);
    if pages.is_empty() {
        return Err(no_pages(source, &reader.left_out(), reader.n_records()));
    }
    Ok((pages, findings))
}

/// Pages to come, as documents.
pub(in crate::data) fn empty() -> Dataset {
    let column = |name: &str| Column { name: name.to_owned(), values: Vec::new() };
    Dataset { columns: COLUMNS.map(column).to_vec(), ..Dataset::default() }
}

/// Adds a page.
pub(in crate::data) fn push(pages: &mut Dataset, page: crate::data::crawl::Page, language: Option<&str>) {
    pages.texts.push(page.text);
    pages.targets.push(Target::Unlabelled);
    let values = [page.url, page.date, language.unwrap_or_default().to_owned(), page.title];
    for (column, value) in pages.columns.iter_mut().zip(values) {
        column.values.push(value);
    }
}

/// Why there is nothing to read.
pub(in crate::data) fn no_pages(source: &Source<'_>, left_out: &[(&str, u64)], n_records: u64) -> Error {
    let reasons: Vec<String> = left_out.iter().map(|(what, count)| format!("{count} {what}")).collect();
    let reasons = if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) };
    if n_records == 0 {
        let problem = format!("found no whole record of a web archive (WARC){reasons}");
        let help = "check that it is a WARC or WET file and that it was fetched completely";
        return Error::data(&source.path, None, problem, help);
    }
    let problem = format!("found no page with text in {n_records} records{reasons}");
    Error::data(
        &source.path,
        None,
        problem,
        "take an archive of HTML or text pages; --extract all takes all text of a page",
    )
}
