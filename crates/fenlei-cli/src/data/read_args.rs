//! The flags that overrule what a reader guesses; shared by every command that reads documents.

use clap::Args;
use fenlei::data::{Extract, Format, MissingLabel, ReadOptions, Split};

/// How to read documents; what is not given is found out.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Reading")]
pub struct ReadArgs {
    /// The layout: csv, tsv, jsonl, fasttext, parquet, label-first, folders (one a class), files (one a
    /// class), warc (web archives: WARC, WET)
    #[arg(long)]
    pub format: Option<Format>,
    /// The column of the text: a name, or a number from 1
    #[arg(long, value_name = "COLUMN")]
    pub text_column: Option<String>,
    /// The column of the label: a name, or a number from 1
    #[arg(long, value_name = "COLUMN")]
    pub label_column: Option<String>,
    /// What separates columns (\t for a tab)
    #[arg(long, value_name = "CHAR", value_parser = character)]
    pub delimiter: Option<char>,
    /// What separates several labels in a field, as | in sport|news
    #[arg(long, value_name = "CHAR", value_parser = character)]
    pub label_separator: Option<char>,
    /// Take only the part of a label before this, as : in DESC:manner
    #[arg(long, value_name = "CHAR", value_parser = character)]
    pub label_until: Option<char>,
    /// The encoding, as utf-8, gb18030, windows-1252, utf-16le
    #[arg(long)]
    pub encoding: Option<String>,
    /// Which part of the data: train, validation, test, unlabelled
    #[arg(long)]
    pub split: Option<Split>,
    /// The first row is a document, not the names of the columns
    #[arg(long)]
    pub no_header: bool,
    /// What to do with a document without a label: refuse, skip, keep
    #[arg(long, value_name = "CHOICE", default_value = "refuse")]
    pub missing_label: MissingLabel,
    /// Which text of a crawled page is taken: main (without navigation, lists of links, footers), all
    #[arg(long, value_name = "WHICH", default_value = "main")]
    pub extract: Extract,
}

impl From<&ReadArgs> for ReadOptions {
    fn from(args: &ReadArgs) -> Self {
        Self {
            format: args.format,
            text_column: args.text_column.clone(),
            label_column: args.label_column.clone(),
            delimiter: args.delimiter,
            label_separator: args.label_separator,
            label_until: args.label_until,
            encoding: args.encoding.clone(),
            split: args.split,
            has_header: args.no_header.then_some(false),
            missing_label: args.missing_label,
            extract: args.extract,
            columns: Vec::new(),
        }
    }
}

/// One character, or `\t`.
fn character(value: &str) -> Result<char, String> {
    let mut chars = value.chars();
    match (value, chars.next(), chars.next()) {
        ("\\t" | "tab", ..) => Ok('\t'),
        (_, Some(c), None) => Ok(c),
        _ => Err(format!("found {value:?}, expected one character, or \\t for a tab")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        read: ReadArgs,
    }

    fn options(args: &[&str]) -> Option<ReadOptions> {
        let args = std::iter::once("x").chain(args.iter().copied());
        Program::try_parse_from(args).ok().map(|program| ReadOptions::from(&program.read))
    }

    #[test]
    fn flags_become_options() {
        assert_eq!(options(&[]), Some(ReadOptions::default()));
        let given = options(&[
            "--format",
            "csv",
            "--delimiter",
            "\\t",
            "--split",
            "dev",
            "--no-header",
            "--missing-label",
            "keep",
        ]);
        let expected = ReadOptions {
            format: Some(Format::Csv),
            delimiter: Some('\t'),
            split: Some(Split::Validation),
            has_header: Some(false),
            missing_label: MissingLabel::Keep,
            ..Default::default()
        };
        assert_eq!(given, Some(expected));
        assert_eq!(options(&["--delimiter", "ab"]), None);
        assert_eq!(options(&["--format", "xml"]), None);
    }
}
