//! What models start from: pretrained word vectors, and bags of n-grams.

mod columns;
mod count;
mod df_limit;
mod matrix;
mod ngrams;
mod select;
mod spec;
mod svmlight;
mod symbols;
mod vectorizer;
pub mod vectors;
mod weighting;

pub use df_limit::DfLimit;
pub use matrix::SparseRows;
pub use ngrams::Level;
pub use select::Labels;
pub use spec::{CharScope, FeaturesSpec, Idf, Norm, SelectBy, SelectSpec, Tf};
pub use svmlight::write_svmlight;
pub(crate) use vectorizer::{FeatureOrigin, SeenColumns};
pub use vectorizer::{FittedFeatures, Learned, Vectorizer};
pub use vectors::{Coverage, Duplicates, FileForm, Packing, VectorFormat, VectorTable, WordVectors};
