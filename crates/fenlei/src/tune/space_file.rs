//! A space in a file: `[tune.space]`, with how it is meant to be searched in `[tune]`; and those that come along.

use std::path::Path;

use serde::Deserialize;
use toml::Table;

use super::pruner::Pruner;
use super::sampler::Sampler;
use super::space::{Space, Values};
use crate::train::Metric;
use crate::{Error, Result};

/// Spaces by name, the default first.
pub const SPACES: [(&str, &str); 2] =
    [("default", include_str!("spaces/default.toml")), ("article-grid", include_str!("spaces/article-grid.toml"))];

/// What a `[tune]` table says.
#[derive(Debug, Clone, PartialEq)]
pub struct SpaceFile {
    /// What may be chosen.
    pub space: Space,
    /// Values to try before others are proposed.
    pub first: Vec<Values>,
    /// How values are chosen.
    pub sampler: Option<Sampler>,
    /// When a trial ends early.
    pub pruner: Option<Pruner>,
    /// The figure to make better.
    pub metric: Option<Metric>,
    /// Folds of a cross-validation.
    pub cv: Option<usize>,
    /// Trials, at most.
    pub trials: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    space: Table,
    #[serde(default)]
    first: Vec<Table>,
    sampler: Option<Sampler>,
    pruner: Option<Pruner>,
    metric: Option<Metric>,
    cv: Option<usize>,
    trials: Option<u64>,
}

impl SpaceFile {
    /// The space of that name, or in that file, which may be a configuration too.
    ///
    /// # Errors
    /// [`Error::Config`] for names that are not known and files that hold no space; [`Error::Io`].
    pub fn find(name: &str) -> Result<Self> {
        if let Some((_, toml)) = SPACES.iter().find(|(known, _)| *known == name) {
            return Self::parse(toml, &format!("space {name}"));
        }
        let path = Path::new(name);
        if path.components().count() < 2 && path.extension().is_none() && !path.is_file() {
            let names: Vec<&str> = SPACES.iter().map(|(name, _)| *name).collect();
            let problem = format!("there is no space {name:?}, expected one of {}, or a file", names.join(", "));
            return Err(Error::config("--space", problem, "write a [tune.space] table into a file and name it"));
        }
        let text = std::fs::read_to_string(path).map_err(|error| Error::io("read", path, error))?;
        Self::parse(&text, name)
    }

    /// Reads the `[tune]` table of a text.
    ///
    /// # Errors
    /// [`Error::Config`] with the place.
    pub fn parse(text: &str, place: &str) -> Result<Self> {
        let help = "a space is a table [tune.space] of lines such as \"train.optimizer.lr\" = { log = [1e-4, 1e-2] }";
        let whole: Table = text.parse().map_err(|error: toml::de::Error| {
            let problem = format!("this is not TOML: {}", error.message().lines().collect::<Vec<_>>().join("; "));
            Error::config(place, problem, help)
        })?;
        let Some(tune) = whole.get("tune").and_then(toml::Value::as_table).cloned() else {
            return Err(Error::config(place, "there is no table [tune.space] in it", help));
        };
        let raw: Raw = tune
            .try_into()
            .map_err(|error: toml::de::Error| Error::config(format!("{place}, [tune]"), error.message(), help))?;
        let place = format!("{place}, [tune.space]");
        let space = Space::from_table(&raw.space, &place)?;
        let mut first = Vec::new();
        for table in raw.first {
            if let Some(key) = table.keys().find(|key| !space.parameters.iter().any(|p| p.key == **key)) {
                let problem = format!("`first` gives `{key}`, which the space does not choose");
                return Err(Error::config(place, problem, "add it to the space, or leave it out there"));
            }
            first.push(table.into_iter().collect());
        }
        Ok(Self {
            space,
            first,
            sampler: raw.sampler,
            pruner: raw.pruner,
            metric: raw.metric,
            cv: raw.cv,
            trials: raw.trials,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{PlanSource, load_plan};
    use crate::tune::plan_of;

    #[test]
    fn the_spaces_that_come_along_give_plans_at_every_end() {
        for (name, _) in SPACES {
            let file = SpaceFile::find(name).unwrap();
            let base = PlanSource::default();
            file.space.check(&base).unwrap_or_else(|error| panic!("{name}: {error}"));
            for values in &file.first {
                plan_of(&base, values).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
    }

    #[test]
    fn the_grid_of_the_article_has_eight_points_in_three_folds() {
        let file = SpaceFile::find("article-grid").unwrap();
        assert_eq!((file.cv, file.sampler), (Some(3), Some(Sampler::Grid)));
        let grid = file.space.grid().unwrap();
        assert_eq!(grid.len(), 8);
        let plans: Vec<_> = grid.iter().map(|values| plan_of(&PlanSource::default(), values).unwrap()).collect();
        let mut seen: Vec<(u32, usize)> = plans.iter().map(|p| (p.train.epochs, p.train.batch_size)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [(10, 32), (10, 64), (20, 32), (20, 64)]);
    }

    #[test]
    fn a_file_may_be_a_configuration_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.toml");
        let text = "[train]\nepochs = 3\n[tune]\nmetric = 'macro-f1'\n[tune.space]\n\"train.batch_size\" = { choice = [8, 16] }\n";
        std::fs::write(&path, text).unwrap();
        let file = SpaceFile::find(path.to_str().unwrap()).unwrap();
        assert_eq!((file.metric, file.space.parameters.len()), (Some(Metric::MacroF1), 1));
        let source = PlanSource { config: Some(path), ..PlanSource::default() };
        assert_eq!(load_plan(&source).unwrap().train.epochs, 3);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let problem = |text: &str| SpaceFile::parse(text, "s.toml").unwrap_err().to_string();
        assert!(problem("[train]").contains("no table [tune.space]"));
        assert!(problem("[tune]\nsample = 'grid'").contains("unknown field `sample`"));
        assert!(
            problem("[tune]\nfirst = [{ a = 1 }]\n[tune.space]\nb = { choice = [1] }").contains("`first` gives `a`")
        );
        assert!(SpaceFile::find("defualt").unwrap_err().to_string().contains("expected one of default, article-grid"));
    }
}
