//! The `.fenlei` file: everything that a prediction needs, in one file.
//!
//! Invariants: the loader trusts nothing, so that no bytes make it panic or take memory that the file does not have;
//! files of every released format version load (`testdata/container-v*.fenlei`); a file appears whole or not at all.

pub mod container;
mod foreign;
mod header;
mod tensors;

pub use container::{Container, save};
pub use header::FORMAT_VERSION;
pub use tensors::{DType, TensorData, TensorView};
