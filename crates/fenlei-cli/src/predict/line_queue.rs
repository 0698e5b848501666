//! Lines between the thread that reads and the one that predicts.
//!
//! Invariant: whoever takes gets what is there at once and waits only while there is nothing; whoever puts waits only
//! while the queue is full, by lines or by bytes. So memory is bounded, and nothing that was read waits for more.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Text that the queue holds at most, unless a single line is longer.
const MAX_BYTES: usize = 16 << 20;

/// A bounded queue of lines for one reader and one taker.
#[derive(Debug)]
pub(super) struct LineQueue {
    state: Mutex<State>,
    /// Lines came, or the last one did.
    filled: Condvar,
    /// Lines went.
    drained: Condvar,
    max_lines: usize,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<String>,
    n_bytes: usize,
    closed: bool,
}

/// Tells the taker that no more lines come, also when the reader panics.
pub(super) struct Closing<'q>(&'q LineQueue);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.filled.notify_all();
    }
}

impl LineQueue {
    pub fn new(max_lines: usize) -> Self {
        Self { state: Mutex::default(), filled: Condvar::new(), drained: Condvar::new(), max_lines: max_lines.max(1) }
    }

    /// Adds a line, once there is room.
    pub fn put(&self, line: String) {
        let mut state = self.lock();
        while !state.lines.is_empty() && self.is_full(&state, line.len()) {
            state = self.drained.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.n_bytes += line.len();
        state.lines.push_back(line);
        self.filled.notify_one();
    }

    /// Puts the lines that are there into `lines`, at most `max_lines`, once there is one. False after the last one.
    pub fn take(&self, lines: &mut Vec<String>, max_lines: usize) -> bool {
        lines.clear();
        let mut state = self.lock();
        while state.lines.is_empty() && !state.closed {
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let n_lines = state.lines.len().min(max_lines.max(1));
        lines.extend(state.lines.drain(..n_lines));
        state.n_bytes -= lines.iter().map(String::len).sum::<usize>();
        self.drained.notify_one();
        !lines.is_empty()
    }

    /// Held by the reader: when it goes, the last line has been put.
    pub fn close_when_dropped(&self) -> Closing<'_> {
        Closing(self)
    }

    fn is_full(&self, state: &State, n_more: usize) -> bool {
        state.lines.len() >= self.max_lines || state.n_bytes + n_more > MAX_BYTES
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn lines_come_out_in_order_and_the_end_is_told() {
        let queue = LineQueue::new(3);
        thread::scope(|scope| {
            scope.spawn(|| {
                let _closing = queue.close_when_dropped();
                (0..1000).for_each(|i| queue.put(i.to_string()));
            });
            let (mut all, mut some) = (Vec::new(), Vec::new());
            while queue.take(&mut some, 2) {
                assert!(some.len() <= 2);
                all.append(&mut some);
            }
            assert_eq!(all, (0..1000).map(|i| i.to_string()).collect::<Vec<_>>());
        });
    }

    #[test]
    fn a_line_is_given_while_the_reader_waits_for_the_next() {
        let queue = LineQueue::new(100);
        queue.put("one".to_owned());
        let mut lines = Vec::new();
        assert!(queue.take(&mut lines, 100));
        assert_eq!(lines, ["one"]);
    }

    #[test]
    fn a_line_longer_than_the_limit_passes() {
        let queue = LineQueue::new(10);
        queue.put("x".repeat(MAX_BYTES + 1));
        let mut lines = Vec::new();
        assert!(queue.take(&mut lines, 10));
        assert_eq!(lines[0].len(), MAX_BYTES + 1);
    }
}
