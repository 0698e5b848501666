//! The HTTP library alone, with a fixed answer: what no server built on it can surpass.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use fenlei::{Error, Result};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

/// An answer of the usual length.
const ANSWER: &[u8] = br#"[{"label":"ham","score":0.9999371},{"label":"spam","score":0.0000629}]"#;

/// Reads each request and gives the same answer, until the process ends. Tells where it listens.
///
/// # Errors
/// When there is no port to listen at.
pub fn serve_bare(listening: impl FnOnce(SocketAddr)) -> Result<()> {
    let refuse = |error| Error::io("start", "a bare server", error);
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(refuse)?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(refuse)?;
        listening(listener.local_addr().map_err(refuse)?);
        loop {
            let (stream, _) = listener.accept().await.map_err(refuse)?;
            let _ = stream.set_nodelay(true);
            tokio::spawn(async move {
                let service = service_fn(|request: Request<Incoming>| async {
                    let _ = request.into_body().collect().await;
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(ANSWER))))
                });
                // Clients that break off are done.
                let _ =
                    http1::Builder::new().pipeline_flush(true).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}
