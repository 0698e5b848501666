//! The loops that take the time. Each fast kernel is tested against the definition of what it computes.

pub mod attention;
pub mod blocks;
pub mod documents;
pub mod elementwise;
pub mod functions;
pub mod gemm;
pub mod glove;
pub mod int8;
pub mod lent;
pub mod memory;
pub mod norms;
pub mod pooling;
pub mod recurrent;
pub mod shared_rows;
pub mod shortcut;
pub mod softmax;
pub mod sparse_grad;
pub mod table;
pub mod tiles;
pub mod units;
pub mod update;
pub mod windows;
pub mod word_pairs;
