//! The page's questions and answers over HTTP.

mod client;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::Client;
use fenlei_label::{Labelling, Listen, Options, ReadAs, Server, export};
use serde_json::{Value, json};

/// A page about a file in a folder of its own.
struct Page {
    folder: tempfile::TempDir,
    server: Option<Server>,
}

impl Page {
    fn new(text: &str, change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("data.jsonl"), text).unwrap();
        let mut page = Self { folder, server: None };
        page.open(change);
        page
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data.jsonl")
    }

    fn open(&mut self, change: impl FnOnce(&mut Options)) {
        self.server = None;
        let mut options = Options { threads: 1, wait: Duration::from_millis(100), ..Options::of(self.data()) };
        change(&mut options);
        let labelling = Arc::new(Labelling::open(options).unwrap());
        self.server = Some(Server::start(labelling, &Listen::default()).unwrap());
    }

    fn address(&self) -> SocketAddr {
        self.server.as_ref().unwrap().address()
    }

    fn client(&self) -> Client {
        Client::new(self.address())
    }

    fn exported(&self) -> String {
        let out = self.folder.path().join("out.jsonl");
        export(Options::of(self.data()), &out, None, false).unwrap();
        std::fs::read_to_string(out).unwrap()
    }
}

fn reviews(n: usize) -> String {
    let words = [["lovely", "fine", "warm", "clever"], ["dull", "awful", "cold", "poor"]];
    let line = |i: usize| {
        let about = ["dogs and their owners", "ships lost at sea", "cooks in small towns"][i % 3];
        json!({ "id": i, "text": format!("a {} film about {about}, number {i} of {}", words[i % 2][(i / 2) % 4], i * 7919) })
    };
    (0..n).map(|i| line(i).to_string() + "\n").collect()
}

fn truth(item: &Value) -> &'static str {
    if is_good(item) { "good" } else { "bad" }
}

fn is_good(item: &Value) -> bool {
    ["lovely", "fine", "warm", "clever"].iter().any(|word| item["text"].as_str().unwrap().contains(word))
}

fn labels(options: &mut Options) {
    options.labels = vec!["good".to_owned(), "bad".to_owned()];
}

#[test]
fn a_decision_is_answered_kept_undone_and_exported() {
    let page = Page::new(&reviews(8), labels);
    let before = std::fs::read(page.data()).unwrap();
    let mut client = page.client();
    let session = client.get("/api/session").json();
    assert_eq!((&session["labels"], &session["counts"]["n_docs"]), (&json!(["good", "bad"]), &json!(8)));
    let items = client.next("ann", "random", 6);
    assert_eq!(items.len(), 6);
    let answer = client.decide("ann", &items[0], "ticket-0001", &["good"]);
    assert_eq!((answer.status, &answer.json()["counts"]["n_labelled"]), (200, &json!(1)));
    // Sent twice, it counts once.
    assert_eq!(client.decide("ann", &items[0], "ticket-0001", &["good"]).json()["known"], true);
    client.decide("ann", &items[1], "ticket-0002", &["bad"]);
    let undone = client.post("/api/undo", &json!({ "annotator": "ann", "ticket": "ticket-0003" })).json();
    assert_eq!((&undone["item"]["key"], &undone["labels"]), (&items[1]["key"], &json!(["bad"])));
    assert_eq!(undone["counts"]["n_labelled"], 1);
    let exported = page.exported();
    assert_eq!(exported.matches("\"label\":\"good\"").count(), 1);
    assert!(!exported.contains("bad\"}"));
    assert_eq!(std::fs::read(page.data()).unwrap(), before);
    // The page gives the same.
    assert_eq!(client.get("/api/export?format=jsonl").text(), exported);
    assert_eq!(client.get("/api/export?format=fasttext&labelled=1").text().lines().count(), 1);
}

#[test]
fn work_goes_on_where_it_was_after_a_restart() {
    let mut page = Page::new(&reviews(6), labels);
    let mut client = page.client();
    for (i, item) in client.next("ann", "random", 4).iter().enumerate() {
        assert_eq!(client.decide("ann", item, &format!("ticket-{i:04}"), &["good"]).status, 200);
    }
    page.open(labels);
    let mut client = page.client();
    assert_eq!(client.get("/api/progress").json()["counts"]["n_labelled"], 4);
    assert_eq!(client.next("ann", "random", 6).len(), 2);
}

#[test]
fn two_annotators_share_the_work_or_label_the_same_and_differ() {
    let page = Page::new(&reviews(10), labels);
    let mut client = page.client();
    let places = |items: &[Value]| items.iter().map(|item| item["place"].as_u64().unwrap()).collect::<Vec<_>>();
    let (ann, bob) = (client.next("ann", "random", 5), client.next("bob", "random", 9));
    assert!(places(&bob).iter().all(|place| !places(&ann).contains(place)) && bob.len() == 5);

    let page = Page::new(&reviews(10), |options| {
        labels(options);
        options.votes = 2;
    });
    let mut client = page.client();
    let ann = client.next("ann", "random", 4);
    for (i, item) in ann.iter().enumerate() {
        client.decide("ann", item, &format!("ann-{i:05}"), &[truth(item)]);
    }
    // What the other has begun comes first, without telling what was said.
    let bob = client.next("bob", "random", 4);
    assert_eq!(places(&bob), places(&ann));
    assert!(bob.iter().all(|item| item["now"].is_null()));
    for (i, item) in bob.iter().enumerate() {
        let label = if i == 0 { ["good", "bad"][usize::from(is_good(item))] } else { truth(item) };
        client.decide("bob", item, &format!("bob-{i:05}"), &[label]);
    }
    let progress = client.get("/api/progress").json();
    let agreement = &progress["agreements"][0];
    assert_eq!((&agreement["n_docs"], &agreement["share"]), (&json!(4), &json!(0.75)));
    assert_eq!(progress["n_conflicts"], 1);
    assert!(client.next("cy", "random", 9).len() == 6, "four have their two votes");
    let conflict = client.get("/api/conflicts").json()["items"][0].clone();
    assert_eq!((&conflict["said"][0][0], conflict["place"].as_u64()), (&json!("ann"), places(&ann).first().copied()));
    let mut review = client::decision("cy", &conflict, "review-001", &["good"]);
    (review["kind"], review["why"]) = (json!("review"), json!("conflict"));
    assert_eq!(client.post("/api/decide", &review).status, 200);
    assert_eq!(client.get("/api/conflicts").json()["n"], 0);
}

#[test]
fn the_model_learns_while_it_is_labelled_and_finds_wrong_labels() {
    let page = Page::new(&reviews(240), labels);
    let mut client = page.client();
    let mut wrong = None;
    for i in 0..60 {
        let item = client.next("ann", "random", 1)[0].clone();
        let label = if i == 20 { ["good", "bad"][usize::from(is_good(&item))] } else { truth(&item) };
        if i == 20 {
            wrong = Some(item["place"].clone());
        }
        assert_eq!(client.decide("ann", &item, &format!("ticket-{i:04}"), &[label]).status, 200);
    }
    let progress = until(|| {
        let progress = client.get("/api/progress").json();
        let last = progress["learning"]["points"].as_array().unwrap().last().cloned();
        if progress["learning"]["busy"] == true {
            return None;
        }
        if last.is_some_and(|point| point["n_labelled"] == 60) {
            return Some(progress);
        }
        client.post("/api/learn", &json!({}));
        None
    });
    let point = progress["learning"]["points"].as_array().unwrap().last().unwrap();
    assert!(point["accuracy"].as_f64().unwrap() > 0.85 && point["at_random"] == true, "{point}");
    let items = client.next("ann", "mixed", 6);
    let why: Vec<&str> = items.iter().map(|item| item["why"].as_str().unwrap()).collect();
    assert!(why.contains(&"uncertain") && why.contains(&"random"), "{why:?}");
    let right = items.iter().filter(|item| item["suggestion"]["labels"][0] == truth(item)).count();
    assert!(right >= 5, "{items:?}");
    let suspects = client.next("ann", "suspects", 5);
    assert_eq!(Some(&suspects[0]["place"]), wrong.as_ref());
    assert_eq!(suspects[0]["suggestion"]["labels"][0], truth(&suspects[0]));
    // A label mended there is one suspect less.
    client.decide("ann", &suspects[0], "mended-0001", &[truth(&suspects[0])]);
    assert!(client.next("ann", "suspects", 5).iter().all(|item| Some(&item["place"]) != wrong.as_ref()));
}

fn until<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "it took too long");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn near_duplicates_follow_each_other_with_the_same_label_suggested() {
    let base = "the very same long announcement about a meeting on Monday at nine in the large room upstairs";
    let mut text = reviews(6);
    for i in 0..3 {
        text += &format!("{}\n", json!({ "id": 100 + i, "text": format!("{base}{}", ".".repeat(i)) }));
    }
    let page = Page::new(&text, labels);
    let mut client = page.client();
    let items = until(|| {
        let items = client.next("ann", "random", 9);
        let first = items.iter().position(|item| item["n_similar"] == 2)?;
        Some((items, first))
    });
    let (items, first) = items;
    assert!(items[first + 1..first + 3].iter().all(|item| item["why"] == "similar"), "{items:?}");
    client.decide("ann", &items[first], "ticket-0001", &["bad"]);
    let body = json!({ "annotator": "ann", "mode": "random", "n": 2, "last": items[first]["place"] });
    let next = client.post("/api/next", &body).json()["items"].clone();
    let suggestion = json!({ "labels": ["bad"], "from": "similar" });
    assert!(next[0]["suggestion"] == suggestion && next[1]["suggestion"] == suggestion, "{next}");
}

#[test]
fn words_are_searched_for_in_documents_that_have_labels_too() {
    let mut text = reviews(9);
    text += "{\"id\": 50, \"text\": \"SHIPS and nothing else\", \"label\": \"good\"}\n";
    let page = Page::new(&text, labels);
    let mut client = page.client();
    let body = json!({ "annotator": "ann", "mode": "search", "search": "ships", "n": 20 });
    let found = client.post("/api/next", &body).json();
    assert_eq!((found["n_found"].as_u64(), found["items"].as_array().unwrap().len()), (Some(4), 4));
    let items = found["items"].as_array().unwrap();
    assert!(items.iter().any(|item| item["now"] == json!(["good"])));
    assert_eq!(client.next("bob", "random", 20).len(), 6, "labelled by the file, or held by the other");
}

#[test]
fn several_labels_or_none_where_that_is_asked_for() {
    let page = Page::new(&reviews(4), |options| {
        options.labels = vec!["a".to_owned(), "b".to_owned()];
        options.read_as = ReadAs { multi_label: true, ..ReadAs::default() };
    });
    let mut client = page.client();
    let items = client.next("ann", "random", 4);
    assert_eq!(client.decide("ann", &items[0], "ticket-0001", &["b", "a"]).status, 200);
    assert_eq!(client.decide("ann", &items[1], "ticket-0002", &[]).status, 200);
    assert_eq!(client.post("/api/labels", &json!({ "name": " 新 " })).json()["labels"], json!(["a", "b", "新"]));
    assert_eq!(client.decide("ann", &items[2], "ticket-0003", &["新"]).status, 200);
    let out = client.get("/api/export?format=jsonl").text();
    for expected in ["\"label\":[\"a\",\"b\"]", "\"label\":[]", "\"label\":[\"新\"]"] {
        assert!(out.contains(expected), "{out}");
    }
}

#[test]
fn a_very_long_document_comes_in_parts_and_an_empty_one_as_it_is() {
    let long = "很长的文档。<img src=x onerror=alert(1)> ".repeat(250_000);
    assert!(long.len() > 10 << 20);
    let text = format!("{}\n{{\"text\": \"\"}}\n", json!({ "text": long }));
    let page = Page::new(&text, labels);
    let mut client = page.client();
    let items = client.next("ann", "random", 2);
    let item = items.iter().find(|item| item["cut"] == true).unwrap();
    assert!(item["text"].as_str().unwrap().chars().count() == 20_000);
    let path = format!("/api/text?place={}&key={}", item["place"], item["key"].as_str().unwrap());
    assert_eq!(client.get(&path).json()["text"], long);
    assert_eq!(client.decide("ann", item, "ticket-0001", &["good"]).status, 200);
    assert!(items.iter().any(|item| item["text"] == ""));
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    let page = Page::new(&reviews(3), labels);
    let mut client = page.client();
    let item = client.next("ann", "random", 1)[0].clone();
    let with = |key: &str, value: Value| {
        let mut decision = client::decision("ann", &item, "ticket-0001", &["good"]);
        decision[key] = value;
        decision
    };
    let cases = [
        (with("labels", json!(["great"])), 400, "there is no label"),
        (with("labels", json!(["good", "bad"])), 400, "found 2 labels"),
        (with("labels", json!([])), 400, "found 0 labels"),
        (with("kind", json!("skip")), 400, "expected none"),
        (with("key", json!("0000")), 409, "not in the file"),
        (with("place", json!(99)), 409, "not in the file"),
        (with("annotator", json!(" ")), 400, "found a name of 0 characters"),
        (with("annotator", json!("a\u{0}b")), 400, "control characters"),
        (with("ticket", json!("short")), 400, "ticket"),
        (with("why", json!("because")), 400, "not what is expected"),
        (with("more", json!(1)), 400, "unknown field"),
        (json!([1, 2]), 400, "not what is expected"),
    ];
    for (body, status, expected) in cases {
        let answer = client.post("/api/decide", &body);
        assert_eq!(answer.status, status, "{body}");
        let refusal = answer.json();
        assert!(refusal["error"].as_str().unwrap().contains(expected), "{refusal}");
        assert!(!refusal["help"].as_str().unwrap().is_empty());
    }
    let head = format!("POST /api/decide HTTP/1.1\r\nHost: {}", page.address());
    assert_eq!(page.client().raw(&head, b"\xff{").unwrap().status, 400);
    assert_eq!(page.client().raw(&head, &vec![b' '; 300 << 10]).unwrap().status, 413);
    let mut client = page.client();
    for (path, status) in
        [("/api/nothing", 404), ("/api/decide", 405), ("/api/text?place=x", 400), ("/api/export?format=pdf", 400)]
    {
        assert_eq!(client.get(path).status, status, "{path}");
    }
    assert_eq!(client.get("/api/progress").json()["counts"]["n_labelled"], 0);
}

#[test]
fn a_database_that_another_program_holds_is_told_and_the_decision_can_be_sent_again() {
    let page = Page::new(&reviews(3), labels);
    let mut client = page.client();
    let item = client.next("ann", "random", 1)[0].clone();
    let other = rusqlite::Connection::open(fenlei_label::database_of(&page.data())).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = client.decide("ann", &item, "ticket-0001", &["good"]);
    assert_eq!((answer.status, &answer.json()["code"]), (507, &json!("store_failed")));
    assert!(answer.json()["error"].as_str().unwrap().contains("held by another program"));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(client.decide("ann", &item, "ticket-0001", &["good"]).json()["known"], false);
    // What another program writes is seen at once.
    other.execute("INSERT INTO labels (name) VALUES ('third')", []).unwrap();
    assert_eq!(client.get("/api/session").json()["labels"], json!(["good", "bad", "third"]));
}

#[test]
fn pages_of_others_names_of_others_and_missing_tokens_are_refused() {
    let page = Page::new(&reviews(3), labels);
    let head = |extra: &str| format!("GET /api/session HTTP/1.1\r\n{extra}");
    let status = |head: &str| page.client().raw(head, b"").unwrap().status;
    let own = page.address();
    assert_eq!(status(&head("Host: evil.example")), 421);
    assert_eq!(status(&head(&format!("Host: {own}\r\nOrigin: http://evil.example"))), 403);
    assert_eq!(status(&head(&format!("Host: {own}\r\nOrigin: http://{own}"))), 200);

    let labelling = || Arc::new(Labelling::open(Options::of(page.data())).unwrap());
    let anywhere = Listen { address: "0.0.0.0:0".parse().unwrap(), ..Listen::default() };
    let error = Server::start(labelling(), &anywhere).unwrap_err();
    assert!(error.is_wrong_use() && error.to_string().contains("FENLEI_TOKEN"), "{error}");
    let short = Listen { tokens: vec!["short".to_owned()], ..Listen::default() };
    assert!(Server::start(labelling(), &short).unwrap_err().to_string().contains("openssl rand"));
    let token = "0123456789abcdef";
    let server = Server::start(labelling(), &Listen { tokens: vec![token.to_owned()], ..anywhere }).unwrap();
    let mut client = Client::new(([127, 0, 0, 1], server.address().port()).into());
    assert_eq!(client.get("/").status, 200);
    assert_eq!(client.get("/api/session").status, 401);
    assert_eq!(client.raw(&head(&format!("Host: x\r\nAuthorization: Bearer {token}")), b"").unwrap().status, 200);
}

#[test]
fn the_page_is_under_a_strict_policy() {
    let page = Page::new(&reviews(3), labels);
    let mut client = page.client();
    let html = client.get("/");
    for expected in ["default-src 'none'", "frame-ancestors 'none'", "nosniff", "script-src 'self'"] {
        assert!(html.head.contains(expected), "{}", html.head);
    }
    assert!(client.get("/label.js").head.contains("text/javascript"));
    assert!(client.get("/label.css").head.contains("text/css"));
}

#[test]
fn what_was_said_about_a_file_holds_for_later_commands() {
    let page = Page::new("{\"a\": \"one\", \"b\": \"x\"}\n{\"a\": \"two\", \"b\": \"y\"}\n", |options| {
        labels(options);
        options.read_as = ReadAs { multi_label: true, text_column: Some("b".to_owned()), ..ReadAs::default() };
    });
    let mut client = page.client();
    let items = client.next("ann", "random", 1);
    assert_eq!(client.decide("ann", &items[0], "ticket-0001", &["good", "bad"]).status, 200);
    assert!(page.exported().contains("\"label\":[\"good\",\"bad\"]}"), "{}", page.exported());
}
