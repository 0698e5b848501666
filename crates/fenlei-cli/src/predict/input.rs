//! What each argument is: a text, a file, or standard input.

use std::path::{Path, PathBuf};

use fenlei::{Error, Result};

/// Where texts come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// This text.
    Text(String),
    /// The lines of a file on disk.
    File(PathBuf),
    /// The lines of something that gives them as they come: a named pipe, a terminal.
    Pipe(PathBuf),
    /// The lines of standard input.
    Standard,
}

/// Finds out what the arguments are; none stand for standard input.
pub(crate) fn resolve(arguments: &[String], all_texts: bool) -> Result<Vec<Input>> {
    if arguments.is_empty() {
        if all_texts {
            return Err(Error::config(
                "--text",
                "there is no text",
                "give one, or leave --text out to read standard input",
            ));
        }
        return Ok(vec![Input::Standard]);
    }
    arguments.iter().map(|argument| resolve_one(argument, all_texts, arguments.len())).collect()
}

fn resolve_one(argument: &str, is_text: bool, n_arguments: usize) -> Result<Input> {
    if is_text {
        return Ok(Input::Text(argument.to_owned()));
    }
    if argument == "-" {
        return Ok(Input::Standard);
    }
    let path = Path::new(argument);
    match path.metadata() {
        Ok(found) if found.is_dir() => {
            let help = "name the files in it; `fenlei eval` reads folders of labelled documents";
            Err(Error::config(argument, "this is a folder, expected a file of lines", help))
        }
        Ok(found) if found.is_file() => Ok(Input::File(path.to_owned())),
        Ok(_) => Ok(Input::Pipe(path.to_owned())),
        Err(_) if n_arguments == 1 && !looks_like_a_path(argument) => Ok(Input::Text(argument.to_owned())),
        Err(error) => {
            let what = if n_arguments == 1 { "this looks like a path" } else { "expected a file" };
            Err(Error::config(
                argument,
                format!("{what}, but there is no such file ({error})"),
                "if it is a text, add --text",
            ))
        }
    }
}

/// Whether somebody who wrote this meant a file: one word with a separator or an extension, or the name of a kind of
/// file at the end of several.
fn looks_like_a_path(argument: &str) -> bool {
    const KINDS: [&str; 10] = ["csv", "gz", "json", "jsonl", "md", "parquet", "text", "tsv", "txt", "zst"];
    let extension = argument.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map(|(_, extension)| extension);
    if extension.is_some_and(|extension| KINDS.contains(&extension.to_ascii_lowercase().as_str())) {
        return true;
    }
    let one_word = !argument.contains(char::is_whitespace);
    let short_ascii = |e: &str| (1..=5).contains(&e.len()) && e.bytes().all(|b| b.is_ascii_alphanumeric());
    let marks_of_prose = argument.contains(['，', '。', '！', '？', '、', '；', '：']);
    one_word && !marks_of_prose && (argument.contains(['/', '\\']) || extension.is_some_and(short_ascii))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(argument: &str) -> Result<Input> {
        resolve(&[argument.to_owned()], false).map(|mut inputs| inputs.remove(0))
    }

    #[test]
    fn sentences_are_texts_and_what_looks_like_a_missing_file_is_refused() {
        for text in ["A fine film.", "good", "and/or good", "很好。", "价格/质量都不错，推荐", "3.14 is pi", "Wait..."]
        {
            assert_eq!(one(text).unwrap(), Input::Text(text.to_owned()));
        }
        for path in ["no/such/file", "lines.txt", "my lines.txt", "./x", "a\\b", "model.fenl"] {
            let error = one(path).unwrap_err();
            assert!(error.is_wrong_use() && error.to_string().contains("--text"), "{error}");
        }
    }

    #[test]
    fn files_folders_and_standard_input_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lines");
        std::fs::write(&file, "x").unwrap();
        assert_eq!(one(file.to_str().unwrap()).unwrap(), Input::File(file.clone()));
        assert!(one(folder.path().to_str().unwrap()).unwrap_err().to_string().contains("folder"));
        assert_eq!(one("-").unwrap(), Input::Standard);
        assert_eq!(resolve(&[], false).unwrap(), [Input::Standard]);
        assert!(resolve(&[], true).unwrap_err().is_wrong_use());
        assert_eq!(resolve(&["-".to_owned()], true).unwrap(), [Input::Text("-".to_owned())]);
        let both = [file.to_str().unwrap().to_owned(), "not a file".to_owned()];
        assert!(resolve(&both, false).unwrap_err().to_string().contains("not a file: expected a file"));
    }
}
