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
    serve_by(folder.command(&[]), args)
}

/// With a command that runs the program.
fn serve_by(mut command: Command, args: &[&str]) -> Serving {
    command.args(["serve", "--port", "0", "--threads", "2"]).arg(model()).args(args);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
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

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// Waits until so many predictions have feedback.
    fn wait_for_feedback(&self, n: usize) {
        let began = Instant::now();
        loop {
            let watch: Value = serde_json::from_str(&self.get("/watch")).unwrap();
            if watch["quality"][0]["n"] == n {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{n} were acknowledged: {}", watch["quality"]);
            std::thread::sleep(Duration::from_millis(200));
        }
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
    serving.wait_for_feedback(n_kept);
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

/// The kernel itself refuses to write on: the server runs with a limit on the size of files.
#[cfg(unix)]
#[test]
fn a_full_disk_costs_records_and_no_answers() {
    let folder = Folder::new();
    let limited = |blocks: u32| {
        let mut command = Command::new("sh");
        let script = format!(r#"trap "" XFSZ; ulimit -f {blocks}; exec "$@""#);
        command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_fenlei")]).current_dir(folder.path("."));
        command
    };
    let mut serving = serve_by(limited(400), &["--store", "watch.db"]);
    let texts: Vec<String> = (0..200).map(|i| format!("thanks {i}")).collect();
    let body = json!({ "input": texts }).to_string();
    let (mut n_kept, mut refusal) = (0, None);
    for i in 0..400 {
        let id = format!("request-{i}");
        assert_eq!(serving.post("/predict", &format!("x-request-id: {id}\r\n"), &body).0, 200);
        let (status, answer) =
            serving.post("/feedback", "", &json!({ "request_id": id, "label": "praise" }).to_string());
        match status {
            200 => n_kept += 1,
            // Either the feedback did not find its place, or the prediction that it speaks of had not.
            404 | 507 => {
                refusal = Some((status, answer));
                break;
            }
            _ => panic!("{status} {answer}"),
        }
    }
    let (status, answer) = refusal.expect("the limit was never met");
    assert!(matches!(answer["code"].as_str(), Some("store_failed" | "unknown_prediction")), "{status} {answer}");
    assert!(n_kept > 0);
    // Everything but the records goes on.
    for _ in 0..20 {
        assert_eq!(serving.post("/predict", "", &body).0, 200);
    }
    assert!(serving.get("/health/ready").contains("true"));
    let dropped = serving.get("/metrics");
    let dropped = dropped.lines().find_map(|line| line.strip_prefix("fenlei_watch_dropped_total "));
    assert!(dropped.is_some_and(|n| n.parse::<u64>().unwrap() > 0), "{dropped:?}");
    serving.signal("-KILL");
    serving.child.wait().unwrap();
    let serving = serve(&folder, &["--store", "watch.db"]);
    serving.wait_for_feedback(n_kept);
    serving.signal("-INT");
}

#[cfg(target_os = "linux")]
#[test]
fn a_log_that_takes_nothing_more_holds_up_nobody() {
    let folder = Folder::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = folder.command(&["serve", "--log-requests", "--port"]);
    let mut child = command.arg(free.port().to_string()).arg(model()).stderr(full).spawn().unwrap();
    let began = Instant::now();
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(free)?;
        stream.write_all(b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        Ok(reply)
    };
    // Until the server is there nobody listens, or a connection meets itself.
    let reply = loop {
        match ask() {
            Ok(reply) if reply.starts_with("HTTP/1.1") => break reply,
            _ => assert!(began.elapsed() < Duration::from_secs(20) && child.try_wait().unwrap().is_none()),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn documents_are_labelled_beside_the_models() {
    let folder = Folder::new();
    folder.write("new.jsonl", "{\"text\": \"Where is my parcel?\"}\n{\"text\": \"谢谢\"}\n");
    let serving = serve(&folder, &["--label", "new.jsonl"]);
    let session: Value = serde_json::from_str(&serving.get("/label/api/session")).unwrap();
    assert_eq!(session["counts"]["n_docs"], 2, "{session}");
    // Those of the model.
    assert!(session["labels"].as_array().unwrap().contains(&json!("praise")), "{session}");
    serving.signal("-TERM");
    for (args, code, expected) in [
        (&["serve", "x.fenlei", "--label", "missing.jsonl"][..], 1, "x.fenlei"),
        (&["serve", "--folder", ".", "--label", "missing.jsonl"][..], 1, "missing.jsonl"),
        (&["serve", "x.fenlei", "--label-votes", "2"][..], 2, "--label"),
        (&["serve", "x.fenlei", "--otlp", "localhost:4318", "--otlp-share", "2"][..], 2, "--otlp-share"),
        (&["serve", "--folder", ".", "--otlp", "localhost:4318"][..], 2, "--otlp"),
    ] {
        let ran = folder.run(args);
        assert_eq!(ran.code, Some(code), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{args:?}: {}", ran.stderr);
    }
}
