//! Weights of the labels.

use super::ClassWeights;
use crate::data::Target;
use crate::{Error, Result};

impl ClassWeights {
    /// The weight of each label for these training documents; `None` where all weigh the same.
    ///
    /// # Errors
    /// When a weight is for a label that there is not.
    pub(crate) fn of_labels(&self, labels: &[String], targets: &[Target]) -> Result<Option<Vec<f64>>> {
        match self {
            Self::None => Ok(None),
            Self::Balanced => {
                let mut counts = vec![0usize; labels.len()];
                targets.iter().flat_map(Target::as_slice).for_each(|&label| counts[label as usize] += 1);
                let share = targets.len() as f64 / labels.len() as f64;
                Ok(Some(counts.iter().map(|&n| share / n.max(1) as f64).collect()))
            }
            Self::Named(named) => {
                if let Some(name) = named.keys().find(|name| !labels.contains(name)) {
                    let problem = format!("no label is called {name:?}; there are {}", labels.join(", "));
                    return Err(Error::config("train.class_weights", problem, "use the labels' own names"));
                }
                Ok(Some(labels.iter().map(|label| named.get(label).copied().unwrap_or(1.0)).collect()))
            }
        }
    }
}
