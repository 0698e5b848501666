//! How the program ends: 0 done, 1 failed, 2 wrong use, 130 interrupted.

use std::io::{self, Write};
use std::process::ExitCode;

const FAILED: u8 = 1;
const WRONG_USE: u8 = 2;
/// What a shell reports for a program that Ctrl-C ended.
pub(crate) const INTERRUPTED: u8 = 130;

/// Tells an error to the user and chooses the exit code.
pub(crate) fn code_of(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    if is_closed_pipe(&error) {
        // Whoever read our output has read enough.
        return ExitCode::SUCCESS;
    }
    let ours = error.downcast_ref::<fenlei::Error>();
    // Nothing can be done about a standard error that is closed.
    let _ = match ours {
        // It names its own causes.
        Some(ours) => writeln!(io::stderr(), "error: {ours}"),
        None => writeln!(io::stderr(), "error: {error:#}"),
    };
    ExitCode::from(match ours {
        Some(fenlei::Error::Interrupted) => INTERRUPTED,
        Some(ours) if ours.is_wrong_use() => WRONG_USE,
        _ => FAILED,
    })
}

/// Whether standard output was closed by its reader (`fenlei predict … | head`).
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let is_pipe = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.downcast_ref::<io::Error>().is_some_and(is_pipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(error: impl Into<anyhow::Error>) -> String {
        format!("{:?}", code_of(Err(error.into())))
    }

    #[test]
    fn each_way_to_end_has_its_code() {
        let expect = |code: u8| format!("{:?}", ExitCode::from(code));
        assert_eq!(code(fenlei::Error::config("x", "y", "z")), expect(2));
        assert_eq!(code(fenlei::Error::train("y", "z")), expect(1));
        assert_eq!(code(fenlei::Error::Interrupted), expect(130));
        assert_eq!(code(anyhow::anyhow!("x")), expect(1));
        assert_eq!(code(io::Error::from(io::ErrorKind::BrokenPipe)), expect(0));
        assert_eq!(code(io::Error::from(io::ErrorKind::StorageFull)), expect(1));
    }
}
