//! What a server of pages checks before it answers, and says about its files; the prediction server does the same.
//!
//! Invariants: whoever asks under a foreign name, or from a foreign page, gets nothing; how long a comparison of secrets takes
//! tells nothing about them.

use std::net::SocketAddr;

use hyper::HeaderMap;
use hyper::header::{self, AUTHORIZATION, HOST, HeaderValue, ORIGIN};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Nothing but the server's own files, no script or style inside of pages, no frame around them.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                          base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What is said about each file of a page.
pub fn file_headers(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
}

/// The names under which a server is reached. A page elsewhere may have its own name resolved to this address (DNS
/// rebinding).
#[derive(Debug, Clone)]
pub struct Names(Option<Vec<String>>);

impl Names {
    /// Those that are given, and on loopback those of this machine; elsewhere no given ones let every name pass.
    pub fn new(given: &[String], address: SocketAddr) -> Self {
        let mut names = given.to_vec();
        let is_loopback = address.ip().is_loopback();
        if is_loopback {
            names.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
            names.push(match address {
                SocketAddr::V4(own) => own.ip().to_string(),
                SocketAddr::V6(own) => format!("[{}]", own.ip()),
            });
        }
        Self((is_loopback || !given.is_empty()).then_some(names))
    }

    /// Whether a host, with or without its port, is one of them.
    pub fn hold(&self, host: &str) -> bool {
        let name = without_port(host);
        self.0.as_ref().is_none_or(|names| names.iter().any(|own| own.eq_ignore_ascii_case(name)))
    }
}

/// The name by which a request asks for the server: that of its address, in HTTP/2, or of its header.
pub fn host_of<'a>(headers: &'a HeaderMap, authority: Option<&'a str>) -> &'a str {
    authority.or_else(|| headers.get(HOST).and_then(|host| host.to_str().ok())).unwrap_or_default()
}

/// The page that a request comes from, where that is one of another server than `host`.
pub fn foreign_origin<'a>(headers: &'a HeaderMap, host: &str) -> Option<&'a str> {
    let origin = headers.get(ORIGIN)?.to_str().unwrap_or("?");
    let is_own = origin.split_once("://").is_some_and(|(_, of_origin)| of_origin.eq_ignore_ascii_case(host));
    (!is_own).then_some(origin)
}

/// What a client shows to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// No authorization.
    Nothing,
    /// Another kind than a bearer token.
    OtherKind,
    /// A bearer token, as [`digest_of`] it.
    Token([u8; 32]),
}

/// The bearer token of a request.
pub fn shown(headers: &HeaderMap) -> Shown {
    let Some(value) = headers.get(AUTHORIZATION) else { return Shown::Nothing };
    match value.as_bytes().split_at_checked(7) {
        Some((scheme, secret)) if scheme.eq_ignore_ascii_case(b"bearer ") => Shown::Token(digest_of(secret)),
        _ => Shown::OtherKind,
    }
}

/// What is kept of a secret, and compared.
pub fn digest_of(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// Which of the known secrets a client shows. All of them are compared, each in the same time.
pub fn known<'a>(shown: &[u8; 32], known: impl Iterator<Item = &'a [u8; 32]>) -> Option<usize> {
    let mut found = None;
    for (i, digest) in known.enumerate() {
        if bool::from(shown.ct_eq(digest)) {
            found = Some(i);
        }
    }
    found
}

/// What of a name or address is told to whoever sent it.
pub fn shortened(found: &str) -> String {
    found.chars().take(100).collect()
}

/// `example.org` of `example.org:8080`, `[::1]` of `[::1]:8080`.
fn without_port(host: &str) -> &str {
    let is_port = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
    match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) && (!name.contains(':') || name.ends_with(']')) => name,
        _ => host,
    }
}

/// A refusal, for whoever serves the page within a shape of its own; it stands in the extensions of the response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// As `store_failed`.
    pub code: &'static str,
    /// What was found and what was expected.
    pub message: String,
    /// How to mend it.
    pub help: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_port_and_case() {
        let local = Names::new(&["Box.lan".to_owned()], "127.0.0.1:80".parse().unwrap());
        for (host, held) in [
            ("localhost", true),
            ("LOCALHOST:8080", true),
            ("127.0.0.1:1", true),
            ("[::1]:80", true),
            ("[::1]", true),
            ("box.lan:80", true),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("", false),
        ] {
            assert_eq!(local.hold(host), held, "{host}");
        }
        let public: SocketAddr = "0.0.0.0:80".parse().unwrap();
        assert!(Names::new(&[], public).hold("anything"));
        assert!(!Names::new(&["a.example".to_owned()], public).hold("localhost"));
    }

    #[test]
    fn only_whole_secrets_are_known() {
        let secrets = [digest_of(b"first"), digest_of(b"second")];
        assert_eq!(known(&digest_of(b"second"), secrets.iter()), Some(1));
        assert_eq!(known(&digest_of(b"secon"), secrets.iter()), None);
    }
}
