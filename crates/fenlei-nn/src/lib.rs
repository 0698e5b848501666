//! The CPU engine for neural networks over text.
