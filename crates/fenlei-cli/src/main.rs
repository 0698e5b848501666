//! The `fenlei` program.

use std::process::ExitCode;

/// Short texts take many small pieces of memory, and the allocator of musl, for static builds, hands them out one thread
/// at a time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    fenlei_cli::run(std::env::args_os())
}
