//! The loops that take the time. Each fast kernel stands beside a plain one that it is tested against.

pub mod documents;
pub mod elementwise;
pub mod gemm;
pub mod norms;
pub mod pooling;
pub mod update;
