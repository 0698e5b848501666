//! `fenlei data vectorize`: the features of documents as a file that other programs read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use fenlei::Error;
use fenlei::artifact;
use fenlei::classifier::Classifier;
use fenlei::data::LineFile;
use fenlei::features::{FeaturesSpec, Vectorizer, write_svmlight};
use fenlei::model::{Model, ModelSpec};
use fenlei::storage::write_atomically;
use fenlei::text::TextPipeline;
use serde_json::json;

use crate::arguments::PlanArguments;
use crate::output::{Voice, grouped, peak_memory_mb, print_json};

/// Write n-gram features as SVMlight lines, for other programs; documents may be larger than memory
///
/// INPUT holds a text a line, or fastText's `__label__x text`. Features are learned from it, or taken from a trained model.
/// Labels are numbered from 0 in the order of their names.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei data vectorize train.txt train.svm --also test.txt test.svm
  fenlei data vectorize train.txt train.svm --model nb-svm --set model.features.word_ngrams=2 --names columns.txt
  fenlei data vectorize new.txt new.svm --with reviews.fenlei")]
pub(super) struct VectorizeArgs {
    /// A file of lines, also packed with gzip or zstd
    input: PathBuf,
    /// Where to write its features
    output: PathBuf,
    /// Another file, and where to write its features in the same columns
    #[arg(long, num_args = 2, value_names = ["INPUT", "OUTPUT"])]
    also: Vec<PathBuf>,
    /// Take the features of this trained model instead of learning them
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["recipe", "model", "config", "set"])]
    with: Option<PathBuf>,
    /// Write what each column stands for, a line a column
    #[arg(long, value_name = "FILE")]
    names: Option<PathBuf>,
    /// The encoding of the files, if it should not be found out
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
    /// Print the figures as one JSON object on standard output
    #[arg(long)]
    json: bool,
    /// Say nothing on standard error
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    plan: PlanArguments,
}

pub(super) fn run(args: &VectorizeArgs) -> Result<()> {
    let clock = Instant::now();
    let voice = Voice { quiet: args.quiet, json: args.json };
    let file = |path: &Path| LineFile::new(path, args.encoding.clone());
    let input = file(&args.input);
    let learned = match &args.with {
        Some(_) => None,
        None => Some(learn(&args.plan, &input)?),
    };
    let loaded = args.with.as_deref().map(artifact::load).transpose()?;
    let (pipeline, vectorizer) = match (&learned, &loaded) {
        (Some((pipeline, vectorizer)), _) => (pipeline, vectorizer),
        (None, Some((classifier, _))) => (classifier.pipeline(), features_of(classifier)?),
        (None, None) => bail!("there are no features (this is a bug, please report it)"),
    };
    voice.note(format_args!("{} features: {}", grouped(vectorizer.n_columns()), vectorizer.spec()));
    let numbers = match &loaded {
        Some((classifier, _)) => numbered(classifier.labels().to_vec()),
        None => numbered(labels_of(&input)?),
    };
    let pairs = args.also.chunks(2).filter_map(|pair| Some((file(pair.first()?), pair.get(1)?)));
    let mut written = Vec::new();
    for (input, output) in std::iter::once((input.clone(), &args.output)).chain(pairs) {
        let n_docs = write(&input, output, pipeline, vectorizer, &numbers)?;
        voice.note(format_args!("{}: wrote {} documents", output.display(), grouped(n_docs)));
        written.push(json!({ "path": output, "documents": n_docs }));
    }
    if args.json {
        print_json(&json!({
            "features": vectorizer.n_columns(), "labels": numbers.keys().collect::<Vec<_>>(), "written": written,
            "seconds": clock.elapsed().as_secs_f64(), "peak_memory_mb": peak_memory_mb(),
        }))?;
    }
    if let Some(path) = &args.names {
        let columns: Vec<u32> = (0..vectorizer.n_columns() as u32).collect();
        let names = vectorizer.names(pipeline, &columns);
        write_atomically(path, |out| names.iter().try_for_each(|name| writeln!(out, "{name}")))?;
    }
    Ok(())
}

/// Passes over the documents once for the vocabulary and some times for the features.
fn learn(plan: &PlanArguments, input: &LineFile) -> Result<(TextPipeline, Vectorizer)> {
    let mut plan = plan.clone();
    if plan.recipe.is_none() && plan.model.is_none() && plan.config.is_none() {
        plan.model = Some("linear".to_owned());
    }
    let plan = plan.load()?;
    let spec: FeaturesSpec = match plan.model {
        ModelSpec::Linear(spec) => spec.features,
        ModelSpec::Nb(spec) => spec.features,
        ModelSpec::NbSvm(spec) => spec.features,
        ModelSpec::KMeans(spec) => spec.features,
        ModelSpec::Nmf(spec) => spec.features,
        ModelSpec::Lda(spec) => spec.features,
        ModelSpec::Net(spec) => spec.features.ok_or_else(no_features)?,
        ModelSpec::Ensemble(_) => return Err(no_features().into()),
    };
    let pipeline = plan.pipeline.fit_corpus(input)?;
    let vectorizer = Vectorizer::fit_corpus(&spec, &pipeline, input)?;
    Ok((pipeline, vectorizer))
}

fn no_features() -> Error {
    let problem = "this model reads tokens in their order and has no features";
    Error::config("model", problem, "choose linear, nb, nb-svm, mlp or bag")
}

fn features_of(classifier: &Classifier) -> Result<&Vectorizer> {
    match classifier.model() {
        Model::Sparse(model) => Ok(model.vectorizer()),
        Model::Cluster(model) => Ok(model.vectorizer()),
        Model::Ensemble(_) => {
            let problem = "an ensemble has the features of each of its members";
            Err(Error::config("model", problem, "give one of its members").into())
        }
        Model::Net(net) => Ok(net.features().ok_or_else(no_features)?),
    }
}

/// The names of all labels of a file, sorted.
fn labels_of(input: &LineFile) -> fenlei::Result<Vec<String>> {
    let mut names = std::collections::BTreeSet::new();
    input.for_each_lines(&mut |lines| {
        for name in lines.labels.iter().flatten() {
            if !names.contains(*name) {
                names.insert((*name).to_owned());
            }
        }
        Ok(())
    })?;
    Ok(names.into_iter().collect())
}

fn numbered(names: Vec<String>) -> BTreeMap<String, u32> {
    names.into_iter().zip(0..).collect()
}

/// Writes the features of one file; the number of documents.
fn write(
    input: &LineFile,
    output: &Path,
    pipeline: &TextPipeline,
    vectorizer: &Vectorizer,
    numbers: &BTreeMap<String, u32>,
) -> Result<usize> {
    let (mut n_docs, mut unknown) = (0, None);
    // An error of the input must not be taken for one of the output.
    let mut failure = None;
    write_atomically(output, |mut out| {
        let read = input.for_each_lines(&mut |lines| {
            let rows = vectorizer.rows(pipeline, lines.texts);
            let mut number = |name: &&str| {
                let number = numbers.get(*name).copied();
                if number.is_none() && unknown.is_none() {
                    unknown = Some((*name).to_owned());
                }
                number.unwrap_or(0)
            };
            let labels: Vec<Vec<u32>> =
                lines.labels.iter().map(|labels| labels.iter().map(&mut number).collect()).collect();
            n_docs += lines.texts.len();
            write_svmlight(&mut out, &rows, &labels).map_err(|error| Error::io("write", output, error))
        });
        if let Some(name) = &unknown {
            let known: Vec<&str> = numbers.keys().map(String::as_str).collect();
            let problem = format!("found the label {name:?}, expected one of {}", known.join(", "));
            failure = Some(Error::data(input.path(), None, problem, "learn from documents that have all labels"));
        }
        match read {
            Err(error) => failure = failure.take().or(Some(error)),
            Ok(()) if failure.is_none() => return Ok(()),
            Ok(()) => {}
        }
        // Nothing is put in place.
        Err(std::io::Error::other("stopped"))
    })
    .map_err(|error| failure.unwrap_or(error))?;
    Ok(n_docs)
}
