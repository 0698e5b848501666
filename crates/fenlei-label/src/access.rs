//! Who may ask: names of this machine, pages of this address, bearer tokens.

use std::net::SocketAddr;

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HOST, ORIGIN};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::{ApiError, ApiResult, Code};
use crate::options::Listen;

/// What is checked of each request.
pub(crate) struct Guard {
    tokens: Vec<[u8; 32]>,
    /// `None` lets every name pass.
    hosts: Option<Vec<String>>,
}

impl Guard {
    pub fn new(listen: &Listen, address: SocketAddr) -> Self {
        let mut hosts: Vec<String> = listen.hosts.clone();
        let is_loopback = address.ip().is_loopback();
        if is_loopback {
            hosts.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
            hosts.push(match address {
                SocketAddr::V4(own) => own.ip().to_string(),
                SocketAddr::V6(own) => format!("[{}]", own.ip()),
            });
        }
        let digest = |token: &String| Sha256::digest(token.as_bytes()).into();
        let tokens = listen.tokens.iter().map(digest).collect();
        Self { tokens, hosts: (is_loopback || !listen.hosts.is_empty()).then_some(hosts) }
    }

    /// Checks the name by which the page was asked for, the page that asks, and the token, of all but the files of the
    /// page itself, which hold nothing of anybody.
    pub fn check(&self, headers: &HeaderMap, is_open: bool) -> ApiResult<()> {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        // A page elsewhere may have its own name resolved to this address (DNS rebinding).
        if let Some(hosts) = &self.hosts
            && !hosts.iter().any(|own| own.eq_ignore_ascii_case(without_port(host)))
        {
            let message = format!("this page is not at {:?}", shortened(host));
            return Err(ApiError::new(
                Code::ForbiddenHost,
                message,
                "use its own name, or allow this one with --allow-host",
            ));
        }
        if let Some(origin) = headers.get(ORIGIN) {
            let origin = origin.to_str().unwrap_or("?");
            let is_own = origin.split_once("://").is_some_and(|(_, of_origin)| of_origin.eq_ignore_ascii_case(host));
            if !is_own {
                let message = format!("pages of {:?} may not ask here", shortened(origin));
                return Err(ApiError::new(Code::ForbiddenOrigin, message, "use the page of this address"));
            }
        }
        if self.tokens.is_empty() || is_open {
            return Ok(());
        }
        let shown = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().split_at_checked(7));
        let secret = shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer ")).map(|(_, secret)| secret);
        let shown: [u8; 32] = Sha256::digest(secret.unwrap_or_default()).into();
        // All of them are compared, each in the same time, so that how long it takes tells nothing.
        let known = self.tokens.iter().fold(false, |known, token| known | bool::from(shown.ct_eq(token)));
        if known && secret.is_some() {
            return Ok(());
        }
        let message = if secret.is_some() { "the token is not known" } else { "a token is needed" };
        Err(ApiError::new(Code::Unauthorized, message, "open the page with #token=TOKEN at the end of its address"))
    }
}

/// `example.org` of `example.org:8080`, `[::1]` of `[::1]:8080`.
fn without_port(host: &str) -> &str {
    let is_port = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
    match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) && (!name.contains(':') || name.ends_with(']')) => name,
        _ => host,
    }
}

fn shortened(found: &str) -> String {
    found.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let name = |name: &str| hyper::header::HeaderName::from_bytes(name.as_bytes()).unwrap();
        pairs.iter().map(|(key, value)| (name(key), value.parse().unwrap())).collect()
    }

    fn refusal(guard: &Guard, pairs: &[(&str, &str)]) -> Option<Code> {
        guard.check(&headers(pairs), false).err().map(|error| error.code)
    }

    #[test]
    fn only_names_of_this_machine_and_its_own_page_may_ask() {
        let guard = Guard::new(
            &Listen { hosts: vec!["Box.lan".to_owned()], ..Listen::default() },
            "127.0.0.1:80".parse().unwrap(),
        );
        let cases = [
            ("localhost:80", None, None),
            ("[::1]:80", Some("http://[::1]:80"), None),
            ("box.lan", None, None),
            ("evil.example", None, Some(Code::ForbiddenHost)),
            ("", None, Some(Code::ForbiddenHost)),
            ("localhost:80", Some("http://localhost:81"), Some(Code::ForbiddenOrigin)),
            ("localhost:80", Some("null"), Some(Code::ForbiddenOrigin)),
        ];
        for (host, origin, expected) in cases {
            let pairs: Vec<_> = [("host", host)].into_iter().chain(origin.map(|origin| ("origin", origin))).collect();
            assert_eq!(refusal(&guard, &pairs), expected, "{host} {origin:?}");
        }
    }

    #[test]
    fn a_token_is_asked_for_where_there_is_one() {
        let listen = Listen { tokens: vec!["0123456789abcdef".to_owned()], ..Listen::default() };
        let guard = Guard::new(&listen, "0.0.0.0:80".parse().unwrap());
        assert_eq!(refusal(&guard, &[("authorization", "Bearer 0123456789abcdef")]), None);
        for wrong in ["Bearer 0123456789abcde", "Basic 0123456789abcdef", "Bearer", ""] {
            assert_eq!(refusal(&guard, &[("authorization", wrong)]), Some(Code::Unauthorized), "{wrong}");
        }
        assert_eq!(refusal(&guard, &[]), Some(Code::Unauthorized));
        assert!(guard.check(&headers(&[]), true).is_ok());
    }
}
