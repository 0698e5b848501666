//! Random choices about one document: functions of its seed alone.

use fenlei_nn::rng;

/// Numbers drawn one after another from a seed.
#[derive(Debug, Clone)]
pub(super) struct Draws {
    seed: u64,
    position: u64,
}

impl Draws {
    pub fn new(seed: u64) -> Self {
        Self { seed, position: 0 }
    }

    fn bits(&mut self) -> u64 {
        self.position += 1;
        rng::bits(self.seed, self.position)
    }

    /// A number below `n`, which is not 0.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// A number in `[0, 1)`.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// How many of `n` things are a `share` of them: `⌊share · n + u⌋` with `u` from `[0, 1)`, so that the mean is the
    /// share exactly, however short a document is.
    pub fn count(&mut self, share: f64, n: usize) -> usize {
        ((share * n as f64 + self.uniform()).floor() as usize).min(n)
    }

    /// Moves `n` of the items, drawn without putting back, to the front (Fisher and Yates, stopped early); these.
    pub fn choose<'i, I>(&mut self, items: &'i mut [I], n: usize) -> &'i [I] {
        let n = n.min(items.len());
        for first in 0..n {
            let other = first + self.below(items.len() - first);
            items.swap(first, other);
        }
        &items[..n]
    }

    /// The next item that was not drawn before: the first `n_drawn` were, and this one is moved behind them.
    pub fn next_of<I: Copy>(&mut self, items: &mut [I], n_drawn: usize) -> Option<I> {
        let n_left = items.len().checked_sub(n_drawn).filter(|n| *n > 0)?;
        let other = n_drawn + self.below(n_left);
        items.swap(n_drawn, other);
        items.get(n_drawn).copied()
    }

    /// One of the items; `None` where there are none.
    pub fn one<'i, I>(&mut self, items: &'i [I]) -> Option<&'i I> {
        if items.is_empty() { None } else { items.get(self.below(items.len())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_the_share_as_their_mean_and_never_leave_its_neighbours() {
        let mut draws = Draws::new(5);
        let counts: Vec<usize> = (0..10_000).map(|_| draws.count(0.1, 7)).collect();
        let mean = counts.iter().sum::<usize>() as f64 / 10_000.0;
        assert!((mean - 0.7).abs() < 0.02 && counts.iter().all(|n| *n <= 1), "{mean}");
        assert_eq!((draws.count(0.0, 1000), draws.count(1.0, 1000)), (0, 1000));
    }

    #[test]
    fn every_item_is_chosen_as_often_as_any_other_and_none_twice() {
        let mut n_chosen = [0; 5];
        for seed in 0..5000 {
            let mut items = [0, 1, 2, 3, 4];
            let chosen = Draws::new(seed).choose(&mut items, 2).to_vec();
            assert_ne!(chosen[0], chosen[1]);
            chosen.into_iter().for_each(|item: usize| n_chosen[item] += 1);
        }
        assert!(n_chosen.iter().all(|n| (1850..2150).contains(n)), "{n_chosen:?}");
        assert_eq!(Draws::new(1).choose(&mut [1, 2], 9).len(), 2);
        let (mut draws, mut items) = (Draws::new(1), [1, 2, 3]);
        let mut drawn: Vec<u8> = (0..4).map_while(|n| draws.next_of(&mut items, n)).collect();
        drawn.sort_unstable();
        assert_eq!(drawn, [1, 2, 3]);
        assert_eq!(Draws::new(1).one::<u8>(&[]), None);
    }
}
