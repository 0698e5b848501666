//! The recipes that come with the library.

use std::path::Path;

use crate::{Error, Result};

/// A configuration with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipe {
    /// What to call it.
    pub name: &'static str,
    /// The file, comments included.
    pub toml: &'static str,
}

/// The recipe that is used where none is named.
pub const DEFAULT_RECIPE: &str = "cnn";

macro_rules! recipes {
    ($($name:literal),* $(,)?) => {
        &[$(Recipe { name: $name, toml: include_str!(concat!("../../../../recipes/", $name, ".toml")) }),*]
    };
}

/// All of them, the default first.
pub const RECIPES: &[Recipe] = recipes![
    "cnn",
    "appendix-c",
    "chapter-8",
    "kim-2014",
    "dpcnn",
    "one-hot-cnn",
    "char-cnn",
    "linear",
    "nb",
    "nb-svm",
    "mlp",
    "bag",
    "lstm",
    "gru",
    "rcnn",
    "transformer",
    "encoder",
    "encoder-cnn",
    "encoder-few-shot",
    "k-means",
    "nmf",
    "lda",
];

impl Recipe {
    /// One line about it: the first of the file.
    pub fn about(&self) -> &'static str {
        self.toml.lines().next().unwrap_or_default().trim_start_matches("# ")
    }
}

/// The place for messages and the text of the recipe of that name, or in that file.
pub(super) fn find(name: &str) -> Result<(String, String)> {
    if let Some(recipe) = RECIPES.iter().find(|recipe| recipe.name == name) {
        return Ok((format!("recipe {name}"), recipe.toml.to_owned()));
    }
    let path = Path::new(name);
    let is_path = path.components().count() > 1 || path.extension().is_some() || path.is_file();
    if is_path {
        return super::read(path);
    }
    let names: Vec<&str> = RECIPES.iter().map(|recipe| recipe.name).collect();
    let problem = format!("there is no recipe {name:?}, expected one of {}, or a file", names.join(", "));
    let help = match super::fault::nearest(name, &names) {
        Some(near) => format!("did you mean {near:?}? `fenlei config list` tells what each is"),
        None => "`fenlei config list` tells what each is".to_owned(),
    };
    Err(Error::config("recipe", problem, help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_says_in_its_first_line_what_it_is() {
        for recipe in RECIPES {
            let about = recipe.about();
            assert!(
                recipe.toml.starts_with("# ") && about.len() > 20 && about.len() < 110,
                "{}: {about:?}",
                recipe.name
            );
        }
        assert_eq!(RECIPES[0].name, DEFAULT_RECIPE);
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_one() {
        let error = find("kim2014").unwrap_err();
        assert!(error.is_wrong_use() && error.to_string().contains("did you mean \"kim-2014\"?"), "{error}");
        assert!(matches!(find("no/such.toml").unwrap_err(), Error::Io { .. }));
    }
}
