//! A running server: from options to listeners and threads, and back to rest.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use fenlei::{Error, Result};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};

use crate::api;
use crate::app::{App, Face};
use crate::http::{Guard, Listening, RequestIds, acceptor, bind, serve};
use crate::log::{Level, Log};
use crate::metrics::Metrics;
use crate::models::{Registry, Source, Sources, check_name, name_of_file};
use crate::monitor::Monitor;
use crate::options::Options;
use crate::queue::{Queue, Workers, wide_pool};
use crate::trace::Tracer;

/// A server that runs until it is asked to stop.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    admin_address: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    reload: mpsc::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

/// Addresses that show nothing of anybody.
fn is_open(path: &str) -> bool {
    let is_page = matches!(path, "/" | "/dashboard" | "/docs" | "/openapi.json") || path.starts_with("/assets/");
    let is_label_page = path.starts_with("/label") && !path.starts_with("/label/api/");
    is_page || is_label_page || path.starts_with("/health/") || path.starts_with("/v2/health/")
}

impl Server {
    /// Loads the models and begins to listen.
    ///
    /// # Errors
    /// When a model that was named cannot be loaded, an address cannot be had, or an option makes no sense.
    pub fn start(options: Options, log: Log) -> Result<Self> {
        let n_threads = options.n_threads();
        let sources = sources_of(&options)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(n_threads)
            .max_blocking_threads(4)
            .thread_name("http")
            .enable_all()
            .build()
            .map_err(|error| Error::io("start", "the threads of the server", error))?;
        let metrics = Arc::new(Metrics::new());
        let monitor = Monitor::start(&options.watch, &metrics, &log)?;
        let tracer = options.trace.as_ref().map(|trace| Tracer::start(trace, &log)).transpose()?;
        let (reload, reloads) = mpsc::channel(1);
        let app = Arc::new(App {
            monitor,
            tracer,
            reload: reload.clone(),
            registry: Registry::new(wide_pool(n_threads)?),
            queue: Queue::new(&options.limits),
            metrics,
            ids: RequestIds::new(),
            stopping: AtomicBool::new(false),
            log,
            options,
        });
        let mut sources = sources;
        sources.look(&app.registry, &app.log).map_err(|error| match app.options.folder.is_some() {
            // A folder may get its first good model later; a file that was named must work.
            true if app.options.models.is_empty() => {
                Error::config("--folder", error.to_string(), "mend or remove the file")
            }
            _ => error,
        })?;
        app.registry.load_behind_requests();
        let listener = runtime.block_on(bind(app.options.address, "--port"))?;
        let address = listener.local_addr().map_err(|error| Error::io("ask for", "the address", error))?;
        let tls = app.options.tls.as_ref().map(|(certificate, key)| acceptor(certificate, key)).transpose()?;
        warn_in_public(&app, address);
        let guard = Guard::new(&app.options.access, &app.options.access.tokens, address);
        let face = Arc::new(Face { router: api::router(Arc::clone(&app)), guard, is_open });
        let workers = Workers::start(&app.queue, n_threads, app.options.limits.batch_bytes, &app.metrics)?;
        let (stop, stopped) = watch::channel(false);
        let listening = Listening { app: Arc::clone(&app), listener, face, tls };
        app.log.event(Level::Info, "listening", json!({ "address": address.to_string(), "threads": n_threads }));
        let admin = runtime.block_on(admin_of(&app))?;
        let admin_address = admin.as_ref().and_then(|admin| admin.listener.local_addr().ok());
        if app.options.hear_signals {
            runtime.spawn(hear_signals(stop.clone(), reload.clone()));
        }
        let parts = Parts { runtime, app, listening, admin, sources, reloads, workers, stopped };
        let thread = thread::Builder::new()
            .name("server".to_owned())
            .spawn(move || parts.run())
            .map_err(|error| Error::io("start", "the thread of the server", error))?;
        Ok(Self { address, admin_address, stop, reload, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens for commands.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// Looks at the model files at once, whatever the time between looks is.
    pub fn reload(&self) {
        // A look that is asked for already is enough.
        let _ = self.reload.try_send(());
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Asks it to end: no more connections; requests that are there are answered.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until it has ended.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            // Its panics are reported by the thread itself.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the server's own thread owns.
struct Parts {
    runtime: Runtime,
    app: Arc<App>,
    listening: Listening,
    admin: Option<Listening>,
    sources: Sources,
    reloads: mpsc::Receiver<()>,
    workers: Workers,
    stopped: watch::Receiver<bool>,
}

impl Parts {
    fn run(self) {
        let Self { runtime, app, listening, admin, sources, reloads, workers, stopped } = self;
        runtime.spawn(look_again(Arc::clone(&app), sources, reloads));
        let mut stopping = stopped.clone();
        let marking = Arc::clone(&app);
        runtime.spawn(async move {
            // From the first moment on, load balancers should send nothing more.
            if stopping.changed().await.is_ok() {
                marking.stopping.store(true, Ordering::Relaxed);
            }
        });
        if let Some(admin) = admin {
            runtime.spawn(serve(admin, stopped.clone()));
        }
        runtime.block_on(serve(listening, stopped));
        app.queue.close();
        workers.join();
        app.monitor.stop();
        if let Some(tracer) = &app.tracer {
            tracer.stop();
        }
        runtime.shutdown_background();
        app.log.event(Level::Info, "stopped", json!({}));
    }
}

/// SIGTERM asks for the end, SIGHUP for a look at the model files.
#[cfg(unix)]
async fn hear_signals(stop: watch::Sender<bool>, reload: mpsc::Sender<()>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut end), Ok(mut look)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup())) else { return };
    loop {
        tokio::select! {
            _ = end.recv() => drop(stop.send_replace(true)),
            _ = look.recv() => drop(reload.try_send(())),
        }
    }
}

#[cfg(not(unix))]
async fn hear_signals(_: watch::Sender<bool>, _: mpsc::Sender<()>) {}

/// The listener for commands, where there is to be one.
async fn admin_of(app: &Arc<App>) -> Result<Option<Listening>> {
    let Some(address) = app.options.admin else { return Ok(None) };
    if app.options.access.admin_tokens.is_empty() {
        let problem = "the listener for commands needs a token of its own";
        return Err(Error::config("--admin", problem, "put one into a file and name it with --admin-token-file"));
    }
    let listener = bind(address, "--admin").await?;
    let address = listener.local_addr().map_err(|error| Error::io("ask for", "the address", error))?;
    app.log.event(Level::Info, "admin_listening", json!({ "address": address.to_string() }));
    let guard = Guard::new(&app.options.access, &app.options.access.admin_tokens, address);
    let face = Arc::new(Face { router: api::admin_router(Arc::clone(app)), guard, is_open: |_| false });
    Ok(Some(Listening { app: Arc::clone(app), listener, face, tls: None }))
}

/// Looks at the model files from time to time, and when asked to.
async fn look_again(app: Arc<App>, mut sources: Sources, mut reloads: mpsc::Receiver<()>) {
    loop {
        let asked = match app.options.reload {
            Some(every) => tokio::time::timeout(every, reloads.recv()).await.unwrap_or(Some(())),
            None => reloads.recv().await,
        };
        if asked.is_none() {
            return;
        }
        let looking = Arc::clone(&app);
        // Loading takes long and must not hold up requests. What is refused is in the log.
        let looked = tokio::task::spawn_blocking(move || {
            let _ = sources.look(&looking.registry, &looking.log);
            sources
        });
        match looked.await {
            Ok(back) => sources = back,
            Err(_) => return,
        }
    }
}

fn sources_of(options: &Options) -> Result<Sources> {
    let mut named: Vec<Source> = Vec::new();
    for (name, path) in &options.models {
        let name = name.clone().unwrap_or_else(|| name_of_file(path));
        check_name(&name).map_err(|error| Error::config("MODEL", error.message, "as in reviews=model.fenlei"))?;
        if named.iter().any(|source| source.name == name) {
            let problem = format!("two models would be called {name:?}");
            return Err(Error::config("MODEL", problem, "name them, as in first=a.fenlei second=b.fenlei"));
        }
        named.push(Source { name, version: None, path: path.clone() });
    }
    if let Some(folder) = options.folder.as_ref().filter(|folder| !folder.is_dir()) {
        let problem = format!("{} is no folder", folder.display());
        return Err(Error::config("--folder", problem, "make it, or name the one that holds the models"));
    }
    if named.is_empty() && options.folder.is_none() {
        return Err(Error::config("MODEL", "no model and no folder of models", "name a model file, or use --folder"));
    }
    Ok(Sources::new(named, options.folder.clone()))
}

/// Loudly: anybody who reaches the address can use the models.
fn warn_in_public(app: &App, address: SocketAddr) {
    let access = &app.options.access;
    if !address.ip().is_loopback() && access.tokens.is_empty() {
        let help = "set tokens with --token-file, or listen at 127.0.0.1 behind a proxy that asks for them";
        app.log.event(Level::Warn, "public_without_token", json!({ "address": address.to_string(), "help": help }));
    }
    if !address.ip().is_loopback() && !access.tokens.is_empty() && app.options.tls.is_none() {
        let help = "set --tls-certificate and --tls-key, or let a proxy speak TLS";
        app.log.event(Level::Warn, "tokens_without_tls", json!({ "address": address.to_string(), "help": help }));
    }
}
