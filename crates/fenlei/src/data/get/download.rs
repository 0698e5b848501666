//! One file over HTTP, gone on with where it broke off.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use ureq::config::RedirectAuthHeaders;
use ureq::http::{HeaderMap, Response};
use ureq::{Agent, Body};

use super::{GetOptions, Progress};
use crate::{Error, Result};

const CONNECT: Duration = Duration::from_secs(20);
/// A server that says nothing for so long is not going to.
const SILENCE: Duration = Duration::from_secs(60);

/// What is known of the file that a `.part` is the beginning of; kept beside it.
#[derive(Debug, Default, Serialize, Deserialize, PartialEq)]
struct Origin {
    url: String,
    /// The server's ETag or date of change: what tells this version from others.
    version: Option<String>,
}

/// What is fetched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remote<'a> {
    pub url: &'a str,
    /// An access token, for the server itself and not for others that it sends to.
    pub token: Option<&'a str>,
}

impl<'a> From<&'a str> for Remote<'a> {
    fn from(url: &'a str) -> Self {
        Self { url, token: None }
    }
}

enum Failure {
    /// Worth another try.
    Passing(String),
    /// Not.
    Final(Error),
}

/// Downloads `url` into `part`, going on with what is there of the same file.
///
/// Without a version from the server, going on is safe only if a hash will be checked (`hash_known`).
pub(super) fn download<'a>(
    remote: impl Into<Remote<'a>>,
    part: &Path,
    hash_known: bool,
    options: &GetOptions<'_>,
    on_progress: &mut dyn FnMut(Progress),
    cancel: &AtomicBool,
) -> Result<()> {
    let remote = remote.into();
    let url = remote.url;
    let config = Agent::config_builder()
        .redirect_auth_headers(RedirectAuthHeaders::SameHost)
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(SILENCE))
        .timeout_per_read(Some(SILENCE))
        .user_agent(concat!("fenlei/", env!("CARGO_PKG_VERSION")))
        .build();
    let agent = config.new_agent();
    let mut wait = options.backoff;
    let mut retries_left = options.n_retries;
    loop {
        let before = length(part);
        match attempt(&agent, remote, part, hash_known, on_progress, cancel) {
            Ok(()) => return Ok(()),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Passing(reason)) => {
                // A try that brought something does not count against the tries: it will come to an end.
                if length(part) > before {
                    wait = options.backoff;
                    retries_left = options.n_retries.max(1);
                }
                if retries_left == 0 {
                    let help = "check the connection and run the same command again: it goes on where it stopped";
                    return Err(Error::Download { url: url.to_owned(), problem: reason, help: help.to_owned() });
                }
                retries_left -= 1;
                on_progress(Progress::Retrying { reason, wait });
                pause(wait, cancel)?;
                wait = (wait * 2).min(Duration::from_secs(30));
            }
        }
    }
}

/// Removes a `.part` and what is noted beside it.
pub(super) fn discard(part: &Path) {
    // What cannot be removed now is overwritten the next time.
    let _ = fs::remove_file(part);
    let _ = fs::remove_file(origin_path(part));
}

fn attempt(
    agent: &Agent,
    Remote { url, token }: Remote<'_>,
    part: &Path,
    hash_known: bool,
    on_progress: &mut dyn FnMut(Progress),
    cancel: &AtomicBool,
) -> Result<(), Failure> {
    if cancel.load(Ordering::Relaxed) {
        return Err(Failure::Final(Error::Interrupted));
    }
    let origin = read_origin(part);
    let same = origin.url == url && (origin.version.is_some() || hash_known);
    let have = if same { length(part) } else { 0 };
    let mut request = agent.get(url);
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    if have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
        if let Some(version) = &origin.version {
            request = request.header("If-Range", version);
        }
    }
    let response = request.call().map_err(|error| failure_of(url, error))?;
    let (start, total) = match response.status().as_u16() {
        200 => (0, header(response.headers(), "content-length").and_then(|length| length.parse().ok())),
        206 => {
            let range = header(response.headers(), "content-range").and_then(|range| parse_range(&range));
            match range {
                Some((start, total)) if start == have && have > 0 => (start, total),
                _ => return Err(start_again(part, "the server sent another part of the file than was asked for")),
            }
        }
        // Nothing comes after what is there: it is all, or it is not a beginning of this file.
        416 => {
            let total =
                header(response.headers(), "content-range").and_then(|range| range.rsplit('/').next()?.parse().ok());
            if have > 0 && total == Some(have) {
                return Ok(());
            }
            return Err(start_again(part, "the server has a shorter file than what is there of it"));
        }
        status @ (408 | 425 | 429 | 500..=599) => {
            return Err(Failure::Passing(format!("the server answered {status}")));
        }
        status => return Err(Failure::Final(refused(url, status))),
    };
    receive(response, url, part, (start, total), on_progress, cancel)
}

fn receive(
    response: Response<Body>,
    url: &str,
    part: &Path,
    (start, total): (u64, Option<u64>),
    on_progress: &mut dyn FnMut(Progress),
    cancel: &AtomicBool,
) -> Result<(), Failure> {
    let failed = |error| Failure::Final(Error::io("write", part, error));
    let mut file = if start == 0 {
        let headers = response.headers();
        // A weak ETag does not promise the same bytes.
        let etag = header(headers, "etag").filter(|tag| tag.starts_with('"'));
        let version = etag.or_else(|| header(headers, "last-modified"));
        let file = File::create(part).map_err(failed)?;
        write_origin(part, &Origin { url: url.to_owned(), version }).map_err(failed)?;
        file
    } else {
        OpenOptions::new().append(true).open(part).map_err(failed)?
    };
    let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
    let mut buffer = vec![0; 1 << 16];
    let mut done = start;
    let ended = loop {
        if cancel.load(Ordering::Relaxed) {
            return Err(Failure::Final(Error::Interrupted));
        }
        on_progress(Progress::Downloading { done, total });
        match body.read(&mut buffer) {
            Ok(0) => break None,
            Ok(n) => {
                file.write_all(&buffer[..n]).map_err(failed)?;
                done += n as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => break Some(error),
        }
    };
    file.sync_all().map_err(failed)?;
    match (ended, total) {
        (None, Some(total)) if done != total => {
            Err(Failure::Passing(format!("the transfer ended after {done} of {total} bytes")))
        }
        (None, _) => Ok(()),
        (Some(error), total) => {
            let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
            Err(Failure::Passing(format!("the transfer broke off after {done}{of} bytes: {error}")))
        }
    }
}

fn start_again(part: &Path, reason: &str) -> Failure {
    discard(part);
    Failure::Passing(reason.to_owned())
}

fn failure_of(url: &str, error: ureq::Error) -> Failure {
    use ureq::Error as E;
    match error {
        E::Io(_) | E::Timeout(_) | E::HostNotFound | E::ConnectionFailed | E::Protocol(_) => {
            Failure::Passing(format!("cannot reach the server: {error}"))
        }
        other => {
            let help = "check the address, or give another one with --from";
            Failure::Final(Error::Download { url: url.to_owned(), problem: other.to_string(), help: help.to_owned() })
        }
    }
}

fn refused(url: &str, status: u16) -> Error {
    let (what, help) = match status {
        404 | 410 => ("the file is not there", "check the address, or give another one with --from"),
        401 | 403 => ("the server refuses to give the file", "fetch it with a browser and pass it with --from FILE"),
        _ => ("the server gave no file", "give another address with --from"),
    };
    Error::Download { url: url.to_owned(), problem: format!("{what} (HTTP {status})"), help: help.to_owned() }
}

fn pause(wait: Duration, cancel: &AtomicBool) -> Result<()> {
    let end = Instant::now() + wait;
    while Instant::now() < end {
        if cancel.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        std::thread::sleep(end.saturating_duration_since(Instant::now()).min(Duration::from_millis(50)));
    }
    Ok(())
}

/// `bytes 100-199/200` → (100, Some(200)).
fn parse_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, total.trim().parse().ok()))
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

fn origin_path(part: &Path) -> PathBuf {
    let mut name = part.as_os_str().to_owned();
    name.push(".json");
    PathBuf::from(name)
}

/// What is not readable is as good as not there: the download starts anew.
fn read_origin(part: &Path) -> Origin {
    let text = fs::read_to_string(origin_path(part)).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn write_origin(part: &Path, origin: &Origin) -> std::io::Result<()> {
    fs::write(origin_path(part), serde_json::to_string(origin)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_understood() {
        assert_eq!(parse_range("bytes 100-199/200"), Some((100, Some(200))));
        assert_eq!(parse_range("bytes 0-9/*"), Some((0, None)));
        assert_eq!(parse_range("bytes */200"), None);
        assert_eq!(parse_range("lines 1-2/3"), None);
    }
}
