//! Which encoding a page is in.
//!
//! In this order (as browsers do): a byte-order mark, the `charset` of the response, that of a `<meta>` or of an XML
//! declaration in the first bytes, else what the bytes look like. Pages that call themselves UTF-8 and are not are
//! common, so that claim is checked.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use memchr::memmem;

use super::super::decode::decode_bytes;
use super::super::encoding;
use super::fields::charset_of;

/// How far a page may say its encoding.
const DECLARED_WITHIN: usize = 4096;

/// The text of a page, the encoding, and how many malformed sequences were replaced.
pub(super) fn decode(bytes: &[u8], of_response: Option<&str>, is_html: bool) -> (String, &'static Encoding, u64) {
    let encoding = choose(bytes, of_response, is_html);
    let (text, malformed) = decode_bytes(bytes.to_vec(), encoding);
    (text, encoding, malformed)
}

fn choose(bytes: &[u8], of_response: Option<&str>, is_html: bool) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return encoding;
    }
    let declared = of_response.and_then(of_label).or_else(|| {
        // A page whose declaration can be read as ASCII is not in UTF-16, whatever it says.
        let of_page = is_html.then(|| declared_in(bytes)).flatten();
        of_page.filter(|&encoding| encoding != UTF_16LE && encoding != UTF_16BE)
    });
    match declared {
        Some(encoding) if encoding != UTF_8 => encoding,
        _ => encoding::of_bytes(bytes),
    }
}

fn of_label(label: &str) -> Option<&'static Encoding> {
    encoding::by_label(label).ok()
}

fn declared_in(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(DECLARED_WITHIN)];
    let lower = head.to_ascii_lowercase();
    if lower.starts_with(b"<?xml") {
        let end = memchr::memchr(b'>', head)?;
        let place = memmem::find(&lower[..end], b"encoding")?;
        let value = String::from_utf8_lossy(&head[place..end]).replacen("encoding", "charset", 1);
        return charset_of(&value).and_then(of_label);
    }
    memmem::find_iter(&lower, b"<meta").find_map(|start| {
        let tag = &head[start..];
        let tag = &tag[..memchr::memchr(b'>', tag).unwrap_or(tag.len())];
        charset_of(&String::from_utf8_lossy(tag)).and_then(of_label)
    })
}

#[cfg(test)]
mod tests {
    use encoding_rs::{BIG5, GB18030, WINDOWS_1252};

    use super::*;

    const CHINESE: &str = "这部电影非常好看，演员的表演也很出色。剧情拖沓，浪费时间，不推荐给大家。";

    #[test]
    fn the_response_counts_before_the_page_and_a_mark_before_both() {
        let page = |charset: &str| format!("<html><head><meta charset=\"{charset}\"></head>x");
        assert_eq!(choose(page("gbk").as_bytes(), None, true), GB18030);
        assert_eq!(choose(page("gbk").as_bytes(), Some("big5"), true), BIG5);
        assert_eq!(choose(page("gbk").as_bytes(), Some("nonsense"), true), GB18030);
        assert_eq!(choose(format!("\u{feff}{}", page("gbk")).as_bytes(), Some("big5"), true), UTF_8);
        let old = "<META HTTP-EQUIV='Content-Type' content='text/html; charset=windows-1252'>";
        assert_eq!(choose(old.as_bytes(), None, true), WINDOWS_1252);
        assert_eq!(choose(b"<?xml version=\"1.0\" encoding=\"Big5\"?><html>", None, true), BIG5);
        assert_eq!(choose(page("gbk").as_bytes(), None, false), UTF_8, "plain text has no declarations");
    }

    #[test]
    fn a_page_that_is_not_the_utf8_that_it_claims_is_read_as_what_it_is() {
        let bytes = GB18030.encode(&CHINESE.repeat(3)).0.into_owned();
        for claim in [Some("utf-8"), None] {
            let (text, encoding, malformed) = decode(&bytes, claim, true);
            assert_eq!((text, encoding, malformed), (CHINESE.repeat(3), GB18030, 0));
        }
    }
}
