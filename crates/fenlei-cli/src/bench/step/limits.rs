//! What this machine can do at most: a large matrix product, and copying.

use std::hint::black_box;
use std::time::Instant;

use fenlei_nn::kernels::gemm::{Mat, matmul_in_training};
use rayon::prelude::*;

/// Rows and columns of the product whose speed is the limit.
const N: usize = 2048;
/// Numbers that a thread copies within its own cache: 256 KiB from and 256 KiB to.
const CACHE_NUMBERS: usize = 64 << 10;
/// Numbers that all threads copy together through memory: 256 MiB from and 256 MiB to.
const MEMORY_NUMBERS: usize = 64 << 20;
/// The best of so many tries.
const TRIES: usize = 5;

/// The limits of this machine with the threads at hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// 10^9 additions and multiplications a second.
    pub gflop_per_second: f64,
    /// 10^9 bytes a second, read and written ones counted, between memory and memory.
    pub memory_gb_per_second: f64,
    /// The same within the second cache of each core.
    pub cache_gb_per_second: f64,
}

impl Limits {
    /// Measures them, which takes some seconds.
    pub fn measure() -> Self {
        Self { gflop_per_second: product(), memory_gb_per_second: memory(), cache_gb_per_second: cache() }
    }
}

/// The shortest of some tries, in seconds.
fn best(mut try_once: impl FnMut()) -> f64 {
    let seconds = (0..TRIES).map(|_| {
        let clock = Instant::now();
        try_once();
        clock.elapsed().as_secs_f64()
    });
    seconds.fold(f64::INFINITY, f64::min)
}

fn product() -> f64 {
    let (a, b) = (vec![0.5f32; N * N], vec![0.25f32; N * N]);
    let mut out = vec![0f32; N * N];
    let seconds = best(|| matmul_in_training(&mut out, Mat::new(&a, N, N), Mat::new(&b, N, N), false));
    assert_eq!(out[N * N - 1], 0.125 * N as f32, "a product of constants");
    2.0 * (N as f64).powi(3) / seconds / 1e9
}

fn memory() -> f64 {
    let from = vec![1f32; MEMORY_NUMBERS];
    let mut to = vec![0f32; MEMORY_NUMBERS];
    let chunk = MEMORY_NUMBERS.div_ceil(rayon::current_num_threads());
    let seconds =
        best(|| to.par_chunks_mut(chunk).zip(from.par_chunks(chunk)).for_each(|(to, from)| to.copy_from_slice(from)));
    black_box(&to);
    8.0 * MEMORY_NUMBERS as f64 / seconds / 1e9
}

fn cache() -> f64 {
    const REPEATS: usize = 2000;
    let seconds = best(|| {
        rayon::broadcast(|_| {
            let from = vec![1f32; CACHE_NUMBERS];
            let mut to = vec![0f32; CACHE_NUMBERS];
            for _ in 0..REPEATS {
                black_box(&mut to).copy_from_slice(black_box(&from));
            }
        });
    });
    (8 * CACHE_NUMBERS * REPEATS * rayon::current_num_threads()) as f64 / seconds / 1e9
}
