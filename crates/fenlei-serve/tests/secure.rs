//! Connections under TLS.

mod client;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use client::{request, start};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

#[test]
fn a_client_that_trusts_the_certificate_is_answered_and_plain_words_are_not() {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let (certificate, key) = (testdata.join("certificate.pem"), testdata.join("key.pem"));
    let server = start(|options| options.tls = Some((certificate.clone(), key)));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&certificate).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(server.address()).unwrap());
    stream.write_all(&request("POST", "/predict", &[("connection", "close")], br#"{"input": "thanks"}"#)).unwrap();
    let mut reply = Vec::new();
    // The other side may close without a farewell.
    let _ = stream.read_to_end(&mut reply);
    assert!(String::from_utf8_lossy(&reply).starts_with("HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&reply));
    let mut plain = TcpStream::connect(server.address()).unwrap();
    plain.write_all(&request("GET", "/health/live", &[], b"")).unwrap();
    let mut reply = Vec::new();
    let _ = plain.read_to_end(&mut reply);
    assert!(!reply.starts_with(b"HTTP"));
}
