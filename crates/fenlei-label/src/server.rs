//! The page on an address of its own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use fenlei::{Error, Result};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, watch};
use tower_service::Service;

use crate::Labelling;
use crate::access::Guard;
use crate::api::router;
use crate::error::{ApiError, Code};
use crate::options::Listen;

/// Open connections; more wait until others end.
const CONNECTIONS: usize = 256;
/// Within this time the head of a request has to be there.
const HEADER_TIME: Duration = Duration::from_secs(30);
/// Within this time a request is answered.
const DEADLINE: Duration = Duration::from_secs(60);
/// Fewer characters can be guessed.
const LEAST_TOKEN: usize = 16;

/// A page that is served until it is asked to stop.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the address cannot be had, or other machines could reach it without a token.
    pub fn start(labelling: Arc<Labelling>, listen: &Listen) -> Result<Self> {
        check(listen)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(16)
            .thread_name("http")
            .enable_all()
            .build()
            .map_err(|error| Error::io("start", "the threads of the page", error))?;
        let listener = runtime.block_on(TcpListener::bind(listen.address)).map_err(|error| {
            let help = "choose another port, or stop the program that has this one";
            Error::config("--port", format!("cannot listen at {}: {error}", listen.address), help)
        })?;
        let address = listener.local_addr().map_err(|error| Error::io("ask for", "the address", error))?;
        let face = Arc::new(Face { router: router(labelling), guard: Guard::new(listen, address) });
        let (stop, stopped) = watch::channel(false);
        let thread = thread::Builder::new()
            .name("page".to_owned())
            .spawn(move || run(runtime, listener, face, stopped))
            .map_err(|error| Error::io("start", "the thread of the page", error))?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // Its panics are reported by the thread itself.
            let _ = thread.join();
        }
    }
}

fn check(listen: &Listen) -> Result<()> {
    if let Some(token) =
        listen.tokens.iter().find(|token| token.len() < LEAST_TOKEN || !token.bytes().all(|b| b.is_ascii_graphic()))
    {
        let n = token.chars().count();
        let problem =
            format!("found a token of {n} characters, expected {LEAST_TOKEN} or more letters, digits and signs");
        return Err(Error::config("token", problem, "make one with `openssl rand -hex 24`"));
    }
    if listen.address.ip().is_loopback() || !listen.tokens.is_empty() {
        return Ok(());
    }
    let problem = format!("anybody who reaches {} could read the documents and label them", listen.address.ip());
    let help = "set a token in the variable FENLEI_TOKEN (`openssl rand -hex 24` makes one), or leave --host out";
    Err(Error::config("--host", problem, help))
}

struct Face {
    router: Router,
    guard: Guard,
}

impl Face {
    async fn answer(&self, request: Request<Incoming>) -> Response {
        // The files of the page are needed before it can ask for a token, and hold nothing of anybody.
        let is_open = !request.uri().path().starts_with("/api/");
        if let Err(error) = self.guard.check(request.headers(), is_open) {
            return error.into_response();
        }
        let answer = self.router.clone().call(request.map(Body::new));
        match tokio::time::timeout(DEADLINE, answer).await {
            Ok(Ok(response)) => response,
            Err(_) => ApiError::new(Code::Slow, "the request took too long", "try again").into_response(),
        }
    }
}

fn run(runtime: Runtime, listener: TcpListener, face: Arc<Face>, stopped: watch::Receiver<bool>) {
    runtime.block_on(serve(listener, face, stopped));
    // Those that are in the database's hands end by themselves.
    runtime.shutdown_timeout(Duration::from_secs(5));
}

async fn serve(listener: TcpListener, face: Arc<Face>, mut stopped: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            _ = stopped.changed() => return,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => return,
        };
        let Ok((stream, _)) = accepted else {
            // Too many open files, as a rule: the others have to end first.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let face = Arc::clone(&face);
        tokio::spawn(async move {
            let _place = place;
            let service = service_fn(|request| {
                let face = Arc::clone(&face);
                async move { Ok::<_, Infallible>(face.answer(request).await) }
            });
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME).max_headers(64);
            // A client that breaks off or speaks no HTTP is its own affair.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
