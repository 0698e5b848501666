//! `fenlei bench step`: where the time of a training step goes, and how far each part is from what the machine can do.

mod convolution;
mod documents;
mod limits;
mod parts;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use fenlei::config::{PlanSource, load_plan};
use fenlei::model::ModelSpec;
use fenlei_nn::kernels::tiles;

use super::peers::Network;
use super::table::{Table, figure};
use super::{IMDB, data_dir};
use crate::output::Voice;
use convolution::Convolution;
use documents::Documents;
use limits::Limits;
use parts::{Part, Profile};

/// Documents in a step, as in the recipes.
const DOCS_PER_STEP: usize = 32;

/// Show where the time of a training step goes
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei bench step
  fenlei bench step --net chapter-8 --batches 20 --rounds 1     A trial")]
pub(super) struct StepArgs {
    /// The network
    #[arg(long, value_name = "NAME", default_value = "appendix-c")]
    net: Network,
    /// The folder of data sets; without IMDb in it documents are made up
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Batches of 32 documents
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    batches: u16,
    /// Times over the same batches, of which the median counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
}

pub(super) fn run(args: &StepArgs) -> Result<()> {
    let voice = Voice { quiet: false, json: false };
    let plan = load_plan(&PlanSource { recipe: Some(args.net.name().into()), ..PlanSource::default() })?;
    let ModelSpec::Net(spec) = &plan.model else {
        anyhow::bail!("this is no net");
    };
    let imdb = data_dir(args.data.as_deref()).map(|folder| folder.join(IMDB)).ok().filter(|path| path.is_file());
    let documents = match imdb {
        Some(path) => Documents::of_imdb(&path, &plan.pipeline, usize::from(args.batches) * DOCS_PER_STEP)?,
        None => Documents::made_up(),
    };
    voice.note(format_args!("{}, {}", args.net.name(), documents.about));
    let limits = Limits::measure();
    let spec = spec.net();
    let mut convolution = Convolution::of(&spec, documents.vocab_size)?;
    let n_batches = usize::from(args.batches);
    let profile = parts::measure(&plan, &spec, &mut convolution, &documents, n_batches, usize::from(args.rounds))?;
    voice.result(format_args!(
        "{}, {} threads, {}\nA step: {} tokens, {} distinct, {} positions, {} maxima with a gradient, {} numbers moved\n\
         The machine: {} GFLOP/s in a product of 2048 by 2048 by 2048; copying {} GB/s in memory, {} GB/s in the second cache\n",
        args.net.name(),
        rayon::current_num_threads(),
        documents.about,
        figure(profile.n_tokens),
        figure(profile.n_distinct),
        figure(profile.n_positions),
        figure(profile.n_wins),
        figure(profile.n_moved),
        figure(limits.gflop_per_second),
        figure(limits.memory_gb_per_second),
        figure(limits.cache_gb_per_second),
    ))?;
    Ok(voice.result(table(&profile, &convolution, limits))?)
}

/// What a part moves or computes in a step.
#[derive(Debug, Clone, Copy)]
enum Work {
    /// Nothing that could be held against a limit.
    Unknown,
    /// Additions and multiplications of matrix products.
    Flop(f64),
    /// Bytes read and written.
    Bytes(f64),
}

/// Every part with its share and its distance from the limit.
fn table(profile: &Profile, convolution: &Convolution, limits: Limits) -> Table {
    const F32: f64 = 4.0;
    let (dim, width, n_filters) = (convolution.dim as f64, convolution.width as f64, convolution.n_filters as f64);
    let product = 2.0 * profile.n_distinct * convolution.n_columns() as f64 * dim;
    // Behind a global maximum each win adds, for each tap, a vector to a row of weights and a row of weights to a
    // vector. Elsewhere two products do it.
    let backward = match convolution.is_sparse() {
        true => Work::Bytes(2.0 * profile.n_wins * width * dim * F32),
        false => Work::Flop(2.0 * product),
    };
    let of = |part| profile.seconds(part);
    let forward_parts = [Part::Gather, Part::Product, Part::Maxima].map(of).iter().sum::<f64>();
    let forward = if tiles::available() {
        // The product never leaves the cache, so its parts cannot be timed one by one.
        vec![("product with the filters, maxima", of(Part::ConvForward), Work::Flop(product))]
    } else {
        let sums = Work::Bytes(profile.n_positions * width * n_filters * F32);
        vec![
            ("gather of vectors", of(Part::Gather), Work::Bytes(2.0 * profile.n_distinct * dim * F32)),
            ("product with the filters", of(Part::Product), Work::Flop(product)),
            ("window maxima", of(Part::Maxima), sums),
            ("convolution forward, rest", of(Part::ConvForward) - forward_parts, Work::Unknown),
        ]
    };
    let behind = [
        ("convolution backward", of(Part::ConvBackward), backward),
        ("layers behind it, forward", of(Part::Forward) - of(Part::ConvForward), Work::Unknown),
        ("layers behind it, backward", of(Part::Backward) - of(Part::ConvBackward), Work::Unknown),
        // Parameter and two moments are read and written, the gradient is read.
        ("optimizer", of(Part::Optimizer), Work::Bytes(7.0 * profile.n_moved * F32)),
    ];
    let batch = ("batch, distinct tokens", of(Part::Batch), Work::Unknown);
    let rows: Vec<_> = std::iter::once(batch).chain(forward).chain(behind).collect();
    let step = of(Part::Step);
    let known: f64 = rows.iter().map(|(_, seconds, _)| seconds).sum();
    let mut table = Table::new(&["part", "ms a step", "share", "rate", "of the product", "of memory", "of the cache"]);
    let percent = |part: f64, whole: f64| format!("{:.0} %", 100.0 * part / whole);
    for (name, seconds, work) in
        rows.into_iter().chain([("other", step - known, Work::Unknown), ("step", step, Work::Unknown)])
    {
        let empty = String::new;
        let limits = match work {
            Work::Unknown => [empty(), empty(), empty(), empty()],
            Work::Flop(flop) => {
                let rate = flop / seconds / 1e9;
                [format!("{} GFLOP/s", figure(rate)), percent(rate, limits.gflop_per_second), empty(), empty()]
            }
            Work::Bytes(bytes) => {
                let rate = bytes / seconds / 1e9;
                let (memory, cache) = (limits.memory_gb_per_second, limits.cache_gb_per_second);
                [format!("{} GB/s", figure(rate)), empty(), percent(rate, memory), percent(rate, cache)]
            }
        };
        table.row(
            [name.to_owned(), format!("{:.3}", 1000.0 * seconds), percent(seconds, step)].into_iter().chain(limits),
        );
    }
    table
}
