//! Lines in the registers of x86 processors.

use std::arch::asm;
use std::arch::x86_64::*;

use super::{Access, Line, SharedLine};

/// One register a line.
#[derive(Clone, Copy)]
pub struct Avx512(());

impl Avx512 {
    /// # Safety
    /// The processor must have the instructions, and whoever calls the methods must be compiled for them.
    pub unsafe fn new() -> Self {
        Self(())
    }
}

impl Access for Avx512 {
    type Lane = __m512;
    const FUSED: bool = true;

    #[inline(always)]
    fn load(self, line: &SharedLine) -> __m512 {
        // SAFETY: whoever made this value has said that the instructions are there.
        unsafe { load_512(line) }
    }

    #[inline(always)]
    fn store(self, line: &SharedLine, lane: __m512) {
        // SAFETY: whoever made this value has said that the instructions are there.
        unsafe { store_512(line, lane) }
    }

    #[inline(always)]
    fn read(self, line: &Line) -> __m512 {
        // SAFETY: whoever made this value has said that the instructions are there.
        unsafe { _mm512_load_ps(line.0.as_ptr()) }
    }

    #[inline(always)]
    fn write(self, line: &mut Line, lane: __m512) {
        // SAFETY: whoever made this value has said that the instructions are there.
        unsafe { _mm512_store_ps(line.0.as_mut_ptr(), lane) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        // SAFETY: whoever made this value has said that the instructions are there.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    fn multiply_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: whoever made this value has said that the instructions are there.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn sum(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: whoever made this value has said that the instructions are there.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn total(self, a: __m512) -> f32 {
        // SAFETY: whoever made this value has said that the instructions are there.
        unsafe { _mm512_reduce_add_ps(a) }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_512(line: &SharedLine) -> __m512 {
    let numbers: __m512;
    // SAFETY: the line is 64 bytes, aligned to 64. Other threads may write to it meanwhile: the instruction reads each
    // number whole, as a relaxed atomic read would, and the compiler takes it for nothing more than that.
    unsafe {
        asm!("vmovaps {}, zmmword ptr [{}]", out(zmm_reg) numbers, in(reg) line.0.as_ptr(),
            options(nostack, preserves_flags, readonly));
    }
    numbers
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store_512(line: &SharedLine, numbers: __m512) {
    // SAFETY: as above; the numbers are atomics, which may be written through a shared reference.
    unsafe {
        asm!("vmovaps zmmword ptr [{}], {}", in(reg) line.0.as_ptr(), in(zmm_reg) numbers,
            options(nostack, preserves_flags));
    }
}

/// Two registers a line.
#[derive(Clone, Copy)]
pub struct Avx2(());

impl Avx2 {
    /// # Safety
    /// The processor must have the instructions, and whoever calls the methods must be compiled for them.
    pub unsafe fn new() -> Self {
        Self(())
    }
}

impl Access for Avx2 {
    type Lane = [__m256; 2];
    const FUSED: bool = true;

    #[inline(always)]
    fn load(self, line: &SharedLine) -> [__m256; 2] {
        // SAFETY: whoever made this value has said that the instructions are there.
        unsafe { load_256(line) }
    }

    #[inline(always)]
    fn store(self, line: &SharedLine, lane: [__m256; 2]) {
        // SAFETY: whoever made this value has said that the instructions are there.
        unsafe { store_256(line, lane) }
    }

    #[inline(always)]
    fn read(self, line: &Line) -> [__m256; 2] {
        // SAFETY: whoever made this value has said that the instructions are there.
        unsafe { [_mm256_load_ps(line.0.as_ptr()), _mm256_load_ps(line.0.as_ptr().add(8))] }
    }

    #[inline(always)]
    fn write(self, line: &mut Line, [low, high]: [__m256; 2]) {
        // SAFETY: as above; a line has room for both.
        unsafe {
            _mm256_store_ps(line.0.as_mut_ptr(), low);
            _mm256_store_ps(line.0.as_mut_ptr().add(8), high);
        }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> [__m256; 2] {
        // SAFETY: whoever made this value has said that the instructions are there.
        unsafe { [_mm256_set1_ps(value); 2] }
    }

    #[inline(always)]
    fn multiply_add(self, a: [__m256; 2], b: [__m256; 2], c: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: whoever made this value has said that the instructions are there.
        unsafe { [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])] }
    }

    #[inline(always)]
    fn sum(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: whoever made this value has said that the instructions are there.
        unsafe { [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn total(self, a: [__m256; 2]) -> f32 {
        // SAFETY: whoever made this value has said that the instructions are there.
        unsafe { total_256(a) }
    }
}

#[inline]
#[target_feature(enable = "avx")]
fn load_256(line: &SharedLine) -> [__m256; 2] {
    let (low, high): (__m256, __m256);
    // SAFETY: as in `load_512`.
    unsafe {
        asm!("vmovaps {0}, ymmword ptr [{2}]", "vmovaps {1}, ymmword ptr [{2} + 32]",
            out(ymm_reg) low, out(ymm_reg) high, in(reg) line.0.as_ptr(),
            options(nostack, preserves_flags, readonly));
    }
    [low, high]
}

#[inline]
#[target_feature(enable = "avx")]
fn store_256(line: &SharedLine, [low, high]: [__m256; 2]) {
    // SAFETY: as in `store_512`.
    unsafe {
        asm!("vmovaps ymmword ptr [{0}], {1}", "vmovaps ymmword ptr [{0} + 32], {2}",
            in(reg) line.0.as_ptr(), in(ymm_reg) low, in(ymm_reg) high,
            options(nostack, preserves_flags));
    }
}

#[inline]
#[target_feature(enable = "avx")]
fn total_256([low, high]: [__m256; 2]) -> f32 {
    let eight = _mm256_add_ps(low, high);
    let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
}
