use super::*;

fn read_as(name: &str, text: &str, options: &ReadAs) -> Result<Documents> {
    Documents::of_bytes(Path::new(name), text.as_bytes(), options)
}

fn read(name: &str, text: &str) -> Documents {
    read_as(name, text, &ReadAs::default()).unwrap()
}

fn written(documents: &Documents, format: LabelFormat, answers: &[Option<Answer>]) -> String {
    let mut out = Vec::new();
    documents.write(&mut out, format, answers, false).unwrap();
    String::from_utf8(out).unwrap()
}

fn says(labels: &[&str]) -> Option<Answer> {
    let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
    Some(Answer { annotators: vec![("ann".to_owned(), labels.clone())], labels: Some(labels) })
}

const LINES: &str = "{\"id\": 7, \"text\": \"a fine <b>film</b>\", \"meta\": {\"x\": [1.50, 2]}, \"label\": \"good\"}\n\
    {\"id\": 8, \"text\": \"很闷\", \"label\": null, \"n\": 12345678901234567890123}\n";

#[test]
fn lines_come_back_as_they_were_but_for_what_was_decided() {
    let documents = read("a.jsonl", LINES);
    let [fine, dull] = &documents.items[..] else { panic!("{documents:?}") };
    assert_eq!(documents.texts, ["a fine <b>film</b>", "很闷"]);
    assert_eq!((fine.given.as_deref(), dull.given.as_deref()), (Some(&["good".to_owned()][..]), None));
    let expected = LINES
        .replace("\": ", "\":")
        .replace("\", \"", "\",\"")
        .replace("7, ", "7,")
        .replace("8, ", "8,")
        .replace("}, ", "},")
        .replace("null, ", "null,");
    let expected = expected.replace("{\"x\":[", "{\"x\": [");
    assert_eq!(written(&documents, LabelFormat::JsonLines, &[None, None]), expected);
    let changed = written(&documents, LabelFormat::JsonLines, &[None, says(&["bad"])]);
    assert_eq!(changed, expected.replace("\"label\":null", "\"label\":\"bad\""));
}

#[test]
fn a_label_that_was_a_number_stays_one_and_a_list_a_list() {
    let documents =
        read("a.jsonl", "{\"text\": \"a\", \"label\": 1}\n{\"text\": \"b\", \"label\": 0}\n{\"text\": \"c\"}\n");
    let text = written(&documents, LabelFormat::JsonLines, &[None, says(&["1"]), says(&["0"])]);
    assert_eq!(text, "{\"text\":\"a\",\"label\":1}\n{\"text\":\"b\",\"label\":1}\n{\"text\":\"c\",\"label\":0}\n");
    let documents = read("a.jsonl", "{\"text\": \"a\", \"label\": [\"x\", \"y\"]}\n{\"text\": \"b\", \"label\": []}\n");
    assert!(documents.multi_label && documents.items[1].given.is_none());
    let text = written(&documents, LabelFormat::JsonLines, &[None, says(&["y"])]);
    assert!(text.ends_with("{\"text\":\"b\",\"label\":[\"y\"]}\n"), "{text}");
}

#[test]
fn a_table_keeps_its_columns_and_gets_one_for_labels() {
    let documents = read("a.csv", "id,text,source\n1,\"one, two\",web\n2,\"line\nend\",=cmd\n");
    assert_eq!(documents.texts[1], "line\nend");
    let text = written(&documents, LabelFormat::Csv, &[says(&["good"]), None]);
    assert_eq!(text, "id,text,source,label\n1,\"one, two\",web,good\n2,\"line\nend\",=cmd,\n");
    let lines = written(&documents, LabelFormat::JsonLines, &[says(&["good"]), None]);
    assert!(
        lines.starts_with("{\"id\":\"1\",\"text\":\"one, two\",\"source\":\"web\",\"label\":\"good\"}\n"),
        "{lines}"
    );
}

#[test]
fn several_labels_share_a_column_where_they_are_asked_for() {
    let several = ReadAs { multi_label: true, ..ReadAs::default() };
    let documents = read_as("a.csv", "text,label\none,a|b\ntwo,\n", &several).unwrap();
    assert_eq!(documents.labels, ["a", "b"]);
    assert_eq!(written(&documents, LabelFormat::Csv, &[None, says(&["b", "a"])]), "text,label\none,a|b\ntwo,b|a\n");
    assert_eq!(read("a.csv", "text,label\none,a|b\ntwo,c\n").labels, ["a|b", "c"]);
}

#[test]
fn a_field_is_the_label_only_if_its_name_says_so() {
    for (name, text) in
        [("a.jsonl", "{\"id\": 1, \"text\": \"a\"}\n{\"id\": 2, \"text\": \"b\"}\n"), ("a.csv", "id,text\n1,a\n2,b\n")]
    {
        let documents = read(name, text);
        assert!(documents.labels.is_empty() && documents.items[0].given.is_none(), "{name}");
        let out = written(&documents, LabelFormat::JsonLines, &[says(&["x"]), None]);
        assert!(out.contains(",\"text\":\"a\",\"label\":\"x\"}\n"), "{out}");
    }
    let many: String = (0..500).map(|i| format!("{{\"id\": {i}, \"text\": \"t\"}}\n")).collect();
    assert!(read("a.jsonl", &many).labels.is_empty());
    let asked = ReadAs { label_column: Some("id".to_owned()), ..ReadAs::default() };
    assert_eq!(read_as("a.csv", "id,text\n1,a\n2,b\n", &asked).unwrap().labels, ["1", "2"]);
    assert_eq!(read("a.jsonl", "{\"sentiment\": \"x\", \"review\": \"a\"}\n").labels, ["x"]);
}

#[test]
fn a_table_without_names_gets_none() {
    let text = "a long sentence about nothing,x\nanother long sentence,y\nand a third one here,x\n";
    let documents = read("a.csv", text);
    assert_eq!((documents.items.len(), documents.labels.len()), (3, 2));
    let changed = written(&documents, LabelFormat::Csv, &[says(&["y"]), None, None]);
    assert_eq!(changed, text.replacen(",x", ",y", 1));
}

#[test]
fn fasttext_lines_are_read_and_written() {
    let documents = read("a.txt", "__label__a __label__b one  two\nthree\n");
    assert!(documents.multi_label);
    assert_eq!(documents.texts[0], "one  two");
    let text = written(&documents, LabelFormat::FastText, &[None, says(&["x y"])]);
    assert_eq!(text, "__label__a __label__b one  two\n__label__x_y three\n");
}

#[test]
fn doccano_gets_lists_and_keeps_its_own_fields() {
    let text = "{\"id\":3,\"text\":\"a\",\"label\":[],\"Comments\":[]}\n";
    let documents = read("a.jsonl", text);
    let changed = written(&documents, LabelFormat::Doccano, &[says(&["x"])]);
    assert_eq!(changed, text.replace("\"label\":[]", "\"label\":[\"x\"]"));
    let documents = read("a.csv", "text,label\none,a\n");
    assert_eq!(written(&documents, LabelFormat::Doccano, &[None]), "{\"text\":\"one\",\"label\":[\"a\"]}\n");
}

const TASKS: &str = r#"[{"id": 1, "data": {"text": "a", "url": "u"}, "annotations": [{"id": 9, "result":
    [{"from_name": "mood", "to_name": "doc", "type": "choices", "value": {"choices": ["good"]}}]}], "meta": {"k": 1}},
    {"id": 2, "data": {"text": "b"}, "annotations": []}]"#;

#[test]
fn tasks_of_label_studio_keep_theirs_and_get_further_annotations() {
    let documents = read("tasks.json", TASKS);
    assert_eq!(documents.format, LabelFormat::LabelStudio);
    assert_eq!(documents.items[0].given.as_deref(), Some(&["good".to_owned()][..]));
    let text = written(&documents, LabelFormat::LabelStudio, &[says(&["bad"]), None]);
    let tasks: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(tasks[0]["meta"]["k"], 1);
    assert_eq!(tasks[0]["annotations"][2]["id"], 9);
    assert_eq!(tasks[0]["annotations"][0]["result"][0]["from_name"], "mood");
    assert_eq!(tasks[0]["annotations"][1]["meta"]["annotator"], "ann");
    assert_eq!(tasks[1]["annotations"], serde_json::json!([]));
    // What we write is what we read.
    let again = read("tasks.json", &text);
    assert_eq!(again.items[0].given.as_deref(), Some(&["bad".to_owned()][..]));
    let lines = written(&documents, LabelFormat::JsonLines, &[None, says(&["bad"])]);
    assert!(
        lines.starts_with("{\"text\":\"a\",\"url\":\"u\",\"id\":1,\"meta\":{\"k\": 1},\"label\":\"good\"}\n"),
        "{lines}"
    );
}

#[test]
fn each_layout_becomes_each_other_with_the_same_labels() {
    let sources = [
        ("a.jsonl", LINES),
        ("a.csv", "text,label\none,good\ntwo,\n"),
        ("a.txt", "__label__good one\ntwo\n"),
        ("t.json", TASKS),
    ];
    for (name, text) in sources {
        let documents = read(name, text);
        for format in LabelFormat::ALL {
            let text = written(&documents, format, &[None, says(&["bad"])]);
            let again = read_as("x", &text, &ReadAs { format: Some(format), ..ReadAs::default() }).unwrap();
            assert_eq!(again.texts, documents.texts, "{name} as {format}");
            assert_eq!(again.labels, ["bad", "good"], "{name} as {format}: {text}");
        }
    }
}

#[test]
fn only_labelled_documents_where_that_is_asked_for() {
    let documents = read("a.jsonl", LINES);
    let mut out = Vec::new();
    documents.write(&mut out, LabelFormat::FastText, &[None, None], true).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), "__label__good a fine <b>film</b>\n");
    // Nobody agrees: the file's own label is doubted too.
    let open = Answer { labels: None, annotators: vec![] };
    let text = written(&documents, LabelFormat::JsonLines, &[Some(open), None]);
    assert!(text.contains("\"label\":null}\n"), "{text}");
}

#[test]
fn equal_texts_are_told_apart_and_different_files_too() {
    let documents = read("a.txt", "one\none\ntwo\n");
    let keys: Vec<&str> = documents.items.iter().map(|item| item.key.as_str()).collect();
    assert_eq!(keys[1], format!("{}-2", keys[0]));
    assert_ne!(documents.fingerprint, read("a.txt", "one\n").fingerprint);
}

#[test]
fn bad_files_are_refused_with_place_and_way_out() {
    let cases: [(&str, &[u8], &str); 9] = [
        ("a.jsonl", b"", "found no documents"),
        ("a.csv", b"\xef\xbb\xbf \n", "found no documents"),
        ("a.jsonl", b"{\"text\": \"a\"}\n{\"label\": \"x\"}\n", "a.jsonl:2: found no \"text\""),
        ("a.jsonl", b"{\"text\": \"a\"}\n{\"text\": 5}\n", "a.jsonl:2: found 5 as \"text\""),
        ("a.jsonl", b"{\"text\": \"a\"}\n\nnonsense\n", "a.jsonl:3: found \"nonsense\""),
        ("a.jsonl", b"{\"text\": \"a\"}\n{\"text\": \"\xff\"}\n", "a.jsonl:2: found the byte 0xff, expected UTF-8"),
        ("a.jsonl", b"{\"text\": \"a\", \"label\": {\"b\": 1}}\n", "as label"),
        ("a.csv", b"text,label\nx,y\nz\n", "a.csv:3: found 1 fields, expected 2"),
        ("a.json", b"[{\"data\": {\"text\": \"x\"}}, {\"id\": 1}]", "a.json:2: found no \"data\""),
    ];
    for (name, bytes, expected) in cases {
        let error = Documents::of_bytes(Path::new(name), bytes, &ReadAs::default()).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("help: "), "{name}: {error}");
    }
    let error = Documents::read(Path::new("no/such.jsonl"), &ReadAs::default()).unwrap_err().to_string();
    assert!(error.contains("no/such.jsonl"), "{error}");
}
