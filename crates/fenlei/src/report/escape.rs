//! Text inside HTML and SVG.

use std::borrow::Cow;

/// Makes text safe inside elements and inside attribute values in double quotes. Characters that no XML may hold become
/// U+FFFD.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| !matches!(c, '&' | '<' | '>' | '"' | '\'') && !is_forbidden(c);
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if is_forbidden(c) => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// Control characters, and those that turn the direction of the text around them.
fn is_forbidden(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t')) || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_means_something_in_html_is_left() {
        assert_eq!(
            escape("<script>a && \"b\"</script>'"),
            "&lt;script&gt;a &amp;&amp; &quot;b&quot;&lt;/script&gt;&#39;"
        );
        assert_eq!(escape("a\u{0}b\u{202e}c\td"), "a\u{fffd}b\u{fffd}c\td");
        assert!(matches!(escape("很好 ok"), Cow::Borrowed(_)));
    }
}
