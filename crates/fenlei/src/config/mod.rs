//! From a recipe, a file and single settings to one [`Plan`].
//!
//! ```text
//! defaults < recipe < configuration file < key=value settings < seed, epochs, embeddings, pretrained
//! ```
//!
//! Each layer is a TOML table; they are merged before anything is understood, so that each may hold as little as one
//! key. Tables merge, everything else (lists too) is replaced. A table that names another `kind`, `type` or `family`
//! than the one below replaces it as a whole, since the old one's keys would have no meaning.
//!
//! Invariant: an unknown key or a value of the wrong type is an error that names the layer it stands in (the file and
//! the line), and the nearest key that is known. Nothing is ever skipped.

mod fault;
mod merge;
mod recipes;
mod setting;
mod trail;

use std::path::{Path, PathBuf};

use serde::Serialize;
use toml::{Table, Value};

pub use recipes::{DEFAULT_RECIPE, RECIPES, Recipe};

use crate::classifier::Classifier;
use crate::model::ModelSpec;
use crate::train::Plan;
use crate::{Error, Result};

/// Where a plan comes from. Everything is optional; nothing at all gives the default recipe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanSource {
    /// The name of a recipe, or the path of a file that holds one.
    pub recipe: Option<String>,
    /// A configuration file, complete or partial. One that describes a model of its own (`[model]` with its `layers`, or
    /// of another family than `net`) stands on the defaults alone, others on the default recipe, both unless `recipe` is
    /// given.
    pub config: Option<PathBuf>,
    /// Single settings, `key.key=value`, the value as in TOML; a word need not stand in quotes. Items of lists are
    /// reached by their number from 0: `model.layers.0.dim=300`. `train.average=` takes a setting away.
    pub set: Vec<String>,
    /// Where random numbers start.
    pub seed: Option<u64>,
    /// Passes over the training documents, at most.
    pub epochs: Option<u32>,
    /// A file of word vectors.
    pub embeddings: Option<PathBuf>,
    /// The folder of a pretrained model.
    pub pretrained: Option<PathBuf>,
    /// Whether its layers stay as they are.
    pub frozen: bool,
    /// A folder for what frozen layers make of documents.
    pub cache: Option<PathBuf>,
}

/// One layer of a configuration, kept to tell where something stands.
#[derive(Debug)]
enum Layer {
    /// A recipe of the library or of the user, or a configuration file; with its text.
    Text { place: String, text: String },
    /// A `key=value` setting.
    Setting { raw: String, trail: trail::Trail },
}

/// Puts a plan together and checks everything that can be checked without documents.
///
/// ```
/// use fenlei::config::{PlanSource, load_plan};
///
/// let source = PlanSource { recipe: Some("kim-2014".into()), set: vec!["train.batch_size=64".into()], ..Default::default() };
/// let plan = load_plan(&source)?;
/// assert_eq!(plan.train.batch_size, 64);
/// # Ok::<(), fenlei::Error>(())
/// ```
///
/// # Errors
/// [`Error::Config`] with the file and the line, or the setting, for unknown recipes, TOML that cannot be read,
/// unknown keys, and values that make no sense; [`Error::Io`] for a file that cannot be read.
pub fn load_plan(source: &PlanSource) -> Result<Plan> {
    let plan = merged(source, None)?;
    plan.check()?;
    plan.check_layers()?;
    check_flags(source, &plan)?;
    Ok(plan)
}

/// Puts together the plan to train `classifier` further by. Its own pipeline and model stand in the place of the default
/// recipe's, under whatever `source` says.
///
/// # Errors
/// As [`load_plan`]; also when `source` asks for another pipeline or model, or for word vectors.
pub fn load_further_plan(source: &PlanSource, classifier: &Classifier) -> Result<Plan> {
    let plan = merged(source, Some(classifier))?;
    plan.check_further(classifier)?;
    Ok(plan)
}

fn merged(source: &PlanSource, classifier: Option<&Classifier>) -> Result<Plan> {
    let mut layers = Vec::new();
    let config = source.config.as_deref().map(read).transpose()?;
    let config_table = config.as_ref().map(|(place, text)| parse(place, text)).transpose()?;
    let stands_alone = config_table.as_ref().is_some_and(describes_a_model);
    let recipe = match &source.recipe {
        Some(name) => Some(recipes::find(name)?),
        None if stands_alone => None,
        None => Some(recipes::find(DEFAULT_RECIPE)?),
    };
    let mut merged = Table::new();
    let (below, above) = if source.recipe.is_some() { (None, recipe) } else { (recipe, None) };
    if let Some((place, text)) = below {
        merge::merge(&mut merged, parse(&place, &text)?);
        layers.push(Layer::Text { place, text });
    }
    if let Some(classifier) = classifier {
        merged.insert("pipeline".to_owned(), own_table(classifier.pipeline().spec())?);
        merged.insert("model".to_owned(), own_table(&classifier.model().spec())?);
    }
    for (place, text) in above.into_iter().chain(config) {
        let mut table = parse(&place, &text)?;
        // What a search may choose, which `fenlei tune` reads by itself.
        table.remove("tune");
        merge::merge(&mut merged, table);
        layers.push(Layer::Text { place, text });
    }
    let mut settings: Vec<setting::Setting> =
        source.set.iter().map(|raw| setting::parse(raw)).collect::<Result<_>>()?;
    // What something is comes before how it is, in whatever order the two were written.
    settings.sort_by_key(|setting| !setting.names_a_kind());
    for setting in settings {
        setting.apply(&mut merged)?;
        layers.push(Layer::Setting { raw: setting.raw, trail: setting.trail });
    }
    let mut plan: Plan = match merged.clone().try_into() {
        Ok(plan) => plan,
        Err(error) => return Err(fault::explain(&merged, &layers, error.message())),
    };
    if let Some(seed) = source.seed {
        plan.seed = seed;
    }
    if let Some(epochs) = source.epochs {
        plan.train.epochs = epochs;
    }
    if let Some(embeddings) = &source.embeddings {
        plan.embeddings = Some(embeddings.clone());
    }
    if let Some(pretrained) = &source.pretrained {
        plan.pretrained = Some(pretrained.clone());
    }
    if source.frozen {
        plan.train.fine_tuning.get_or_insert_default().frozen = true;
    }
    if let Some(cache) = &source.cache {
        plan.train.fine_tuning.get_or_insert_default().cache = Some(cache.clone());
    }
    Ok(plan)
}

fn own_table(spec: &impl Serialize) -> Result<Value> {
    Value::try_from(spec).map_err(|error| {
        let problem = format!("TOML cannot hold that of the classifier to train further: {error}");
        Error::config("configuration", problem, "train anew on all documents together")
    })
}

impl Plan {
    /// The plan as a complete configuration file, which [`load_plan`] reads back as the same plan.
    ///
    /// # Errors
    /// [`Error::Config`] when a path in it is not Unicode or the seed is above 2⁶³ - 1, which TOML cannot hold.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self).map_err(|error| {
            Error::config(
                "configuration",
                format!("TOML cannot hold it: {error}"),
                "use a smaller seed and Unicode paths",
            )
        })
    }
}

/// A list of layers, or a family whose every key has a default.
fn describes_a_model(config: &Table) -> bool {
    let family_of = |model: &Table| model.get("family").and_then(Value::as_str).is_some_and(|family| family != "net");
    let model = config.get("model").and_then(Value::as_table);
    model.is_some_and(|model| model.contains_key("layers") || family_of(model))
}

/// What only a net has would be ignored in silence by other models.
fn check_flags(source: &PlanSource, plan: &Plan) -> Result<()> {
    let counts_ngrams = match &plan.model {
        ModelSpec::Net(net) => net.features.is_some(),
        ModelSpec::Linear(_) | ModelSpec::Nb(_) | ModelSpec::NbSvm(_) | ModelSpec::Nmf(_) | ModelSpec::Lda(_) => true,
        // Clusters of averages are made of them.
        ModelSpec::KMeans(_) | ModelSpec::Ensemble(_) => false,
    };
    if source.epochs.is_some() && !matches!(plan.model, ModelSpec::Net(_)) {
        let problem = "this model is solved for its optimum, not trained in epochs";
        return Err(Error::config("--epochs", problem, "leave it out; model.max_iterations limits the steps"));
    }
    if plan.train.fine_tuning.is_some() && !matches!(plan.model, ModelSpec::Net(_)) {
        let problem = "this model has no pretrained layers";
        return Err(Error::config("train.fine_tuning", problem, "leave it out, or choose --model encoder"));
    }
    if plan.embeddings.is_some() && counts_ngrams {
        let problem = "this model counts n-grams and has no place for word vectors";
        return Err(Error::config("embeddings", problem, "leave it out, or choose a net, such as --model cnn"));
    }
    Ok(())
}

/// The name of a file for messages, and its text.
fn read(path: &Path) -> Result<(String, String)> {
    let bytes = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
    let place = path.display().to_string();
    match String::from_utf8(bytes) {
        Ok(text) => Ok((place, text)),
        Err(_) => {
            Err(Error::config(place, "this is not UTF-8 text", "give a TOML file; `fenlei config show` prints one"))
        }
    }
}

fn parse(place: &str, text: &str) -> Result<Table> {
    text.parse::<Table>().map_err(|error| {
        let line = error.span().map(|span| format!(":{}", trail::line_of(text, span.start))).unwrap_or_default();
        let problem = format!("this is not TOML: {}", error.message().lines().collect::<Vec<_>>().join("; "));
        Error::config(format!("{place}{line}"), problem, "mend that line; `fenlei config show` prints a complete file")
    })
}

#[cfg(test)]
mod tests;
