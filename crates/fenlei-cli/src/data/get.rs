//! `fenlei data get`: a progress bar on stderr if that is a terminal, and Ctrl-C that keeps what has arrived.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use fenlei::Error;
use fenlei::data::{self, GetOptions, HUB_PREFIX, HubName, HubOptions, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::GetArgs;

pub(super) fn run(args: &GetArgs) -> Result<()> {
    let cancel = Arc::new(AtomicBool::new(false));
    let handler = Arc::clone(&cancel);
    // Another command of this process may have a handler already; then Ctrl-C is its business.
    let _ = ctrlc::set_handler(move || handler.store(true, Ordering::Relaxed));
    let mut display = Display::new();
    let result = match args.name.starts_with(HUB_PREFIX) {
        true => fetch_model(args, &mut display, &cancel),
        false => {
            let (from, sha256) = (args.from.as_deref(), args.sha256.as_deref());
            let options = GetOptions { from, sha256, ..GetOptions::default() };
            data::get(&args.name, &args.to, &options, &mut |progress| display.show(progress), &cancel)
        }
    };
    let folder = display.end(result)?;
    Ok(writeln!(io::stdout().lock(), "{}", folder.display())?)
}

fn fetch_model(args: &GetArgs, display: &mut Display, cancel: &AtomicBool) -> fenlei::Result<PathBuf> {
    if args.from.is_some() || args.sha256.is_some() {
        let problem = "a model on a hub has its own address and hashes";
        return Err(Error::config("--from", problem, "leave --from and --sha256 out; HF_ENDPOINT names another hub"));
    }
    let (name, hub) = (HubName::parse(&args.name)?, HubOptions::from_env()?);
    data::get_model(&name, &hub, &GetOptions::default(), true, &mut |progress| display.show(progress), cancel)
}

/// Fetches the model of `--pretrained hf:OWNER/NAME` where it is not there yet.
pub(crate) fn fetch_pretrained(path: &Path) -> fenlei::Result<()> {
    if !HubName::is_one(path) || data::hub_folder(path).is_ok() {
        return Ok(());
    }
    let (name, hub) = (HubName::parse(&path.to_string_lossy())?, HubOptions::from_env()?);
    let mut display = Display::new();
    let mut show = |progress: Progress| display.show(progress);
    // Ctrl-C is the business of whoever asked; what has arrived is gone on with the next time.
    let result = data::get_model(&name, &hub, &GetOptions::default(), false, &mut show, &AtomicBool::new(false));
    display.bar.finish_and_clear();
    result.map(drop)
}

struct Display {
    bar: ProgressBar,
}

impl Display {
    fn new() -> Self {
        let shown = io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bar: ProgressBar::with_draw_target(None, target) }
    }

    /// Clears the bar, and says what an interruption means.
    fn end(&self, result: fenlei::Result<PathBuf>) -> Result<PathBuf> {
        self.bar.finish_and_clear();
        match result {
            Err(Error::Interrupted) => {
                anyhow::bail!("interrupted; run the same command again: it goes on where it stopped")
            }
            result => Ok(result?),
        }
    }

    fn show(&mut self, progress: Progress) {
        match progress {
            Progress::AlreadyThere => self.say("the folder is there already; remove it to fetch it again"),
            Progress::Downloading { done, total } => {
                if let Some(total) = total.filter(|_| self.bar.length() != total) {
                    self.bar.set_length(total);
                    self.style("{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
                }
                self.bar.set_position(done);
            }
            Progress::Retrying { reason, wait } => {
                self.say(&format!("{reason}; trying again in {:.1} s", wait.as_secs_f64()));
            }
            Progress::Verifying => {
                self.style("{spinner} checking");
                self.bar.enable_steady_tick(Duration::from_millis(100));
            }
            Progress::Unpacking { files } => {
                self.style("{spinner} unpacking, {msg} files");
                self.bar.set_message(files.to_string());
            }
            Progress::Note(note) => self.say(&note),
            // Events that are new in the library and not known here.
            _ => {}
        }
    }

    fn style(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
    }

    fn say(&self, line: &str) {
        // Nothing can be done about a stderr that is closed.
        self.bar.suspend(|| drop(writeln!(io::stderr().lock(), "{line}")));
    }
}
