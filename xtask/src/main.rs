//! Tasks for maintainers: `cargo xtask tidy`, `cargo xtask docs`, `cargo xtask build-times`.
//!
//! Each check is a pure function from text to findings, so that it is tested on made-up input.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people at a terminal")]

mod build_times;
mod cli_docs;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// Tasks for those who work on fenlei itself.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Check the rules that compiler, formatter and linter do not know.
    Tidy,
    /// Write docs/cli.md from the program's own arguments.
    Docs {
        /// Only compare; fail when the file is out of date.
        #[arg(long)]
        check: bool,
    },
    /// Print as a Markdown table what each dependency adds to a release build.
    BuildTimes {
        /// Read this timing report of cargo instead of building anew in target/build-times.
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a task; false when it found something to mend.
fn run(task: Task) -> Result<bool> {
    let root = project_root()?;
    match task {
        Task::Tidy => {
            let tree = tidy::Tree::read(&root)?;
            Ok(tidy::report(&tidy::check(&tree), tree.files.len()))
        }
        Task::Docs { check } => cli_docs::run(fenlei_cli::command(), &root.join("docs/cli.md"), check),
        Task::BuildTimes { html } => {
            print!("{}", build_times::run(&root, html.as_deref())?);
            Ok(true)
        }
    }
}

/// The nearest folder, from the current one upwards, that holds the map of the project.
fn project_root() -> Result<PathBuf> {
    let here = std::env::current_dir().context("no current folder")?;
    let root = here.ancestors().find(|folder| folder.join("ARCHITECTURE.md").is_file());
    Ok(root.context("no ARCHITECTURE.md here or above: run this inside the project")?.to_owned())
}
