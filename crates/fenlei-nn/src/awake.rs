//! Keeping the threads of the pool awake between the many short loops of a training step.
//!
//! A step has a few dozen parallel loops of some ten microseconds with serial work between them. A pool's thread that
//! finds nothing to do soon goes to sleep, and waking it costs as much as such a loop, on a virtual machine several
//! times as much.
//!
//! A thread may begin to look for work while it waits, further down on its stack, for the other half of a loop. That
//! loop cannot end before the search does, so every search ends by itself: with the next step, when it has found
//! nothing for a while, and after some time in any case.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// So long a thread looks for work without a pause.
const EAGER: Duration = Duration::from_micros(300);

/// So long it looks for work in vain, letting other programs go first, before it gives up until the next step.
const PATIENT: Duration = Duration::from_millis(5);

/// So long it looks for work at most, found or not.
const LONGEST: Duration = Duration::from_millis(100);

/// The number of a step that never comes.
const OVER: u64 = u64::MAX;

/// Makes the threads of the current pool look for work through a step instead of going to sleep.
#[derive(Debug, Default)]
pub struct Awake {
    step: Arc<AtomicU64>,
}

impl Awake {
    /// Wakes all threads of the pool but the current one. To be called at the beginning of every step.
    pub fn begin_step(&mut self) {
        if rayon::current_num_threads() == 1 {
            return;
        }
        let step = self.step.fetch_add(1, Ordering::Relaxed) + 1;
        let (caller, seen) = (rayon::current_thread_index(), Arc::clone(&self.step));
        rayon::spawn_broadcast(move |thread| {
            if Some(thread.index()) != caller {
                look_for_work(&seen, step);
            }
        });
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.step.store(OVER, Ordering::Relaxed);
    }
}

fn look_for_work(current_step: &AtomicU64, step: u64) {
    let begin = Instant::now();
    let mut last_work = begin;
    while current_step.load(Ordering::Relaxed) == step {
        if rayon::yield_now() == Some(rayon::Yield::Executed) {
            last_work = Instant::now();
            if last_work - begin > LONGEST {
                return;
            }
            continue;
        }
        let idle = last_work.elapsed();
        if idle < EAGER {
            std::hint::spin_loop();
        } else if idle < PATIENT {
            std::thread::yield_now();
        } else {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;

    fn sum_of_squares() -> u64 {
        (0..1000u64).into_par_iter().map(|x| x * x).sum()
    }

    fn steps(n_steps: usize) -> u64 {
        let mut awake = Awake::default();
        (0..n_steps).fold(0, |sum, _| {
            awake.begin_step();
            (0..5).fold(sum, |sum, _| sum + sum_of_squares())
        })
    }

    #[test]
    fn loops_run_to_their_end_while_threads_are_awake_and_afterwards() {
        for n_threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            assert_eq!(pool.install(|| steps(50)), 250 * sum_of_squares());
            assert_eq!(pool.install(sum_of_squares), sum_of_squares());
        }
    }

    #[test]
    fn trainings_in_one_pool_do_not_wait_for_each_other() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let expected = 1000 * sum_of_squares();
        // From threads of the pool itself, and from threads outside of it.
        let inside: Vec<u64> = pool.install(|| (0..6).into_par_iter().map(|_| steps(200)).collect());
        assert!(inside.iter().all(|&sum| sum == expected));
        std::thread::scope(|scope| {
            let trainings: Vec<_> = (0..6).map(|_| scope.spawn(|| pool.install(|| steps(200)))).collect();
            trainings.into_iter().for_each(|training| assert_eq!(training.join().unwrap(), expected));
        });
    }
}
