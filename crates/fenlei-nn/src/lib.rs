//! The CPU engine for neural networks over text.
//!
//! Batches are ragged: rows of tokens and the start of each document, no padding. The first convolution over an
//! embedding multiplies each distinct token of a batch once ([`layers`]), gradients behind a maximum are sparse, and
//! only the table rows that a batch touched are updated.
//!
//! Invariant: the same seed gives the same bits for any number of threads. Parallel code divides outputs, never sums.

pub mod attribution;
pub mod awake;
pub mod compact;
pub mod compile;
pub mod count;
pub mod init;
pub mod kernels;
pub mod layers;
pub mod loss;
pub mod masked;
pub mod net;
pub mod optim;
pub mod params;
pub mod ragged;
pub mod rng;
pub mod scalar;
pub mod spec;
pub mod training;
mod windows;

pub use ragged::{Batch, Rows};
pub use scalar::Scalar;
