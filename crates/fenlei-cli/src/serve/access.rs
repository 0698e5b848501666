//! Who may ask, as arguments and files say.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use fenlei::{Error, Result};
use fenlei_serve::{Access, Token, day_begins};

/// A token for everybody who knows it, where files are unhandy.
const TOKEN_VARIABLE: &str = "FENLEI_TOKEN";

/// Shorter tokens can be guessed.
const LEAST_CHARS: usize = 16;

#[derive(Debug, Args)]
#[command(next_help_heading = "Access")]
pub(super) struct AccessArguments {
    /// A file of bearer tokens, a line each: NAME TOKEN, and the day on which it ends (YYYY-MM-DD) where it does;
    /// the variable FENLEI_TOKEN may hold one more
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Names under which the server is reached; others are refused
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    allow_host: Vec<String>,
    /// Pages of other origins that may ask, as https://example.org
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',')]
    allow_origin: Vec<String>,
    /// Requests a second for each token, or each address where there are no tokens
    #[arg(long, value_name = "N")]
    rate_limit: Option<f64>,
    /// The certificate chain (PEM); with it, connections are secure
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// The address to listen at for commands, such as 127.0.0.1:8081
    #[arg(long, value_name = "HOST:PORT", requires = "admin_token_file")]
    pub admin: Option<SocketAddr>,
    /// The tokens for commands, as in --token-file
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
}

impl AccessArguments {
    /// Certificate and key.
    pub fn tls(&self) -> Option<(PathBuf, PathBuf)> {
        self.tls_certificate.clone().zip(self.tls_key.clone())
    }

    /// Reads the files.
    pub fn load(&self) -> Result<Access> {
        let mut tokens = self.token_file.as_deref().map_or(Ok(Vec::new()), read_tokens)?;
        if let Ok(secret) = env::var(TOKEN_VARIABLE) {
            check_secret(TOKEN_VARIABLE, None, &secret)?;
            tokens.push(Token { name: TOKEN_VARIABLE.to_owned(), secret, expires: None });
        }
        if let Some(rate) = self.rate_limit.filter(|rate| !(*rate > 0.0 && rate.is_finite())) {
            let problem = format!("found {rate}, expected a number above 0");
            return Err(Error::config("--rate-limit", problem, "leave it out for no limit"));
        }
        Ok(Access {
            tokens,
            admin_tokens: self.admin_token_file.as_deref().map_or(Ok(Vec::new()), read_tokens)?,
            origins: self.allow_origin.clone(),
            hosts: self.allow_host.clone(),
            rate: self.rate_limit,
        })
    }
}

/// `NAME TOKEN [DAY]` a line; empty lines and those that begin with `#` say nothing.
fn read_tokens(path: &Path) -> Result<Vec<Token>> {
    let text = fs::read_to_string(path).map_err(|error| Error::io("read", path, error))?;
    let mut tokens = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let refuse =
            |problem: &str| Error::data(path, Some(number), problem, "write NAME TOKEN, or NAME TOKEN YYYY-MM-DD");
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (name, secret, day) = match fields[..] {
            [] => continue,
            [first, ..] if first.starts_with('#') => continue,
            [name, secret] => (name, secret, None),
            [name, secret, day] => (name, secret, Some(day)),
            _ => return Err(refuse(&format!("found {} fields, expected 2 or 3", fields.len()))),
        };
        check_secret(&path.display().to_string(), Some(number), secret)?;
        let end = |day| day_begins(day).ok_or_else(|| refuse(&format!("found {day:?}, expected a day")));
        let expires = day.map(end).transpose()?;
        tokens.push(Token { name: name.to_owned(), secret: secret.to_owned(), expires });
    }
    if tokens.is_empty() {
        let help = "write NAME TOKEN a line, or leave the argument out to let everybody ask";
        return Err(Error::data(path, None, "found no tokens, expected at least one", help));
    }
    Ok(tokens)
}

fn check_secret(place: &str, line: Option<u64>, secret: &str) -> Result<()> {
    if secret.chars().count() >= LEAST_CHARS && secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let problem = format!("a token has fewer than {LEAST_CHARS} characters, or others than letters, digits and signs");
    Err(Error::data(place, line, problem, "make one with `openssl rand -hex 24`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Token>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.txt");
        fs::write(&path, text).unwrap();
        read_tokens(&path)
    }

    #[test]
    fn a_file_of_tokens_names_them_and_says_when_they_end() {
        let tokens = read("# ours\n\nalice 0123456789abcdef\nbob  fedcba9876543210 1970-01-02\n").unwrap();
        let (alice, bob) = (&tokens[0], &tokens[1]);
        assert_eq!((alice.name.as_str(), alice.secret.as_str(), alice.expires), ("alice", "0123456789abcdef", None));
        assert_eq!((bob.name.as_str(), bob.expires), ("bob", Some(86_400)));
    }

    #[test]
    fn a_wrong_line_is_named_without_its_secret() {
        for (text, expected) in [
            ("a short\n", ":1: a token has fewer"),
            ("\nalice\n", ":2: found 1 fields"),
            ("alice 0123456789abcdef tomorrow\n", "expected a day"),
            ("# nobody\n", "found no tokens"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("0123456789abcdef"), "{error}");
        }
        assert!(read_tokens(Path::new("/no/such/file")).is_err());
    }
}
