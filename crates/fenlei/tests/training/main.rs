//! Training from documents to a model file: what is learned, what is the same again, what is refused.

mod augmented;
mod bag;
mod classical;
mod compact;
mod corpus;
mod cross_validation;
mod decisions;
mod documents;
mod encoder;
mod ensembles;
mod learning;
mod manifest;
mod model_file;
mod refusals;
mod same_bytes;
mod teacher;
mod vectors;
mod wide;
