//! The named fields at the start of a record and of an HTTP response: `Name: value` lines up to an empty line.

use memchr::{memchr, memmem};

/// Fields in their order. Names are compared without regard to case.
#[derive(Debug, Default)]
pub(super) struct Fields {
    fields: Vec<(String, String)>,
}

impl Fields {
    /// Parses lines. A line that begins with a blank goes on with the last; one without a colon is passed over.
    pub(super) fn parse(lines: &[u8]) -> Self {
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in lines.split(|&byte| byte == b'\n') {
            let text = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
            match (text.starts_with([' ', '\t']), fields.last_mut(), text.split_once(':')) {
                (true, Some((_, value)), _) => {
                    value.push(' ');
                    value.push_str(text.trim());
                }
                (_, _, Some((name, value))) => fields.push((name.trim().to_owned(), value.trim().to_owned())),
                _ => {}
            }
        }
        Self { fields }
    }

    /// The first field of that name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// The lines before the first empty line and where the bytes behind that begin.
pub(super) fn split_head(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let mut at = 0;
    while let Some(found) = memchr(b'\n', &bytes[at..]) {
        let end = at + found;
        let rest = &bytes[end + 1..];
        if rest.starts_with(b"\n") {
            return Some((&bytes[..end], end + 2));
        }
        if rest.starts_with(b"\r\n") {
            return Some((&bytes[..end], end + 3));
        }
        at = end + 1;
    }
    None
}

/// The media type of a `Content-Type` in lower case, and its parameter `charset`.
pub(super) fn media_type(value: &str) -> (String, Option<&str>) {
    let (kind, parameters) = value.split_once(';').unwrap_or((value, ""));
    (kind.trim().to_ascii_lowercase(), charset_of(parameters))
}

/// What stands behind `charset=`, in quotes or not.
pub(super) fn charset_of(text: &str) -> Option<&str> {
    let lower = text.to_ascii_lowercase();
    let at = memmem::find(lower.as_bytes(), b"charset")? + "charset".len();
    // ASCII letters keep their places in lower case, so the place is good for the text itself.
    let value = text.get(at..)?.trim_start().strip_prefix('=')?.trim_start();
    let end = |c: char| c.is_whitespace() || matches!(c, ';' | '"' | '\'' | '>' | ',');
    let value = value.trim_start_matches(['"', '\'']).split(end).next()?;
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_whatever_their_case_and_over_several_lines() {
        let fields = Fields::parse(b"WARC/1.0\r\nWARC-Type: response\r\nX-Long: a\r\n  b\r\nnone\r\nEmpty:\r\n");
        assert_eq!(fields.get("warc-type"), Some("response"));
        assert_eq!(fields.get("X-LONG"), Some("a b"));
        assert_eq!((fields.get("empty"), fields.get("none")), (Some(""), None));
    }

    #[test]
    fn a_head_ends_at_the_first_empty_line() {
        assert_eq!(split_head(b"a: b\r\n\r\nbody"), Some((&b"a: b\r"[..], 8)));
        assert_eq!(split_head(b"a: b\n\nbody"), Some((&b"a: b"[..], 6)));
        assert_eq!(split_head(b"a: b\r\nc"), None);
    }

    #[test]
    fn types_and_charsets_are_read_as_servers_write_them() {
        assert_eq!(media_type("Text/HTML; Charset=\"GBK\""), ("text/html".to_owned(), Some("GBK")));
        assert_eq!(media_type("text/plain"), ("text/plain".to_owned(), None));
        assert_eq!(media_type("text/html;charset = utf-8;x"), ("text/html".to_owned(), Some("utf-8")));
        assert_eq!(charset_of("text/html; charset="), None);
        assert_eq!(charset_of("İ charset=x"), Some("x"), "places do not shift in lower case");
    }
}
