//! The product of two packed factors.

use std::ops::Range;

use rayon::prelude::*;

use super::{Packed, SIDE};

/// Rows that a task takes at once: four panels, as many as the registers hold of a single column of tiles.
const ROWS: usize = 4 * SIDE;

/// `out = a · b`, or `out += a · b` with `accumulate`: `[n_rows, n_cols]`, rows `stride` numbers apart.
///
/// # Panics
/// When `out` is too short or the factors are smaller than the result.
pub fn multiply(
    out: &mut [f32],
    stride: usize,
    n_rows: usize,
    n_cols: usize,
    factors: (&Packed, &Packed),
    accumulate: bool,
) {
    multiply_in_parts(out, stride, n_rows, 0..n_cols, factors, accumulate);
}

/// [`multiply`] for some of the columns, the first of which is a multiple of 16.
///
/// # Panics
/// As [`multiply`].
pub fn multiply_in_parts(
    out: &mut [f32],
    stride: usize,
    n_rows: usize,
    columns: Range<usize>,
    factors: (&Packed, &Packed),
    accumulate: bool,
) {
    let blocks = out.par_chunks_mut(ROWS * stride).take(n_rows.div_ceil(ROWS)).enumerate();
    blocks.for_each(|(block, out)| {
        let rows = block * ROWS..n_rows.min((block + 1) * ROWS);
        multiply_columns(out, stride, rows, columns.clone(), factors, accumulate);
    });
}

/// A part of a product, by one thread: rows and columns of it, the first of which are multiples of 16, into `out`, whose
/// rows are `stride` numbers apart.
///
/// # Panics
/// When `out` is too short or the factors are smaller than the result.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(super) fn multiply_columns(
    out: &mut [f32],
    stride: usize,
    rows: Range<usize>,
    columns: Range<usize>,
    (a, b): (&Packed, &Packed),
    accumulate: bool,
) {
    use super::dots;
    use super::registers::{Unit, x86};

    assert!(super::available(), "this machine has no tiles");
    assert!(rows.start.is_multiple_of(SIDE) && columns.start.is_multiple_of(SIDE), "parts begin with a panel");
    assert!(a.n_depths() == b.n_depths(), "inner sizes");
    assert!(rows.end <= a.n_panels() * SIDE && columns.end <= b.n_panels() * SIDE, "factors of that size");
    let (n_rows, n_cols) = (rows.len(), columns.len());
    if n_rows == 0 || n_cols == 0 {
        return;
    }
    assert!(stride >= n_cols && out.len() >= (n_rows - 1) * stride + n_cols, "room for {n_rows} by {n_cols}");
    if super::unit() == Some(Unit::Dots) {
        let (left, right) = (rows.start / SIDE, columns.start / SIDE);
        let part = dots::Part { stride, n_rows, n_cols, left, right };
        // SAFETY: the machine has the instructions; there is room and there are panels, as checked above.
        return unsafe { dots::multiply(out.as_mut_ptr(), &part, a, b, accumulate) };
    }
    // SAFETY: tiles are available; `block` reads panels that exist and writes where there is room, as checked above.
    unsafe {
        x86::configure();
        let two_by_two = n_cols / SIDE / 2 * 2 * SIDE;
        let out = out.as_mut_ptr();
        let part = |row: usize, col: usize| {
            let place = Place { n_rows: n_rows - row, n_cols: n_cols - col, stride };
            let factors = Factors { a, left: (rows.start + row) / SIDE, b, right: (columns.start + col) / SIDE };
            (out.add(row * stride + col), place, factors)
        };
        for row in (0..n_rows).step_by(ROWS) {
            for half in (row..n_rows.min(row + ROWS)).step_by(2 * SIDE) {
                for col in (0..two_by_two).step_by(2 * SIDE) {
                    let (out, place, factors) = part(half, col);
                    square(out, &place, &factors, accumulate);
                }
            }
            for col in (two_by_two..n_cols).step_by(SIDE) {
                let (out, place, factors) = part(row, col);
                column(out, &place, &factors, accumulate);
            }
        }
        x86::release();
    }
}

/// Never called: there are no tiles.
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
pub(super) fn multiply_columns(
    _: &mut [f32],
    _: usize,
    _: Range<usize>,
    _: Range<usize>,
    _: (&Packed, &Packed),
    _: bool,
) {
}

/// What there is room for from a place in the result on.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
struct Place {
    n_rows: usize,
    n_cols: usize,
    stride: usize,
}

/// The factors, and the first panel of each that is wanted.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
struct Factors<'a> {
    a: &'a Packed,
    left: usize,
    b: &'a Packed,
    right: usize,
}

/// Bytes of a tile, and of a tile's row.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
const TILE: usize = 1024;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
const ROW: usize = 64;

/// Two by two tiles of the result. Registers 0 to 3 sum, 4 and 5 hold rows, 6 and 7 columns. A panel of rows that is not
/// there is computed as the one before and not stored.
///
/// # Safety
/// `out` must have room for the rows and columns of `place`, and the registers must be configured.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
unsafe fn square(out: *mut f32, place: &Place, factors: &Factors<'_>, accumulate: bool) {
    use super::registers::x86::{add_product, load};

    let Factors { a, left, b, right } = *factors;
    let (a0, b0, b1) = (a.panel(left), b.panel(right), b.panel(right + 1));
    let a1 = if place.n_rows > SIDE { a.panel(left + 1) } else { a0 };
    // SAFETY: the caller's; each panel has `n_depths` pairs of tiles.
    unsafe {
        begin::<0>(out, place, (0, 0), accumulate);
        begin::<1>(out, place, (0, 1), accumulate);
        begin::<2>(out, place, (1, 0), accumulate);
        begin::<3>(out, place, (1, 1), accumulate);
        for depth in 0..a.n_depths() {
            let high = depth * 2 * TILE;
            let low = high + TILE;
            load::<6>(b0.add(high), ROW);
            load::<4>(a0.add(low), ROW);
            add_product::<0, 4, 6>();
            load::<7>(b1.add(high), ROW);
            add_product::<1, 4, 7>();
            load::<5>(a1.add(low), ROW);
            add_product::<2, 5, 6>();
            add_product::<3, 5, 7>();
            load::<4>(a0.add(high), ROW);
            add_product::<0, 4, 6>();
            add_product::<1, 4, 7>();
            load::<5>(a1.add(high), ROW);
            add_product::<2, 5, 6>();
            add_product::<3, 5, 7>();
            load::<6>(b0.add(low), ROW);
            add_product::<0, 4, 6>();
            load::<7>(b1.add(low), ROW);
            add_product::<1, 4, 7>();
            add_product::<2, 5, 6>();
            add_product::<3, 5, 7>();
        }
        end::<0>(out, place, (0, 0));
        end::<1>(out, place, (0, 1));
        end::<2>(out, place, (1, 0));
        end::<3>(out, place, (1, 1));
    }
}

/// Four tiles of a column of the result, so that four sums go on at once here too. Registers 0 to 3 sum, 4 and 5 hold
/// rows, 6 and 7 the two parts of the column.
///
/// # Safety
/// As for `square`.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
unsafe fn column(out: *mut f32, place: &Place, factors: &Factors<'_>, accumulate: bool) {
    use super::registers::x86::{add_product, load};

    let Factors { a, left, b, right } = *factors;
    let b0 = b.panel(right);
    let rows: [*const u8; 4] =
        std::array::from_fn(|i| a.panel(left + i.min(place.n_rows.min(ROWS).div_ceil(SIDE) - 1)));
    // SAFETY: the caller's; each panel has `n_depths` pairs of tiles.
    unsafe {
        begin::<0>(out, place, (0, 0), accumulate);
        begin::<1>(out, place, (1, 0), accumulate);
        begin::<2>(out, place, (2, 0), accumulate);
        begin::<3>(out, place, (3, 0), accumulate);
        for depth in 0..a.n_depths() {
            let high = depth * 2 * TILE;
            let low = high + TILE;
            load::<6>(b0.add(high), ROW);
            load::<4>(rows[0].add(low), ROW);
            add_product::<0, 4, 6>();
            load::<5>(rows[1].add(low), ROW);
            add_product::<1, 5, 6>();
            load::<4>(rows[2].add(low), ROW);
            add_product::<2, 4, 6>();
            load::<5>(rows[3].add(low), ROW);
            add_product::<3, 5, 6>();
            load::<7>(b0.add(low), ROW);
            load::<4>(rows[0].add(high), ROW);
            add_product::<0, 4, 6>();
            load::<5>(rows[1].add(high), ROW);
            add_product::<1, 5, 6>();
            add_product::<0, 4, 7>();
            add_product::<1, 5, 7>();
            load::<4>(rows[2].add(high), ROW);
            add_product::<2, 4, 6>();
            load::<5>(rows[3].add(high), ROW);
            add_product::<3, 5, 6>();
            add_product::<2, 4, 7>();
            add_product::<3, 5, 7>();
        }
        end::<0>(out, place, (0, 0));
        end::<1>(out, place, (1, 0));
        end::<2>(out, place, (2, 0));
        end::<3>(out, place, (3, 0));
    }
}

/// Sets a sum to zero or to what is there.
///
/// # Safety
/// As for `square`.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[inline(always)]
unsafe fn begin<const T: usize>(out: *mut f32, place: &Place, tile: (usize, usize), accumulate: bool) {
    // SAFETY: the caller's.
    unsafe {
        if accumulate {
            edge::<T>(out, place, tile, true);
        } else {
            super::registers::x86::zero::<T>();
        }
    }
}

/// Stores a sum.
///
/// # Safety
/// As for `square`.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[inline(always)]
unsafe fn end<const T: usize>(out: *mut f32, place: &Place, tile: (usize, usize)) {
    // SAFETY: the caller's.
    unsafe { edge::<T>(out, place, tile, false) }
}

/// Reads or writes the tile `(i, j)` of a block, or as much of it as there is.
///
/// # Safety
/// As for `square`.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[inline(always)]
unsafe fn edge<const T: usize>(out: *mut f32, place: &Place, (i, j): (usize, usize), read: bool) {
    use super::registers::x86::{load, store};

    let (n_rows, n_cols) = (place.n_rows.saturating_sub(i * SIDE), place.n_cols.saturating_sub(j * SIDE));
    if (n_rows == 0 || n_cols == 0) && !read {
        return;
    }
    // SAFETY: the caller's: there is room for the rows and columns of `place`.
    unsafe {
        let out = out.wrapping_add(i * SIDE * place.stride + j * SIDE);
        if n_rows >= SIDE && n_cols >= SIDE {
            if read {
                load::<T>(out.cast(), place.stride * size_of::<f32>());
            } else {
                store::<T>(out.cast(), place.stride * size_of::<f32>());
            }
            return;
        }
        let mut whole = [[0f32; SIDE]; SIDE];
        let (n_rows, n_cols) = (n_rows.min(SIDE), n_cols.min(SIDE));
        if read {
            for (r, row) in whole.iter_mut().take(n_rows).enumerate() {
                std::ptr::copy_nonoverlapping(out.add(r * place.stride), row.as_mut_ptr(), n_cols);
            }
            load::<T>(whole.as_ptr().cast(), SIDE * size_of::<f32>());
        } else {
            store::<T>(whole.as_mut_ptr().cast(), SIDE * size_of::<f32>());
            for (r, row) in whole.iter().take(n_rows).enumerate() {
                std::ptr::copy_nonoverlapping(row.as_ptr(), out.add(r * place.stride), n_cols);
            }
        }
    }
}
