//! Several models and versions, and how they change while they are asked.

mod client;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use client::{Connection, Reply, classifier, get, model, post, score, start, until};
use fenlei_serve::{Log, Options, Server, Token};
use serde_json::json;

/// As a careful writer does: the file appears whole.
fn put(from: &str, to: &Path) {
    let partial = to.with_extension("partial");
    fs::copy(model(from), &partial).unwrap();
    fs::rename(&partial, to).unwrap();
}

fn served(server: &Server) -> Vec<(String, u64)> {
    let models = get(server, "/models").json();
    let row = |one: &serde_json::Value| (one["name"].as_str().unwrap().to_owned(), one["version"].as_u64().unwrap());
    models["models"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn a_folder_is_looked_at_and_a_bad_file_takes_nobody_s_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topics.fenlei");
    put("classical-v1.fenlei", &path);
    fs::create_dir(folder.path().join("评论")).unwrap();
    put("classifier-v1.fenlei", &folder.path().join("评论/3.fenlei"));
    put("bag-v1.fenlei", &folder.path().join("评论/12.fenlei"));
    fs::write(folder.path().join("notes.txt"), "no model").unwrap();
    let server = start(|options| {
        options.models.clear();
        options.folder = Some(folder.path().to_owned());
        options.reload = Some(Duration::from_millis(50));
    });
    let name = |name: &str, version| (name.to_owned(), version);
    assert_eq!(served(&server), [name("topics", 1), name("评论", 3), name("评论", 12)]);
    // The highest version answers where none is named.
    let reply = post(&server, "/predict", json!({ "input": "a", "model": "评论" }).to_string());
    assert_eq!(reply.header("x-model"), Some("评论/12"));
    fs::write(folder.path().join("topics.partial"), b"no model at all").unwrap();
    fs::rename(folder.path().join("topics.partial"), &path).unwrap();
    thread::sleep(Duration::from_millis(300));
    assert_eq!(served(&server)[0], name("topics", 1));
    put("averages-v1.fenlei", &path);
    until("the second version", || served(&server)[0] == name("topics", 2));
    fs::remove_file(folder.path().join("评论/12.fenlei")).unwrap();
    until("the end of a version", || served(&server) == [name("topics", 2), name("评论", 3)]);
    put("hashed-v1.fenlei", &folder.path().join("new.fenlei"));
    until("a new model", || served(&server).len() == 3);
}

#[test]
fn no_request_is_lost_or_mixed_while_models_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.fenlei");
    let files = ["classical-v1.fenlei", "bag-v1.fenlei"];
    let both = files.map(classifier);
    put(files[0], &path);
    let server = start(|options| {
        options.models = vec![(None, path.clone())];
        options.reload = Some(Duration::from_millis(20));
    });
    let texts = client::texts(40);
    let expected = both.each_ref().map(|classifier| classifier.predict_batch(&texts));
    let (done, n_asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut n_versions = 1;
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut connection = Connection::to(server.address());
                let body = json!({ "input": texts }).to_string();
                while !done.load(Ordering::Relaxed) {
                    let reply: Reply = connection.ask("POST", "/predict", &[], body.as_bytes());
                    assert_eq!(reply.status, 200, "{}", reply.text());
                    let version: usize = reply.header("x-model").unwrap().rsplit_once('/').unwrap().1.parse().unwrap();
                    let which = (version + 1) % 2;
                    for (i, answer) in reply.json().as_array().unwrap().iter().enumerate() {
                        let label = &both[which].labels()[0];
                        assert_eq!(score(answer, label), expected[which].row(i)[0], "version {version}");
                    }
                    n_asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while n_versions < 12 {
            n_versions += 1;
            put(files[(n_versions + 1) % 2], &path);
            until("the next version", || served(&server)[0].1 == n_versions as u64);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(n_asked.load(Ordering::Relaxed) >= 12, "{n_asked:?}");
}

fn admin(server: &Server, method: &str, path: &str, token: &str, body: &str) -> Reply {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str())];
    Connection::to(server.admin_address().unwrap()).ask(method, path, &headers, body.as_bytes())
}

#[test]
fn commands_need_their_own_listener_and_token() {
    let folder = tempfile::tempdir().unwrap();
    put("classical-v1.fenlei", &folder.path().join("m.fenlei"));
    put("classifier-v1.fenlei", &folder.path().join("other.fenlei"));
    fs::write(folder.path().join("bad.fenlei"), "no model").unwrap();
    let secret = "an-admin-secret";
    let server = start(|options| {
        options.models = vec![(Some("m".to_owned()), folder.path().join("m.fenlei"))];
        options.folder = Some(folder.path().to_owned());
        options.reload = None;
        options.admin = Some("127.0.0.1:0".parse().unwrap());
        options.access.admin_tokens = vec![Token { name: "root".to_owned(), secret: secret.to_owned(), expires: None }];
    });
    assert_eq!(post(&server, "/admin/models", "{}").code(), "not_found");
    assert_eq!(admin(&server, "GET", "/admin/models", "guess", "").code(), "unauthorized");
    let load = |body: serde_json::Value| admin(&server, "POST", "/admin/models", secret, &body.to_string());
    let loaded = load(json!({ "name": "m", "file": "other.fenlei" }));
    assert_eq!((loaded.status, loaded.json()["version"].as_u64()), (200, Some(2)), "{}", loaded.text());
    assert_eq!(load(json!({ "name": "m", "version": 3, "file": "bad.fenlei" })).code(), "unusable_model");
    for (name, file) in [("m", "../m.fenlei"), ("m", "/etc/passwd"), ("../m", "m.fenlei"), ("m", "missing.fenlei")] {
        assert_eq!(load(json!({ "name": name, "file": file })).code(), "bad_request", "{name} {file}");
    }
    // A canary answers its share of the requests, and a shadow is only compared.
    let direct = |body: serde_json::Value| admin(&server, "PUT", "/admin/models/m/traffic", secret, &body.to_string());
    assert_eq!(direct(json!({ "stable": 1, "canary": 2, "share": 0.3 })).status, 200);
    let mut connection = Connection::to(server.address());
    let mut by_canary = 0;
    for i in 0..300 {
        let id = format!("request-{i}");
        let reply = connection.ask("POST", "/predict", &[("x-request-id", &id)], br#"{"input": "thanks"}"#);
        by_canary += usize::from(reply.header("x-model") == Some("m/2"));
    }
    assert!((60..120).contains(&by_canary), "{by_canary}");
    assert_eq!(direct(json!({ "stable": 1, "shadow": 2 })).status, 200);
    for _ in 0..10 {
        let reply = connection.ask("POST", "/predict", &[], br#"{"input": "thanks"}"#);
        assert_eq!(reply.header("x-model"), Some("m/1"));
    }
    until("the shadow", || get(&server, "/metrics").text().contains("fenlei_shadow_compared_total 10\n"));
    assert_eq!(direct(json!({ "canary": 9, "share": 0.5 })).code(), "unknown_model");
    assert_eq!(direct(json!({ "share": 2.0 })).code(), "bad_request");
    assert_eq!(admin(&server, "DELETE", "/admin/models/m/versions/2", secret, "").status, 200);
    assert_eq!(admin(&server, "DELETE", "/admin/models/m/versions/2", secret, "").code(), "unknown_model");
    assert_eq!(connection.ask("POST", "/predict", &[], br#"{"input": "a", "version": 2}"#).code(), "unknown_model");
}

#[test]
fn a_server_that_cannot_serve_says_why() {
    let refuse = |change: &dyn Fn(&mut Options)| {
        let mut options = Options { models: vec![(None, model("classical-v1.fenlei"))], ..Options::default() };
        change(&mut options);
        Server::start(options, Log::nowhere()).err().unwrap().to_string()
    };
    type Change<'a> = &'a dyn Fn(&mut Options);
    let cases: [(Change<'_>, &str); 7] = [
        (&|o| o.models.clear(), "no model and no folder"),
        (&|o| o.models[0].1 = "/no/such.fenlei".into(), "/no/such.fenlei"),
        (&|o| o.models[0].0 = Some("../x".to_owned()), "no name of a model"),
        (&|o| o.models.push(o.models[0].clone()), "two models would be called"),
        (&|o| o.folder = Some("/no/such/folder".into()), "is no folder"),
        (&|o| o.admin = Some("127.0.0.1:0".parse().unwrap()), "needs a token of its own"),
        (&|o| o.tls = Some(("/no/cert.pem".into(), "/no/key.pem".into())), "--tls-certificate"),
    ];
    for (change, expected) in cases {
        let error = refuse(change);
        assert!(error.contains(expected) && error.contains("help:"), "{error}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    assert!(refuse(&|o| o.address = address).contains("cannot listen"));
}

#[test]
fn a_public_address_without_a_token_is_warned_about() {
    let (log, lines) = client::kept_log();
    let models = vec![(None, model("classical-v1.fenlei"))];
    let options = Options { models, address: "0.0.0.0:0".parse().unwrap(), log_requests: true, ..Options::default() };
    let server = Server::start(options, log).unwrap();
    let address = format!("127.0.0.1:{}", server.address().port()).parse().unwrap();
    let secret = "a very private text";
    let body = json!({ "input": secret }).to_string();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [("x-request-id", "of-the-log"), ("traceparent", trace)];
    assert_eq!(Connection::to(address).ask("POST", "/predict", &headers, body.as_bytes()).status, 200);
    drop(server);
    let lines = lines.lock().unwrap();
    let event = |name: &str| lines.iter().find(|line| line.contains(&format!("\"event\":\"{name}\"")));
    assert!(event("public_without_token").unwrap().contains("--token-file"));
    let request = event("request").unwrap();
    assert!(request.contains("of-the-log") && request.contains("4bf92f3577b34da6a3ce929d0e0e4736"), "{request}");
    assert!(event("stopped").is_some());
    assert!(lines.iter().all(|line| !line.contains(secret)));
}
