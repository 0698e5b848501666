//! The picture of usual texts that goes into the model file.

use fenlei_nn::spec::LayerSpec;

use crate::classifier::{Classifier, Predictions, Profile};
use crate::model::Model;

/// More documents make no better picture.
const N_TEXTS: usize = 1000;
/// A large encoder takes long for each document that was not predicted anyway.
const N_TEXTS_OF_ENCODERS: usize = 100;

/// Of documents that were predicted to validate with.
pub(super) fn of_validation(classifier: &Classifier, texts: &[&str], probabilities: &[f32]) -> Profile {
    let n_labels = classifier.labels().len();
    let places = spread(texts.len(), N_TEXTS);
    let rows = places.iter().flat_map(|&i| &probabilities[i * n_labels..(i + 1) * n_labels]).copied().collect();
    let texts: Vec<&str> = places.iter().map(|&i| texts[i]).collect();
    Profile::of_predicted(classifier, &texts, &Predictions::of_rows(rows, n_labels))
}

/// Of documents that it was trained on, where there are no others.
pub(super) fn of_training(classifier: &Classifier, texts: &[&str]) -> Profile {
    let n = if has_encoder(classifier) { N_TEXTS_OF_ENCODERS } else { N_TEXTS };
    let texts: Vec<&str> = spread(texts.len(), n).into_iter().map(|i| texts[i]).collect();
    Profile::of(classifier, &texts)
}

fn has_encoder(classifier: &Classifier) -> bool {
    let Model::Net(net) = classifier.model() else { return false };
    net.spec().layers.iter().any(|layer| matches!(layer, LayerSpec::Transformer(_)))
}

/// Places from the whole of a list, which may be sorted by label.
fn spread(n: usize, most: usize) -> Vec<usize> {
    let wanted = n.min(most);
    (0..wanted).map(|i| i * n / wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_spread_over_the_whole_list() {
        assert_eq!(spread(3, 10), [0, 1, 2]);
        assert_eq!(spread(10, 4), [0, 2, 5, 7]);
        assert!(spread(0, 4).is_empty());
    }
}
