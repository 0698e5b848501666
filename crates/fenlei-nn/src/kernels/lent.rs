//! Memory and results that several threads share.

use std::sync::Mutex;

/// Memory for threads to work in, to be used again.
#[derive(Debug, Default)]
pub struct Lender<M>(Mutex<Vec<M>>);

impl<M> Clone for Lender<M> {
    /// Memory for other threads: none yet.
    fn clone(&self) -> Self {
        Self(Mutex::default())
    }
}

impl<M: Default> Lender<M> {
    /// Some memory, given back when it is dropped. What it holds is whatever was there.
    pub(super) fn lend(&self) -> Lent<'_, M> {
        let memory = self.0.lock().map(|mut free| free.pop()).unwrap_or_default();
        Lent { memory: memory.unwrap_or_default(), owner: self }
    }
}

/// Memory that goes back to where it came from.
pub(super) struct Lent<'a, M: Default> {
    pub memory: M,
    owner: &'a Lender<M>,
}

impl<M: Default> Drop for Lent<'_, M> {
    fn drop(&mut self) {
        if let Ok(mut free) = self.owner.0.lock() {
            free.push(std::mem::take(&mut self.memory));
        }
    }
}

/// Where several threads write, each to places of its own.
pub(super) struct Shared<T> {
    start: *mut T,
    len: usize,
}

// SAFETY: who takes a part says that nobody else has it.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub fn new(numbers: &mut [T]) -> Self {
        Self { start: numbers.as_mut_ptr(), len: numbers.len() }
    }

    /// `n` numbers from `first` on.
    ///
    /// # Safety
    /// The numbers that this was made of must still be borrowed, and no one else may hold any of these.
    #[allow(clippy::mut_from_ref)]
    #[inline(always)]
    pub unsafe fn part(&self, first: usize, n: usize) -> &mut [T] {
        assert!(first.checked_add(n).is_some_and(|end| end <= self.len));
        // SAFETY: inside the memory (checked), and the caller's alone.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(first), n) }
    }
}
