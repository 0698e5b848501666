//! The labelling page beside the models, behind the same checks.

mod client;

use std::sync::Arc;

use client::{Connection, get, start};
use fenlei_label::{Labelling, Options};
use fenlei_serve::{Server, Token};
use serde_json::{Value, json};

const SECRET: &str = "0123456789abcdef";

fn serve(folder: &tempfile::TempDir, with_token: bool) -> Server {
    let file = folder.path().join("new.jsonl");
    let rows: Vec<String> = (0..20).map(|i| json!({ "text": format!("document {i} <b>") }).to_string()).collect();
    std::fs::write(&file, rows.join("\n")).unwrap();
    let labels = vec!["good".to_owned(), "bad".to_owned()];
    let labelling = Labelling::open(Options { labels, ..Options::of(file) }).unwrap();
    start(|options| {
        options.labelling = Some(Arc::new(labelling));
        if with_token {
            options.access.tokens = vec![Token { name: "a".into(), secret: SECRET.into(), expires: None }];
        }
    })
}

#[test]
fn documents_are_labelled_beside_the_models() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(&folder, false);
    assert_eq!(get(&server, "/label").header("location"), Some("/label/"));
    for (path, kind) in
        [("/label/", "text/html"), ("/label/label.css", "text/css"), ("/label/label.js", "text/javascript")]
    {
        let reply = get(&server, path);
        assert!(
            reply.status == 200 && reply.header("content-type").unwrap().starts_with(kind),
            "{path} {}",
            reply.status
        );
        assert!(reply.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    }
    // The other pages show the way, where there is one.
    assert!(get(&server, "/").text().contains("data-labelling=\"/label/\""));
    assert!(!get(&start(|_| {}), "/").text().contains("data-labelling"));
    let mut connection = Connection::to(server.address());
    let mut post = |path: &str, body: Value| connection.ask("POST", path, &[], body.to_string().as_bytes());
    let next = post("/label/api/next", json!({ "annotator": "ann", "n": 1 }));
    let item = next.json()["items"][0].clone();
    let decision = json!({
        "annotator": "ann", "ticket": "ticket-0001", "place": item["place"], "key": item["key"], "kind": "label",
        "labels": ["good"], "why": item["why"], "seconds": 1.0,
    });
    assert_eq!(post("/label/api/decide", decision).status, 200);
    let progress = get(&server, "/label/api/progress").json();
    assert_eq!(progress["counts"]["n_labelled"], 1, "{progress}");
    assert!(get(&server, "/metrics").text().contains("route=\"label\",status=\"2xx\""));
    assert_eq!(get(&start(|_| {}), "/label/").code(), "not_found");
}

#[test]
fn its_refusals_have_the_shape_of_all_others() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(&folder, false);
    let mut connection = Connection::to(server.address());
    let wrong = connection.ask("POST", "/label/api/next", &[], b"{}");
    assert_eq!((wrong.status, wrong.code().as_str()), (400, "bad_request"));
    assert_eq!(connection.ask("GET", "/label/nowhere", &[], b"").code(), "not_found");
    assert_eq!(connection.ask("GET", "/label/api/next", &[], b"").code(), "method_not_allowed");
}

#[test]
fn the_same_names_pages_and_tokens_are_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(&folder, true);
    let mut connection = Connection::to(server.address());
    let mut ask = |path: &str, headers: &[(&str, &str)]| connection.ask("GET", path, headers, b"");
    for open in ["/label/", "/label/label.js", "/label/label.css"] {
        assert_eq!(ask(open, &[]).status, 200, "{open}");
    }
    for closed in ["/label/api/session", "/label/api/export", "/label/api/text?place=0&key=x"] {
        assert_eq!(ask(closed, &[]).code(), "unauthorized", "{closed}");
    }
    let bearer = format!("Bearer {SECRET}");
    assert_eq!(ask("/label/api/session", &[("authorization", &bearer)]).status, 200);
    assert_eq!(ask("/label/", &[("host", "evil.example")]).code(), "forbidden_host");
    let foreign = [("authorization", bearer.as_str()), ("origin", "https://evil.example")];
    assert_eq!(ask("/label/api/session", &foreign).code(), "forbidden_origin");
}
