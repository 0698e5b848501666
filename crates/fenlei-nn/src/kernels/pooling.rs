//! The maximum of each column, with the row that won.

use multiversion::multiversion;

use crate::scalar::Scalar;

/// The winner of a maximum over no rows.
pub const NO_WINNER: u32 = u32::MAX;

/// The largest number of each column of `rows`, `[n_rows, best.len()]`, and the number of its row, the first row being
/// `first_row`. Of equal numbers the first wins. Zero and [`NO_WINNER`] where there are no rows.
pub fn max_rows<T: Scalar>(best: &mut [T], winners: &mut [u32], rows: &[T], first_row: u32) {
    let width = best.len();
    if rows.is_empty() || width == 0 {
        best.fill(T::ZERO);
        winners.fill(NO_WINNER);
        return;
    }
    best.copy_from_slice(&rows[..width]);
    winners.fill(first_row);
    max_rest(best, winners, &rows[width..], first_row + 1);
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn max_rest<T: Scalar>(best: &mut [T], winners: &mut [u32], rows: &[T], first_row: u32) {
    for (row, numbers) in rows.chunks_exact(best.len()).enumerate() {
        let row = first_row + row as u32;
        for ((best, winner), &x) in best.iter_mut().zip(winners.iter_mut()).zip(numbers) {
            let wins = x > *best;
            *best = if wins { x } else { *best };
            *winner = if wins { row } else { *winner };
        }
    }
}

/// `d_rows[winner, column] += d_best[column]` for each column that has a winner. `d_rows` starts at row `first_row`.
pub fn scatter_to_winners<T: Scalar>(d_rows: &mut [T], d_best: &[T], winners: &[u32], first_row: u32) {
    let width = d_best.len();
    for (column, (&d, &winner)) in d_best.iter().zip(winners).enumerate() {
        if winner != NO_WINNER {
            d_rows[(winner - first_row) as usize * width + column] += d;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_of_the_largest() {
        let rows = [1.0, 5.0, -2.0, 3.0, 5.0, -1.0, 3.0, 4.0, -1.0];
        let (mut best, mut winners) = ([0.0; 3], [0; 3]);
        max_rows(&mut best, &mut winners, &rows, 10);
        assert_eq!((best, winners), ([3.0, 5.0, -1.0], [11, 10, 11]));
        let mut d_rows = [0.0; 9];
        scatter_to_winners(&mut d_rows, &[1.0, 2.0, 3.0], &winners, 10);
        assert_eq!(d_rows, [0.0, 2.0, 0.0, 1.0, 0.0, 3.0, 0.0, 0.0, 0.0]);
        max_rows(&mut best, &mut winners, &[], 10);
        assert_eq!((best, winners), ([0.0; 3], [NO_WINNER; 3]));
    }
}
