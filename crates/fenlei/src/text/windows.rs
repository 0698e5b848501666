//! Special tokens around each window of a long document.

/// How a document is cut into windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Windows {
    /// Tokens of a window, special ones included.
    pub size: usize,
    /// Special tokens before and behind a window.
    pub around: [usize; 2],
}

impl Windows {
    /// Tokens of a document's own in a window that is full.
    pub fn n_own(self) -> usize {
        self.size.saturating_sub(self.around.iter().sum()).max(1)
    }

    /// How many of a document's own tokens have room where there is room for `max_tokens` in all.
    pub fn n_kept(self, max_tokens: usize) -> usize {
        let n_around: usize = self.around.iter().sum();
        max_tokens / self.size * self.n_own() + (max_tokens % self.size).saturating_sub(n_around)
    }

    /// Puts items between the windows of a document, whose own items are `items[start..]`: what `between(i)` gives when item
    /// `start + i` begins the next window.
    pub fn part<T: Clone, I: IntoIterator<Item = T>>(
        self,
        items: &mut Vec<T>,
        start: usize,
        between: impl Fn(&T) -> I,
    ) {
        let n_own = items.len() - start;
        let n_seams = n_own.div_ceil(self.n_own()).saturating_sub(1);
        // From the last seam to the first, so that no place before it has moved.
        for seam in (1..=n_seams).rev() {
            let place = start + seam * self.n_own();
            let added = between(&items[place]);
            items.splice(place..place, added);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_window_has_its_special_tokens_and_all_fit() {
        let windows = Windows { size: 5, around: [1, 1] };
        assert_eq!((windows.n_own(), windows.n_kept(5), windows.n_kept(12), windows.n_kept(13)), (3, 3, 6, 7));
        for n in 1..12 {
            let mut items: Vec<i32> = vec![-9, 0];
            items.extend(1..=n);
            windows.part(&mut items, 2, |_| [-2, 0]);
            items.push(-2);
            assert_eq!(items.remove(0), -9, "what stood before the document stays");
            let own: Vec<i32> = items.iter().copied().filter(|&x| x > 0).collect();
            assert_eq!(own, (1..=n).collect::<Vec<_>>());
            for window in items.chunks(5) {
                assert_eq!((window[0], window[window.len() - 1]), (0, -2), "{items:?}");
            }
        }
    }
}
