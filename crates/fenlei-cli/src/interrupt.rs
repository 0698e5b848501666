//! Ctrl-C: the first asks to end well, the second ends at once.

use std::io::{self, Write};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fenlei::{Error, Result};

use crate::exit::INTERRUPTED;

/// Raised when the user asked to end.
#[derive(Debug, Clone)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Takes over Ctrl-C for the rest of the program's life.
    pub fn on_ctrl_c() -> Self {
        let raised = Arc::new(AtomicBool::new(false));
        let handler = Arc::clone(&raised);
        // Where there is already a handler, Ctrl-C is its business.
        let _ = ctrlc::set_handler(move || {
            if handler.swap(true, Ordering::Relaxed) {
                process::exit(i32::from(INTERRUPTED));
            }
            let _ = writeln!(io::stderr(), "\nending after this step; Ctrl-C again ends at once");
        });
        Self(raised)
    }

    /// To be looked at while working.
    pub fn flag(&self) -> &AtomicBool {
        &self.0
    }

    /// Whether the user asked to end.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error if the user asked to end, for the time before there is anything to keep.
    pub fn check(&self) -> Result<()> {
        if self.is_raised() { Err(Error::Interrupted) } else { Ok(()) }
    }
}
