//! Servers as processes of their own, each on one core.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// A server that ends with this value.
pub(super) struct Running {
    child: Child,
    pub address: SocketAddr,
    /// From its start to its first answer.
    pub seconds_to_ready: f64,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Our own server with a model.
    pub fn fenlei(model: &Path, extra: &[&str]) -> Result<Self> {
        let mut command = on_core(0, &std::env::current_exe()?);
        command.args(["serve", "--port", "0"]).arg(model).args(extra);
        Self::that_says_where(command)
    }

    /// Our own server with a folder of models.
    pub fn fenlei_of_folder(folder: &Path, extra: &[&str]) -> Result<Self> {
        let mut command = on_core(0, &std::env::current_exe()?);
        command.args(["serve", "--port", "0", "--folder"]).arg(folder).args(extra);
        Self::that_says_where(command)
    }

    /// The HTTP library alone.
    pub fn bare() -> Result<Self> {
        let mut command = on_core(0, &std::env::current_exe()?);
        command.args(["bench", "serve-bare"]);
        Self::that_says_where(command)
    }

    /// A server that says on standard error where it listens.
    fn that_says_where(mut command: Command) -> Result<Self> {
        let began = Instant::now();
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().context("cannot start a server")?;
        let Some(lines) = child.stderr.take() else { bail!("the server has no standard error") };
        let mut lines = BufReader::new(lines).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let line: serde_json::Value = serde_json::from_str(&line).ok()?;
            (line["event"] == "listening").then(|| line["address"].as_str()?.parse().ok()).flatten()
        });
        let Some(address) = address else { bail!("the server does not say where it listens") };
        // What it says later is not waited for, and must not fill the pipe.
        thread::spawn(move || lines.for_each(drop));
        let mut running = Self { child, address, seconds_to_ready: 0.0 };
        running.wait_for_answer(began)?;
        Ok(running)
    }

    /// A server in Python, which gets the port as its last argument.
    pub fn python(python: &Path, script: &Path) -> Result<Self> {
        let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let began = Instant::now();
        let mut command = on_core(0, python);
        command
            .arg(script)
            .arg(free.port().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("cannot start {}", script.display()))?;
        let mut running = Self { child, address: free, seconds_to_ready: 0.0 };
        running.wait_for_answer(began)?;
        Ok(running)
    }

    fn wait_for_answer(&mut self, began: Instant) -> Result<()> {
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended before it listened ({status})");
            }
            if began.elapsed() > Duration::from_secs(120) {
                bail!("the server does not listen");
            }
            thread::sleep(Duration::from_millis(1));
        }
        self.seconds_to_ready = began.elapsed().as_secs_f64();
        Ok(())
    }

    /// Megabytes now, and at most so far, where the system tells.
    pub fn memory(&self) -> Option<(f64, f64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let mb = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            Some(line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? * 1024.0 / 1e6)
        };
        Some((mb("VmRSS:")?, mb("VmHWM:")?))
    }
}

/// A program that stays on one core, where the system can do that.
fn on_core(core: usize, program: &Path) -> Command {
    if !has_taskset() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// Keeps this process, and what it starts, on another core than the servers.
pub(super) fn stay_on_core(core: usize) -> bool {
    let this = std::process::id().to_string();
    let mut command = Command::new("taskset");
    command.args(["-a", "-c", "-p", &core.to_string(), &this]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn has_taskset() -> bool {
    let mut command = Command::new("taskset");
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
