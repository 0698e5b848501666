//! The built program in a folder of its own, with small data.

// Each test file uses a part of this.
#![allow(dead_code)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

/// Settings that make a small net, which learns the small data below in a moment.
pub const SMALL: [&str; 8] = [
    "--set=model.layers.0.dim=8",
    "--set=model.layers.2.branches.0.0.filters=4",
    "--set=model.word_dropout=0",
    "--set=train.batch_size=8",
    "--set=train.optimizer.lr=0.02",
    "--set=train.early_stopping.patience=0",
    "--set=train.early_stopping.metric=log-loss",
    "--set=train.average=",
];

/// A folder that goes when the test ends. Commands run in it, so that messages hold no path of this machine.
pub struct Folder(tempfile::TempDir);

/// What a command did.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With `reviews.csv`, and `model.fenlei` trained on it.
    pub fn with_model() -> Self {
        let folder = Self::new();
        folder.write("reviews.csv", reviews(60));
        folder.train(&["reviews.csv", "--epochs", "8"]).succeeded();
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The names of the files that are there, hidden ones too.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fenlei"));
        command.args(args).current_dir(self.0.path()).env_remove("FENLEI_DATA").stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        ran(self.command(args).output().unwrap())
    }

    /// `fenlei train` with a small net.
    pub fn train(&self, args: &[&str]) -> Ran {
        self.run(&train_args(args))
    }

    /// With something on standard input.
    pub fn run_with_input(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut child = self.spawn(args);
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // A thread, since the answers may fill their pipe before everything is written.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        ran(output)
    }

    /// A running command with pipes on all three.
    pub fn spawn(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// A command with its exit code and outputs, for a snapshot.
    pub fn transcript(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        let mut text = format!("$ fenlei {}\nexit code: {}\n", args.join(" "), ran.code.unwrap());
        for (name, output) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
            if !output.is_empty() {
                let _ = write!(text, "--- {name}\n{output}");
            }
        }
        text
    }
}

impl Ran {
    #[track_caller]
    pub fn succeeded(self) -> Self {
        self.ended(0)
    }

    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// The one JSON object on standard output.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

pub fn train_args<'a>(args: &[&'a str]) -> Vec<&'a str> {
    ["train"].into_iter().chain(args.iter().copied()).chain(SMALL).collect()
}

fn ran(output: Output) -> Ran {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// `kill -SIGNAL` of a running command.
pub fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// A CSV file of `n` reviews, half good and half bad, no two alike.
pub fn reviews(n: usize) -> String {
    const GOOD: [&str; 5] = ["lovely", "fine", "wonderful", "clever", "warm"];
    const BAD: [&str; 5] = ["dull", "awful", "boring", "cold", "poor"];
    let mut csv = String::from("text,label\n");
    for i in 0..n {
        let (words, label) = if i % 2 == 0 { (GOOD, "good") } else { (BAD, "bad") };
        let j = i / 2;
        let _ = writeln!(
            csv,
            "a {} film with {} acting number {},{label}",
            words[j % 5],
            words[(j / 5) % 5],
            ["one", "two", "three", "four", "five", "six", "seven"][j % 7]
        );
    }
    csv
}
