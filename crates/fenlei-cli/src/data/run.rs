//! Runs the subcommands of `fenlei data`. Tables and data go to stdout, findings to stderr.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;
use fenlei::Error;
use fenlei::data::{self, Dataset, Findings, KNOWN_SETS, MissingLabel, Part, ReadOptions, Split, Written};

use super::{DataArgs, DataCommand, SplitArgs, StatsArgs, convert, get};

/// Runs one of the subcommands.
///
/// # Errors
/// What the library says, or that standard input or output failed.
pub fn run(args: DataArgs) -> Result<()> {
    match args.command {
        DataCommand::List => list(&mut io::stdout().lock()),
        DataCommand::Get(args) => get::run(&args),
        DataCommand::Stats(args) => stats(&args, &mut io::stdout().lock()),
        DataCommand::Convert(args) => convert::run(&args),
        DataCommand::Split(args) => split(&args, &mut io::stdout().lock()),
        DataCommand::Check(args) => super::check::run(&args),
        DataCommand::Vectorize(args) => super::vectorize::run(&args),
    }
}

fn list(out: &mut dyn Write) -> Result<()> {
    for set in KNOWN_SETS {
        let size = set.bytes.map_or("size unknown".to_owned(), |bytes| format!("{:.1} MB", bytes as f64 / 1e6));
        writeln!(out, "{:<10}{}\n{:10}{size}; {}\n{:10}{}", set.name, set.title, "", set.licence, "", set.url)?;
    }
    Ok(())
}

fn stats(args: &StatsArgs, out: &mut dyn Write) -> Result<()> {
    let asked = ReadOptions::from(&args.read);
    for path in &args.paths {
        let mut options = asked.clone();
        if path.exists() && data::is_crawl(path)? {
            // Crawled pages have no labels, and are described without them.
            options.missing_label = MissingLabel::Keep;
        }
        let parts = match options.split {
            Some(_) => vec![part(data::read(path, &options)?)],
            None => data::read_all(path, &options)?,
        };
        for (i, part) in parts.iter().enumerate() {
            tell(&part.findings)?;
            let others: Vec<(Split, &Dataset)> = (parts.iter().enumerate())
                .filter(|(j, _)| *j != i)
                .filter_map(|(_, other)| Some((other.split?, &other.dataset)))
                .collect();
            let stats = data::stats(&part.dataset, &others);
            if args.json {
                let line = serde_json::json!({
                    "path": path, "split": part.split, "findings": part.findings, "stats": stats,
                });
                writeln!(out, "{line}")?;
            } else {
                let name = part.split.map(|split| format!(" ({split})")).unwrap_or_default();
                writeln!(out, "{}{name}\n{stats}\n", path.display())?;
            }
        }
    }
    Ok(())
}

fn part((dataset, findings): (Dataset, Findings)) -> Part {
    Part { split: findings.split, dataset, findings }
}

fn split(args: &SplitArgs, out: &mut dyn Write) -> Result<()> {
    let names = part_names(args.fractions.len())?;
    let (dataset, findings) = data::read(&args.input, &ReadOptions::from(&args.read))?;
    tell(&findings)?;
    let parts = data::split(&dataset, &args.fractions, args.seed)?;
    fs::create_dir_all(&args.output).map_err(|error| Error::io("create", &args.output, error))?;
    for (name, indices) in names.iter().zip(&parts) {
        let path = args.output.join(format!("{name}.{}", args.to.name()));
        let written = data::write(&dataset.subset(indices), &path, args.to)?;
        tell_written(&path, &written)?;
        writeln!(out, "{}\t{}", path.display(), indices.len())?;
    }
    Ok(())
}

/// Names that a folder of parts is understood by.
fn part_names(n_parts: usize) -> Result<Vec<String>> {
    Ok(match n_parts {
        1 => vec!["train".to_owned()],
        2 => ["train", "test"].map(str::to_owned).to_vec(),
        3 => ["train", "validation", "test"].map(str::to_owned).to_vec(),
        n => {
            let problem = format!("found {n} fractions, expected one to three");
            return Err(Error::config("--fractions", problem, "0.8,0.1,0.1 is usual").into());
        }
    })
}

pub(super) fn tell(findings: &Findings) -> Result<()> {
    Ok(writeln!(io::stderr().lock(), "{findings}")?)
}

pub(crate) fn tell_written(path: &Path, written: &Written) -> Result<()> {
    let mut err = io::stderr().lock();
    writeln!(err, "{}: wrote {} documents", path.display(), written.rows)?;
    if written.line_ends_replaced > 0 {
        writeln!(err, "  {} texts had line ends, which became spaces", written.line_ends_replaced)?;
    }
    if !written.labels_changed.is_empty() {
        writeln!(err, "  white space became \"_\" in the labels {}", written.labels_changed.join(", "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        data: DataArgs,
    }

    fn run_args(args: &[&str]) -> Result<()> {
        let args = std::iter::once("fenlei").chain(args.iter().copied());
        run(Program::try_parse_from(args)?.data)
    }

    #[test]
    fn a_file_is_divided_into_a_folder_that_reads_as_parts() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("all.csv");
        let rows: String = (0..50).map(|i| format!("text {i},{}\n", ["a", "b"][i % 2])).collect();
        fs::write(&input, format!("text,label\n{rows}")).unwrap();
        let output = folder.path().join("parts");
        run_args(&["split", input.to_str().unwrap(), "-o", output.to_str().unwrap(), "--seed", "3"]).unwrap();
        let parts = data::read_all(&output, &ReadOptions::default()).unwrap();
        let sizes: Vec<_> = parts.iter().map(|part| (part.split, part.dataset.len())).collect();
        let expected = [(Split::Train, 40), (Split::Validation, 5), (Split::Test, 5)];
        assert_eq!(sizes, expected.map(|(split, n)| (Some(split), n)));
        run_args(&["stats", output.to_str().unwrap()]).unwrap();
        assert!(run_args(&["split", input.to_str().unwrap(), "-o", "x", "--fractions", "1,0,0,0"]).is_err());
    }

    #[test]
    fn convert_goes_by_the_names_of_files() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("in.tsv");
        fs::write(&input, "ham\tOk lar\nspam\tFree entry\n").unwrap();
        let output = folder.path().join("out.parquet");
        run_args(&["convert", input.to_str().unwrap(), output.to_str().unwrap()]).unwrap();
        assert_eq!(data::read(&output, &ReadOptions::default()).unwrap().0.labels, ["ham", "spam"]);
        let error = run_args(&["convert", input.to_str().unwrap(), "out.xls"]).unwrap_err();
        assert!(error.downcast_ref::<Error>().is_some_and(Error::is_wrong_use));
    }

    #[test]
    fn list_and_stats_print_to_the_given_output() {
        let mut out = Vec::new();
        list(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("imdb") && text.contains("84.1 MB"), "{text}");
    }
}
