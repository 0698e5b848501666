//! Products of `f32` matrices on the tile registers (AMX) of recent x86-64 processors.
//!
//! The tiles multiply bf16 numbers, which have 8 bits of precision, and add in `f32`. So each number is split into two
//! of them, `x ≈ high + low`, and three products make one: `a·b ≈ aₕ·bₕ + aₕ·bₗ + aₗ·bₕ`. What is left out is about
//! `2^-17` of a product, little beside the noise of a training step, and the whole is still several times faster than
//! `f32` instructions.
//!
//! Processors without tiles may have instructions for pairs of bf16 numbers on vector registers. These are only twice as
//! fast as those for `f32`, so there the low parts are left out: the factors of a product have 8 bits, its sums 24, as
//! is usual where nets are trained in mixed precision (Micikevicius et al. 2018).
//!
//! Every element of a result is summed by one thread in a fixed order, so the bits do not depend on the number of
//! threads. They do depend on what of it the machine has.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod dots;
mod maxima;
mod multiply;
mod pack;
mod positions;
mod registers;

pub use maxima::{Filters, MaximaMemory, Places, max_of_products};
pub use multiply::{multiply, multiply_in_parts};
pub use pack::{Packed, pack_columns, pack_columns_of, pack_rows};
pub use registers::{Unit, available, unit};

/// Rows (or columns) of a matrix in a tile.
pub const SIDE: usize = 16;

/// Numbers of the inner axis in a tile.
pub const DEPTH: usize = 32;

#[cfg(test)]
mod tests;
