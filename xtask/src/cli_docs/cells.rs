//! One argument of the program as cells of a Markdown table.

use clap::builder::PossibleValue;
use clap::{Arg, ArgAction};

/// `-o`, `--output <MODEL>` as a table cell.
pub fn flags(arg: &Arg) -> String {
    let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    let value = if takes_value { format!(" {}", value_names(arg)) } else { String::new() };
    let short = arg.get_short_and_visible_aliases().unwrap_or_default();
    let long = arg.get_long_and_visible_aliases().unwrap_or_default();
    let mut names: Vec<String> = short.iter().map(|short| format!("-{short}")).collect();
    names.extend(long.iter().map(|long| format!("--{long}")));
    if let Some(last) = names.last_mut() {
        last.push_str(&value);
    }
    names.iter().map(|name| format!("`{}`", cell_code(name))).collect::<Vec<_>>().join(", ")
}

/// `<PATH>`, `[TEXT]...` and the like.
pub fn value_names(arg: &Arg) -> String {
    let names: Vec<String> = match arg.get_value_names() {
        Some(names) => names.iter().map(|name| format!("<{name}>")).collect(),
        None => vec![format!("<{}>", arg.get_id().as_str().to_uppercase())],
    };
    let mut names = names.join(" ");
    if arg.is_positional() && !arg.is_required_set() {
        names = names.replace('<', "[").replace('>', "]");
    }
    let many = matches!(arg.get_action(), ArgAction::Append)
        || arg.get_num_args().is_some_and(|range| range.max_values() > 1 && range.max_values() != range.min_values());
    if many && arg.is_positional() { format!("{names}...") } else { names }
}

pub fn default(arg: &Arg) -> String {
    if arg.is_hide_default_value_set() || !matches!(arg.get_action(), ArgAction::Set | ArgAction::Append) {
        return String::new();
    }
    let values: Vec<String> =
        arg.get_default_values().iter().map(|value| format!("`{}`", cell_code(&value.to_string_lossy()))).collect();
    values.join(" ")
}

/// What an argument means, with its possible values, its other way of being set, and whether it may be repeated.
pub fn meaning(arg: &Arg) -> String {
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut parts = vec![cell(help.trim())];
    let values: Vec<PossibleValue> = match arg.get_action() {
        ArgAction::Set | ArgAction::Append if !arg.is_hide_possible_values_set() => arg.get_possible_values(),
        _ => Vec::new(),
    };
    let values: Vec<String> = values.iter().filter(|value| !value.is_hide_set()).map(possible_value).collect();
    if !values.is_empty() {
        parts.push(format!("One of {}.", values.join(", ")));
    }
    if matches!(arg.get_action(), ArgAction::Append | ArgAction::Count) && !arg.is_positional() {
        parts.push("May be repeated.".to_owned());
    }
    if arg.is_required_set() && !arg.is_positional() {
        parts.push("Required.".to_owned());
    }
    parts.retain(|part| !part.is_empty());
    parts.join("<br>")
}

fn possible_value(value: &PossibleValue) -> String {
    let name = format!("`{}`", cell_code(value.get_name()));
    match value.get_help() {
        Some(help) => format!("{name} ({})", cell(help.to_string().trim())),
        None => name,
    }
}

/// Text as it can stand in a table cell: on one line, without columns or markup of its own.
pub fn cell(text: &str) -> String {
    let paragraphs: Vec<String> = text
        .split("\n\n")
        .map(|paragraph| escape(&paragraph.split_whitespace().collect::<Vec<_>>().join(" ")))
        .collect();
    paragraphs.join("<br>").replace('|', "\\|")
}

/// Code as it can stand between backticks in a table cell.
pub fn cell_code(code: &str) -> String {
    code.replace('|', "\\|").replace('\n', "\\n").replace('\t', "\\t")
}

/// Keeps `<NAME>` outside of code from being read as a tag.
pub fn escape(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts
        .map(|(index, part)| if index % 2 == 0 { part.replace('<', "\\<") } else { part.to_owned() })
        .collect::<Vec<_>>()
        .join("`")
}
