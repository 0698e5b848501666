//! Rotary positions (Su et al. 2021), in the layout of Hugging Face: number `i` of a head is paired with `i + dim / 2`.

use crate::scalar::Scalar;

/// Cosines and sines of the angles of each position.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rotary<T> {
    base: f64,
    half: usize,
    /// `[n_positions, 2, half]`: cosines, then sines.
    table: Vec<T>,
}

impl<T: Scalar> Rotary<T> {
    /// Makes the table for `n_positions` positions of heads of `dim` numbers, unless it is there.
    pub fn prepare(&mut self, base: f64, dim: usize, n_positions: usize) {
        let half = dim / 2;
        if (self.base, self.half) != (base, half) {
            (self.base, self.half) = (base, half);
            self.table.clear();
        }
        let n_there = self.table.len() / (2 * half).max(1);
        for position in n_there..n_positions {
            let angle = |i: usize| position as f64 * base.powf(-(i as f64) / half as f64);
            self.table.extend((0..half).map(|i| T::from_f64(angle(i).cos())));
            self.table.extend((0..half).map(|i| T::from_f64(angle(i).sin())));
        }
    }

    /// Turns a head by the angles of its position, or back.
    #[inline(always)]
    pub(super) fn turn(&self, head: &mut [T], position: usize, back: bool) {
        let half = self.half;
        let (cos, sin) = self.table[position * 2 * half..][..2 * half].split_at(half);
        let (first, second) = head.split_at_mut(half);
        for (((a, b), &cos), &sin) in first.iter_mut().zip(second).zip(cos).zip(sin) {
            let sin = if back { -sin } else { sin };
            (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
        }
    }
}
