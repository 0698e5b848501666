//! `fenlei bench serve`: requests a second, latency, memory and start, beside other servers.

mod load;
mod servers;
mod steady;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use fenlei::data::Split;
use serde_json::json;

use super::table::{Table, figure, median};
use super::{IMDB, data_dir, project_dir, read_part};
use crate::output::{Voice, print_json};
use load::{Measured, Until, ask, request};
use servers::{Running, stay_on_core};
use steady::ask_steadily;

/// Connections that keep a server of short texts busy.
const MANY: usize = 64;

/// Connections of the comparison with other servers, as wrk had in the article's figure.
const FEW: usize = 8;

/// Measure the server beside Flask with Keras, and FastAPI with ONNX Runtime
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei bench serve --short sms.fenlei --long imdb.fenlei
  fenlei bench serve --short sms.fenlei --long imdb.fenlei --without-peers --seconds 2

Server and client each stay on one core. The peers need flask, keras, fastapi, uvicorn and onnxruntime in the environment
of --python; their networks are the article's appendix C with random weights, which take as long as trained ones.")]
pub(super) struct ServeBenchArgs {
    /// A model of short messages
    #[arg(long, value_name = "MODEL")]
    short: PathBuf,
    /// A model of long reviews: the recipe appendix-c, trained on IMDb
    #[arg(long, value_name = "MODEL")]
    long: PathBuf,
    /// Leave the other servers out
    #[arg(long)]
    without_peers: bool,
    /// Seconds that each measurement takes
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Measurements of each, of which the median is told
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Requests over which memory has to stay flat
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    requests: usize,
    /// The Python environment of the peers [default: target/serve-venv of the project]
    #[arg(long, value_name = "DIR")]
    python: Option<PathBuf>,
    /// The folder of data sets [default: $FENLEI_DATA, else ../shared/data beside the project]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print all figures as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ServeBenchArgs) -> Result<()> {
    let voice = Voice { quiet: false, json: args.json };
    let data = data_dir(args.data.as_deref())?;
    let reviews = read_part(&data.join(IMDB), Split::Test, None, Some(1000))?.texts;
    let messages = read_part(&data.join("sms-spam"), Split::Train, None, Some(1000))?.texts;
    let body = |text: &String| request("/predict", &json!({ "input": text }).to_string());
    let long: Vec<Vec<u8>> = reviews.iter().map(body).collect();
    let short: Vec<Vec<u8>> = messages.iter().map(body).collect();
    if !stay_on_core(1) {
        voice.warn("there is no `taskset` or no second core: server and client share the processor");
    }
    let time = Duration::from_secs(args.seconds);
    let saturate = |server: &Running, requests: &[Vec<u8>], n: usize| -> Result<(f64, f64)> {
        // The first requests warm up caches and the table of a network.
        ask(server.address, requests, n, Until::Requests(200))?;
        let runs: Result<Vec<Measured>> =
            (0..args.runs).map(|_| ask(server.address, requests, n, Until::Time(time))).collect();
        let runs = runs?;
        let of =
            |value: &dyn Fn(&Measured) -> f64| median(&runs.iter().map(value).collect::<Vec<_>>()).unwrap_or(f64::NAN);
        Ok((of(&Measured::per_second), of(&|run| run.quantile(0.99))))
    };

    let mut peers = Table::new(&["server", "requests a second", "p99 ms", "fenlei is faster by"]);
    let server = Running::fenlei(&args.long, &[])?;
    let start_long = server.seconds_to_ready;
    let (own, own_p99) = saturate(&server, &long, FEW)?;
    drop(server);
    peers.row(["fenlei".to_owned(), figure(own), figure(own_p99 * 1e3), String::new()]);
    let mut others = Vec::new();
    if !args.without_peers {
        let scripts = project_dir().join("benches/peers");
        let environment = args.python.clone().unwrap_or_else(|| project_dir().join("target/serve-venv"));
        for (name, script) in [("Flask + Keras", "serve_flask.py"), ("FastAPI + ONNX Runtime", "serve_fastapi.py")] {
            let measured = peer(&environment, &scripts.join(script)).and_then(|server| saturate(&server, &long, FEW));
            match measured {
                Ok((rate, p99)) => {
                    peers.row([name.to_owned(), figure(rate), figure(p99 * 1e3), figure(own / rate)]);
                    others.push(json!({ "server": name, "per_second": rate, "p99_seconds": p99 }));
                }
                Err(error) => voice.warn(format_args!("{name} has no figures: {error:#}")),
            }
        }
    }
    voice.result(format_args!("\n## one review a request, {FEW} connections\n\n{peers}"))?;

    let bare = Running::bare()?;
    let (bare_rate, _) = saturate(&bare, &short, MANY)?;
    let server = Running::fenlei(&args.short, &[])?;
    let start_short = server.seconds_to_ready;
    let (rate, p99) = saturate(&server, &short, MANY)?;
    let steady = ask_steadily(server.address, &short, FEW, rate / 2.0, time)?;
    let bare_steady = ask_steadily(bare.address, &short, FEW, rate / 2.0, time)?;
    drop(bare);
    let before = server.memory();
    ask(server.address, &short, MANY, Until::Requests(args.requests))?;
    let after = server.memory();
    drop(server);
    let loading = while_models_load(args, &short, rate / 2.0, time)?;
    let mut table = Table::new(&["short texts, one a request", "figure"]);
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("requests a second", figure(rate));
    row("the HTTP library alone", figure(bare_rate));
    row("share of it, %", figure(100.0 * rate / bare_rate));
    row("p99 at saturation, ms", figure(p99 * 1e3));
    row("p50 at half of it, ms", figure(steady.quantile(0.5) * 1e3));
    row("p99 at half of it, ms", figure(steady.quantile(0.99) * 1e3));
    row("p99 of the HTTP library alone at that rate, ms", figure(bare_steady.quantile(0.99) * 1e3));
    row("p99 at half of it, ms, while long models load", figure(loading.quantile(0.99) * 1e3));
    if let (Some((before, _)), Some((after, peak))) = (before, after) {
        let words = format!("{} → {}, peak {}", figure(before), figure(after), figure(peak));
        row(&format!("MB over {} requests", args.requests), words);
    }
    row(
        "start to ready, ms, short and long model",
        format!("{} and {}", figure(start_short * 1e3), figure(start_long * 1e3)),
    );
    voice.result(format_args!("\n## short texts, {MANY} connections\n\n{table}"))?;
    if args.json {
        print_json(&json!({
            "long": { "per_second": own, "p99_seconds": own_p99, "peers": others, "start_seconds": start_long },
            "short": { "per_second": rate, "bare_per_second": bare_rate, "p99_seconds": p99,
                "bare_half_p99_seconds": bare_steady.quantile(0.99), "half_p50_seconds": steady.quantile(0.5), "half_p99_seconds": steady.quantile(0.99),
                "loading_p99_seconds": loading.quantile(0.99),
                "memory_mb": { "before": before, "after": after }, "start_seconds": start_short },
        }))?;
    }
    Ok(())
}

/// Steady requests for the short model, while copies of the long one come into the folder of models, again and again.
fn while_models_load(args: &ServeBenchArgs, requests: &[Vec<u8>], rate: f64, time: Duration) -> Result<Measured> {
    let folder = tempfile::tempdir()?;
    std::fs::copy(&args.short, folder.path().join("a.fenlei"))?;
    let server = Running::fenlei_of_folder(folder.path(), &["--reload", "0.1"])?;
    ask(server.address, requests, FEW, Until::Requests(200))?;
    // Copied beforehand: the client must not wait for that.
    let n_times = 2 * time.as_secs() as usize + 1;
    for i in 0..n_times {
        std::fs::copy(&args.long, folder.path().join(format!("{i}.next")))?;
    }
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let coming = scope.spawn(|| -> Result<()> {
            for i in (0..n_times).take_while(|_| !ended.load(Ordering::Relaxed)) {
                std::fs::rename(folder.path().join(format!("{i}.next")), folder.path().join("b.fenlei"))?;
                thread::sleep(Duration::from_millis(500));
            }
            Ok(())
        });
        let measured = ask_steadily(server.address, requests, FEW, rate, time);
        ended.store(true, Ordering::Relaxed);
        coming.join().unwrap_or(Ok(()))?;
        measured
    })
}

fn peer(environment: &Path, script: &Path) -> Result<Running> {
    Running::python(&environment.join("bin/python"), script)
}

/// The HTTP library alone, as a process of its own.
pub(super) fn run_bare() -> Result<()> {
    fenlei_serve::serve_bare(|address| {
        eprintln_json(&json!({ "event": "listening", "address": address.to_string() }));
    })?;
    Ok(())
}

fn eprintln_json(line: &serde_json::Value) {
    use std::io::Write;
    // A closed standard error is the end of the benchmark anyway.
    let _ = writeln!(std::io::stderr(), "{line}");
}
