//! Takes connections and hands their requests on, until it is asked to stop.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use super::malformed::Told;
use crate::app::{App, Face};
use crate::log::Level;

/// An address with those who come to it.
pub(crate) struct Listening {
    pub app: Arc<App>,
    pub listener: TcpListener,
    pub face: Arc<Face>,
    pub tls: Option<TlsAcceptor>,
}

/// Streams of one HTTP/2 connection.
const MAX_STREAMS: u32 = 256;

/// Serves until `stop` says so; then waits at most as long as the options say for requests to end.
pub(crate) async fn serve(listening: Listening, mut stop: watch::Receiver<bool>) {
    let Listening { app, listener, face, tls } = listening;
    let places = Arc::new(Semaphore::new(app.options.limits.connections));
    let server = Arc::new(server_of(&app));
    let graceful = GracefulShutdown::new();
    loop {
        // No place, no connection: those who come wait in the system's own queue.
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            _ = stop.changed() => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, as a rule: the others have to end first.
                app.log.event(Level::Error, "accept_failed", json!({ "error": error.to_string() }));
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let watcher = graceful.watcher();
        let (app, face, server, tls) = (Arc::clone(&app), Arc::clone(&face), Arc::clone(&server), tls.clone());
        tokio::spawn(async move {
            let _place = place;
            app.metrics.connections.fetch_add(1, Ordering::Relaxed);
            app.metrics.connections_total.fetch_add(1, Ordering::Relaxed);
            match tls {
                None => converse(&app, face, &server, stream, peer, watcher).await,
                Some(tls) => {
                    // Who does not finish its greeting in time is cut like any slow client.
                    let greeting = tokio::time::timeout(app.options.limits.header_time, tls.accept(stream)).await;
                    if let Ok(Ok(stream)) = greeting {
                        converse(&app, face, &server, stream, peer, watcher).await;
                    }
                }
            }
            app.metrics.connections.fetch_sub(1, Ordering::Relaxed);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(app.options.stop_within, graceful.shutdown()).await;
}

fn server_of(app: &App) -> auto::Builder<TokioExecutor> {
    let limits = &app.options.limits;
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_headers(limits.headers)
        // hyper wants at least this much. Its flushing together of answers to pipelined requests stays off: with bytes of
        // a request left over, it would end a connection without sending the answer that says why.
        .max_buf_size(limits.header_bytes.max(8192));
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(limits.header_time)
        .keep_alive_timeout(limits.header_time);
    server
}

/// Answers the requests of a connection.
async fn converse<S>(
    app: &Arc<App>,
    face: Arc<Face>,
    server: &auto::Builder<TokioExecutor>,
    stream: S,
    peer: SocketAddr,
    watcher: hyper_util::server::graceful::Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| {
        let (app, face) = (Arc::clone(app), Arc::clone(&face));
        async move { Ok::<_, Infallible>(app.handle(&face, peer, request).await) }
    });
    // A client that breaks off is its own affair; one that speaks no HTTP was told so.
    let stream = TokioIo::new(Told::new(stream, app));
    let _ = watcher.watch(server.serve_connection(stream, service)).await;
}

/// Listens at an address.
///
/// # Errors
/// When it is taken or not ours.
pub(crate) async fn bind(address: SocketAddr, place: &str) -> fenlei::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let help = "choose another port, or stop the program that has this one";
        fenlei::Error::config(place, format!("cannot listen at {address}: {error}"), help)
    })
}
