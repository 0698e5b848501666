//! Writes docs/cli.md from the program's own arguments, so that the page cannot differ from the program.

mod cells;

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use clap::{Arg, ArgAction, Command};

use self::cells::{cell, cell_code, default, escape, flags, meaning, value_names};
use crate::tidy::slug;

const HEAD: &str =
    "<!-- Written by `cargo xtask docs` from the program's own arguments; change those, not this. -->\n\n";

/// Writes the page, or with `check_only` compares it; false when it is out of date.
pub fn run(command: Command, path: &Path, check_only: bool) -> Result<bool> {
    let page = page(command);
    if check_only {
        let found = std::fs::read_to_string(path).unwrap_or_default();
        let differs = first_difference(&found, &page);
        if let Some((line, found, expected)) = differs {
            println!("error: {}:{line}: out of date", path.display());
            println!("  found:    {found}\n  expected: {expected}\n  help: run `cargo xtask docs`");
        }
        return Ok(found == page);
    }
    std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))?;
    println!("wrote {}", path.display());
    Ok(true)
}

/// The first line, counted from one, where two texts differ, and what stands there in each.
fn first_difference<'a>(found: &'a str, expected: &'a str) -> Option<(usize, &'a str, &'a str)> {
    const END: &str = "(end of the file)";
    let mut found = found.lines();
    let mut expected = expected.lines();
    (1..).find_map(|line| match (found.next(), expected.next()) {
        (None, None) => Some(None),
        (a, b) if a != b => Some(Some((line, a.unwrap_or(END), b.unwrap_or(END)))),
        _ => None,
    })?
}

/// The whole page: contents, options of every command, then one section a command.
fn page(command: Command) -> String {
    let mut root = command.term_width(0).disable_help_subcommand(true);
    root.build();
    let name = root.get_name().to_owned();
    let mut commands = Vec::new();
    collect(&root, &name, &mut commands);

    let mut page = format!("{HEAD}# The `{name}` program\n\n");
    push_texts(&mut page, &root);
    push_usage(&mut page, &root);
    if commands.len() > 1 {
        page.push_str("| Command | What it does |\n| --- | --- |\n");
        for (path, command) in &commands[1..] {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(page, "| [`{path}`](#{}) | {} |", slug(path), cell(&about));
        }
        page.push('\n');
    }
    push_arguments(&mut page, "Arguments", root.get_arguments().filter(|arg| arg.is_positional()));
    let own = |arg: &&Arg| !arg.is_positional() && !arg.is_global_set();
    push_options(&mut page, "Options", root.get_arguments().filter(own));
    push_options(&mut page, "Options of every command", root.get_arguments().filter(|arg| arg.is_global_set()));
    push_examples(&mut page, &root);

    for (path, command) in &commands[1..] {
        let _ = write!(page, "## {path}\n\n");
        push_texts(&mut page, command);
        push_usage(&mut page, command);
        push_arguments(&mut page, "Arguments", command.get_arguments().filter(|arg| arg.is_positional()));
        push_options(&mut page, "Options", command.get_arguments().filter(own));
        push_examples(&mut page, command);
    }
    format!("{}\n", page.trim_end())
}

/// The command and all below it that are shown to people, with the words that call them.
fn collect<'a>(command: &'a Command, path: &str, commands: &mut Vec<(String, &'a Command)>) {
    commands.push((path.to_owned(), command));
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        collect(below, &format!("{path} {}", below.get_name()), commands);
    }
}

fn push_texts(page: &mut String, command: &Command) {
    if let Some(about) = command.get_long_about().or(command.get_about()) {
        let _ = write!(page, "{}\n\n", escape(about.to_string().trim()));
    }
    let aliases: Vec<String> = command.get_visible_aliases().map(|alias| format!("`{alias}`")).collect();
    if !aliases.is_empty() {
        let _ = write!(page, "Also called {}.\n\n", aliases.join(", "));
    }
}

fn push_usage(page: &mut String, command: &Command) {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim().trim_start_matches("Usage:").trim();
    let lines: Vec<&str> = usage.lines().map(str::trim).collect();
    let _ = write!(page, "```text\n{}\n```\n\n", lines.join("\n"));
}

fn push_examples(page: &mut String, command: &Command) {
    if let Some(text) = command.get_after_long_help().or(command.get_after_help()) {
        let lines: Vec<String> = text.to_string().trim().lines().map(|line| line.trim_end().to_owned()).collect();
        let _ = write!(page, "```text\n{}\n```\n\n", lines.join("\n"));
    }
}

fn push_arguments<'a>(page: &mut String, title: &str, arguments: impl Iterator<Item = &'a Arg>) {
    let arguments: Vec<&Arg> = arguments.filter(|arg| !arg.is_hide_set()).collect();
    if arguments.is_empty() {
        return;
    }
    let _ = write!(page, "**{title}**\n\n| Argument | Meaning |\n| --- | --- |\n");
    for arg in arguments {
        let _ = writeln!(page, "| `{}` | {} |", cell_code(&value_names(arg)), meaning(arg));
    }
    page.push('\n');
}

fn push_options<'a>(page: &mut String, title: &str, options: impl Iterator<Item = &'a Arg>) {
    // Help and version are the same everywhere and need no words.
    let shown = |arg: &&Arg| {
        let of_clap = matches!(
            arg.get_action(),
            ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
        );
        !arg.is_hide_set() && !of_clap
    };
    let options: Vec<&Arg> = options.filter(shown).collect();
    if options.is_empty() {
        return;
    }
    let _ = write!(page, "**{title}**\n\n| Option | Default | Meaning |\n| --- | --- | --- |\n");
    for arg in options {
        let _ = writeln!(page, "| {} | {} | {} |", flags(arg), default(arg), meaning(arg));
    }
    page.push('\n');
}

#[cfg(test)]
mod tests {
    use clap::builder::PossibleValue;

    use super::*;

    fn command() -> Command {
        let train = Command::new("train")
            .about("Train a model")
            .long_about("Train a model.\n\nReads <PATH> twice.")
            .visible_alias("fit")
            .after_help("Examples:\n  x train data")
            .arg(Arg::new("path").required(true).value_name("PATH").help("The data"))
            .arg(Arg::new("more").num_args(0..).value_name("TEXT").help("More"))
            .arg(
                Arg::new("recipe")
                    .long("recipe")
                    .short('r')
                    .value_name("NAME")
                    .default_value("cnn")
                    .value_parser([PossibleValue::new("cnn").help("small | fast"), PossibleValue::new("bow")])
                    .help("Which"),
            )
            .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("For machines"))
            .arg(Arg::new("secret").long("secret").hide(true));
        let data = Command::new("data").about("Data sets").subcommand(Command::new("list").about("List them"));
        Command::new("x")
            .about("Classify")
            .version("1.0")
            .arg(Arg::new("threads").long("threads").global(true).value_name("N").help("How many"))
            .subcommand(train)
            .subcommand(data)
            .subcommand(Command::new("hidden").hide(true))
    }

    #[test]
    fn every_shown_command_has_a_line_in_the_contents_and_a_section() {
        let page = page(command());
        for (path, anchor) in [("x train", "x-train"), ("x data", "x-data"), ("x data list", "x-data-list")] {
            assert!(page.contains(&format!("| [`{path}`](#{anchor}) |")), "{page}");
            assert!(page.contains(&format!("\n## {path}\n")), "{page}");
        }
        assert!(!page.contains("hidden") && !page.contains("secret"), "{page}");
        assert!(!page.contains("## x help"), "{page}");
    }

    #[test]
    fn options_tell_value_default_and_choices() {
        let page = page(command());
        let row = "| `-r`, `--recipe <NAME>` | `cnn` | Which<br>One of `cnn` (small \\| fast), `bow`. |";
        assert!(page.contains(row), "{page}");
        assert!(page.contains("| `--json` |  | For machines |"), "{page}");
    }

    #[test]
    fn arguments_tell_whether_they_are_needed_and_repeat() {
        let page = page(command());
        assert!(page.contains("| `<PATH>` | The data |\n| `[TEXT]...` | More |"), "{page}");
        assert!(page.contains("```text\nx train [OPTIONS] <PATH> [TEXT]...\n```"), "{page}");
    }

    #[test]
    fn long_texts_aliases_and_examples_are_shown() {
        let page = page(command());
        assert!(page.contains("Train a model.\n\nReads \\<PATH> twice.\n\nAlso called `fit`."), "{page}");
        assert!(page.contains("```text\nExamples:\n  x train data\n```"), "{page}");
    }

    #[test]
    fn options_of_every_command_are_told_once() {
        let page = page(command());
        assert_eq!(page.matches("--threads").count(), 1, "{page}");
        assert!(page.contains("**Options of every command**\n\n"), "{page}");
    }

    #[test]
    fn the_page_ends_lines_cleanly_and_is_the_same_each_time() {
        let once = page(command());
        assert_eq!(once, page(command()));
        assert!(once.ends_with('\n') && !once.ends_with("\n\n"));
        assert!(once.lines().all(|line| line == line.trim_end()), "{once}");
    }

    #[test]
    fn the_first_difference_is_told_by_line() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some((2, "b", "c")));
        assert_eq!(first_difference("a\n", "a\nc\n"), Some((2, "(end of the file)", "c")));
    }
}
