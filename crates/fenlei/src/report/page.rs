//! The frame of a page: head, style, content security policy, the choice of a theme.

use sha2::{Digest, Sha256};

use super::escape::escape;
use super::strings::Strings;

const STYLE: &str = include_str!("style.css");

/// A page that is being written.
pub(super) struct Page<'a> {
    html: String,
    t: &'a Strings,
}

impl<'a> Page<'a> {
    /// Head and opening of the body. Nothing may be loaded from anywhere, no script may run, and the only style is the
    /// page's own, known by its hash.
    pub fn new(t: &'a Strings, title: &str) -> Self {
        let hash = base64(&Sha256::digest(STYLE.as_bytes()));
        let html = format!(
            "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{hash}'; \
             img-src data:; base-uri 'none'; form-action 'none'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n\
             <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
            escape(&t.lang),
            escape(title)
        );
        Self { html, t }
    }

    /// Appends markup.
    pub fn push(&mut self, markup: &str) {
        self.html.push_str(markup);
    }

    /// Light, dark, or as the system says: plain radio buttons that the style sheet looks at.
    pub fn push_theme_choice(&mut self) {
        let t = self.t;
        let choices = [("theme-auto", &t.theme_auto), ("theme-light", &t.theme_light), ("theme-dark", &t.theme_dark)];
        self.push(&format!("<fieldset class=\"theme\"><legend>{}</legend>", escape(&t.theme)));
        for (id, words) in choices {
            let checked = if id == "theme-auto" { " checked" } else { "" };
            self.push(&format!(
                "<input type=\"radio\" name=\"theme\" id=\"{id}\"{checked}><label for=\"{id}\">{}</label>",
                escape(words)
            ));
        }
        self.push("</fieldset>");
    }

    /// The whole page.
    pub fn finish(mut self) -> String {
        self.html.push_str("\n</body>\n</html>\n");
        self.html
    }
}

/// As RFC 4648 says, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0u32, |number, &byte| number << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            match i <= chunk.len() {
                true => out.push(char::from(DIGITS[(number >> (18 - 6 * i)) as usize & 63])),
                false => out.push('='),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        let cases =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")];
        for (bytes, expected) in cases {
            assert_eq!(base64(bytes.as_bytes()), expected);
        }
    }
}
