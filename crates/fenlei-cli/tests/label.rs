//! `fenlei label`: the command, its export, its refusals, and what is left after it was killed.

#[path = "../../fenlei-label/tests/client/mod.rs"]
mod client;
mod program;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::Child;
use std::time::Duration;

use client::{Client, decision};
use insta::assert_snapshot;
use program::{Folder, signal};
use serde_json::{Value, json};

/// A running page; it is killed when the test ends.
struct Page {
    child: Child,
    address: SocketAddr,
}

impl Page {
    fn open(folder: &Folder, args: &[&str]) -> Self {
        let args: Vec<&str> = ["label"].into_iter().chain(args.iter().copied()).chain(["--port", "0"]).collect();
        Self::of(folder.spawn(&args))
    }

    fn of(mut child: Child) -> Self {
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let said = |line: &String| line.contains("label at http://");
        let line = lines.by_ref().map(Result::unwrap).find(said).expect("it says where the page is");
        let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
        // Whatever it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn documents(n: usize) -> String {
    (0..n)
        .map(|i| json!({ "id": i, "text": format!("document {i} says {}", i * 7919 % 1000) }).to_string() + "\n")
        .collect()
}

#[test]
fn documents_are_labelled_and_exported_while_the_file_stays_as_it_is() {
    let folder = Folder::new();
    folder.write("data.jsonl", documents(5));
    let page = Page::open(&folder, &["data.jsonl", "--labels", "good, bad"]);
    let mut client = Client::new(page.address);
    let items = client.next("ann", "random", 2);
    assert_eq!(client.decide("ann", &items[0], "ticket-0001", &["bad"]).status, 200);
    // The page is open meanwhile.
    let ran = folder.run(&["label", "export", "data.jsonl", "-o", "out.csv", "--as", "csv"]).succeeded();
    assert_eq!(ran.stderr, "wrote 5 documents to out.csv (csv), 1 of them labelled\n");
    let out = String::from_utf8(folder.read("out.csv")).unwrap();
    assert!(out.starts_with("id,text,label\n") && out.matches(",bad\n").count() == 1, "{out}");
    folder
        .run(&["label", "export", "data.jsonl", "-o", "train.txt", "--as", "fasttext", "--only-labelled"])
        .succeeded();
    assert!(String::from_utf8(folder.read("train.txt")).unwrap().starts_with("__label__bad document "));
    assert_eq!(folder.read("data.jsonl"), documents(5).as_bytes());
    signal(&page.child, "INT");
}

#[test]
fn a_model_suggests_labels_from_the_first_document_on() {
    let folder = Folder::with_model();
    folder.write(
        "new.jsonl",
        "{\"text\": \"a lovely film with warm acting\"}\n{\"text\": \"a dull film with awful acting\"}\n",
    );
    let page = Page::open(&folder, &["new.jsonl", "--model", "model.fenlei"]);
    let mut client = Client::new(page.address);
    assert_eq!(client.get("/api/session").json()["labels"], json!(["bad", "good"]));
    let suggested = |client: &mut Client| {
        let items = client.next("ann", "uncertain", 2);
        let pair = |item: &Value| {
            let label = item["suggestion"]["labels"][0].as_str()?.to_owned();
            Some((item["text"].as_str()?.to_owned(), label))
        };
        items.iter().map(pair).collect::<Option<BTreeMap<String, String>>>()
    };
    let found = (0..200).find_map(|_| {
        std::thread::sleep(Duration::from_millis(50));
        suggested(&mut client)
    });
    let found = found.expect("suggestions come");
    assert_eq!(found["a lovely film with warm acting"], "good");
    assert_eq!(found["a dull film with awful acting"], "bad");
}

#[test]
fn what_cannot_be_labelled_is_refused_before_there_is_a_page() {
    let folder = Folder::new();
    folder.write("empty.jsonl", "");
    folder.write("no-text.jsonl", "{\"text\": \"a\"}\n{\"label\": \"x\"}\n");
    folder.write("latin.csv", b"text,label\ncaf\xe9,x\n");
    folder.write("good.jsonl", documents(2));
    folder.write("other.db", "this is text and no database, however long it may be");
    let cases: [&[&str]; 7] = [
        &["label", "empty.jsonl"],
        &["label", "no-text.jsonl"],
        &["label", "latin.csv"],
        &["label", "missing.jsonl"],
        &["label", "good.jsonl", "--db", "other.db"],
        &["label", "good.jsonl", "--host", "0.0.0.0"],
        &["label", "export", "good.jsonl", "-o", "out.jsonl", "--db", "nowhere.db"],
    ];
    let transcripts: Vec<String> = cases.iter().map(|args| folder.transcript(args)).collect();
    assert_snapshot!(transcripts.join("\n"));
}

#[test]
fn a_file_that_changed_is_told_and_its_labels_go_on_where_texts_are_the_same() {
    let folder = Folder::new();
    folder.write("data.jsonl", documents(3));
    let page = Page::open(&folder, &["data.jsonl", "--labels", "good,bad"]);
    let mut client = Client::new(page.address);
    for (i, item) in client.next("ann", "random", 3).iter().enumerate() {
        assert_eq!(client.decide("ann", item, &format!("ticket-{i:04}"), &["good"]).status, 200);
    }
    drop(page);
    folder.write("data.jsonl", documents(4).lines().skip(1).map(|line| format!("{line}\n")).collect::<String>());
    let ran = folder.run(&["label", "data.jsonl", "--port", "0"]).ended(1);
    assert!(ran.stderr.contains("has changed") && ran.stderr.contains("--accept-changes"), "{}", ran.stderr);
    folder.run(&["label", "export", "data.jsonl", "-o", "out.jsonl"]).ended(1);
    folder.run(&["label", "export", "data.jsonl", "-o", "out.jsonl", "--accept-changes"]).succeeded();
    let out = String::from_utf8(folder.read("out.jsonl")).unwrap();
    assert_eq!((out.lines().count(), out.matches("\"label\":\"good\"").count()), (3, 2));
    let refused = folder.run(&["label", "export", "data.jsonl", "-o", "data.jsonl"]).ended(2);
    assert!(refused.stderr.contains("is read, and is not changed"), "{}", refused.stderr);
}

#[test]
fn nothing_acknowledged_is_lost_when_it_is_killed_twenty_times() {
    const LABELS: [&str; 3] = ["red", "green", "blue"];
    let folder = Folder::new();
    folder.write("data.jsonl", documents(4000));
    let mut acknowledged: BTreeMap<u64, &str> = BTreeMap::new();
    for round in 0..20u64 {
        let mut page = Page::open(&folder, &["data.jsonl", "--labels", "red,green,blue"]);
        let address = page.address;
        let (tell, told) = std::sync::mpsc::channel();
        let worker = std::thread::spawn(move || {
            let mut client = Client::new(address);
            let mut n = 0;
            loop {
                let Ok(answer) =
                    client.try_post("/api/next", &json!({ "annotator": "ann", "mode": "random", "n": 20 }))
                else {
                    return;
                };
                let items = answer.json()["items"].as_array().unwrap().clone();
                assert!(!items.is_empty());
                for item in &items {
                    let place = item["place"].as_u64().unwrap();
                    let label = LABELS[((place + round) % 3) as usize];
                    let decision = decision("ann", item, &format!("ticket-{round}-{n}"), &[label]);
                    n += 1;
                    match client.try_post("/api/decide", &decision) {
                        Ok(answer) if answer.status == 200 => tell.send((place, label)).unwrap(),
                        _ => return,
                    }
                }
            }
        });
        // In the middle of the work, each time at another moment.
        let first = told.recv_timeout(Duration::from_secs(60)).unwrap();
        std::thread::sleep(Duration::from_millis(3 + round * 17 % 40));
        page.child.kill().unwrap();
        page.child.wait().unwrap();
        worker.join().unwrap();
        acknowledged.extend([first].into_iter().chain(told.try_iter()));
    }
    assert!(acknowledged.len() > 40, "{} decisions", acknowledged.len());
    folder.run(&["label", "export", "data.jsonl", "-o", "out.jsonl"]).succeeded();
    let out = String::from_utf8(folder.read("out.jsonl")).unwrap();
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (place, label) in &acknowledged {
        assert_eq!(lines[*place as usize]["label"], *label, "document {place}");
    }
    // At most the one in flight each time was kept without having been acknowledged.
    let kept = lines.iter().filter(|line| !line["label"].is_null()).count();
    assert!((acknowledged.len()..=acknowledged.len() + 20).contains(&kept), "{kept} of {}", acknowledged.len());
}

/// The kernel itself refuses to write on: the page runs with a limit on the size of files.
#[cfg(unix)]
#[test]
fn when_the_disk_takes_no_more_the_decision_is_refused_and_those_before_it_stay() {
    let folder = Folder::new();
    folder.write("data.jsonl", documents(400));
    let mut command = std::process::Command::new("sh");
    command.args(["-c", r#"trap "" XFSZ; ulimit -f 600; exec "$@""#, "sh", env!("CARGO_BIN_EXE_fenlei")]);
    command.args(["label", "data.jsonl", "--labels", "good,bad", "--port", "0"]).current_dir(folder.path("."));
    let page = Page::of(command.stderr(std::process::Stdio::piped()).spawn().unwrap());
    let mut client = Client::new(page.address);
    let (mut kept, mut refusal) = (0, None);
    while refusal.is_none() {
        let items = client.next("ann", "random", 20);
        assert!(!items.is_empty(), "the limit was never met");
        for item in items {
            let answer = client.decide("ann", &item, &format!("ticket-{kept:05}"), &["good"]);
            if answer.status != 200 {
                assert_eq!(answer.status, 507, "{}", answer.text());
                refusal = Some(answer.json());
                break;
            }
            kept += 1;
        }
    }
    assert_eq!(refusal.unwrap()["code"], "store_failed");
    drop(page);
    let ran = folder.run(&["label", "export", "data.jsonl", "-o", "out.jsonl"]).succeeded();
    assert!(ran.stderr.contains(&format!("{kept} of them labelled")), "{kept}: {}", ran.stderr);
}
