//! The arguments of the `fenlei` program.

/// The whole command line, for the program and for the page about it.
pub fn command() -> clap::Command {
    clap::Command::new("fenlei").about("Text classification from raw documents to one model file")
}
