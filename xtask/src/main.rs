//! Tasks for maintainers: generated documentation and tidy checks.

fn main() {}
