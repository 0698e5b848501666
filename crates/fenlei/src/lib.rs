//! Text classification from raw documents to one model file.

pub mod artifact;
pub mod audit;
pub mod augment;
pub mod classifier;
pub mod cluster;
pub mod config;
pub mod data;
pub mod embed;
pub mod ensemble;
pub mod error;
pub mod eval;
pub mod explain;
pub mod features;
pub mod metrics;
pub mod model;
pub mod pretrain;
pub mod pretrained;
pub mod report;
pub mod storage;
#[doc(hidden)]
pub mod testing;
pub mod text;
pub mod train;
pub mod tune;

pub use error::{Error, Result};
