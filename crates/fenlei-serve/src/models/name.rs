//! Names of models: parts of addresses and of paths, so that few characters will do.

use std::path::Path;

use crate::error::{ApiError, ApiResult};

const MAX_CHARS: usize = 64;

/// Whether a name is letters and digits of any script, `.`, `_` and `-`, and begins with a letter or digit.
pub(crate) fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.chars().next().is_some_and(char::is_alphanumeric)
        && name.chars().all(allowed)
        && name.chars().count() <= MAX_CHARS
}

/// Refuses what is no name.
pub(crate) fn check_name(name: &str) -> ApiResult<()> {
    if is_name(name) {
        return Ok(());
    }
    let shown: String = name.chars().take(MAX_CHARS).flat_map(char::escape_debug).collect();
    let message =
        format!("{shown:?} is no name of a model: expected letters, digits, '.', '_' and '-', at most {MAX_CHARS}");
    Err(ApiError::bad_request(message, "GET /models lists the names that there are"))
}

/// The name of a model file: its own without the ending, with `-` in the place of what a name cannot hold.
pub(crate) fn name_of_file(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    let clean = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '_') { c } else { '-' };
    let name: String = stem.chars().map(clean).take(MAX_CHARS).collect();
    let name = name.trim_start_matches(|c: char| !c.is_alphanumeric());
    if name.is_empty() { "model".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_and_never_ways() {
        for name in ["a", "reviews-2.1", "评论", "A_b"] {
            assert!(is_name(name), "{name}");
        }
        let long = "x".repeat(65);
        for no_name in ["", ".", "..", "../etc/passwd", "a/b", "a\\b", "-a", ".hidden", "a b", "a\0", "a%2fb", &long] {
            assert!(!is_name(no_name), "{no_name}");
            assert!(check_name(no_name).unwrap_err().message.contains("no name of a model"));
        }
    }

    #[test]
    fn a_file_gives_its_model_a_name() {
        let names = ["m/reviews.fenlei", "a b.fenlei", ".fenlei", "-x.fenlei", "评论.fenlei", "..."];
        let given = names.map(|file| name_of_file(Path::new(file)));
        assert_eq!(given, ["reviews", "a-b", "fenlei", "x", "评论", "model"]);
        assert!(given.iter().all(|name| is_name(name)));
    }
}
