//! Fetching from a server that misbehaves in every way it can.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::*;
use crate::data::{ReadOptions, read};

/// A request as the server sees it: its path and its headers in lower case.
pub(super) struct Request {
    pub(super) path: String,
    headers: Vec<String>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// Where the asked-for range starts.
    pub(super) fn start(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// A server for one test; `answer` gets the number of the request and the raw connection.
pub(super) struct Server {
    pub(super) address: String,
    pub(super) requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(super) fn start(answer: impl Fn(usize, &Request, &mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let Ok(mut stream) = stream else { return };
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let Some(Ok(first)) = lines.next() else { continue };
                let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
                let headers = lines.map_while(Result::ok).take_while(|line| !line.is_empty());
                let request = Request { path, headers: headers.map(|line| line.to_lowercase()).collect() };
                answer(number, &request, &mut stream);
                log.lock().unwrap().push(request);
            }
        });
        Self { address, requests }
    }

    pub(super) fn n_requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

pub(super) fn send(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n");
    // The client may have hung up already.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

/// A correct server of `body`.
pub(super) fn serve(body: &[u8], request: &Request, stream: &mut TcpStream) {
    let version = "ETag: \"v1\"\r\n";
    match request.start().filter(|_| request.header("if-range").is_none_or(|version| version == "\"v1\"")) {
        Some(start) if start >= body.len() => {
            send(
                stream,
                "416 Range Not Satisfiable",
                &format!("Content-Range: bytes */{}\r\nContent-Length: 0\r\n", body.len()),
                b"",
            );
        }
        Some(start) => {
            let headers = format!(
                "{version}Content-Range: bytes {start}-{}/{}\r\nContent-Length: {}\r\n",
                body.len() - 1,
                body.len(),
                body.len() - start
            );
            send(stream, "206 Partial Content", &headers, &body[start..]);
        }
        None => send(stream, "200 OK", &format!("{version}Content-Length: {}\r\n", body.len()), body),
    }
}

fn archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut add = |name: &str, text: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, text.as_bytes()).unwrap();
    };
    // Text that does not compress, so that the archive has a size worth breaking.
    let noise: String =
        (0u64..60_000).map(|i| char::from(b'a' + (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8 % 26)).collect();
    add("set/pos/1.txt", &noise);
    add("set/neg/1.txt", "bad");
    builder.into_inner().unwrap().finish().unwrap()
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Fetched {
    result: Result<PathBuf>,
    events: Vec<Progress>,
    folder: tempfile::TempDir,
}

impl Fetched {
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn fetch_into(folder: tempfile::TempDir, from: &str, sha256: Option<&str>) -> Fetched {
    let options = GetOptions { from: Some(from), sha256, n_retries: 2, backoff: Duration::from_millis(1) };
    let mut events = Vec::new();
    let result = get("set", folder.path(), &options, &mut |event| events.push(event), &AtomicBool::new(false));
    Fetched { result, events, folder }
}

fn fetch(from: &str, sha256: Option<&str>) -> Fetched {
    fetch_into(tempfile::tempdir().unwrap(), from, sha256)
}

#[test]
fn a_good_server_is_enough() {
    let body = archive();
    let hash = sha256(&body);
    let server = Server::start(move |_, request, stream| serve(&body, request, stream));
    let fetched = fetch(&format!("{}/set.tar.gz", server.address), Some(&hash));
    let path = fetched.result.as_ref().unwrap();
    assert_eq!(read(path, &ReadOptions::default()).unwrap().0.labels, ["neg", "pos"]);
    assert_eq!(fetched.names(), ["set"]);
    assert!(matches!(fetched.events.first(), Some(Progress::Downloading { done: 0, total: Some(_) })));
    // A second time there is nothing to do.
    let again = fetch_into(fetched.folder, &server.address, None);
    assert_eq!(again.events, [Progress::AlreadyThere]);
    assert_eq!(server.n_requests(), 1);
}

#[test]
fn a_broken_transfer_goes_on_where_it_stopped() {
    let body = archive();
    let (hash, half) = (sha256(&body), body.len() / 2);
    let server = Server::start(move |number, request, stream| match number {
        0 => send(stream, "200 OK", &format!("ETag: \"v1\"\r\nContent-Length: {}\r\n", body.len()), &body[..half]),
        _ => serve(&body, request, stream),
    });
    let fetched = fetch(&server.address, Some(&hash));
    assert!(fetched.result.is_ok(), "{:?}", fetched.result);
    let requests = server.requests.lock().unwrap();
    assert_eq!(requests[1].start(), Some(half));
    assert_eq!(requests[1].header("if-range"), Some("\"v1\""));
    assert!(fetched.events.iter().any(|event| matches!(event, Progress::Retrying { .. })));
}

#[test]
fn an_interrupted_fetch_goes_on_the_next_time() {
    let body = archive();
    let half = body.len() / 2;
    let (first, second) = (body.clone(), body.clone());
    let server = Server::start(move |number, request, stream| match number {
        0 => send(stream, "200 OK", &format!("ETag: \"v1\"\r\nContent-Length: {}\r\n", first.len()), &first[..half]),
        1..=3 => send(stream, "503 Busy", "Content-Length: 0\r\n", b""),
        _ => serve(&second, request, stream),
    });
    let fetched = fetch(&server.address, None);
    assert!(fetched.result.unwrap_err().to_string().contains("503"));
    let again = fetch_into(fetched.folder, &server.address, None);
    assert!(again.result.is_ok());
    assert_eq!(server.requests.lock().unwrap().last().unwrap().start(), Some(half));
    assert_eq!(again.names(), ["set"]);
}

#[test]
fn a_server_without_ranges_or_with_a_new_version_starts_anew() {
    for changes in [false, true] {
        let body = archive();
        let hash = sha256(&body);
        let half = body.len() / 2;
        let server = Server::start(move |number, _, stream| {
            let version = if changes { format!("ETag: \"v{number}\"\r\n") } else { "ETag: \"v1\"\r\n".to_owned() };
            let headers = format!("{version}Content-Length: {}\r\n", body.len());
            let sent = if number == 0 { &b"x".repeat(half)[..] } else { &body[..] };
            send(stream, "200 OK", &headers, sent);
        });
        assert!(fetch(&server.address, Some(&hash)).result.is_ok());
        assert_eq!(server.n_requests(), 2);
    }
}

#[test]
fn a_server_that_lies_about_the_length_is_found_out() {
    let body = archive();
    let hash = sha256(&body);
    let server = Server::start(move |_, request, stream| {
        let start = request.start().unwrap_or(0);
        let range = format!("Content-Range: bytes {start}-{0}/{1}\r\n", body.len() + 9, body.len() + 10);
        let status = if start > 0 { "206 Partial Content" } else { "200 OK" };
        let range = if start > 0 { range } else { String::new() };
        let headers = format!("ETag: \"v1\"\r\n{range}Content-Length: {}\r\n", body.len() + 10 - start);
        send(stream, status, &headers, &body[start.min(body.len())..]);
    });
    let fetched = fetch(&server.address, Some(&hash));
    let error = fetched.result.as_ref().unwrap_err().to_string();
    assert!(error.contains("of") && error.contains("bytes"), "{error}");
    assert!(!fetched.names().contains(&"set".to_owned()));
    // Too short a length cuts the file off: its hash is wrong.
    let body = archive();
    let server = Server::start(move |_, _, stream| send(stream, "200 OK", "Content-Length: 1000\r\n", &body));
    let error = fetch(&server.address, Some(&hash)).result.unwrap_err().to_string();
    assert!(error.contains("SHA-256"), "{error}");
}

#[test]
fn a_wrong_file_is_not_installed() {
    let body = archive();
    let server = Server::start(move |_, request, stream| serve(&body, request, stream));
    let fetched = fetch(&server.address, Some(&"0".repeat(64)));
    let error = fetched.result.as_ref().unwrap_err();
    assert!(matches!(error, Error::Download { .. }) && error.to_string().contains("SHA-256"), "{error}");
    assert_eq!(fetched.names(), [""; 0]);
    // The official set has a size to be held to.
    let set = KnownSet { name: "s", title: "", url: "", licence: "", bytes: Some(5), sha256: None };
    let url: &'static str = String::leak(server.address.clone());
    let folder = tempfile::tempdir().unwrap();
    let set = KnownSet { url, ..set };
    let never = AtomicBool::new(false);
    let result = install("s", &set, folder.path(), &GetOptions::default(), &mut |_| (), &never);
    assert!(result.unwrap_err().to_string().contains("expected 5"));
    assert!(!folder.path().join("s").exists());
}

#[test]
fn a_missing_file_is_not_tried_again_but_redirects_are_followed() {
    let body = archive();
    let server = Server::start(move |_, request, stream| match request.path.as_str() {
        "/old" => send(stream, "302 Found", "Location: /new\r\nContent-Length: 0\r\n", b""),
        "/new" => serve(&body, request, stream),
        _ => send(stream, "404 Not Found", "Content-Length: 0\r\n", b""),
    });
    let error = fetch(&format!("{}/gone", server.address), None).result.unwrap_err().to_string();
    assert!(error.contains("404"), "{error}");
    assert_eq!(server.n_requests(), 1);
    assert!(fetch(&format!("{}/old", server.address), None).result.is_ok());
}

#[test]
fn nothing_leaves_the_folder() {
    let hostile = |name: &str, kind: tar::EntryType, link: &str| {
        let mut header = tar::Header::new_old();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_size(if kind.is_file() { 1 } else { 0 });
        header.set_mode(0o644);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend(if kind.is_file() { [vec![b'x'], vec![0; 511]].concat() } else { Vec::new() });
        bytes.extend([0; 1024]);
        bytes
    };
    let outer = tempfile::tempdir().unwrap();
    for (name, kind, link) in [
        ("../evil", tar::EntryType::Regular, ""),
        ("/tmp/fenlei-evil", tar::EntryType::Regular, ""),
        ("a/../../evil", tar::EntryType::Regular, ""),
        ("a\\..\\evil", tar::EntryType::Regular, ""),
        ("link", tar::EntryType::Symlink, "/etc"),
        ("hard", tar::EntryType::Link, "../../x"),
        ("device", tar::EntryType::Char, ""),
    ] {
        let path = outer.path().join("evil.tar");
        fs::write(&path, hostile(name, kind, link)).unwrap();
        let fetched = fetch(path.to_str().unwrap(), None);
        let error = fetched.result.as_ref().unwrap_err();
        assert!(matches!(error, Error::Data { .. }), "{name}: {error}");
        assert_eq!(fetched.names(), [""; 0], "{name}");
    }
    assert!(!outer.path().join("evil").exists());
}

#[test]
fn a_bomb_is_refused_before_it_fills_the_disk() {
    let mut builder = tar::Builder::new(zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap());
    let mut header = tar::Header::new_gnu();
    header.set_size(1 << 27);
    header.set_mode(0o644);
    builder.append_data(&mut header, "a", std::io::repeat(0).take(1 << 27)).unwrap();
    let bytes = builder.into_inner().unwrap().finish().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.tar.zst");
    fs::write(&path, bytes).unwrap();
    let fetched = fetch(path.to_str().unwrap(), None);
    assert!(fetched.result.as_ref().unwrap_err().to_string().contains("far more"));
    assert_eq!(fetched.names(), [""; 0]);
}

#[test]
fn files_and_zip_archives_are_taken_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.zip");
    let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
    zip.start_file("SMSSpamCollection", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(b"ham\tOk lar\nspam\tFree entry\n").unwrap();
    zip.finish().unwrap();
    let fetched = fetch(path.to_str().unwrap(), None);
    assert_eq!(read(fetched.result.as_ref().unwrap(), &ReadOptions::default()).unwrap().0.labels, ["ham", "spam"]);
    let plain = folder.path().join("train.csv");
    fs::write(&plain, "text,label\na,x\n").unwrap();
    let fetched = fetch(plain.to_str().unwrap(), None);
    assert!(fetched.result.unwrap().join("train.csv").is_file());
}

#[test]
fn unofficial_files_are_noted_and_unknown_names_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tar.gz");
    fs::write(&path, archive()).unwrap();
    let options = GetOptions { from: path.to_str(), ..Default::default() };
    let mut notes = Vec::new();
    let never = AtomicBool::new(false);
    get("imdb", folder.path(), &options, &mut |event| notes.push(format!("{event:?}")), &never).unwrap();
    assert!(notes.iter().any(|note| note.contains("84125825")), "{notes:?}");
    let error = get("imbd", folder.path(), &GetOptions::default(), &mut |_| (), &never).unwrap_err();
    assert!(error.is_wrong_use() && error.to_string().contains("did you mean \"imdb\""), "{error}");
    let error = get("../x", folder.path(), &options, &mut |_| (), &never).unwrap_err();
    assert!(error.is_wrong_use());
    let cancelled = AtomicBool::new(true);
    let error = get("other", folder.path(), &options, &mut |_| (), &cancelled).unwrap_err();
    assert!(matches!(error, Error::Interrupted));
    assert!(!folder.path().join("other").exists());
}
