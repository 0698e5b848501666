//! `fenlei serve` as a process: what it answers, how it ends, what outlives its end.

mod program;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use program::Folder;
use serde_json::{Value, json};

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fenlei/testdata/classical-v1.fenlei")
}

/// A server, its address, and what it writes to standard error.
struct Serving {
    child: Child,
    address: String,
    errors: BufReader<std::process::ChildStderr>,
}

fn serve(folder: &Folder, args: &[&str]) -> Serving {
    let mut command = folder.command(&["serve", "--port", "0", "--threads", "2"]);
    let mut child = command.arg(model()).args(args).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let address = loop {
        let mut line = String::new();
        assert!(errors.read_line(&mut line).unwrap() > 0, "the server ended");
        let line: Value = serde_json::from_str(&line).unwrap();
        if line["event"] == "listening" {
            break line["address"].as_str().unwrap().to_owned();
        }
    };
    Serving { child, address, errors }
}

impl Serving {
    fn post(&self, path: &str, headers: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let n = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: {n}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let status = reply.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(reply.split_once("\r\n\r\n").unwrap().1).unwrap())
    }

    fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        assert!(kill.args([name, &self.child.id().to_string()]).status().unwrap().success());
    }
}

#[test]
fn the_server_answers_as_the_program_does_and_ends_well() {
    let folder = Folder::new();
    let mut serving = serve(&folder, &[]);
    let text = "Where is my parcel? 包裹在哪里";
    let (status, answer) = serving.post("/predict", "", &json!({ "input": text }).to_string());
    let mut predict = folder.command(&["predict", "--json", "--text"]);
    let predicted = predict.arg(model()).arg(text).output().unwrap();
    assert_eq!((status, answer), (200, serde_json::from_slice(&predicted.stdout).unwrap()));
    serving.signal("-TERM");
    let began = Instant::now();
    assert!(serving.child.wait().unwrap().success());
    assert!(began.elapsed() < Duration::from_secs(10));
    let mut rest = String::new();
    serving.errors.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("\"event\":\"stopped\""), "{rest}");
}

#[test]
fn what_was_acknowledged_outlives_a_kill() {
    let folder = Folder::new();
    let store = folder.path("watch.db");
    let store = store.to_str().unwrap();
    let mut n_kept = 0;
    for round in 0..3 {
        let mut serving = serve(&folder, &["--store", store]);
        let killed_at = Instant::now() + Duration::from_millis(300);
        let mut i = 0;
        while Instant::now() < killed_at {
            let id = format!("round-{round}-{i}");
            let (status, _) = serving.post("/predict", &format!("x-request-id: {id}\r\n"), r#"{"input": "thanks"}"#);
            assert_eq!(status, 200);
            let said = json!({ "request_id": id, "label": "praise" }).to_string();
            let (status, answer) = serving.post("/feedback", "", &said);
            assert_eq!((status, &answer["kept"]), (200, &json!(true)), "{answer}");
            i += 1;
        }
        n_kept += i;
        serving.signal("-KILL");
        serving.child.wait().unwrap();
    }
    // Every one of them can be found again by its name.
    let serving = serve(&folder, &["--store", store]);
    for round in 0..3 {
        let (status, answer) = serving.post(
            "/feedback",
            "",
            &json!({ "request_id": format!("round-{round}-0"), "label": "praise" }).to_string(),
        );
        assert_eq!(status, 200, "{answer}");
    }
    let began = Instant::now();
    loop {
        let mut stream = TcpStream::connect(&serving.address).unwrap();
        stream.write_all(b"GET /watch HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let watch: Value = serde_json::from_str(reply.split_once("\r\n\r\n").unwrap().1).unwrap();
        if watch["quality"][0]["n"] == n_kept {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{n_kept} were acknowledged: {}", watch["quality"]);
        std::thread::sleep(Duration::from_millis(200));
    }
    serving.signal("-INT");
}

#[test]
fn wrong_use_is_refused_before_anything_starts() {
    let folder = Folder::new();
    folder.write("tokens.txt", "alice short\n");
    for (args, code, expected) in [
        (&["serve"][..], 2, "no model and no folder"),
        (&["serve", "missing.fenlei"][..], 1, "missing.fenlei"),
        (&["serve", "x.fenlei", "--deadline", "0"][..], 2, "--deadline"),
        (&["serve", "x.fenlei", "--rate-limit=-1"][..], 2, "--rate-limit"),
        (&["serve", "x.fenlei", "--token-file", "tokens.txt"][..], 1, "tokens.txt:1"),
        (&["serve", "x.fenlei", "--admin", "127.0.0.1:0"][..], 2, "--admin-token-file"),
        (&["serve", "x.fenlei", "--tls-key", "k.pem"][..], 2, "--tls-certificate"),
        (&["serve", "a/x.fenlei", "b/x.fenlei"][..], 2, "two models would be called"),
        (&["serve", "--folder", "nowhere"][..], 2, "is no folder"),
    ] {
        let ran = folder.run(args);
        assert_eq!(ran.code, Some(code), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{args:?}: {}", ran.stderr);
    }
}
