//! Many clients at once: each gets its own answers, and nobody waits for nothing.

mod client;

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use client::{Connection, classifier, get, request, score, start, texts};
use serde_json::{Value, json};

#[test]
fn a_hundred_clients_get_their_own_answers() {
    let server = start(|options| options.models.push((Some("net".to_owned()), client::model("bag-v1.fenlei"))));
    let texts = texts(2000);
    let models = [("m", classifier("classical-v1.fenlei")), ("net", classifier("bag-v1.fenlei"))];
    let expected: Vec<_> = models.iter().map(|(_, classifier)| classifier.predict_batch(&texts)).collect();
    let barrier = Barrier::new(100);
    thread::scope(|scope| {
        for i in 0..100 {
            let (texts, models, expected, barrier, server) = (&texts, &models, &expected, &barrier, &server);
            scope.spawn(move || {
                let mut connection = Connection::to(server.address());
                barrier.wait();
                for round in 0..20 {
                    let (which, first) = ((i + round) % 2, (i * 20 + round) % texts.len());
                    let n = 1 + (i + round) % 5;
                    let chosen: Vec<usize> = (0..n).map(|k| (first + k * 97) % texts.len()).collect();
                    let input: Vec<&String> = chosen.iter().map(|&text| &texts[text]).collect();
                    let body = json!({ "input": input, "model": models[which].0 }).to_string();
                    let reply = connection.ask("POST", "/predict", &[], body.as_bytes());
                    assert_eq!(reply.status, 200, "{}", reply.text());
                    let answers = reply.json();
                    for (answer, text) in answers.as_array().unwrap().iter().zip(chosen) {
                        for (label, name) in models[which].1.labels().iter().enumerate() {
                            assert_eq!(score(answer, name), expected[which].row(text)[label]);
                        }
                    }
                }
            });
        }
    });
    let metrics = get(&server, "/metrics").text();
    assert!(metrics.contains("fenlei_requests_total{route=\"predict\",status=\"2xx\"} 2000"), "{metrics}");
}

#[test]
fn a_huge_text_does_not_hold_up_short_ones() {
    let server = start(|options| options.threads = 1);
    let huge = json!({ "input": "parcel broken where 包裹 ".repeat(200_000) }).to_string();
    let mut slow = Connection::to(server.address());
    let began = Instant::now();
    slow.send(&request("POST", "/predict", &[], huge.as_bytes()));
    let mut fast = Connection::to(server.address());
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        let asked = Instant::now();
        assert_eq!(fast.ask("POST", "/predict", &[], br#"{"input": "thanks"}"#).status, 200);
        longest = longest.max(asked.elapsed());
    }
    let reply = slow.reply().unwrap();
    let huge_took = began.elapsed();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(longest < huge_took, "a short text waited {longest:?}, the huge one took {huge_took:?}");
}

#[test]
fn a_full_queue_says_so_at_once_and_who_left_takes_no_room_in_it() {
    let server = start(|options| {
        options.threads = 1;
        options.limits.queued_texts = 20;
    });
    // Explanations take long, and wait in one lane.
    let text = "parcel broken where thanks offer ".repeat(200);
    let body = json!({ "input": vec![text; 20], "explain": true, "model": "m" }).to_string();
    let ask = |connection: &mut Connection| connection.send(&request("POST", "/predict", &[], body.as_bytes()));
    let mut connections: Vec<Connection> = (0..40).map(|_| Connection::to(server.address())).collect();
    connections.iter_mut().for_each(ask);
    let replies: Vec<_> = connections.iter_mut().map(|connection| connection.reply().unwrap()).collect();
    let refused: Vec<_> = replies.iter().filter(|reply| reply.status == 429).collect();
    assert!(!refused.is_empty() && refused.len() < 40, "{}", refused.len());
    for reply in refused {
        assert_eq!(reply.code(), "overloaded");
        assert!(reply.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    }
    // Clients that go away leave the queue, so that others find room.
    let mut gone: Vec<Connection> = (0..3).map(|_| Connection::to(server.address())).collect();
    gone.iter_mut().for_each(ask);
    drop(gone);
    client::until("an empty queue", || {
        get(&server, "/metrics").text().contains("fenlei_queue_texts{lane=\"bulk\"} 0\n")
    });
    let mut last = Connection::to(server.address());
    ask(&mut last);
    assert_eq!(last.reply().unwrap().status, 200);
}

#[test]
fn a_deadline_is_kept() {
    let server = start(|options| options.threads = 1);
    let body =
        json!({ "input": vec!["parcel broken where thanks offer ".repeat(400); 200], "explain": true }).to_string();
    let began = Instant::now();
    let reply = Connection::to(server.address()).ask("POST", "/predict", &[("x-timeout-ms", "30")], body.as_bytes());
    assert_eq!((reply.status, reply.code().as_str()), (504, "deadline_exceeded"));
    assert!(began.elapsed() < Duration::from_secs(5));
    let wrong = Connection::to(server.address()).ask("POST", "/predict", &[("x-timeout-ms", "soon")], body.as_bytes());
    assert_eq!(wrong.code(), "bad_request");
}

#[test]
fn a_stopping_server_answers_what_is_there_and_takes_nothing_more() {
    let server = start(|_| {});
    let mut busy = Connection::to(server.address());
    let body: Value = json!({ "input": vec!["parcel broken where ".repeat(300); 300] });
    busy.send(&request("POST", "/predict", &[], body.to_string().as_bytes()));
    // The head of the request has to be there before the stop.
    client::until("the request", || get(&server, "/metrics").text().contains("fenlei_requests_in_flight 2"));
    let address = server.address();
    server.stop();
    let reply = busy.reply().unwrap();
    assert_eq!((reply.status, reply.json().as_array().unwrap().len()), (200, 300));
    server.wait();
    assert!(std::net::TcpStream::connect(address).is_err());
}
