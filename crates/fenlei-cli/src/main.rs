//! The `fenlei` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    fenlei_cli::run(std::env::args_os())
}
