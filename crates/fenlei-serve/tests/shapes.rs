//! Every shape in which clients ask gets the probabilities of the library.

mod client;

use client::{Connection, classifier, get, post, score, start, texts};
use fenlei::classifier::AnswerOptions;
use serde_json::{Value, json};

const TEXT: &str = "Where is my parcel? It was due on the 3rd.";

/// What the program `fenlei predict --json` gives for a text.
fn expected(text: &str) -> Value {
    let classifier = classifier("classical-v1.fenlei");
    let predictions = classifier.predict_batch(&[text]);
    // Through text, as it goes over the wire: numbers are rounded to the digits of an f32.
    let json = serde_json::to_string(&classifier.answer(predictions.row(0), AnswerOptions::default())).unwrap();
    serde_json::from_str(&json).unwrap()
}

#[test]
fn the_call_of_the_article_and_that_of_text_embeddings_inference_work_unchanged() {
    let server = start(|_| {});
    for key in ["input", "inputs"] {
        let one = post(&server, "/predict", json!({ key: TEXT }).to_string());
        assert_eq!((one.status, one.json()), (200, expected(TEXT)));
        assert_eq!(one.header("content-type"), Some("application/json"));
        assert_eq!(one.header("x-model"), Some("m/1"));
        for list in [json!(["thank you", TEXT]), json!([["thank you"], [TEXT]])] {
            let many = post(&server, "/predict", json!({ key: list }).to_string());
            assert_eq!(many.json(), json!([expected("thank you"), expected(TEXT)]));
        }
        assert_eq!(post(&server, "/predict", json!({ key: [] }).to_string()).json(), json!([]));
    }
    // Flask's server reads JSON whatever the content type says.
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let reply = Connection::to(server.address()).ask("POST", "/predict", &form, br#"{"input": ""}"#);
    assert_eq!((reply.status, reply.json()), (200, expected("")));
}

#[test]
fn less_may_be_asked_for_and_more() {
    let server = start(|_| {});
    let top = post(&server, "/predict", json!({ "inputs": TEXT, "parameters": { "top_k": 2 } }).to_string()).json();
    assert_eq!(top.as_array().unwrap()[..], expected(TEXT).as_array().unwrap()[..2]);
    let why = post(&server, "/predict", json!({ "input": TEXT, "explain_label": "praise" }).to_string()).json();
    assert_eq!(why["predictions"], expected(TEXT));
    assert_eq!(why["explanation"]["label"], "praise");
    let word = |i: usize| why["explanation"]["words"][i]["text"].clone();
    assert!(word(0) != Value::Null, "{why}");
    let many = post(&server, "/predict", json!({ "input": [TEXT, "thanks"], "explain": true }).to_string()).json();
    assert_eq!(many.as_array().unwrap().len(), 2);
    assert_eq!(many[0]["explanation"]["label"], expected(TEXT)[0]["label"]);
    for (body, status, code) in [
        (json!({ "input": TEXT, "threshold": 0.5 }), 422, "unsupported"),
        (json!({ "input": TEXT, "raw_scores": true }), 422, "unsupported"),
        (json!({ "input": TEXT, "top_k": 0 }), 400, "bad_request"),
        (json!({ "input": TEXT, "explain_label": "nothing" }), 404, "unknown_label"),
        (json!({ "input": TEXT, "model": "other" }), 404, "unknown_model"),
        (json!({ "input": TEXT, "version": 9 }), 404, "unknown_model"),
        (json!({ "input": TEXT, "topk": 1 }), 400, "bad_request"),
        (json!({ "input": TEXT, "top_k": 1.5 }), 400, "bad_request"),
        (json!({ "input": TEXT, "top_k": -1.0 }), 400, "bad_request"),
        (json!({ "input": TEXT, "version": 9.0 }), 404, "unknown_model"),
        (json!({ "input": [["a", "b"]] }), 400, "bad_request"),
        (json!({}), 400, "bad_request"),
        (json!([]), 400, "bad_request"),
        // The fields of an object in their order are no object.
        (json!([TEXT]), 400, "bad_request"),
        (json!({ "input": TEXT, "parameters": [null, null, null] }), 400, "bad_request"),
    ] {
        let reply = post(&server, "/predict", body.to_string());
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{body}: {}", reply.text());
    }
}

#[test]
fn tensorflow_serving_s_clients_are_answered() {
    let server = start(|_| {});
    let classifier = classifier("classical-v1.fenlei");
    let row = |text: &str| -> Value {
        serde_json::from_str(&serde_json::to_string(classifier.predict_batch(&[text]).row(0)).unwrap()).unwrap()
    };
    for path in ["/v1/models/m:predict", "/v1/models/m/versions/1:predict"] {
        let instances = post(&server, path, json!({ "instances": [TEXT, { "text": "thanks" }] }).to_string()).json();
        assert_eq!(instances, json!({ "predictions": [row(TEXT), row("thanks")] }));
    }
    let columns = post(&server, "/v1/models/m:predict", json!({ "inputs": { "text": [TEXT] } }).to_string()).json();
    assert_eq!(columns, json!({ "outputs": [row(TEXT)] }));
    let classes = post(&server, "/v1/models/m:classify", json!({ "examples": [{ "text": TEXT }] }).to_string()).json();
    assert_eq!(classes["results"][0][0][0], expected(TEXT)[0]["label"]);
    assert_eq!(get(&server, "/v1/models/m").json()["model_version_status"][0]["state"], "AVAILABLE");
    let metadata = get(&server, "/v1/models/m/metadata").json();
    assert_eq!(metadata["metadata"]["labels"], json!(classifier.labels()));
    for (path, status) in [
        ("/v1/models/x:predict", 404),
        ("/v1/models/m/versions/2:predict", 404),
        ("/v1/models/m/versions/x:predict", 400),
        ("/v1/models/m:regress", 404),
        ("/v1/models/..%2f..%2fetc:predict", 404),
        ("/v1/models/-:predict", 400),
    ] {
        let reply = post(&server, path, json!({ "instances": ["a"] }).to_string());
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
        reply.code();
    }
    assert_eq!(get(&server, "/v1/models/m:predict").code(), "method_not_allowed");
}

#[test]
fn clients_of_the_open_inference_protocol_are_answered() {
    let server = start(|_| {});
    let input = |n: usize, data: Value| json!({ "name": "text", "shape": [n], "datatype": "BYTES", "data": data });
    let body = json!({ "id": "7", "inputs": [input(2, json!([TEXT, "thanks"]))] });
    let answer = post(&server, "/v2/models/m/infer", body.to_string()).json();
    assert_eq!(
        (&answer["id"], &answer["model_name"], &answer["model_version"]),
        (&json!("7"), &json!("m"), &json!("1"))
    );
    assert_eq!(answer["outputs"][0]["data"], json!([expected(TEXT)[0]["label"], expected("thanks")[0]["label"]]));
    assert_eq!(answer["outputs"][1]["data"][0], expected(TEXT)[0]["score"]);
    assert_eq!(answer["outputs"][2]["shape"], json!([2, 4]));
    let wanted = json!({ "inputs": [input(1, json!([[TEXT]]))], "outputs": [{ "name": "label" }] });
    let answer = post(&server, "/v2/models/m/versions/1/infer", wanted.to_string()).json();
    assert_eq!(answer["outputs"].as_array().unwrap().len(), 1);
    for path in
        ["/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/m", "/v2/models/m/ready", "/v2/models/m/versions/1"]
    {
        assert_eq!(get(&server, path).status, 200, "{path}");
    }
    assert_eq!(get(&server, "/v2/models/x/ready").code(), "unknown_model");
    for body in [
        json!({ "inputs": [] }),
        json!({ "inputs": [input(3, json!(["a"]))] }),
        json!({ "inputs": [{ "name": "x", "shape": [1], "datatype": "FP32", "data": ["a"] }] }),
        json!({ "inputs": [input(1, json!(["a"]))], "outputs": [{ "name": "x" }] }),
        json!({ "inputs": [{ "name": "x", "shape": [u64::MAX, 2], "datatype": "BYTES", "data": ["a"] }] }),
    ] {
        assert_eq!(post(&server, "/v2/models/m/infer", body.to_string()).code(), "bad_request", "{body}");
    }
}

#[test]
fn many_lines_are_answered_in_their_order_and_bad_ones_one_by_one() {
    let server = start(|_| {});
    let texts = texts(3000);
    let mut lines: Vec<String> =
        texts.iter().enumerate().map(|(i, text)| json!({ "input": text, "id": i }).to_string()).collect();
    lines[5] = "no json".to_owned();
    lines[6] = json!(texts[6]).to_string();
    let headers = [("content-type", "application/x-ndjson")];
    let reply = Connection::to(server.address()).ask("POST", "/predict?model=m", &headers, lines.join("\n").as_bytes());
    assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
    let answers: Vec<Value> = reply.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 3000);
    let predictions = classifier("classical-v1.fenlei").predict_batch(&texts);
    for (i, answer) in answers.iter().enumerate() {
        if i == 5 {
            assert_eq!((&answer["code"], &answer["line"]), (&json!("bad_json"), &json!(6)));
            continue;
        }
        assert_eq!(answer["id"], if i == 6 { Value::Null } else { json!(i) });
        assert_eq!(score(&answer["predictions"], "advert"), predictions.row(i)[0], "{i}");
    }
    let unknown = Connection::to(server.address()).ask("POST", "/predict?model=x", &headers, b"\"a\"\n");
    assert_eq!(unknown.code(), "unknown_model");
}

#[test]
fn a_server_says_that_it_lives_and_what_it_serves() {
    let server = start(|_| {});
    assert_eq!(get(&server, "/health/live").json(), json!({ "live": true }));
    assert_eq!(get(&server, "/health/ready").json(), json!({ "ready": true }));
    let models = get(&server, "/models").json();
    assert_eq!((&models["models"][0]["name"], &models["models"][0]["default"]), (&json!("m"), &json!(true)));
    assert_eq!(get(&server, "/nothing").code(), "not_found");
    assert_eq!(get(&server, "/predict").code(), "method_not_allowed");
    let id = [("x-request-id", "order-17")];
    let reply = Connection::to(server.address()).ask("GET", "/nothing", &id, b"");
    assert_eq!((reply.header("x-request-id"), reply.code().as_str()), (Some("order-17"), "not_found"));
}

#[test]
fn a_wrong_method_is_refused_with_the_right_ones() {
    let server = start(|_| {});
    for (method, path, allowed) in [
        ("GET", "/predict", "POST"),
        ("TRACE", "/health/live", "GET,HEAD"),
        ("DELETE", "/v1/models/m:predict", "POST"),
        ("POST", "/v1/models/m/metadata", "GET"),
        ("POST", "/v2", "GET"),
        ("PUT", "/v2/health/live", "GET"),
        ("GET", "/v2/models/m/infer", "POST"),
        ("POST", "/v2/models/m/ready", "GET"),
    ] {
        let reply = Connection::to(server.address()).ask(method, path, &[], b"");
        assert_eq!((reply.status, reply.code().as_str()), (405, "method_not_allowed"), "{method} {path}");
        assert_eq!(reply.header("allow"), Some(allowed), "{method} {path}");
    }
}
