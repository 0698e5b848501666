//! Where the windows of a convolution lie when they reach over the ends of a document.

use serde::{Deserialize, Serialize};

/// How far windows reach over the ends of a document. What lies outside counts as zero.
///
/// Every document has at least one position, so that each later layer has a row to work on: a document shorter than
/// the window has one window that begins at its first token (`Valid`), an empty one a window of nothing but padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// Windows lie inside the document: `⌊(len - width) / stride⌋ + 1` positions.
    #[default]
    Valid,
    /// `⌈len / stride⌉` positions. The padding is divided evenly, an odd one is put behind, as in Keras.
    Same,
    /// Every window that meets the document (the wide convolution of Kalchbrenner et al. 2014):
    /// `⌈(len + width - 1) / stride⌉` positions.
    Full,
}

impl Padding {
    /// How many positions a document of `len` tokens has: at least one. `width` and `stride` are at least 1.
    pub fn n_positions(self, len: usize, width: usize, stride: usize) -> usize {
        match self {
            Self::Valid => len.saturating_sub(width) / stride + 1,
            Self::Same => len.div_ceil(stride).max(1),
            Self::Full if len == 0 => 1,
            Self::Full => (len + width - 1).div_ceil(stride),
        }
    }

    /// How many places before the first token the first window begins.
    pub fn pad_left(self, len: usize, width: usize, stride: usize) -> usize {
        match self {
            Self::Valid => 0,
            Self::Same => ((self.n_positions(len, width, stride) - 1) * stride + width).saturating_sub(len) / 2,
            Self::Full => width - 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_those_of_keras() {
        let cases = [
            (Padding::Valid, 10, 3, 1, 8, 0),
            (Padding::Valid, 10, 3, 2, 4, 0),
            (Padding::Valid, 2, 5, 1, 1, 0),
            (Padding::Same, 10, 3, 1, 10, 1),
            (Padding::Same, 10, 4, 1, 10, 1),
            (Padding::Same, 10, 3, 2, 5, 0),
            (Padding::Same, 11, 3, 2, 6, 1),
            (Padding::Same, 0, 3, 1, 1, 1),
            (Padding::Full, 10, 3, 1, 12, 2),
            (Padding::Full, 10, 3, 2, 6, 2),
            (Padding::Full, 0, 3, 1, 1, 2),
        ];
        for (padding, len, width, stride, n, left) in cases {
            assert_eq!(padding.n_positions(len, width, stride), n, "{padding:?} {len} {width} {stride}");
            assert_eq!(padding.pad_left(len, width, stride), left, "{padding:?} {len} {width} {stride}");
        }
    }

    #[test]
    fn same_and_full_windows_cover_every_token() {
        for (len, width, stride) in (1..12).flat_map(|l| (1..6).flat_map(move |w| (1..=w).map(move |s| (l, w, s)))) {
            for padding in [Padding::Same, Padding::Full] {
                let n = padding.n_positions(len, width, stride);
                let left = padding.pad_left(len, width, stride);
                assert!((n - 1) * stride + width >= left + len, "{padding:?} {len} {width} {stride}");
                assert!((n - 1) * stride < left + len, "the last window meets the document");
            }
        }
    }
}
