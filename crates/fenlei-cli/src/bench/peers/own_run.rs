//! Our side of a comparison, in a process of its own, so that its peak of memory is that of one training and no more.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use fenlei::config::{PlanSource, load_plan};
use fenlei::data::Split;
use fenlei::model::{Model, NetInputs};
use fenlei::train::{Plan, train};
use serde_json::json;

use super::Network;
use super::child::Figures;
use crate::bench::export::{ids_agree, single_labels};
use crate::bench::read_part;
use crate::output::peak_memory_mb;

/// Times that the test documents are scored, behind once to warm up.
const N_SCORINGS: usize = 3;

/// Train one network and write what it took (started by `fenlei bench peers`)
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei bench peers-self --net appendix-c --seed 1 --epochs 2 --imdb aclImdb_v1.tar.gz --ids DIR --out own.json")]
pub(in crate::bench) struct OwnRunArgs {
    /// The network
    #[arg(long, value_name = "NAME")]
    net: Network,
    /// Where random numbers start
    #[arg(long, value_name = "N")]
    seed: u64,
    /// Passes over the training documents
    #[arg(long, value_name = "N")]
    epochs: u32,
    /// The documents
    #[arg(long, value_name = "PATH")]
    imdb: PathBuf,
    /// The folder of the ids that the others train on, to see that they are the same
    #[arg(long, value_name = "DIR")]
    ids: PathBuf,
    /// Only about N documents of each part
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Where to write the figures
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// What the networks are trained by: their recipe, with the others' epsilon, all documents and every epoch.
pub(super) fn plan(net: Network, seed: u64, epochs: u32) -> Result<Plan> {
    let set = [
        "train.validation=0",
        "train.early_stopping.patience=0",
        "train.batch_size=32",
        "train.optimizer.kind=adam",
        "train.optimizer.lr=0.001",
        "train.optimizer.epsilon=1e-7",
    ];
    let set = set.map(str::to_owned).to_vec();
    let source = PlanSource {
        recipe: Some(net.name().into()),
        set,
        seed: Some(seed),
        epochs: Some(epochs),
        ..PlanSource::default()
    };
    Ok(load_plan(&source)?)
}

pub(in crate::bench) fn run(args: &OwnRunArgs) -> Result<()> {
    let plan = plan(args.net, args.seed, args.epochs)?;
    let documents = read_part(&args.imdb, Split::Train, None, args.sample)?;
    let trained = train(&plan, &documents, None)?;
    let train_peak_mb = peak_mb();
    let docs_train = trained.n_train;
    drop(documents);
    ensure!(trained.history.len() == args.epochs as usize, "trained {} epochs", trained.history.len());

    let classifier = trained.classifier;
    let test = read_part(&args.imdb, Split::Test, None, args.sample)?.relabel(classifier.labels(), false)?;
    let truth = single_labels(&test)?;
    let encoded = NetInputs::from(classifier.pipeline().encode_batch(&test.texts));
    drop(test);
    let Model::Net(net) = classifier.model() else { bail!("this is no net") };
    let mut probabilities = net.probabilities(&encoded);
    let mut score_seconds = Vec::with_capacity(N_SCORINGS);
    for _ in 0..N_SCORINGS {
        let clock = Instant::now();
        let again = net.probabilities(&encoded);
        score_seconds.push(clock.elapsed().as_secs_f64());
        ensure!(again == probabilities, "the same documents got other scores");
        probabilities = again;
    }
    let n_right =
        probabilities.chunks_exact(2).zip(&truth).filter(|(p, label)| u32::from(p[1] > p[0]) == **label).count();
    let peak_mb = peak_mb();

    // Checked last, since it takes memory that nobody else needs.
    ensure!(ids_agree(&args.ids, "test", &encoded.ids)?, "the exported ids of the test documents are not these");
    drop(encoded);
    let documents = read_part(&args.imdb, Split::Train, None, args.sample)?;
    let encoded = classifier.pipeline().encode_batch(&documents.texts);
    ensure!(ids_agree(&args.ids, "train", &encoded)?, "the exported ids of the training documents are not these");

    let rest = json!({
        "peer": "fenlei",
        "net": args.net.name(),
        "seed": args.seed,
        "threads": rayon::current_num_threads(),
        "batch": plan.train.batch_size,
        "train_peak_mb": train_peak_mb,
    });
    let figures = Figures {
        version: format!("fenlei {}", env!("CARGO_PKG_VERSION")),
        epoch_seconds: trained.history.iter().map(|record| record.seconds).collect(),
        score_seconds,
        docs_train,
        docs_test: truth.len(),
        test_accuracy: n_right as f64 / truth.len() as f64,
        peak_mb,
        rest: rest.as_object().cloned().unwrap_or_default(),
        ..Figures::default()
    };
    let text = serde_json::to_vec_pretty(&figures)?;
    fs::write(&args.out, text).with_context(|| format!("cannot write {}", args.out.display()))
}

/// As the scripts count: MB of 2^20 bytes; 0 where the system does not tell.
fn peak_mb() -> f64 {
    peak_memory_mb().map_or(0.0, |mb| mb * 1e6 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use fenlei::train::TrainSpec;

    use super::*;

    #[test]
    fn every_document_is_trained_on_for_every_epoch_as_the_others_do() {
        for net in [Network::AppendixC, Network::Chapter8] {
            let plan = plan(net, 7, 2).unwrap();
            let TrainSpec { epochs, batch_size, validation, optimizer, early_stopping, .. } = &plan.train;
            assert_eq!((plan.seed, *epochs, *batch_size, *validation, early_stopping.patience), (7, 2, 32, 0.0, 0));
            let written = serde_json::to_value(optimizer).unwrap();
            assert_eq!(
                (written["kind"].as_str(), written["lr"].as_f64(), written["epsilon"].as_f64()),
                (Some("adam"), Some(1e-3), Some(1e-7))
            );
            assert_eq!((plan.pipeline.truncate.max_tokens, plan.pipeline.vocab.max_size), (500, 20_000));
        }
    }
}
