//! The pages: try, watch, read. Built in, without anything from elsewhere, under a strict content security policy.
//!
//! Invariant: what a text, a label or a model's name says becomes text on a page, never markup.

use axum::body::Body;
use axum::extract::Path;
use hyper::Response;
use hyper::header::{self, HeaderValue};

use crate::error::{ApiError, ApiResult, Code};

/// Nothing but the server's own files, no script or style inside of pages, no frame around them.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file that is built in.
struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
}

macro_rules! assets {
    ($($name:literal $kind:literal)*) => {
        [$(Asset { name: $name, kind: $kind, content: include_str!(concat!("assets/", $name)) },)*]
    };
}

static ASSETS: [Asset; 11] = assets! {
    "style.css" "text/css; charset=utf-8"
    "page.js" "text/javascript; charset=utf-8"
    "csv.js" "text/javascript; charset=utf-8"
    "playground.js" "text/javascript; charset=utf-8"
    "dashboard.js" "text/javascript; charset=utf-8"
    "docs.js" "text/javascript; charset=utf-8"
    "strings.en.json" "application/json"
    "strings.zh.json" "application/json"
    "playground.html" "text/html; charset=utf-8"
    "dashboard.html" "text/html; charset=utf-8"
    "docs.html" "text/html; charset=utf-8"
};

/// The description of all addresses (OpenAPI 3.1).
const OPENAPI: &str = include_str!("assets/openapi.json");

fn respond(asset: &Asset) -> Response<Body> {
    let mut response = Response::new(Body::from(asset.content));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn named(name: &str) -> ApiResult<Response<Body>> {
    let missing = || ApiError::new(Code::NotFound, "there is no such file", "the pages are /, /dashboard and /docs");
    ASSETS.iter().find(|asset| asset.name == name).map(respond).ok_or_else(missing)
}

pub(crate) async fn playground() -> ApiResult<Response<Body>> {
    named("playground.html")
}

pub(crate) async fn dashboard() -> ApiResult<Response<Body>> {
    named("dashboard.html")
}

pub(crate) async fn docs() -> ApiResult<Response<Body>> {
    named("docs.html")
}

pub(crate) async fn asset(Path(name): Path<String>) -> ApiResult<Response<Body>> {
    named(&name)
}

pub(crate) async fn openapi() -> Response<Body> {
    respond(&Asset { name: "openapi.json", kind: "application/json", content: OPENAPI })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn content(name: &str) -> &'static str {
        ASSETS.iter().find(|asset| asset.name == name).unwrap().content
    }

    #[test]
    fn every_language_has_every_text_with_the_same_places() {
        let read = |name| serde_json::from_str::<BTreeMap<String, String>>(content(name)).unwrap();
        let (en, zh) = (read("strings.en.json"), read("strings.zh.json"));
        let places = |text: &str| {
            let mut places: Vec<&str> = text.split('{').skip(1).filter_map(|part| part.split('}').next()).collect();
            places.sort_unstable();
            places.join(" ")
        };
        assert_eq!(en.keys().collect::<Vec<_>>(), zh.keys().collect::<Vec<_>>());
        for (key, text) in &en {
            assert_eq!(places(text), places(&zh[key]), "{key}");
            assert!(!text.is_empty() && !zh[key].is_empty(), "{key}");
        }
        // A key in a script that no file has would be shown as it is.
        for script in ["page.js", "playground.js", "dashboard.js", "docs.js"] {
            for key in content(script).split("t(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                if !key.contains('/') && !key.contains('.') && !key.contains(' ') && script_calls(content(script), key)
                {
                    assert!(en.contains_key(key), "{script}: {key}");
                }
            }
        }
    }

    /// Whether `t("key"` stands there as a call of its own, and not as the end of another name.
    fn script_calls(script: &str, key: &str) -> bool {
        let call = format!("t(\"{key}\"");
        script.match_indices(&call).any(|(at, _)| !script[..at].ends_with(|c: char| c.is_alphanumeric()))
    }

    #[test]
    fn pages_hold_no_script_and_no_style_and_nothing_from_elsewhere() {
        for asset in &ASSETS {
            let outside = ["https://", "//cdn", "@import", "url("];
            assert!(outside.iter().all(|word| !asset.content.contains(word)), "{}", asset.name);
            for unsafe_way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
                assert!(!asset.content.contains(unsafe_way), "{}: {unsafe_way}", asset.name);
            }
            if asset.name.ends_with(".html") {
                assert!(!asset.content.contains("<style") && !asset.content.contains(" style="));
                assert_eq!(
                    asset.content.matches("<script").count(),
                    asset.content.matches("\" src=\"/assets/").count()
                );
            }
        }
        assert!(POLICY.contains("default-src 'none'") && !POLICY.contains("unsafe"));
    }
}
