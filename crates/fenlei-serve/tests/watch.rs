//! Feedback, drift and alerts.

mod client;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use client::{Connection, get, post, start, until};
use serde_json::{Value, json};

#[test]
fn feedback_is_kept_and_gives_real_accuracy_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("watch.db");
    let begin = || start(|options| options.watch.store = Some(store.clone()));
    let server = begin();
    let mut connection = Connection::to(server.address());
    for i in 0..20 {
        let id = format!("r{i}");
        let reply = connection.ask(
            "POST",
            "/predict",
            &[("x-request-id", &id)],
            br#"{"input": ["Thank you", "Where is my parcel?"]}"#,
        );
        let label = reply.json()[1][0]["label"].as_str().unwrap().to_owned();
        let truth = if i < 15 { label.as_str() } else { "something else" };
        let said = json!({ "request_id": id, "item": 1, "label": truth }).to_string();
        let kept = connection.ask("POST", "/feedback", &[], said.as_bytes());
        assert_eq!(kept.json(), json!({ "kept": true, "predicted": label, "right": i < 15 }), "{}", kept.text());
    }
    assert_eq!(post(&server, "/feedback", r#"{"request_id": "nobody", "label": "x"}"#).code(), "unknown_prediction");
    assert_eq!(
        post(&server, "/feedback", r#"{"request_id": "r1", "item": 7, "label": "x"}"#).code(),
        "unknown_prediction"
    );
    assert_eq!(post(&server, "/feedback", r#"{"request_id": "r1", "label": ""}"#).code(), "bad_request");
    let quality = |server: &fenlei_serve::Server| get(server, "/watch").json()["quality"][0].clone();
    until("figures", || quality(&server)["n"] == 20);
    assert_eq!(quality(&server)["accuracy"], 0.75);
    assert!(get(&server, "/metrics").text().contains("fenlei_feedback_accuracy{model=\"m\",version=\"1\"} 0.75\n"));
    drop(server);
    let server = begin();
    until("figures after a restart", || quality(&server)["n"] == 20);
    // A prediction of before the restart can still be corrected.
    assert_eq!(post(&server, "/feedback", r#"{"request_id": "r0", "item": 0, "label": "praise"}"#).status, 200);
    drop(server);
    let without = start(|_| {});
    assert_eq!(post(&without, "/feedback", r#"{"request_id": "r0", "label": "x"}"#).code(), "unsupported");
}

#[test]
fn other_texts_than_usual_raise_an_alert_that_is_told() {
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", receiver.local_addr().unwrap());
    let told = thread::spawn(move || {
        let (mut stream, _) = receiver.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let (mut all, mut bytes) = (Vec::new(), [0; 4096]);
        while let Ok(n) = stream.read(&mut bytes) {
            all.extend_from_slice(&bytes[..n]);
            let text = String::from_utf8_lossy(&all).into_owned();
            if n == 0
                || text.split_once("\r\n\r\n").is_some_and(|(_, body)| serde_json::from_str::<Value>(body).is_ok())
            {
                break;
            }
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        String::from_utf8(all).unwrap()
    });
    let folder = tempfile::tempdir().unwrap();
    let usual = folder.path().join("usual.csv");
    let rows: Vec<String> = (0..400).map(|i| format!("where is my parcel {i},question", i = i % 7)).collect();
    std::fs::write(&usual, format!("text,label\n{}\nthank you,praise\n", rows.join("\n"))).unwrap();
    let server = start(|options| {
        options.watch.reference = Some(usual);
        options.watch.webhook = Some(url);
    });
    // At most so many texts a second are looked at.
    let body = json!({ "input": vec!["Ein ganz anderer Text in einer anderen Sprache ".repeat(5); 100] }).to_string();
    let mut connection = Connection::to(server.address());
    for _ in 0..5 {
        assert_eq!(connection.ask("POST", "/predict", &[], body.as_bytes()).status, 200);
        thread::sleep(Duration::from_millis(600));
    }
    let request = told.join().unwrap();
    let alerts: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    let rules: Vec<&str> =
        alerts["alerts"].as_array().unwrap().iter().filter_map(|alert| alert["rule"].as_str()).collect();
    assert!(rules.contains(&"drift_length") && rules.contains(&"drift_words"), "{alerts}");
    until("the metric", || {
        get(&server, "/metrics").text().contains("fenlei_alert{rule=\"drift_words\",subject=\"m/1\"} 1\n")
    });
    let watch = get(&server, "/watch").json();
    assert_eq!(watch["models"][0]["usual_from"], "reference");
    assert!(watch["models"][0]["drift"]["words"]["psi"].as_f64().unwrap() > 0.25, "{watch}");
}

#[test]
fn a_model_that_knows_what_is_usual_needs_no_documents_for_it() {
    use fenlei::artifact::{self, ModelInfo};
    use fenlei::config::{PlanSource, load_plan};
    use fenlei::data::{Dataset, Target};

    let n = 400;
    let texts = (0..n)
        .map(|i| if i % 2 == 0 { format!("where is parcel {}", i % 7) } else { format!("thanks a lot {}", i % 5) });
    let targets = (0..n).map(|i| Target::One(1 - i % 2)).collect();
    let documents = Dataset::new(texts.collect(), targets, vec!["praise".into(), "question".into()], false).unwrap();
    let plan = load_plan(&PlanSource { recipe: Some("linear".into()), ..PlanSource::default() }).unwrap();
    let trained = fenlei::train::train(&plan, &documents, Some(&documents)).unwrap();
    assert_eq!((trained.usual.n_texts, &trained.usual.labels[..]), (400, &[200, 200][..]));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.fenlei");
    let info = ModelInfo { usual: Some(trained.usual), ..ModelInfo::default() };
    artifact::save(&path, &trained.classifier, &info).unwrap();

    let server = start(|options| options.models = vec![(None, path)]);
    let mut connection = Connection::to(server.address());
    let ask = |connection: &mut Connection, text: &str| {
        let body = json!({ "input": vec![text; 100] }).to_string();
        assert_eq!(connection.ask("POST", "/predict", &[], body.as_bytes()).status, 200);
    };
    for _ in 0..4 {
        ask(&mut connection, "etwas ganz anderes, und viel laenger als alles, was sonst hier ankommt");
        thread::sleep(Duration::from_millis(550));
    }
    until("drift", || {
        let watch = get(&server, "/watch").json();
        let model = &watch["models"][0];
        model["usual_from"] == "model"
            && model["usual"]["n"] == 400
            && model["drift"]["length"]["psi"].as_f64() > Some(0.25)
    });
}
