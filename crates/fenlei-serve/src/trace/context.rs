//! The trace that a request belongs to, by the header `traceparent` of W3C Trace Context.

use hyper::HeaderMap;

/// Where a request belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceContext {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 of them: the span from which the request was sent.
    pub parent_id: String,
    /// Whether the sender keeps this trace.
    pub sampled: bool,
}

impl TraceContext {
    /// As the header says; `None` where it is missing or not well-formed.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get("traceparent")?.to_str().ok()?;
        let mut parts = value.split('-');
        let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_hex = |part: &str, n: usize| {
            part.len() == n && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let is_id = |part: &str, n: usize| is_hex(part, n) && part.bytes().any(|b| b != b'0');
        // Later versions may say more behind; version ff is none.
        let is_known = is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
        if !is_known || !is_id(trace, 32) || !is_id(parent, 16) || !is_hex(flags, 2) {
            return None;
        }
        let flags = u8::from_str_radix(flags, 16).ok()?;
        Some(Self { trace_id: trace.to_owned(), parent_id: parent.to_owned(), sampled: flags & 1 == 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_read_as_the_standard_writes_it() {
        let of = |value: &str| {
            TraceContext::of(&HeaderMap::from_iter([("traceparent".parse().unwrap(), value.parse().unwrap())]))
        };
        let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let found = of(&format!("00-{trace}-{parent}-01")).unwrap();
        assert_eq!((found.trace_id.as_str(), found.parent_id.as_str(), found.sampled), (trace, parent, true));
        assert!(!of(&format!("00-{trace}-{parent}-00")).unwrap().sampled);
        assert!(of(&format!("01-{trace}-{parent}-03-more")).unwrap().sampled);
        for wrong in [
            format!("00-{trace}-{parent}-01-more"),
            format!("ff-{trace}-{parent}-01"),
            format!("00-{}-{parent}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{}-{parent}-01", trace.to_uppercase()),
            format!("00-{trace}-{parent}"),
            "00-zz-1-01".to_owned(),
        ] {
            assert_eq!(of(&wrong), None, "{wrong}");
        }
        assert_eq!(TraceContext::of(&HeaderMap::new()), None);
    }
}
