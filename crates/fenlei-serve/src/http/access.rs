//! Who may ask: bearer tokens, names of the server, origins of pages, requests a second.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use fenlei_label::web::{Names, Shown, digest_of, foreign_origin, host_of, known, shortened, shown};
use hyper::HeaderMap;

use crate::clock;
use crate::error::{ApiError, ApiResult, Code};
use crate::options::{Access, Token};

/// Buckets of clients that have not asked for long go when there are more than these.
const MANY_CLIENTS: usize = 10_000;

/// What is checked of each request.
pub(crate) struct Guard {
    tokens: Vec<(Token, [u8; 32])>,
    origins: Vec<String>,
    names: Names,
    rate: Option<f64>,
    buckets: Mutex<HashMap<String, Bucket>>,
}

struct Bucket {
    left: f64,
    at: Instant,
}

impl Guard {
    pub fn new(access: &Access, tokens: &[Token], address: SocketAddr) -> Self {
        let digested = |token: &Token| (token.clone(), digest_of(token.secret.as_bytes()));
        Self {
            tokens: tokens.iter().map(digested).collect(),
            origins: access.origins.clone(),
            names: Names::new(&access.hosts, address),
            rate: access.rate,
            buckets: Mutex::default(),
        }
    }

    /// The name by which the client reached the server has to be one of its own.
    pub fn check_host(&self, headers: &HeaderMap, authority: Option<&str>) -> ApiResult<()> {
        let found = host_of(headers, authority);
        if self.names.hold(found) {
            return Ok(());
        }
        let message = format!("this server is not {:?}", shortened(found));
        Err(ApiError::new(Code::ForbiddenHost, message, "ask it by its own name, or allow this one with --allow-host"))
    }

    /// A browser says which page asks. Pages of others may not, unless they are allowed to.
    pub fn check_origin(&self, headers: &HeaderMap, authority: Option<&str>) -> ApiResult<()> {
        let Some(origin) = foreign_origin(headers, host_of(headers, authority)) else { return Ok(()) };
        if self.origins.iter().any(|allowed| allowed == origin || allowed == "*") {
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
        let refuse = |message: &str| {
            Err(ApiError::new(Code::Unauthorized, message, "send the header `Authorization: Bearer TOKEN`"))
        };
        let secret = match shown(headers) {
            Shown::Nothing => return refuse("a token is needed"),
            Shown::OtherKind => return refuse("found another kind of authorization than a bearer token"),
            Shown::Token(secret) => secret,
        };
        match known(&secret, self.tokens.iter().map(|(_, digest)| digest)).map(|i| &self.tokens[i].0) {
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
