//! The pages: try, watch, read. Built in, without anything from elsewhere, under a strict content security policy.
//!
//! Invariant: what a text, a label or a model's name says becomes text on a page, never markup.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use fenlei_label::web::file_headers;
use hyper::Response;
use hyper::header::{self, HeaderValue};

use crate::app::App;
use crate::error::{ApiError, ApiResult, Code};

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
    file_headers(response.headers_mut());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    response
}

fn named(name: &str) -> ApiResult<Response<Body>> {
    let missing = || ApiError::new(Code::NotFound, "there is no such file", "the pages are /, /dashboard and /docs");
    ASSETS.iter().find(|asset| asset.name == name).map(respond).ok_or_else(missing)
}

/// A page, which is told whether there is a page to label documents with beside it.
fn page(app: &App, name: &str) -> ApiResult<Response<Body>> {
    let mut response = named(name)?;
    if app.options.labelling.is_some() {
        let content = ASSETS.iter().find(|asset| asset.name == name).map(|asset| asset.content).unwrap_or_default();
        *response.body_mut() = Body::from(content.replacen("<body ", "<body data-labelling=\"/label/\" ", 1));
    }
    Ok(response)
}

pub(crate) async fn playground(State(app): State<Arc<App>>) -> ApiResult<Response<Body>> {
    page(&app, "playground.html")
}

pub(crate) async fn dashboard(State(app): State<Arc<App>>) -> ApiResult<Response<Body>> {
    page(&app, "dashboard.html")
}

pub(crate) async fn docs(State(app): State<Arc<App>>) -> ApiResult<Response<Body>> {
    page(&app, "docs.html")
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
        use fenlei_label::web::POLICY;
        assert!(POLICY.contains("default-src 'none'") && !POLICY.contains("unsafe"));
    }
}
