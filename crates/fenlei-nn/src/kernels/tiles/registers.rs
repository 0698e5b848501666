//! What multiplies bf16 numbers: whether it is there, and the instructions on tile registers.

use std::sync::OnceLock;

/// What multiplies bf16 numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Tile registers (AMX).
    Tiles,
    /// Vector registers that hold pairs (AVX512-BF16).
    Dots,
}

/// What of it this machine has, and the system lets this process use.
pub fn unit() -> Option<Unit> {
    static UNIT: OnceLock<Option<Unit>> = OnceLock::new();
    *UNIT.get_or_init(detect)
}

/// Whether there is any.
pub fn available() -> bool {
    unit().is_some()
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn detect() -> Option<Unit> {
    None
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn detect() -> Option<Unit> {
    // What packs the numbers.
    if !(is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw")) {
        return None;
    }
    if has_tiles() {
        return Some(Unit::Tiles);
    }
    is_x86_feature_detected!("avx512bf16").then_some(Unit::Dots)
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn has_tiles() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    /// Bits of register EDX of leaf 7.
    const AMX_BF16: u32 = 1 << 22;
    const AMX_TILE: u32 = 1 << 24;
    /// `arch_prctl`: asks for a processor state that the system gives on request only.
    const ARCH_REQ_XCOMP_PERM: libc::c_ulong = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_ulong = 18;

    if __cpuid(0).eax < 7 || __cpuid_count(7, 0).edx & (AMX_BF16 | AMX_TILE) != AMX_BF16 | AMX_TILE {
        return false;
    }
    // SAFETY: the call has no pointers; a system that does not know it answers with an error.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
}

/// The instructions. All are `unsafe`: the machine must have [tiles](Unit::Tiles), and [`configure`] must have been called on this thread.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(super) mod x86 {
    use std::arch::asm;

    /// Shapes of the eight registers: 16 rows of 64 bytes each.
    #[repr(C, align(64))]
    struct Shapes {
        palette: u8,
        start_row: u8,
        reserved: [u8; 14],
        bytes_per_row: [u16; 16],
        rows: [u8; 16],
    }

    static SHAPES: Shapes = Shapes {
        palette: 1,
        start_row: 0,
        reserved: [0; 14],
        bytes_per_row: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
        rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
    };

    /// Gives the registers their shapes on this thread.
    ///
    /// # Safety
    /// The machine must have [tiles](super::Unit::Tiles).
    #[inline(always)]
    pub unsafe fn configure() {
        // SAFETY: the machine has tiles, and the shapes are those of palette 1.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const SHAPES, options(nostack, readonly, preserves_flags)) }
    }

    /// Gives the registers back, so that the system need not save them when it switches threads.
    ///
    /// # Safety
    /// The machine must have [tiles](super::Unit::Tiles).
    #[inline(always)]
    pub unsafe fn release() {
        // SAFETY: the machine has tiles.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) }
    }

    /// Sets a register to zero.
    ///
    /// # Safety
    /// The registers must be configured.
    #[inline(always)]
    pub unsafe fn zero<const T: usize>() {
        // SAFETY: the registers are configured; the compiler uses none of them.
        unsafe { asm!("tilezero tmm{t}", t = const T, options(nostack, nomem, preserves_flags)) }
    }

    /// Reads 16 rows of 64 bytes that begin `stride` bytes apart.
    ///
    /// # Safety
    /// The registers must be configured, and the memory must hold these rows.
    #[inline(always)]
    pub unsafe fn load<const T: usize>(from: *const u8, stride: usize) {
        // SAFETY: the caller gives memory that holds the rows; else as in `zero`.
        unsafe {
            asm!("tileloadd tmm{t}, [{p} + {s}*1]", t = const T, p = in(reg) from, s = in(reg) stride,
                options(nostack, readonly, preserves_flags));
        }
    }

    /// Writes 16 rows of 64 bytes that begin `stride` bytes apart.
    ///
    /// # Safety
    /// The registers must be configured, and the memory must have room for these rows.
    #[inline(always)]
    pub unsafe fn store<const T: usize>(to: *mut u8, stride: usize) {
        // SAFETY: the caller gives memory that holds the rows; else as in `zero`.
        unsafe {
            asm!("tilestored [{p} + {s}*1], tmm{t}", t = const T, p = in(reg) to, s = in(reg) stride,
                options(nostack, preserves_flags));
        }
    }

    /// `C += A · B`, with `A` 16 rows of 32 bf16 numbers and `B` 16 rows of 16 pairs.
    ///
    /// # Safety
    /// The registers must be configured.
    #[inline(always)]
    pub unsafe fn add_product<const C: usize, const A: usize, const B: usize>() {
        // SAFETY: as in `zero`.
        unsafe {
            asm!("tdpbf16ps tmm{c}, tmm{a}, tmm{b}", c = const C, a = const A, b = const B,
                options(nostack, nomem, preserves_flags));
        }
    }
}
