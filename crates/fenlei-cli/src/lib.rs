//! The `fenlei` program: arguments, progress, tables and exit codes around the library of the same name.
//!
//! Results go to standard output, everything said along the way to standard error, so that a pipe carries results only.

mod arguments;
mod augment;
mod bench;
mod calibrate;
mod cluster;
mod compare;
mod config_command;
mod cross_validate;
mod data;
mod decision;
mod demo;
mod embed;
mod ensemble;
mod evaluate;
mod exit;
mod explain;
mod inspect;
mod interrupt;
mod label;
mod merge;
mod output;
mod predict;
mod pretrain;
mod progress;
mod quantize;
mod serve;
mod train;
mod tune;

use std::ffi::OsString;
use std::num::NonZero;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use arguments::{Arguments, Subcommands};

/// The whole command line, for the program and for the page about it.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the program with the arguments of a command line, the program's own name first.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = inspect::resolve_name_clash(args.into_iter().collect());
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(refusal) => {
            // Help and version are "refusals" too, and go to standard output. A closed pipe there is nobody's error.
            let _ = refusal.print();
            return ExitCode::from(refusal.exit_code().clamp(0, 255) as u8);
        }
    };
    exit::code_of(dispatch(arguments))
}

fn dispatch(arguments: Arguments) -> anyhow::Result<()> {
    // This thread works too: handing each parallel loop to others and sleeping until they are done would cost more
    // than many of the loops.
    let n_threads = arguments.threads.map_or(0, NonZero::get);
    rayon::ThreadPoolBuilder::new().num_threads(n_threads).use_current_thread().build_global()?;
    match arguments.command {
        Subcommands::Train(args) => train::run(&args),
        Subcommands::Tune(args) => tune::run(&args),
        Subcommands::Eval(args) => evaluate::run(&args),
        Subcommands::Cv(args) => cross_validate::run(&args),
        Subcommands::Compare(args) => compare::run(&args),
        Subcommands::Calibrate(args) => calibrate::run(&args),
        Subcommands::Explain(args) => explain::run(&args),
        Subcommands::Predict(args) => predict::run(&args),
        Subcommands::Ensemble(args) => ensemble::run(&args),
        Subcommands::Cluster(args) => cluster::run(&args),
        Subcommands::Inspect(args) => inspect::run(&args),
        Subcommands::Config(args) => config_command::run(&args),
        Subcommands::Augment(args) => augment::run(&args),
        Subcommands::Demo(args) => demo::run(&args),
        Subcommands::Data(args) => data::run(args),
        Subcommands::Embed(args) => embed::run(&args),
        Subcommands::Merge(args) => merge::run(&args),
        Subcommands::Quantize(args) => quantize::run(&args),
        Subcommands::Pretrain(args) => pretrain::run(&args),
        Subcommands::Label(args) => label::run(&args, arguments.threads.map(NonZero::get)),
        Subcommands::Serve(args) => serve::run(&args, arguments.threads.map(NonZero::get)),
        Subcommands::Bench(args) => bench::run(args),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        super::command().debug_assert();
    }

    #[test]
    fn every_command_tells_what_it_is_for_and_shows_how() {
        for command in super::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(examples.contains("fenlei "), "{} has no examples", command.get_name());
        }
    }
}
