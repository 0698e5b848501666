//! Which tokens of a long document are kept.

use serde::{Deserialize, Serialize};

/// The part of a document that is kept when it has too many tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The beginning. Reading stops there, so that a huge document costs no more than a long one.
    #[default]
    Head,
    /// The end.
    Tail,
    /// The first half and the last half; of an odd number the first half is the larger.
    Both,
}

/// Removes from `items[start..]` what `keep` does not keep, so that at most `max` stay.
pub(crate) fn truncate<T>(items: &mut Vec<T>, start: usize, max: usize, keep: Keep) {
    let n = items.len() - start;
    if n <= max {
        return;
    }
    match keep {
        Keep::Head => items.truncate(start + max),
        Keep::Tail => drop(items.drain(start..start + n - max)),
        Keep::Both => {
            let tail = max / 2;
            drop(items.drain(start + max - tail..start + n - tail));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(n: i32, max: usize, keep: Keep) -> Vec<i32> {
        let mut items: Vec<i32> = vec![-1, -2];
        items.extend(0..n);
        truncate(&mut items, 2, max, keep);
        assert_eq!(items[..2], [-1, -2], "what stood before the document must stay");
        items.split_off(2)
    }

    #[test]
    fn keeps_the_named_part() {
        assert_eq!(kept(6, 3, Keep::Head), [0, 1, 2]);
        assert_eq!(kept(6, 3, Keep::Tail), [3, 4, 5]);
        assert_eq!(kept(6, 3, Keep::Both), [0, 1, 5]);
        assert_eq!(kept(6, 4, Keep::Both), [0, 1, 4, 5]);
        assert_eq!(kept(6, 1, Keep::Both), [0]);
    }

    #[test]
    fn a_document_that_fits_is_left_alone() {
        for keep in [Keep::Head, Keep::Tail, Keep::Both] {
            assert_eq!(kept(3, 3, keep), [0, 1, 2]);
            assert_eq!(kept(0, 3, keep), [0; 0]);
        }
    }
}
