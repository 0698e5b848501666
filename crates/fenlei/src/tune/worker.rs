//! Who works on a trial, so that one whose process has died is found.

use std::sync::atomic::{AtomicU64, Ordering};

/// A name for a worker that no other has, on any machine: where it runs, its process, and which of that it is.
pub(super) fn own_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let pid = std::process::id();
    let start = start_of(pid).unwrap_or_default();
    format!("{} {pid} {start} {}", place(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Whether the process of a worker is known to have ended. Of other machines nothing is known.
pub(super) fn is_dead(name: &str) -> bool {
    let parts: Vec<&str> = name.split(' ').collect();
    let &[at, pid, start, _] = &parts[..] else { return false };
    let (Ok(pid), true) = (pid.parse::<u32>(), !start.is_empty() && at != "elsewhere" && at == place()) else {
        return false;
    };
    // Another process may have been given the same number since.
    start_of(pid).as_deref() != Some(start)
}

/// The machine since it was started, and the space of process numbers.
fn place() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let space = std::fs::read_link("/proc/self/ns/pid");
    match (boot, space) {
        (Ok(boot), Ok(space)) => format!("{}/{}", boot.trim(), space.display()),
        _ => "elsewhere".to_owned(),
    }
}

/// When a process was started, in ticks since the machine was; `None` where there is none, or a dead one that its
/// parent has not buried.
fn start_of(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything.
    let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_living_are_not_taken_for_dead() {
        let (one, other) = (own_name(), own_name());
        assert_ne!(one, other);
        assert!(!is_dead(&one) && !is_dead("another-machine 1 2 3") && !is_dead("nonsense"));
        if cfg!(target_os = "linux") {
            let mut parts: Vec<&str> = one.split(' ').collect();
            let past = "1";
            parts[2] = past;
            assert!(is_dead(&parts.join(" ")));
        }
    }
}
