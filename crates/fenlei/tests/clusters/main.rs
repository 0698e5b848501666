//! Clustering from documents to a model file: what is found, what comes back, what is refused.

mod corpus;
mod finding;
mod model_file;
mod refusals;
