//! A table of rows that many threads read and change at once, without locks (Recht et al. 2011, "Hogwild!").
//!
//! Word vectors are trained like this: threads seldom meet at a row, and where they do, one of two additions to a
//! number may be lost, which the next thousand make good. Every number is an atomic, read and written with relaxed
//! order, so that nothing about this is undefined; the vector instructions below do to sixteen numbers what sixteen
//! such reads or writes do.

use std::sync::atomic::{AtomicU32, Ordering};

use super::memory::{ask_for_large_pages, prefetch};

/// Numbers in a line.
pub const LINE: usize = 16;

/// Sixteen numbers of a thread's own, in one cache line.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
pub struct Line(pub [f32; LINE]);

impl Line {
    /// All zero.
    pub const ZERO: Self = Self([0.0; LINE]);
}

/// The bits of sixteen numbers that threads share, in one cache line.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct SharedLine([AtomicU32; LINE]);

/// `[n_rows, dim]` numbers. A row takes whole cache lines; the numbers behind its last one stay 0.
#[derive(Debug)]
pub struct SharedRows {
    lines: Vec<SharedLine>,
    dim: usize,
}

impl SharedRows {
    /// Makes a table with `value(row, column)` at each place. `dim` is at least 1.
    pub fn new(n_rows: usize, dim: usize, value: impl Fn(usize, usize) -> f32) -> Self {
        assert!(dim > 0, "rows without numbers");
        let lines_per_row = dim.div_ceil(LINE);
        let mut lines = Vec::with_capacity(n_rows * lines_per_row);
        // Before the first touch: rows are read from all over the table.
        ask_for_large_pages(lines.as_ptr(), lines.capacity());
        for row in 0..n_rows {
            for first in (0..dim).step_by(LINE) {
                let bits = |i: usize| if first + i < dim { value(row, first + i).to_bits() } else { 0 };
                lines.push(SharedLine(std::array::from_fn(|i| AtomicU32::new(bits(i)))));
            }
        }
        Self { lines, dim }
    }

    /// How many rows there are.
    pub fn n_rows(&self) -> usize {
        self.lines.len() / self.lines_per_row()
    }

    /// Numbers in a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Cache lines in a row.
    pub fn lines_per_row(&self) -> usize {
        self.dim.div_ceil(LINE)
    }

    /// Appends the numbers of a row to `out`.
    pub fn push_row(&self, row: usize, out: &mut Vec<f32>) {
        let numbers = self.row(row).iter().flat_map(|line| &line.0);
        out.extend(numbers.take(self.dim).map(|bits| f32::from_bits(bits.load(Ordering::Relaxed))));
    }

    /// Asks for a row that is needed soon.
    #[inline(always)]
    pub fn prefetch(&self, row: u32) {
        prefetch(self.row(row as usize));
    }

    #[inline(always)]
    pub(super) fn row(&self, row: usize) -> &[SharedLine] {
        let n = self.lines_per_row();
        &self.lines[row * n..(row + 1) * n]
    }
}

/// How lines are read and changed: by the widest instructions of the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instructions {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Instructions {
    /// What this processor has.
    pub fn here() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
            {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Self::Avx2;
            }
        }
        Self::Portable
    }
}

/// Sixteen numbers at a time; for a function that is compiled for the instructions of one kind of processor.
pub(super) trait Access: Copy {
    /// Sixteen numbers in registers.
    type Lane: Copy;
    /// Whether a product and a sum are one instruction.
    const FUSED: bool;
    /// The numbers of a line that threads share.
    fn load(self, line: &SharedLine) -> Self::Lane;
    /// Puts numbers into a line that threads share.
    fn store(self, line: &SharedLine, lane: Self::Lane);
    /// The numbers of a line of the thread's own.
    fn read(self, line: &Line) -> Self::Lane;
    /// Puts numbers into a line of the thread's own.
    fn write(self, line: &mut Line, lane: Self::Lane);
    /// Sixteen times the same number.
    fn splat(self, value: f32) -> Self::Lane;
    /// `a · b + c`.
    fn multiply_add(self, a: Self::Lane, b: Self::Lane, c: Self::Lane) -> Self::Lane;
    /// `a + b`.
    fn sum(self, a: Self::Lane, b: Self::Lane) -> Self::Lane;
    /// All sixteen added.
    fn total(self, a: Self::Lane) -> f32;
}

/// One number after the other.
#[derive(Clone, Copy)]
pub(super) struct Portable;

impl Access for Portable {
    type Lane = Line;
    const FUSED: bool = false;

    #[inline(always)]
    fn load(self, line: &SharedLine) -> Line {
        Line(std::array::from_fn(|i| f32::from_bits(line.0[i].load(Ordering::Relaxed))))
    }

    #[inline(always)]
    fn store(self, line: &SharedLine, lane: Line) {
        line.0.iter().zip(lane.0).for_each(|(cell, number)| cell.store(number.to_bits(), Ordering::Relaxed));
    }

    #[inline(always)]
    fn read(self, line: &Line) -> Line {
        *line
    }

    #[inline(always)]
    fn write(self, line: &mut Line, lane: Line) {
        *line = lane;
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Line {
        Line([value; LINE])
    }

    #[inline(always)]
    fn multiply_add(self, a: Line, b: Line, c: Line) -> Line {
        Line(std::array::from_fn(|i| a.0[i] * b.0[i] + c.0[i]))
    }

    #[inline(always)]
    fn sum(self, a: Line, b: Line) -> Line {
        Line(std::array::from_fn(|i| a.0[i] + b.0[i]))
    }

    #[inline(always)]
    fn total(self, a: Line) -> f32 {
        a.0.iter().sum()
    }
}

#[cfg(target_arch = "x86_64")]
#[path = "shared_rows_x86.rs"]
pub(super) mod x86;

#[cfg(test)]
mod tests {
    use super::*;

    fn check_access(access: impl Access) {
        let rows = SharedRows::new(3, 20, |row, column| (100 * row + column) as f32);
        let line = &rows.row(1)[1];
        let mut own = Line::ZERO;
        access.write(&mut own, access.load(line));
        assert_eq!(own.0[..5], [116.0, 117.0, 118.0, 119.0, 0.0]);
        assert_eq!(access.total(access.load(line)), 470.0);
        let counting = access.read(&Line(std::array::from_fn(|i| i as f32)));
        let twice = access.multiply_add(access.splat(2.0), counting, access.splat(0.0));
        access.write(&mut own, access.sum(twice, access.splat(1.0)));
        assert_eq!(own.0, std::array::from_fn(|i| 2.0 * i as f32 + 1.0));
        access.store(line, counting);
        let mut row = Vec::new();
        rows.push_row(1, &mut row);
        assert_eq!(row[14..], [114.0, 115.0, 0.0, 1.0, 2.0, 3.0]);
        row.clear();
        rows.push_row(2, &mut row);
        assert_eq!((row.len(), row[0], row[19]), (20, 200.0, 219.0));
    }

    #[test]
    fn every_way_reads_and_writes_the_same_numbers() {
        check_access(Portable);
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                // SAFETY: asked just now.
                check_access(unsafe { x86::Avx2::new() });
            }
            if is_x86_feature_detected!("avx512f") {
                // SAFETY: asked just now.
                check_access(unsafe { x86::Avx512::new() });
            }
        }
    }

    #[test]
    fn threads_write_to_it_at_once_and_every_number_is_one_that_was_written() {
        let rows = SharedRows::new(4, 16, |_, _| 1.0);
        std::thread::scope(|scope| {
            for value in [1.0f32, 2.0, 3.0] {
                let rows = &rows;
                scope.spawn(move || {
                    for i in 0..2000 {
                        Portable.store(&rows.row(i % 4)[0], Line([value; LINE]));
                    }
                });
            }
        });
        let mut numbers = Vec::new();
        (0..4).for_each(|row| rows.push_row(row, &mut numbers));
        assert!(numbers.iter().all(|number| [1.0, 2.0, 3.0].contains(number)));
    }
}
