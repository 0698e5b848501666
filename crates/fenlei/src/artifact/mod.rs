//! The `.fenlei` file: everything that a prediction needs, in one file.
//!
//! Invariants: the loader trusts nothing, so that no bytes make it panic or take memory that the file does not have;
//! files of every released format version load (`testdata/container-v*.fenlei`); a file appears whole or not at all.

mod apart;
mod classifier_file;
mod cluster_tensors;
pub mod container;
mod feature_tensors;
mod foreign;
mod header;
mod model_tensors;
pub(crate) mod param_tensors;
mod sparse_tensors;
mod tensors;

pub use apart::{load_apart, save_apart};
pub use classifier_file::{ModelInfo, fingerprint, from_bytes, load, save};
pub use container::Container;
pub use header::FORMAT_VERSION;
pub use tensors::{DType, TensorData, TensorView};
