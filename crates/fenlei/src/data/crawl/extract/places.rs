//! What elements say about where their text stands: in a heading, a link, beside the content, or not shown at all.

use crate::text::{Flow, html_flow};

/// What holds for the text in an element, as bits; children inherit it.
pub(super) type Place = u8;

/// Not text for readers.
pub(super) const HIDDEN: Place = 1;
/// Beside the content: navigation, footers, comments.
pub(super) const BESIDE: Place = 2;
pub(super) const LINK: Place = 4;
pub(super) const HEADING: Place = 8;
/// In what the page itself calls its content.
pub(super) const CONTENT: Place = 16;
pub(super) const TITLE: Place = 32;
/// Line ends count.
pub(super) const PREFORMATTED: Place = 64;

/// What an element itself says, by its name.
pub(super) fn of_element(name: &[u8]) -> Place {
    match name {
        b"script" | b"style" | b"noscript" | b"template" | b"svg" | b"math" | b"iframe" | b"object" | b"canvas"
        | b"textarea" | b"select" | b"button" | b"datalist" | b"audio" | b"video" | b"noframes" | b"map" => HIDDEN,
        b"nav" | b"footer" | b"aside" | b"dialog" | b"menu" | b"address" => BESIDE,
        b"a" => LINK,
        b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6" => HEADING,
        b"main" | b"article" => CONTENT,
        b"title" => TITLE,
        b"pre" => PREFORMATTED,
        _ => 0,
    }
}

/// What an attribute adds to it.
pub(super) fn of_attribute(element: &[u8], name: &[u8], value: &[u8]) -> Place {
    let value = String::from_utf8_lossy(value);
    match name {
        b"hidden" => HIDDEN,
        b"aria-hidden" if value.eq_ignore_ascii_case("true") => HIDDEN,
        b"style" if value.to_ascii_lowercase().replace(' ', "").contains("display:none") => HIDDEN,
        b"role" => match value.to_ascii_lowercase().as_str() {
            "navigation" | "banner" | "contentinfo" | "complementary" | "search" | "menu" | "menubar" => BESIDE,
            "main" | "article" => CONTENT,
            _ => 0,
        },
        b"class" | b"id" if !matches!(element, b"html" | b"body" | b"main" | b"article") => of_words(&value),
        _ => 0,
    }
}

/// Words in classes and ids by which authors of pages call what stands beside the content.
const BESIDE_WORDS: [&str; 30] = [
    "ad",
    "ads",
    "advert",
    "banner",
    "breadcrumb",
    "breadcrumbs",
    "comments",
    "cookie",
    "copyright",
    "disclaimer",
    "footer",
    "login",
    "masthead",
    "menu",
    "modal",
    "nav",
    "navbar",
    "navigation",
    "newsletter",
    "pager",
    "pagination",
    "popup",
    "promo",
    "recommend",
    "related",
    "share",
    "sidebar",
    "social",
    "sponsor",
    "subscribe",
];
/// Words that speak for content: with one of them the words above say nothing (`content-with-sidebar`).
const CONTENT_WORDS: [&str; 10] =
    ["article", "body", "content", "entry", "main", "page", "post", "story", "text", "wrapper"];

fn of_words(value: &str) -> Place {
    let lower = value.to_ascii_lowercase();
    let words = || lower.split(|c: char| !c.is_ascii_alphanumeric());
    let has = |list: &[&str]| words().any(|word| list.contains(&word));
    if has(&BESIDE_WORDS) && !has(&CONTENT_WORDS) { BESIDE } else { 0 }
}

/// Whether an element begins and ends a block of text.
pub(super) fn is_block(name: &[u8]) -> bool {
    match html_flow(name) {
        Some(flow) => flow == Flow::Block && !matches!(name, b"br" | b"img" | b"input" | b"path" | b"rp" | b"rt"),
        // Elements of the page's own hold blocks as a rule; their names have a hyphen.
        None => name.contains(&b'-'),
    }
}

/// Whether an element has no end tag.
pub(super) fn is_void(name: &[u8]) -> bool {
    matches!(
        name,
        b"area"
            | b"base"
            | b"br"
            | b"col"
            | b"embed"
            | b"hr"
            | b"img"
            | b"input"
            | b"link"
            | b"meta"
            | b"param"
            | b"source"
            | b"track"
            | b"wbr"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_classes_tell_what_stands_beside_the_content() {
        assert_eq!(of_attribute(b"div", b"class", b"site-footer"), BESIDE);
        assert_eq!(of_attribute(b"ul", b"id", b"main_menu"), 0, "a word for content speaks against it");
        assert_eq!(of_attribute(b"body", b"class", b"has sidebar"), 0, "the whole page is never beside it");
        assert_eq!(of_attribute(b"div", b"class", b"sharp"), 0);
        assert_eq!(of_attribute(b"div", b"style", b"color: red; Display: none"), HIDDEN);
        assert_eq!(of_attribute(b"div", b"role", b"navigation"), BESIDE);
    }
}
