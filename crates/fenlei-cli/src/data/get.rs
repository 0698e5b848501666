//! `fenlei data get`: a progress bar on stderr if that is a terminal, and Ctrl-C that keeps what has arrived.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use fenlei::Error;
use fenlei::data::{self, GetOptions, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::GetArgs;

pub(super) fn run(args: &GetArgs) -> Result<()> {
    let cancel = Arc::new(AtomicBool::new(false));
    let handler = Arc::clone(&cancel);
    // Another command of this process may have a handler already; then Ctrl-C is its business.
    let _ = ctrlc::set_handler(move || handler.store(true, Ordering::Relaxed));
    let options = GetOptions { from: args.from.as_deref(), sha256: args.sha256.as_deref(), ..GetOptions::default() };
    let mut display = Display::new();
    let result = data::get(&args.name, &args.to, &options, &mut |progress| display.show(progress), &cancel);
    display.bar.finish_and_clear();
    if matches!(result, Err(Error::Interrupted)) {
        anyhow::bail!("interrupted; run the same command again: it goes on where it stopped");
    }
    let folder = result?;
    Ok(writeln!(io::stdout().lock(), "{}", folder.display())?)
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

    fn show(&mut self, progress: Progress) {
        match progress {
            Progress::AlreadyThere => self.say("the folder is there already; remove it to fetch it again"),
            Progress::Downloading { done, total } => {
                if let (Some(total), None) = (total, self.bar.length()) {
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
