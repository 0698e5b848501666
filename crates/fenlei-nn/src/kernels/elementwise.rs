//! Number-by-number operations over slices: vectorised for the machine found at run time, divided among threads when
//! long. Each output is computed from its own inputs alone, so the number of threads cannot change a bit.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::scalar::Scalar;

/// Below this many numbers one thread is faster than waking a second.
const PARALLEL_FROM: usize = 1 << 15;

/// `out[i] = f(a[i])`. All slices have the same length.
pub fn map<T: Scalar>(out: &mut [T], a: &[T], f: impl Fn(T) -> T + Copy + Send + Sync) {
    assert_eq!(out.len(), a.len());
    if out.len() < PARALLEL_FROM {
        return map_part(out, a, f);
    }
    let middle = out.len() / 2;
    let (out, out_right) = out.split_at_mut(middle);
    rayon::join(|| map(out, &a[..middle], f), || map(out_right, &a[middle..], f));
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn map_part<T: Scalar, F: Fn(T) -> T>(out: &mut [T], a: &[T], f: F) {
    for (out, &a) in out.iter_mut().zip(a) {
        *out = f(a);
    }
}

/// `out[i] = f(out[i])`.
pub fn map_in_place<T: Scalar>(out: &mut [T], f: impl Fn(T) -> T + Copy + Send + Sync) {
    if out.len() < PARALLEL_FROM {
        return map_in_place_part(out, f);
    }
    let (left, right) = out.split_at_mut(out.len() / 2);
    rayon::join(|| map_in_place(left, f), || map_in_place(right, f));
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn map_in_place_part<T: Scalar, F: Fn(T) -> T>(out: &mut [T], f: F) {
    for out in out {
        *out = f(*out);
    }
}

/// `out[i] = f(a[i], b[i])`. All slices have the same length.
pub fn map2<T: Scalar>(out: &mut [T], a: &[T], b: &[T], f: impl Fn(T, T) -> T + Copy + Send + Sync) {
    assert!(out.len() == a.len() && out.len() == b.len());
    if out.len() < PARALLEL_FROM {
        return map2_part(out, a, b, f);
    }
    let middle = out.len() / 2;
    let (out, out_right) = out.split_at_mut(middle);
    rayon::join(|| map2(out, &a[..middle], &b[..middle], f), || map2(out_right, &a[middle..], &b[middle..], f));
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn map2_part<T: Scalar, F: Fn(T, T) -> T>(out: &mut [T], a: &[T], b: &[T], f: F) {
    for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
        *out = f(a, b);
    }
}

/// `out[i] = f(out[i], a[i])`. Both slices have the same length.
pub fn update_with<T: Scalar>(out: &mut [T], a: &[T], f: impl Fn(T, T) -> T + Copy + Send + Sync) {
    assert_eq!(out.len(), a.len());
    if out.len() < PARALLEL_FROM {
        return update_part(out, a, f);
    }
    let middle = out.len() / 2;
    let (out, out_right) = out.split_at_mut(middle);
    rayon::join(|| update_with(out, &a[..middle], f), || update_with(out_right, &a[middle..], f));
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn update_part<T: Scalar, F: Fn(T, T) -> T>(out: &mut [T], a: &[T], f: F) {
    for (out, &a) in out.iter_mut().zip(a) {
        *out = f(*out, a);
    }
}

/// `out[i] *= factor`.
pub fn scale<T: Scalar>(out: &mut [T], factor: T) {
    if out.len() < PARALLEL_FROM {
        return out.iter_mut().for_each(|x| *x *= factor);
    }
    let (left, right) = out.split_at_mut(out.len() / 2);
    rayon::join(|| scale(left, factor), || scale(right, factor));
}

/// `out[i] += a[i]`. Both slices have the same length.
pub fn add_to<T: Scalar>(out: &mut [T], a: &[T]) {
    update_with(out, a, |out, a| out + a);
}

/// `out[i] = value(i)` with `i` the place in the whole slice.
pub fn fill_with<T: Scalar>(out: &mut [T], value: impl Fn(usize) -> T + Copy + Send + Sync) {
    fill_from(out, 0, value);
}

fn fill_from<T: Scalar>(out: &mut [T], first: usize, value: impl Fn(usize) -> T + Copy + Send + Sync) {
    if out.len() < PARALLEL_FROM {
        return fill_part(out, first, value);
    }
    let middle = out.len() / 2;
    let (out, out_right) = out.split_at_mut(middle);
    rayon::join(|| fill_from(out, first, value), || fill_from(out_right, first + middle, value));
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn fill_part<T: Scalar, F: Fn(usize) -> T>(out: &mut [T], first: usize, value: F) {
    for (i, out) in out.iter_mut().enumerate() {
        *out = value(first + i);
    }
}

/// Writes `row` into every row of `out`, `[n_rows, row.len()]`.
pub fn fill_rows<T: Scalar>(out: &mut [T], row: &[T]) {
    if !row.is_empty() {
        out.chunks_exact_mut(row.len()).for_each(|out| out.copy_from_slice(row));
    }
}

/// Columns that a thread sums at a time.
const COLUMNS: usize = 128;

/// `out[c] += Σ_r rows[r, c]`, rows in order. `rows`: `[n_rows, out.len()]`.
pub fn add_column_sums<T: Scalar>(out: &mut [T], rows: &[T]) {
    let width = out.len();
    if width < 2 * COLUMNS || rows.len() < PARALLEL_FROM {
        column_sums_part(out, rows, width);
    } else {
        out.par_chunks_mut(COLUMNS).enumerate().for_each(|(i, out)| {
            column_sums_part(out, rows.get(i * COLUMNS..).unwrap_or_default(), width);
        });
    }
}

/// `rows` begin `width` numbers apart.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn column_sums_part<T: Scalar>(out: &mut [T], rows: &[T], width: usize) {
    for row in rows.chunks(width.max(1)) {
        for (out, &x) in out.iter_mut().zip(row) {
            *out += x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_slices_equal_the_plain_loop() {
        let n = 3 * PARALLEL_FROM + 17;
        let a: Vec<f32> = (0..n).map(|i| i as f32 * 0.5).collect();
        let b: Vec<f32> = (0..n).map(|i| (i % 7) as f32).collect();
        let mut out = vec![0.0; n];
        map(&mut out, &a, |x| x + 1.0);
        assert!(out.iter().zip(&a).all(|(y, x)| *y == x + 1.0));
        map2(&mut out, &a, &b, |x, y| x * y);
        assert!((0..n).all(|i| out[i] == a[i] * b[i]));
        add_to(&mut out, &a);
        assert!((0..n).all(|i| out[i] == a[i] * b[i] + a[i]));
        fill_with(&mut out, |i| (i % 1000) as f32);
        assert!((0..n).all(|i| out[i] == (i % 1000) as f32));
    }

    #[test]
    fn columns_are_summed_onto_what_is_there() {
        let mut out = [1.0, 2.0];
        add_column_sums(&mut out, &[1.0, 10.0, 2.0, 20.0, 3.0, 30.0]);
        assert_eq!(out, [7.0, 62.0]);
        let (n_rows, width) = (200, 300);
        let rows: Vec<f64> = (0..n_rows * width).map(|i| (i % 11) as f64).collect();
        let mut sums = vec![1.0; width];
        add_column_sums(&mut sums, &rows);
        for (column, found) in sums.iter().enumerate() {
            assert_eq!(*found, 1.0 + (0..n_rows).map(|row| rows[row * width + column]).sum::<f64>());
        }
        let mut rows = [0.0; 4];
        fill_rows(&mut rows, &out);
        assert_eq!(rows, [7.0, 62.0, 7.0, 62.0]);
    }
}
