//! Where large arrays lie, and asking for parts of them early.

/// Arrays that are smaller than this are left alone, in bytes.
const LARGE: usize = 1 << 22;

/// The same numbers in memory of large pages, where the system has them for the asking. A step reads rows from all over
/// a table, and each page of ordinary size would have to be looked up anew.
pub fn in_large_pages<T: Copy>(numbers: Vec<T>) -> Vec<T> {
    if size_of_val(&numbers[..]) < LARGE {
        return numbers;
    }
    let mut moved = Vec::with_capacity(numbers.len());
    // Before the first touch: a page that is there stays as it is.
    ask_for_large_pages(moved.as_ptr(), numbers.len());
    moved.extend_from_slice(&numbers);
    moved
}

/// Asks for large pages under memory that was allocated and not touched yet.
#[cfg(target_os = "linux")]
pub(super) fn ask_for_large_pages<T>(start: *const T, n: usize) {
    const PAGE: usize = 4096;
    let (start, end) = (start as usize, start as usize + n * size_of::<T>());
    let (start, end) = (start.next_multiple_of(PAGE), end / PAGE * PAGE);
    if start < end {
        // SAFETY: the pages lie within memory that was allocated, and this advice changes no content. A system that
        // cannot follow it says so, and nothing is lost.
        unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn ask_for_large_pages<T>(_: *const T, _: usize) {}

/// Asks for numbers that are needed soon.
#[inline(always)]
pub fn prefetch<T>(numbers: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in numbers.chunks(64 / size_of::<T>()) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: asking for memory reads nothing, and the address is that of a number.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = numbers;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_the_same() {
        for n in [0, 5, 3 << 20] {
            let numbers: Vec<u32> = (0..n).collect();
            assert_eq!(in_large_pages(numbers.clone()), numbers);
        }
    }
}
