//! A hub that serves a model, and one that misbehaves.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use super::super::tests::{Request, Server, send, serve, sha256};
use super::*;

const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

type Files = Vec<(&'static str, Vec<u8>)>;

/// A real tiny model with its weights in several files.
fn model() -> Files {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/pretrained/bert-shards");
    let mut files: Files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name: &'static str = String::leak(path.file_name().unwrap().to_str().unwrap().to_owned());
        files.push((name, fs::read(&path).unwrap()));
    }
    files.push(("README.md", b"not needed".to_vec()));
    files.push(("onnx/model.onnx", b"not needed".to_vec()));
    files
}

fn listing(files: &Files) -> Vec<u8> {
    let sibling = |(name, bytes): &(&str, Vec<u8>)| match name.ends_with(".safetensors") {
        true => {
            json!({ "rfilename": name, "size": bytes.len(), "lfs": { "sha256": sha256(bytes), "size": bytes.len() } })
        }
        false => json!({ "rfilename": name, "size": bytes.len() }),
    };
    let siblings: Vec<_> = files.iter().map(sibling).collect();
    serde_json::to_vec(&json!({ "id": "someone/tiny", "sha": SHA, "siblings": siblings })).unwrap()
}

/// A correct hub, which sends large files from another address.
fn hub(files: &Files, request: &Request, stream: &mut std::net::TcpStream) {
    let resolve = format!("/someone/tiny/resolve/{SHA}/");
    if request.path == "/api/models/someone/tiny/revision/main?blobs=true" {
        return serve(&listing(files), request, stream);
    }
    let name = request.path.strip_prefix(&resolve).or_else(|| request.path.strip_prefix("/cdn/"));
    match (files.iter().find(|(file, _)| Some(*file) == name), request.path.starts_with("/cdn/")) {
        (Some((name, _)), false) if name.ends_with(".safetensors") => {
            send(stream, "302 Found", &format!("Location: /cdn/{name}\r\nContent-Length: 0\r\n"), b"");
        }
        (Some((_, bytes)), _) => serve(bytes, request, stream),
        (None, _) => send(stream, "404 Not Found", "Content-Length: 0\r\n", b""),
    }
}

struct Place {
    folder: tempfile::TempDir,
    options: HubOptions,
}

impl Place {
    fn new(endpoint: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("hub");
        let options = HubOptions { endpoint: endpoint.to_owned(), cache, token: None, offline: false };
        Self { folder, options }
    }

    fn get(&self, name: &str, refresh: bool) -> (Result<PathBuf>, Vec<Progress>) {
        let name = HubName::parse(name).unwrap();
        let options = GetOptions { n_retries: 1, backoff: Duration::from_millis(1), ..GetOptions::default() };
        let mut events = Vec::new();
        let never = AtomicBool::new(false);
        let result = get_model(&name, &self.options, &options, refresh, &mut |event| events.push(event), &never);
        (result, events)
    }

    fn error(&self) -> String {
        let error = self.get("hf:someone/tiny", true).0.unwrap_err();
        assert!(!error.is_wrong_use());
        error.to_string()
    }
}

#[test]
fn a_model_is_fetched_checked_read_and_there_without_the_hub() {
    let files = model();
    let server = Server::start(move |_, request, stream| hub(&files, request, stream));
    let mut place = Place::new(&server.address);
    place.options.token = Some("secret".to_owned());
    let (folder, _) = place.get("hf:someone/tiny", true);
    let folder = folder.unwrap();
    assert_eq!(folder, place.options.cache.join(format!("models--someone--tiny/snapshots/{SHA}")));
    let mut names: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(names.iter().all(|name| name != "README.md" && !name.contains("onnx")), "{names:?}");
    assert!(names.contains(&"tokenizer.json".to_owned()), "{names:?}");
    for (name, bytes) in model().iter().filter(|(name, _)| names.iter().any(|found| found == name)) {
        assert_eq!(&fs::read(folder.join(name)).unwrap(), bytes, "{name}");
    }
    let reference = place.options.cache.join("models--someone--tiny/refs/main");
    assert_eq!(fs::read_to_string(reference).unwrap(), SHA);
    let asked = server.requests.lock().unwrap();
    assert!(asked.iter().all(|request| request.header("authorization") == Some("bearer secret")));
    let n_asked = asked.len();
    drop(asked);

    // What is there is not asked for again; a refresh asks for the list alone.
    let (again, events) = place.get("hf:someone/tiny", false);
    assert_eq!((again.unwrap(), events), (folder.clone(), vec![Progress::AlreadyThere]));
    assert_eq!(server.n_requests(), n_asked);
    place.get("hf:someone/tiny", true).0.unwrap();
    assert_eq!(server.n_requests(), n_asked + 1);

    place.options.offline = true;
    place.options.endpoint = "http://127.0.0.1:9".to_owned();
    assert_eq!(place.get("hf:someone/tiny", true).0.unwrap(), folder);
    place.options.offline = false;
    let (found, events) = place.get("hf:someone/tiny", true);
    assert_eq!(found.unwrap(), folder);
    assert!(
        events.iter().any(|event| matches!(event, Progress::Note(note) if note.contains("not asked"))),
        "{events:?}"
    );
    place.options.offline = true;
    let error = place.get("hf:someone/other", true).0.unwrap_err().to_string();
    assert!(error.contains("HF_HUB_OFFLINE") && error.contains("models--someone--other"), "{error}");
}

#[test]
fn a_cut_transfer_goes_on_and_a_wrong_file_is_not_kept() {
    let files = model();
    let cut = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&cut);
    let server = Server::start(move |_, request, stream| {
        let large = files.iter().find(|(name, _)| request.path == format!("/cdn/{name}"));
        let mut n_cut = seen.lock().unwrap();
        match large {
            Some((_, bytes)) if *n_cut == 0 => {
                *n_cut += 1;
                let headers = format!("ETag: \"v1\"\r\nContent-Length: {}\r\n", bytes.len());
                send(stream, "200 OK", &headers, &bytes[..bytes.len() / 2]);
            }
            _ => hub(&files, request, stream),
        }
    });
    let place = Place::new(&server.address);
    let (folder, events) = place.get("hf:someone/tiny", true);
    folder.unwrap();
    assert!(events.iter().any(|event| matches!(event, Progress::Retrying { .. })));
    assert!(server.requests.lock().unwrap().iter().any(|request| request.start().is_some()), "it went on");

    // The list promises another content of the same length.
    let mut files = model();
    let (true_list, which) =
        (listing(&files), files.iter().position(|(name, _)| name.ends_with(".safetensors")).unwrap());
    files[which].1[40] ^= 1;
    let server = Server::start(move |_, request, stream| match request.path.starts_with("/api/") {
        true => serve(&true_list, request, stream),
        false => hub(&files, request, stream),
    });
    let place = Place::new(&server.address);
    let error = place.error();
    assert!(error.contains("SHA-256"), "{error}");
    assert!(place.options.cache.join("models--someone--tiny/refs").read_dir().is_err(), "it is not taken for whole");
}

#[test]
fn every_refusal_tells_what_to_do() {
    for (status, expected) in [
        ("401 Unauthorized", "HF_TOKEN"),
        ("403 Forbidden", "HF_TOKEN"),
        ("404 Not Found", "no such model or revision"),
        ("500 Broken", "500"),
    ] {
        let server = Server::start(move |_, _, stream| send(stream, status, "Content-Length: 0\r\n", b""));
        let error = Place::new(&server.address).error();
        assert!(error.contains(expected) && error.contains("help"), "{status}: {error}");
    }
    let error = Place::new("http://127.0.0.1:9").error();
    assert!(error.contains("cannot reach") && error.contains("HF_ENDPOINT"), "{error}");
    let server = Server::start(|_, _, stream| send(stream, "200 OK", "Content-Length: 5\r\n", b"<html"));
    let error = Place::new(&server.address).error();
    assert!(error.contains("no list of files"), "{error}");
    let server = Server::start(|_, _, stream| {
        let body = br#"{"sha": "../../x", "siblings": []}"#;
        send(stream, "200 OK", &format!("Content-Length: {}\r\n", body.len()), body);
    });
    let error = Place::new(&server.address).error();
    assert!(error.contains("which is none"), "{error}");
    for missing in ["config.json", "model.safetensors.index.json"] {
        let files: Files = model().into_iter().filter(|(name, _)| *name != missing).collect();
        let server = Server::start(move |_, request, stream| hub(&files, request, stream));
        let error = Place::new(&server.address).error();
        assert!(error.contains("it has no"), "{missing}: {error}");
    }
    // A list that names a file outside.
    let mut files = model();
    let list = files.iter_mut().find(|(name, _)| name.ends_with("index.json")).unwrap();
    list.1 = br#"{"weight_map": {"x": "../../evil.safetensors"}}"#.to_vec();
    let server = Server::start(move |_, request, stream| hub(&files, request, stream));
    let error = Place::new(&server.address).error();
    assert!(error.contains("evil") && error.contains("does not have"), "{error}");
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let files = model();
    let server = Server::start(move |_, request, stream| hub(&files, request, stream));
    let place = Place::new(&server.address);
    // A file stands where the folder should be: nobody can make it, whoever asks.
    fs::write(place.folder.path().join("hub"), "in the way").unwrap();
    let error = place.error();
    assert!(error.contains("cannot create") && error.contains("hub"), "{error}");
}

/// The device refuses every byte, as a full disk does.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let files = model();
    let server = Server::start(move |_, request, stream| hub(&files, request, stream));
    let place = Place::new(&server.address);
    let parts = place.options.cache.join("models--someone--tiny/fenlei-parts");
    fs::create_dir_all(&parts).unwrap();
    std::os::unix::fs::symlink("/dev/full", parts.join(format!("{SHA}-tokenizer.json.part"))).unwrap();
    let error = place.error();
    assert!(error.contains("cannot write") && error.contains("free some space"), "{error}");
}

#[test]
fn names_are_taken_apart_and_wrong_ones_refused() {
    let name = HubName::parse("hf:sentence-transformers/all-MiniLM-L6-v2@refs/pr/1").unwrap();
    assert_eq!(name.to_string(), "hf:sentence-transformers/all-MiniLM-L6-v2@refs/pr/1");
    assert_eq!(HubName::parse("hf:gpt2").unwrap().to_string(), "hf:gpt2");
    for wrong in
        ["gpt2", "hf:", "hf:a/b/c", "hf:../x", "hf:a/..", "hf:a/b@", "hf:a/b@../x", "hf:a b/c", "hf:a/.b", "hf:a--b"]
    {
        let error = HubName::parse(wrong).unwrap_err();
        assert!(error.is_wrong_use() && error.to_string().contains("hf:OWNER/NAME"), "{wrong}: {error}");
    }
    assert_eq!(hub_folder(Path::new("some/folder")).unwrap(), Path::new("some/folder"));
    assert!(hub_folder(Path::new("hf:a/b/c")).unwrap_err().is_wrong_use());
}

#[test]
fn the_variables_of_the_hubs_own_client_are_heard() {
    let of = |set: &[(&str, &str)]| {
        HubOptions::from_variables(|name| set.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
    };
    let usual = of(&[("HOME", "/h")]).unwrap();
    assert_eq!(usual.cache, Path::new("/h/.cache/huggingface/hub"));
    assert_eq!((usual.endpoint.as_str(), usual.token, usual.offline), ("https://huggingface.co", None, false));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "of-file\n").unwrap();
    let home = folder.path().to_str().unwrap();
    let told = [("HF_HOME", home), ("HF_ENDPOINT", "http://mirror/"), ("HF_HUB_OFFLINE", "1")];
    let options = of(&told).unwrap();
    assert_eq!((options.cache, options.token.as_deref()), (folder.path().join("hub"), Some("of-file")));
    assert_eq!((options.endpoint.as_str(), options.offline), ("http://mirror", true));
    let options = of(&[("HF_HOME", home), ("HF_HUB_CACHE", "/c"), ("HF_TOKEN", "t")]).unwrap();
    assert_eq!((options.cache.as_path(), options.token.as_deref()), (Path::new("/c"), Some("t")));
    assert!(of(&[]).unwrap_err().to_string().contains("HF_HOME"));
}
