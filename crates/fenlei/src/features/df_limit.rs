//! How many documents must, or may, have a feature.

use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A number of documents: a whole number, or a share of all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DfLimit {
    /// So many.
    Documents(u64),
    /// This part of them, from 0 to 1.
    Share(f64),
}

impl DfLimit {
    /// The limit for `n` documents, as a number that need not be whole.
    pub(super) fn of(self, n_docs: usize) -> f64 {
        match self {
            Self::Documents(n) => n as f64,
            Self::Share(share) => share * n_docs as f64,
        }
    }
}

impl Serialize for DfLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Documents(n) => serializer.serialize_u64(n),
            Self::Share(share) => serializer.serialize_f64(share),
        }
    }
}

impl<'de> Deserialize<'de> for DfLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = DfLimit;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of documents, or a share of them with a decimal point")
            }

            fn visit_i64<E: de::Error>(self, n: i64) -> Result<DfLimit, E> {
                u64::try_from(n).map(DfLimit::Documents).map_err(|_| E::invalid_value(de::Unexpected::Signed(n), &self))
            }

            fn visit_u64<E>(self, n: u64) -> Result<DfLimit, E> {
                Ok(DfLimit::Documents(n))
            }

            fn visit_f64<E>(self, share: f64) -> Result<DfLimit, E> {
                Ok(DfLimit::Share(share))
            }
        }
        deserializer.deserialize_any(Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::FeaturesSpec;

    #[test]
    fn a_limit_is_a_number_of_documents_or_a_share() {
        let spec: FeaturesSpec = toml::from_str("min_df = 1\nmax_df = 0.5").unwrap();
        assert_eq!((spec.min_df, spec.max_df), (DfLimit::Documents(1), DfLimit::Share(0.5)));
        assert_eq!(toml::from_str::<FeaturesSpec>(&toml::to_string(&spec).unwrap()).unwrap(), spec);
        for wrong in ["min_df = -1", "min_df = 'few'"] {
            let error = toml::from_str::<FeaturesSpec>(wrong).unwrap_err();
            assert!(error.message().contains("a number of documents, or a share"), "{error}");
        }
    }
}
