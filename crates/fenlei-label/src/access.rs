//! Who may ask: names of this machine, pages of this address, bearer tokens.

use std::net::SocketAddr;

use hyper::HeaderMap;

use crate::error::{ApiError, ApiResult, Code};
use crate::options::Listen;
use crate::web::{Names, Shown, digest_of, foreign_origin, host_of, known, shortened, shown};

/// What is checked of each request.
pub(crate) struct Guard {
    tokens: Vec<[u8; 32]>,
    names: Names,
}

impl Guard {
    pub fn new(listen: &Listen, address: SocketAddr) -> Self {
        let tokens = listen.tokens.iter().map(|token| digest_of(token.as_bytes())).collect();
        Self { tokens, names: Names::new(&listen.hosts, address) }
    }

    /// Checks the name by which the page was asked for, the page that asks, and the token, of all but the files of the
    /// page itself, which hold nothing of anybody.
    pub fn check(&self, headers: &HeaderMap, is_open: bool) -> ApiResult<()> {
        let host = host_of(headers, None);
        if !self.names.hold(host) {
            let message = format!("this page is not at {:?}", shortened(host));
            let help = "use its own name, or allow this one with --allow-host";
            return Err(ApiError::new(Code::ForbiddenHost, message, help));
        }
        if let Some(origin) = foreign_origin(headers, host) {
            let message = format!("pages of {:?} may not ask here", shortened(origin));
            return Err(ApiError::new(Code::ForbiddenOrigin, message, "use the page of this address"));
        }
        if self.tokens.is_empty() || is_open {
            return Ok(());
        }
        let message = match shown(headers) {
            Shown::Token(token) if known(&token, self.tokens.iter()).is_some() => return Ok(()),
            Shown::Token(_) => "the token is not known",
            Shown::Nothing | Shown::OtherKind => "a token is needed",
        };
        Err(ApiError::new(Code::Unauthorized, message, "open the page with #token=TOKEN at the end of its address"))
    }
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
