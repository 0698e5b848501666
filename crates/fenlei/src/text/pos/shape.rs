//! Tags that need no lexicon.

use super::tag::Tag;
use crate::text::script::is_pictograph;

/// The tag that a token's characters give away: numbers, marks, symbols, masks, and words of scripts that no tagger
/// here knows. `None` for words of Latin letters.
pub(super) fn tag_by_shape(token: &str) -> Option<Tag> {
    match token {
        "<number>" => return Some(Tag::Num),
        "<mention>" => return Some(Tag::Propn),
        "<url>" | "<mail>" => return Some(Tag::X),
        _ => {}
    }
    if token.chars().any(|c| c.is_alphabetic() && c < '\u{250}') {
        // Also 4th and 3d, which stand as adjectives and nouns do.
        return None;
    }
    Some(if token.chars().any(char::is_numeric) {
        Tag::Num
    } else if token.chars().any(char::is_alphabetic) {
        Tag::X
    } else if token.chars().any(|c| is_pictograph(c) || is_symbol(c)) {
        Tag::Sym
    } else {
        Tag::Punct
    })
}

/// Currency signs, signs of mathematics and arrows; the common ones.
fn is_symbol(c: char) -> bool {
    matches!(c, '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~' | '%' | '&' | '@' | '#' | '*' | '_'
        | '¢'..='©' | '¬' | '®'..='±' | '´' | '¸' | '×' | '÷' | '\u{20A0}'..='\u{20CF}' | '\u{2100}'..='\u{22FF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_tell_numbers_marks_and_symbols() {
        for (token, tag) in [
            ("3.14", Some(Tag::Num)),
            ("，", Some(Tag::Punct)),
            ("--", Some(Tag::Punct)),
            ("€", Some(Tag::Sym)),
            ("👍", Some(Tag::Sym)),
            ("한국", Some(Tag::X)),
            ("word", None),
            ("4th", None),
            ("naïve", None),
        ] {
            assert_eq!(tag_by_shape(token), tag, "{token}");
        }
    }
}
