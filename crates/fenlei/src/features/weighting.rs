//! From counts to the numbers that a model sees: term frequency, inverse document frequency, norm.

use super::matrix::SparseRows;
use super::spec::{FeaturesSpec, Idf, Norm, Tf};

/// The factor of each column; empty where features count alike.
pub(super) fn idf_of(kind: Idf, counts: &SparseRows) -> Vec<f32> {
    let mut df = vec![0u32; counts.n_columns];
    add_df(&mut df, counts);
    idf_of_df(kind, &df, counts.len())
}

/// Adds to each column's number of documents those of some rows.
pub(super) fn add_df(df: &mut [u32], counts: &SparseRows) {
    counts.columns.iter().for_each(|&column| df[column as usize] += 1);
}

/// The factor of each column by how many of the documents have it; empty where features count alike.
pub(super) fn idf_of_df(kind: Idf, df: &[u32], n_docs: usize) -> Vec<f32> {
    let n = n_docs as f64;
    let factor = |df: u32| {
        let df = f64::from(df);
        match kind {
            Idf::None => 1.0,
            // A column without documents, which only hashing has, tells nothing.
            Idf::Plain => (n / df.max(1.0)).ln() + 1.0,
            Idf::Smooth => ((1.0 + n) / (1.0 + df)).ln() + 1.0,
        }
    };
    match kind {
        Idf::None => Vec::new(),
        _ => df.iter().map(|&df| factor(df) as f32).collect(),
    }
}

/// Makes the counts of one document into numbers.
pub(super) fn weigh(spec: &FeaturesSpec, idf: &[f32], columns: &[u32], values: &mut [f32]) {
    let mut sum = 0.0;
    for (&column, value) in columns.iter().zip(values.iter_mut()) {
        let tf = match spec.tf {
            Tf::Binary => 1.0,
            Tf::Count => f64::from(*value),
            Tf::Sublinear if *value == 1.0 => 1.0,
            Tf::Sublinear => 1.0 + f64::from(*value).ln(),
        };
        let weight = tf * idf.get(column as usize).map_or(1.0, |&idf| f64::from(idf));
        sum += if spec.norm == Norm::L2 { weight * weight } else { weight };
        *value = weight as f32;
    }
    let norm = match spec.norm {
        Norm::None => return,
        Norm::L1 => sum,
        Norm::L2 => sum.sqrt(),
    };
    if norm > 0.0 {
        values.iter_mut().for_each(|value| *value = (f64::from(*value) / norm) as f32);
    }
}
