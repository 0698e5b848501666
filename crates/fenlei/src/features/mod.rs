//! What models start from: pretrained word vectors.

pub mod vectors;

pub use vectors::{Coverage, VectorFormat, WordVectors};
