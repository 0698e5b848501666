//! Our side of the comparison, in a process of its own, so that its peak of memory is that of one task and no more.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use fenlei::artifact;
use fenlei::config::{PlanSource, load_plan};
use fenlei::data::{Dataset, Target};
use fenlei::train::{Event, Plan, TrainOptions, train_with};
use serde_json::json;

use super::super::peers::Figures;
use crate::output::peak_memory_mb;

/// Steps before the clock starts.
const WARM_UP_STEPS: usize = 2;

/// Train an encoder further, or predict with it, and write what it took (started by `fenlei bench encoders`)
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei bench encoders-self --pretrained DIR --data DIR --task train --batch 32 --out own.json")]
pub(in crate::bench) struct OwnEncoderArgs {
    /// The folder of the encoder
    #[arg(long, value_name = "DIR")]
    pretrained: PathBuf,
    /// The folder of `train.tsv` and `test.tsv`
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// What to measure; predicting needs the model that training leaves in the folder
    #[arg(long, value_name = "NAME")]
    task: OwnTask,
    /// Documents in a step
    #[arg(long, value_name = "N", default_value_t = 32)]
    batch: usize,
    /// Pieces of a document
    #[arg(long, value_name = "N", default_value_t = 256)]
    max_tokens: usize,
    /// Where random numbers start
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Multiply bf16 numbers where the processor has them
    #[arg(long)]
    bf16: bool,
    /// Predict with weights of 8 bits
    #[arg(long)]
    int8: bool,
    /// Where to write the figures
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// What to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OwnTask {
    /// Fine-tuning
    Train,
    /// Predicting
    Predict,
}

/// The recipe for one epoch over all documents, in the order that the seed gives.
fn plan(args: &OwnEncoderArgs) -> Result<Plan> {
    let mut set = vec![
        "train.validation=0".to_owned(),
        format!("train.batch_size={}", args.batch),
        format!("pipeline.truncate.max_tokens={}", args.max_tokens),
        "train.group_by_length=false".to_owned(),
    ];
    if args.bf16 {
        set.push("model.precision=bf16".to_owned());
    }
    let source = PlanSource {
        recipe: Some("encoder".to_owned()),
        set,
        seed: Some(args.seed),
        epochs: Some(1),
        pretrained: Some(args.pretrained.clone()),
        ..PlanSource::default()
    };
    Ok(load_plan(&source)?)
}

pub(in crate::bench) fn run(args: &OwnEncoderArgs) -> Result<()> {
    let model = args.data.join("model.fenlei");
    let (n_docs, seconds) = match args.task {
        OwnTask::Train => {
            let (mut n_docs, mut seconds, mut n_steps) = (0, 0.0, 0);
            let mut last = (Instant::now(), 0);
            let mut on_event = |event: Event<'_>| {
                if let Event::Step { docs_done, .. } = event {
                    n_steps += 1;
                    if n_steps > WARM_UP_STEPS {
                        seconds += last.0.elapsed().as_secs_f64();
                        n_docs += docs_done - last.1;
                    }
                    last = (Instant::now(), docs_done);
                }
            };
            let options = TrainOptions { on_event: Some(&mut on_event), ..TrainOptions::default() };
            let trained = train_with(&plan(args)?, &read(&args.data.join("train.tsv"))?, options)?;
            artifact::save(&model, &trained.classifier, &artifact::ModelInfo::default())?;
            (n_docs, seconds)
        }
        OwnTask::Predict => {
            let (mut classifier, _) = artifact::load(&model).context("run --task train first")?;
            if args.int8 {
                classifier.quantize()?;
            }
            let texts = read(&args.data.join("test.tsv"))?.texts;
            classifier.predict_batch(&texts[..texts.len().min(args.batch)]);
            let clock = Instant::now();
            let predictions = classifier.predict_batch(&texts);
            (predictions.len(), clock.elapsed().as_secs_f64())
        }
    };
    let rest = json!({
        "peer": "fenlei",
        "threads": rayon::current_num_threads(),
        "batch": args.batch,
        "bf16": args.bf16,
        "int8": args.int8,
        "docs_per_second": n_docs as f64 / seconds.max(1e-9),
    });
    let figures = Figures {
        version: format!("fenlei {}", env!("CARGO_PKG_VERSION")),
        docs_train: n_docs,
        // As the scripts count: MB of 2^20 bytes.
        peak_mb: peak_memory_mb().map_or(0.0, |mb| mb * 1e6 / f64::from(1 << 20)),
        rest: rest.as_object().cloned().unwrap_or_default(),
        ..Figures::default()
    };
    let text = serde_json::to_vec_pretty(&figures)?;
    fs::write(&args.out, text).with_context(|| format!("cannot write {}", args.out.display()))
}

/// The documents that all programs read: a class number and a text a line.
fn read(path: &Path) -> Result<Dataset> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (mut texts, mut targets) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let Some((label, text)) = line.split_once('\t') else { bail!("{}: a line without a tab", path.display()) };
        targets.push(Target::One(label.parse()?));
        texts.push(text.to_owned());
    }
    let n_labels = targets.iter().flat_map(Target::as_slice).max().map_or(0, |label| label + 1);
    Ok(Dataset::new(texts, targets, (0..n_labels).map(|label| label.to_string()).collect(), false)?)
}
