//! Keeping the threads of the pool awake between the many short loops of a training step.
//!
//! A step has a few dozen parallel loops of some ten microseconds with serial work between them. A pool's thread that
//! finds nothing to do soon goes to sleep, and waking it costs as much as such a loop, on a virtual machine several
//! times as much.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// So long a thread looks for work without a pause.
const EAGER: Duration = Duration::from_micros(300);

/// So long it looks for work and lets other programs go first; then it naps between two looks.
const PATIENT: Duration = Duration::from_millis(5);

/// While it lives, the threads of the current pool look for work instead of going to sleep; after some milliseconds
/// without any they take naps.
#[derive(Debug)]
pub struct Awake {
    over: Arc<AtomicBool>,
}

impl Awake {
    /// Keeps all threads of the pool awake but the current one. One is enough for a pool.
    pub fn new() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (caller, seen) = (rayon::current_thread_index(), Arc::clone(&over));
        if rayon::current_num_threads() > 1 {
            rayon::spawn_broadcast(move |thread| {
                if Some(thread.index()) != caller {
                    look_for_work(&seen);
                }
            });
        }
        Self { over }
    }
}

impl Default for Awake {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn look_for_work(over: &AtomicBool) {
    let mut last_work = Instant::now();
    while !over.load(Ordering::Relaxed) {
        if rayon::yield_now() == Some(rayon::Yield::Executed) {
            last_work = Instant::now();
            continue;
        }
        let idle = last_work.elapsed();
        if idle < EAGER {
            std::hint::spin_loop();
        } else if idle < PATIENT {
            std::thread::yield_now();
        } else {
            std::thread::sleep(Duration::from_micros(100));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;

    #[test]
    fn loops_run_to_their_end_while_threads_are_awake_and_afterwards() {
        for n_threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let sum = || (0..1000u64).into_par_iter().map(|x| x * x).sum::<u64>();
            let inside = pool.install(|| {
                let _awake = [Awake::new(), Awake::new()];
                (0..50).map(|_| sum()).collect::<Vec<_>>()
            });
            assert!(inside.iter().all(|&s| s == sum()));
            assert_eq!(pool.install(sum), sum());
        }
    }
}
