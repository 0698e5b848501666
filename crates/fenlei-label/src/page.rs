//! The page itself: three files that need nothing else.

use axum::body::Body;
use axum::response::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};

use crate::web::file_headers;

const HTML: &str = include_str!("page/label.html");
const CSS: &str = include_str!("page/label.css");
const JS: &[&str] = &[
    include_str!("page/ask.js"),
    include_str!("page/draw.js"),
    include_str!("page/label.js"),
    include_str!("page/panels.js"),
    include_str!("page/keys.js"),
];
const ENGLISH: &str = include_str!("page/words.en.json");
const CHINESE: &str = include_str!("page/words.zh.json");

pub(crate) async fn html() -> Response {
    file(HTML.to_owned(), "text/html; charset=utf-8")
}

pub(crate) async fn css() -> Response {
    file(CSS.to_owned(), "text/css; charset=utf-8")
}

pub(crate) async fn js() -> Response {
    // One function around all parts: nothing of them is to be seen from outside.
    file(format!("\"use strict\";\n(() => {{\n{}\n}})();\n", JS.concat()), "text/javascript; charset=utf-8")
}

/// The words of the page in each language.
pub(crate) fn words() -> serde_json::Value {
    // A test reads both.
    let read = |text| serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
    serde_json::json!({ "en": read(ENGLISH), "zh": read(CHINESE) })
}

fn file(text: String, kind: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    file_headers(response.headers_mut());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn keys(text: &str) -> BTreeSet<String> {
        let words: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).unwrap();
        assert!(words.values().all(|word| word.as_str().is_some_and(|word| !word.is_empty())));
        words.into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn both_languages_have_all_words_that_the_page_asks_for() {
        let words = keys(ENGLISH);
        assert_eq!(words, keys(CHINESE));
        let js = JS.concat();
        let begins =
            js.match_indices("t(\"").filter(|&(at, _)| !js[..at].ends_with(|c: char| c.is_alphanumeric() || c == '.'));
        let asked = begins.filter_map(|(at, begin)| js[at + begin.len()..].split('"').next());
        let in_html = HTML.split("data-t=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let labelled = HTML.split("data-label=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let asked: BTreeSet<String> = asked.chain(in_html).chain(labelled).map(str::to_owned).collect();
        let unknown: Vec<_> = asked.difference(&words).filter(|key| !key.ends_with('_')).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        let built = ["why_", "from_", "mode_", "advice_", "help_", "export_"];
        let is_used = |key: &str| asked.contains(key) || js.contains(&format!("\"{key}\""));
        let unused: Vec<_> =
            words.iter().filter(|key| !is_used(key) && !built.iter().any(|begin| key.starts_with(begin))).collect();
        assert!(unused.is_empty(), "{unused:?}");
    }

    #[test]
    fn the_page_needs_nothing_from_outside_and_writes_no_html() {
        let js = JS.concat();
        for text in [HTML, CSS, &js] {
            assert!(!text.contains("http:") && !text.contains("https:") && !text.contains("url("));
        }
        for way in ["innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "new Function"] {
            assert!(!js.contains(way), "{way}");
        }
        assert!(!HTML.contains("style=") && !HTML.contains("onclick") && !HTML.contains("<script>"));
    }
}
