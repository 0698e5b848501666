//! `fenlei serve`: a server for models.

mod access;
mod labelling;
mod signals;

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use fenlei::Error;
use fenlei_serve::{Access, Level, Limits, Log, Options, Rules, Server, TraceOptions, WatchOptions};

/// Serve models over HTTP
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei serve reviews.fenlei
  fenlei serve reviews.fenlei topics=news.fenlei --port 8000
  fenlei serve --folder models --store watch.db
  fenlei serve reviews.fenlei --label new.jsonl
  fenlei serve reviews.fenlei --host 0.0.0.0 --token-file tokens.txt --tls-certificate chain.pem --tls-key key.pem

  curl localhost:8080/predict -d '{\"input\": \"A quiet, clever film\"}'

Open http://localhost:8080/ to try a model, /dashboard to watch it, /docs for all addresses, /label/ to label; docs/serving.md tells the
rest. Ctrl-C ends it when all requests are answered.")]
pub(crate) struct ServeArguments {
    /// Models, as FILE or NAME=FILE; the first one answers where none is named
    #[arg(value_name = "MODEL")]
    models: Vec<String>,
    /// A folder of models, NAME.fenlei or NAME/VERSION.fenlei; what is put there is served, what is taken away is not
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Seconds between looks at the files for changes; 0 for none
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    reload: f64,
    /// The address to listen at; others than this machine need a public one, such as 0.0.0.0
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// The port to listen at; 0 takes any that is free
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Write a line for each request to standard error
    #[arg(long)]
    log_requests: bool,
    /// Seconds for requests to end after Ctrl-C
    #[arg(long, value_name = "SECONDS", default_value_t = 20.0)]
    stop_within: f64,
    #[command(flatten)]
    access: access::AccessArguments,
    #[command(flatten)]
    limits: LimitArguments,
    #[command(flatten)]
    watch: WatchArguments,
    #[command(flatten)]
    trace: TraceArguments,
    #[command(flatten)]
    labelling: labelling::LabellingArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
struct LimitArguments {
    /// Bytes of a request's body, also unpacked
    #[arg(long, value_name = "BYTES", default_value_t = 8 << 20)]
    max_body: usize,
    /// Texts in a request
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    max_texts: u32,
    /// Open connections
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: u32,
    /// Texts that wait for their turn; more are refused with 429
    #[arg(long, value_name = "N", default_value_t = 16_384, value_parser = clap::value_parser!(u32).range(1..))]
    max_queue: u32,
    /// Seconds until an unanswered request is refused
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    deadline: f64,
    /// Bytes of texts that are predicted together
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 10)]
    batch_bytes: usize,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Watching")]
struct WatchArguments {
    /// The database of predictions and feedback (SQLite); no texts are kept in it
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// Days that predictions are kept; 0 for ever
    #[arg(long, value_name = "N", default_value_t = 30)]
    keep_days: u32,
    /// Documents that show what is usual [default: those that the model file counts, else the first 2,000 texts]
    #[arg(long, value_name = "FILE")]
    reference: Option<PathBuf>,
    /// The address that is told when something is wrong
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
    /// Alert from this population stability index on
    #[arg(long, value_name = "PSI", default_value_t = 0.25)]
    alert_drift: f64,
    /// Alert below this accuracy, by the feedback of a day
    #[arg(long, value_name = "SHARE")]
    alert_accuracy: Option<f64>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Tracing")]
struct TraceArguments {
    /// A collector of OpenTelemetry that each request is told to (OTLP over HTTP), as http://localhost:4318
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
    /// How many of the requests without `traceparent` are told, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, requires = "otlp")]
    otlp_share: f64,
}

impl TraceArguments {
    fn options(&self) -> fenlei::Result<Option<TraceOptions>> {
        let Some(collector) = self.otlp.clone() else { return Ok(None) };
        if !(0.0..=1.0).contains(&self.otlp_share) {
            let problem = format!("found {}, expected a share from 0 to 1", self.otlp_share);
            return Err(Error::config("--otlp-share", problem, "0.01 is one request in a hundred"));
        }
        Ok(Some(TraceOptions { collector, share: self.otlp_share }))
    }
}

pub(crate) fn run(args: &ServeArguments, n_threads: Option<usize>) -> Result<()> {
    let options = options_of(args, n_threads)?;
    let log = Log::to(Arc::new(|_: Level, line: &str| {
        // A closed standard error must not end the server.
        let _ = writeln!(io::stderr().lock(), "{line}");
    }));
    let server = Server::start(options, log)?;
    signals::wait(&server)?;
    server.stop();
    server.wait();
    Ok(())
}

fn options_of(args: &ServeArguments, n_threads: Option<usize>) -> fenlei::Result<Options> {
    let defaults = Limits::default();
    let address = SocketAddr::new(args.host, args.port);
    let limits = Limits {
        body_bytes: args.limits.max_body,
        items: args.limits.max_texts as usize,
        connections: args.limits.max_connections as usize,
        queued_texts: args.limits.max_queue as usize,
        deadline: seconds("--deadline", args.limits.deadline)?,
        batch_bytes: args.limits.batch_bytes,
        ..defaults
    };
    let watch = WatchOptions {
        store: args.watch.store.clone(),
        keep_days: args.watch.keep_days,
        reference: args.watch.reference.clone(),
        webhook: args.watch.webhook.clone(),
        rules: Rules { drift: args.watch.alert_drift, accuracy: args.watch.alert_accuracy, ..Rules::default() },
    };
    let reload = match args.reload {
        0.0 => None,
        every => Some(seconds("--reload", every)?),
    };
    let access: Access = args.access.load()?;
    let models: Vec<(Option<String>, PathBuf)> = args.models.iter().map(|model| named(model)).collect();
    let trace = args.trace.options()?;
    let labelling = args.labelling.open(models.first().map(|(_, path)| path), n_threads)?;
    Ok(Options {
        models,
        folder: args.folder.clone(),
        reload,
        address,
        admin: args.access.admin,
        tls: args.access.tls(),
        threads: n_threads.unwrap_or(0),
        access,
        limits,
        watch,
        trace,
        labelling,
        log_requests: args.log_requests,
        hear_signals: true,
        stop_within: seconds("--stop-within", args.stop_within)?,
    })
}

/// `NAME=FILE`, unless there is a file of exactly this name.
fn named(model: &str) -> (Option<String>, PathBuf) {
    match model.split_once('=') {
        Some((name, file)) if !PathBuf::from(model).exists() => (Some(name.to_owned()), file.into()),
        _ => (None, model.into()),
    }
}

fn seconds(flag: &str, seconds: f64) -> fenlei::Result<Duration> {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|time| !time.is_zero())
        .ok_or_else(|| Error::config(flag, format!("found {seconds}, expected seconds above 0"), "as in 0.5 or 10"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_may_have_a_name_before_its_file() {
        assert_eq!(named("a.fenlei"), (None, "a.fenlei".into()));
        assert_eq!(named("a=dir/b.fenlei"), (Some("a".to_owned()), "dir/b.fenlei".into()));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x=y.fenlei");
        std::fs::write(&path, "").unwrap();
        assert_eq!(named(path.to_str().unwrap()), (None, path));
    }

    #[test]
    fn times_are_above_nothing() {
        assert_eq!(seconds("--deadline", 0.5).unwrap(), Duration::from_millis(500));
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(seconds("--deadline", wrong).unwrap_err().is_wrong_use());
        }
    }
}
