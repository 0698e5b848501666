//! `fenlei bench cluster`: clusters of labelled documents beside those that scikit-learn finds in the same matrices.

mod export;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use fenlei::cluster::{ClusterEvent, ClusterOptions, Clustered, KChoice, cluster};
use fenlei::config::{PlanSource, load_plan};
use fenlei::data::{Dataset, Split};
use fenlei::metrics::{ClusterAgreement, silhouette};
use fenlei::train::Plan;
use serde::Serialize;

use super::table::{Table, figure, median};
use super::{data_dir, peers, project_dir, read_part, trial_warning};
use crate::cluster::Method;
use crate::output::{Voice, print_json};
use export::Exported;

/// Cluster data sets with known labels, beside scikit-learn on the same documents
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei bench cluster
  fenlei bench cluster --only trec --seeds 5
  fenlei bench cluster --only thucnews --method k-means --own-only
  fenlei bench cluster --split validation --own-only")]
pub(super) struct ClusterBenchArgs {
    /// Only these data sets
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = SETS.map(|set| set.name))]
    only: Vec<String>,
    /// Only this method
    #[arg(long, value_name = "NAME")]
    method: Option<Method>,
    /// How many seeds; the table has medians
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Which part of the data: train, validation, test
    #[arg(long, value_name = "NAME", default_value = "train")]
    split: Split,
    /// Leave scikit-learn out
    #[arg(long)]
    own_only: bool,
    /// One setting over every recipe, as model.features.min_df=5
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The Python environment, which is made if it is not there [default: target/peers-venv of the project]
    #[arg(long, value_name = "DIR")]
    python: Option<PathBuf>,
    /// The folder of data sets [default: $FENLEI_DATA, else ../shared/data beside the project]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Only about N documents, for a trial
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Print the figures as one JSON list on standard output
    #[arg(long)]
    json: bool,
}

/// Documents with labels, as many as clusters are looked for.
struct Set {
    name: &'static str,
    path: &'static str,
    label_until: Option<char>,
    /// `key=value` settings over every recipe.
    settings: &'static [&'static str],
    /// Word vectors of its language.
    embeddings: Option<&'static str>,
}

const SETS: [Set; 3] = [
    Set {
        name: "trec",
        path: "trec",
        label_until: Some(':'),
        // What is asked for stands in the words that are left out elsewhere: who, where, how many.
        settings: &["pipeline.stop_words.languages=[]"],
        embeddings: Some("glove/glove.6B.100d.top60k.txt.gz"),
    },
    Set { name: "thucnews", path: "thucnews-titles", label_until: None, settings: &[], embeddings: None },
    Set { name: "tnews", path: "tnews", label_until: None, settings: &[], embeddings: None },
];

/// The programs of each method of ours, by the names that the script knows.
const PEERS: [(Method, &[(&str, &str)]); 3] = [
    (
        Method::KMeans,
        &[
            ("kmeans-1", "KMeans, 1 start"),
            ("kmeans-10", "KMeans, 10 starts"),
            ("minibatch", "MiniBatchKMeans"),
            ("minibatch-10", "MiniBatchKMeans, 10 starts, batches of 4096"),
        ],
    ),
    (Method::Nmf, &[("nmf", "NMF")]),
    (Method::Lda, &[("lda", "LatentDirichletAllocation"), ("lda-online", "LatentDirichletAllocation, online")]),
];

/// One run of a program.
#[derive(Debug, Clone, Serialize)]
struct Run {
    nmi: f64,
    ari: f64,
    purity: f64,
    silhouette: f64,
    /// From the matrix to the clusters.
    seconds: f64,
}

/// All runs of a program on a set.
#[derive(Debug, Serialize)]
struct Row {
    set: &'static str,
    n_docs: usize,
    k: usize,
    program: String,
    runs: Vec<Run>,
    /// Why there are none, or fewer.
    failure: Option<String>,
}

pub(super) fn run(args: &ClusterBenchArgs) -> Result<()> {
    let voice = Voice { quiet: false, json: args.json };
    let folder = data_dir(args.data.as_deref())?;
    let scripts = project_dir().join("benches/peers");
    let python = match args.own_only {
        true => Err("left out".to_owned()),
        false => peers::find_python(args.python.as_deref(), &scripts, voice),
    };
    let mut rows = Vec::new();
    for set in SETS.iter().filter(|set| args.only.is_empty() || args.only.iter().any(|name| name == set.name)) {
        let documents = read_part(&folder.join(set.path), args.split, set.label_until, args.sample)?;
        let k = documents.labels.len();
        for (method, programs) in PEERS.iter().filter(|(method, _)| args.method.is_none_or(|only| only == *method)) {
            let work = project_dir().join("target/peers/clusters").join(set.name).join(method.recipe());
            let (own, exported) = measure_own(set, &documents, *method, None, args, voice)?;
            rows.push(own);
            if let (Method::KMeans, Some(vectors)) = (method, set.embeddings) {
                rows.push(measure_own(set, &documents, *method, Some(&folder.join(vectors)), args, voice)?.0);
            }
            if args.own_only {
                continue;
            }
            exported.write(&work)?;
            for (name, title) in *programs {
                let mut row = Row {
                    set: set.name,
                    n_docs: exported.len(),
                    k,
                    program: format!("scikit-learn {title}"),
                    runs: Vec::new(),
                    failure: None,
                };
                for seed in 1..=args.seeds {
                    let found = python.clone().map_err(anyhow::Error::msg);
                    let found = found.and_then(|python| run_peer(&python, &scripts, &work, name, k, seed));
                    match found.and_then(|(clusters, seconds)| measured(&exported, &clusters, k, seconds)) {
                        Ok(run) => row.runs.push(run),
                        Err(error) => row.failure = Some(format!("{error:#}")),
                    }
                }
                voice.note(one_line(&row));
                rows.push(row);
            }
        }
    }
    voice.result(format_args!("\n{}{}", trial_warning(args.sample), table(&rows)))?;
    if args.json {
        print_json(&rows)?;
    }
    let failed: Vec<&str> = rows.iter().filter(|row| row.failure.is_some()).map(|row| row.program.as_str()).collect();
    if !failed.is_empty() {
        bail!("could not be measured: {}", failed.join(", "));
    }
    Ok(())
}

/// Our own runs, and the matrix that they worked on.
fn measure_own(
    set: &Set,
    documents: &Dataset,
    method: Method,
    vectors: Option<&Path>,
    args: &ClusterBenchArgs,
    voice: Voice,
) -> Result<(Row, Exported)> {
    let k = documents.labels.len();
    let name = method.recipe();
    let program = if vectors.is_some() { format!("fenlei {name}, GloVe") } else { format!("fenlei {name}") };
    let mut row = Row { set: set.name, n_docs: 0, k, program, runs: Vec::new(), failure: None };
    let mut exported = None;
    for seed in 1..=args.seeds {
        let plan = load_plan(&PlanSource {
            recipe: Some(name.to_owned()),
            set: set.settings.iter().map(|setting| (*setting).to_owned()).chain(args.set.iter().cloned()).collect(),
            seed: Some(seed),
            embeddings: vectors.map(Path::to_owned),
            ..PlanSource::default()
        })?;
        let (found, seconds) = timed(&plan, documents, k)?;
        let exported = match &exported {
            Some(exported) => exported,
            None => exported.insert(Exported::new(&found, documents)?),
        };
        row.n_docs = exported.len();
        let clusters: Vec<u32> = exported.docs.iter().map(|&doc| found.assignments[doc]).collect();
        let mut run = measured(exported, &clusters, k + 1, seconds)?;
        if vectors.is_some() {
            // In the space of the vectors, where the clusters are.
            run.silhouette = found.report.silhouette.map_or(f64::NAN, |s| s.exact);
        }
        row.runs.push(run);
    }
    voice.note(one_line(&row));
    Ok((row, exported.context("there is at least one seed")?))
}

/// Clusters, and the seconds from the features to the finished numbers.
fn timed(plan: &Plan, documents: &Dataset, k: usize) -> Result<(Clustered, f64)> {
    let (mut start, mut seconds) = (Instant::now(), 0.0);
    let mut on_event = |event: &ClusterEvent| match event {
        ClusterEvent::Start { .. } => start = Instant::now(),
        ClusterEvent::Fitted => seconds = start.elapsed().as_secs_f64(),
        _ => {}
    };
    let options = ClusterOptions { on_event: Some(&mut on_event), ..ClusterOptions::default() };
    let found = cluster(plan, documents, &KChoice::Fixed(k), options)?;
    Ok((found, seconds))
}

/// Runs the script; the clusters and the seconds.
fn run_peer(python: &Path, scripts: &Path, work: &Path, method: &str, k: usize, seed: u64) -> Result<(Vec<u32>, f64)> {
    let (out, threads) = (work.join(format!("{method}-{seed}.json")), rayon::current_num_threads().to_string());
    let mut command = Command::new(python);
    command.arg(scripts.join("cluster_peer.py")).stdin(Stdio::null()).stdout(Stdio::null());
    command.args(["--method", method, "--k", &k.to_string(), "--seed", &seed.to_string(), "--threads", &threads]);
    command.arg("--data").arg(work).arg("--out").arg(&out);
    command.env("OMP_NUM_THREADS", &threads).env("OPENBLAS_NUM_THREADS", &threads);
    let status = command.status().with_context(|| format!("cannot run {}", python.display()))?;
    anyhow::ensure!(status.success(), "{method} failed ({status})");
    let figures: serde_json::Value = serde_json::from_slice(&fs::read(&out).context("no figures were written")?)?;
    let clusters = fs::read(work.join(format!("{method}-{seed}.u32"))).context("no clusters were written")?;
    let clusters = clusters.as_chunks().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect();
    Ok((clusters, figures["seconds"].as_f64().context("no seconds were written")?))
}

/// The figures of clusters, the same way for every program.
fn measured(exported: &Exported, clusters: &[u32], n_clusters: usize, seconds: f64) -> Result<Run> {
    let agreement = ClusterAgreement::new(clusters, &exported.labels, n_clusters, exported.n_labels)?;
    let of_docs: Vec<Option<u32>> = clusters.iter().copied().map(Some).collect();
    let silhouette = silhouette(&exported.rows, &of_docs, n_clusters).map_or(f64::NAN, |s| s.exact);
    let ClusterAgreement { nmi, ari, purity, .. } = agreement;
    Ok(Run { nmi, ari, purity, silhouette, seconds })
}

fn middle(row: &Row, of: fn(&Run) -> f64) -> Option<f64> {
    median(&row.runs.iter().map(of).collect::<Vec<_>>())
}

fn one_line(row: &Row) -> String {
    let figure = |of: fn(&Run) -> f64| middle(row, of).map_or_else(|| "–".to_owned(), |x| format!("{x:.4}"));
    format!("{} {}: NMI {}, {} s", row.set, row.program, figure(|r| r.nmi), figure(|r| r.seconds))
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(&["data", "k", "documents", "program", "NMI", "ARI", "purity", "silhouette", "seconds"]);
    for row in rows {
        let share = |of: fn(&Run) -> f64| middle(row, of).map_or_else(|| "–".to_owned(), |x| format!("{x:.3}"));
        table.row([
            row.set.to_owned(),
            row.k.to_string(),
            row.n_docs.to_string(),
            row.program.clone(),
            share(|run| run.nmi),
            share(|run| run.ari),
            share(|run| run.purity),
            middle(row, |run| run.silhouette).map_or_else(|| "–".to_owned(), |x| format!("{x:.4}")),
            middle(row, |run| run.seconds).map_or_else(|| "–".to_owned(), figure),
        ]);
    }
    table
}
