//! The `fenlei` program.

fn main() {}
