//! Numbers of a parameter that are held in fewer bits than the net computes with.

use half::bf16;

use crate::kernels::int8::Int8Matrix;
use crate::scalar::Scalar;

/// How numbers are held in fewer bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compaction {
    /// 16 bits, of which 8 are precision: for weights that training leaves alone.
    Bf16,
    /// 8 bits and a scale for each row: for predictions ([`int8`](crate::kernels::int8)).
    Int8,
}

/// The numbers of a matrix in fewer bits.
#[derive(Debug, Clone, PartialEq)]
pub enum Compact {
    /// Row by row.
    Bf16(Vec<bf16>),
    /// With a scale for each row.
    Int8(Int8Matrix),
}

impl Compact {
    /// The nearest to `numbers`, rows of `row_len`.
    pub fn nearest<T: Scalar>(compaction: Compaction, numbers: &[T], row_len: usize) -> Self {
        match compaction {
            Compaction::Bf16 => Self::Bf16(numbers.iter().map(|x| bf16::from_f64(x.to_f64())).collect()),
            Compaction::Int8 => {
                let n_rows = numbers.len().checked_div(row_len).unwrap_or(0);
                Self::Int8(Int8Matrix::nearest(numbers, n_rows, row_len))
            }
        }
    }

    /// How the numbers are held.
    pub fn compaction(&self) -> Compaction {
        match self {
            Self::Bf16(_) => Compaction::Bf16,
            Self::Int8(_) => Compaction::Int8,
        }
    }

    /// How many numbers.
    pub fn len(&self) -> usize {
        match self {
            Self::Bf16(numbers) => numbers.len(),
            Self::Int8(matrix) => matrix.n_out() * matrix.n_in(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers as the net computes with them.
    pub fn expand<T: Scalar>(&self, to: &mut Vec<T>) {
        to.resize(self.len(), T::ZERO);
        match self {
            Self::Bf16(numbers) => widen(to, numbers),
            Self::Int8(matrix) => {
                let rows = to.chunks_mut(matrix.n_in().max(1)).enumerate();
                rows.for_each(|(row, to)| matrix.expand_row(to, row));
            }
        }
    }

    /// One row of `to.len()` numbers.
    pub fn expand_row<T: Scalar>(&self, to: &mut [T], row: usize) {
        match self {
            Self::Bf16(numbers) => {
                let from = row * to.len();
                widen(to, &numbers[from..from + to.len()]);
            }
            Self::Int8(matrix) => matrix.expand_row(to, row),
        }
    }
}

fn widen<T: Scalar>(to: &mut [T], from: &[bf16]) {
    to.iter_mut().zip(from).for_each(|(to, x)| *to = T::from_f64(f64::from(x.to_f32())));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_is_near_and_rows_are_parts_of_the_whole() {
        let numbers: Vec<f32> = (0..35).map(|i| (i as f32 - 17.0) * 0.37).collect();
        for (compaction, tolerance) in [(Compaction::Bf16, 0.004), (Compaction::Int8, 0.004)] {
            let compact = Compact::nearest(compaction, &numbers, 7);
            assert_eq!((compact.len(), compact.compaction()), (35, compaction));
            let (mut whole, mut row): (Vec<f32>, _) = (Vec::new(), [0f32; 7]);
            compact.expand(&mut whole);
            for (got, expected) in whole.iter().zip(&numbers) {
                assert!((got - expected).abs() <= tolerance * 6.3, "{got}, {expected}");
            }
            for (i, part) in whole.chunks(7).enumerate() {
                compact.expand_row(&mut row, i);
                assert_eq!(row, part);
            }
        }
    }

    #[test]
    fn nothing_is_nothing() {
        let compact = Compact::nearest::<f32>(Compaction::Int8, &[], 0);
        let mut numbers = vec![1f32];
        compact.expand(&mut numbers);
        assert!(compact.is_empty() && numbers.is_empty());
    }
}
