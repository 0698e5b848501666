//! Who may ask: bearer tokens, names of the server, origins of pages, requests a second.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HOST, ORIGIN};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::clock;
use crate::error::{ApiError, ApiResult, Code};
use crate::options::{Access, Token};

/// Buckets of clients that have not asked for long go when there are more than these.
const MANY_CLIENTS: usize = 10_000;

/// What is checked of each request.
pub(crate) struct Guard {
    tokens: Vec<(Token, [u8; 32])>,
    origins: Vec<String>,
    /// `None` lets every name pass.
    hosts: Option<Vec<String>>,
    rate: Option<f64>,
    buckets: Mutex<HashMap<String, Bucket>>,
}

struct Bucket {
    left: f64,
    at: Instant,
}

impl Guard {
    pub fn new(access: &Access, tokens: &[Token], address: SocketAddr) -> Self {
        let mut hosts: Vec<String> = access.hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        let is_loopback = address.ip().is_loopback();
        if is_loopback {
            hosts.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
            hosts.push(match address.ip() {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            });
        }
        Self {
            tokens: tokens.iter().map(|token| (token.clone(), digest(&token.secret))).collect(),
            origins: access.origins.clone(),
            hosts: (is_loopback || !access.hosts.is_empty()).then_some(hosts),
            rate: access.rate,
            buckets: Mutex::default(),
        }
    }

    /// The name by which the client reached the server has to be one of its own: a page elsewhere may have its own
    /// name resolved to this address (DNS rebinding).
    pub fn check_host(&self, headers: &HeaderMap, authority: Option<&str>) -> ApiResult<()> {
        let Some(hosts) = &self.hosts else { return Ok(()) };
        let found = authority.or_else(|| headers.get(HOST).and_then(|host| host.to_str().ok())).unwrap_or_default();
        let name = without_port(found);
        if hosts.iter().any(|host| host.eq_ignore_ascii_case(name)) {
            return Ok(());
        }
        let message = format!("this server is not {:?}", shortened(found));
        Err(ApiError::new(Code::ForbiddenHost, message, "ask it by its own name, or allow this one with --allow-host"))
    }

    /// A browser says which page asks. Pages of others may not, unless they are allowed to.
    pub fn check_origin(&self, headers: &HeaderMap, authority: Option<&str>) -> ApiResult<()> {
        let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().unwrap_or("?");
        let host = authority.or_else(|| headers.get(HOST).and_then(|host| host.to_str().ok())).unwrap_or_default();
        let is_own = origin.split_once("://").is_some_and(|(_, of_origin)| of_origin.eq_ignore_ascii_case(host));
        if is_own || self.origins.iter().any(|allowed| allowed == origin || allowed == "*") {
            return Ok(());
        }
        let message = format!("pages of {:?} may not ask here", shortened(origin));
        Err(ApiError::new(Code::ForbiddenOrigin, message, "allow them with --allow-origin when you start the server"))
    }

    /// Who asks; the name of the token, or of the address where there are no tokens.
    pub fn check_token(&self, headers: &HeaderMap, peer: IpAddr) -> ApiResult<String> {
        if self.tokens.is_empty() {
            return Ok(if self.rate.is_some() { peer.to_string() } else { String::new() });
        }
        let help = "send the header `Authorization: Bearer TOKEN`";
        let refuse = |message: &str| Err(ApiError::new(Code::Unauthorized, message, help));
        let Some(value) = headers.get(AUTHORIZATION) else { return refuse("a token is needed") };
        let shown = value.as_bytes();
        let secret = match shown.split_at_checked(7) {
            Some((scheme, secret)) if scheme.eq_ignore_ascii_case(b"bearer ") => secret,
            _ => return refuse("found another kind of authorization than a bearer token"),
        };
        let shown: [u8; 32] = Sha256::digest(secret).into();
        // All of them are compared, each in the same time, so that how long it takes tells nothing.
        let mut found = None;
        for (token, expected) in &self.tokens {
            if bool::from(shown.ct_eq(expected)) {
                found = Some(token);
            }
        }
        match found {
            None => refuse("the token is not known"),
            Some(token) if token.expires.is_some_and(|second| second <= clock::unix_seconds()) => {
                refuse("the token has expired")
            }
            Some(token) => Ok(token.name.clone()),
        }
    }

    /// Each client has a bucket that fills at the given rate, to hold the requests of one second.
    pub fn check_rate(&self, who: &str) -> ApiResult<()> {
        let Some(rate) = self.rate else { return Ok(()) };
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() > MANY_CLIENTS {
            buckets.retain(|_, bucket| now.duration_since(bucket.at).as_secs() < 60);
        }
        let size = rate.max(1.0);
        let bucket = buckets.entry(who.to_owned()).or_insert(Bucket { left: size, at: now });
        bucket.left = (bucket.left + now.duration_since(bucket.at).as_secs_f64() * rate).min(size);
        bucket.at = now;
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Ok(());
        }
        let seconds = ((1.0 - bucket.left) / rate).ceil() as u64;
        let message = format!("more than {rate} requests a second");
        Err(ApiError::new(Code::RateLimited, message, "send several texts in one request").retry_after(seconds))
    }
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
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
        let pair = |(name, value): &(&str, &str)| {
            (hyper::header::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    fn guard(access: &Access, address: &str) -> Guard {
        Guard::new(access, &access.tokens, address.parse().unwrap())
    }

    #[test]
    fn on_loopback_only_its_own_names_are_answered() {
        let local = guard(&Access { hosts: vec!["Box.lan".to_owned()], ..Access::default() }, "127.0.0.1:80");
        for (host, allowed) in [
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
            assert_eq!(local.check_host(&headers(&[("host", host)]), None).is_ok(), allowed, "{host}");
        }
        let public = guard(&Access::default(), "0.0.0.0:80");
        assert!(public.check_host(&headers(&[("host", "anything")]), None).is_ok());
        let named = guard(&Access { hosts: vec!["a.example".to_owned()], ..Access::default() }, "0.0.0.0:80");
        assert!(named.check_host(&headers(&[]), Some("a.example")).is_ok());
        assert!(named.check_host(&headers(&[("host", "localhost")]), None).is_err());
    }

    #[test]
    fn pages_of_others_are_refused_unless_they_are_allowed() {
        let access = Access { origins: vec!["https://friend.example".to_owned()], ..Access::default() };
        let guard = guard(&access, "127.0.0.1:80");
        for (origin, allowed) in [
            ("http://localhost:80", true),
            ("https://friend.example", true),
            ("https://friend.example.evil", false),
            ("null", false),
            ("http://localhost:81", false),
        ] {
            let headers = headers(&[("host", "localhost:80"), ("origin", origin)]);
            assert_eq!(guard.check_origin(&headers, None).is_ok(), allowed, "{origin}");
        }
    }

    #[test]
    fn a_token_has_to_be_known_and_of_today() {
        let token =
            |name: &str, secret: &str, expires| Token { name: name.to_owned(), secret: secret.to_owned(), expires };
        let tokens =
            vec![token("a", "secret-a", None), token("b", "secret-b", Some(1)), token("c", "secret-c", Some(1 << 40))];
        assert!(!format!("{tokens:?}").contains("secret"));
        let guard = guard(&Access { tokens, ..Access::default() }, "0.0.0.0:80");
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        let check = |value: &str| guard.check_token(&headers(&[("authorization", value)]), peer);
        assert_eq!(check("Bearer secret-a").unwrap(), "a");
        assert_eq!(check("bearer secret-c").unwrap(), "c");
        assert!(check("Bearer secret-b").unwrap_err().message.contains("expired"));
        for wrong in ["Bearer secret", "Bearer secret-a ", "Basic secret-a", "Bearer", ""] {
            assert_eq!(check(wrong).unwrap_err().code, Code::Unauthorized, "{wrong}");
        }
        assert_eq!(guard.check_token(&headers(&[]), peer).unwrap_err().code, Code::Unauthorized);
    }

    #[test]
    fn who_asks_too_often_waits_and_others_do_not() {
        let guard = guard(&Access { rate: Some(2.0), ..Access::default() }, "0.0.0.0:80");
        let outcomes: Vec<bool> = (0..4).map(|_| guard.check_rate("a").is_ok()).collect();
        assert_eq!(outcomes, [true, true, false, false]);
        assert_eq!(guard.check_rate("a").unwrap_err().retry_after, Some(1));
        assert!(guard.check_rate("b").is_ok());
    }
}
