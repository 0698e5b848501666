//! Where words go, and how figures are written.

use std::fmt::Display;
use std::io::{self, Write};

/// Says what happens along the way on standard error, and results on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Voice {
    /// Say nothing but errors.
    pub quiet: bool,
    /// Standard output is for one JSON object; results for people go to standard error with the rest.
    pub json: bool,
}

impl Voice {
    /// Something that happens along the way.
    pub fn note(self, words: impl Display) {
        if !self.quiet {
            // A closed standard error must not end a training.
            let _ = writeln!(io::stderr(), "{words}");
        }
    }

    /// Something that may be wrong.
    pub fn warn(self, words: impl Display) {
        self.note(format_args!("warning: {words}"));
    }

    /// A result for people.
    pub fn result(self, words: impl Display) -> io::Result<()> {
        match (self.quiet, self.json) {
            (true, _) => Ok(()),
            (false, true) => {
                self.note(words);
                Ok(())
            }
            (false, false) => writeln!(io::stdout(), "{words}"),
        }
    }
}

/// One JSON value as a line on standard output.
pub(crate) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    Ok(out.flush()?)
}

/// `25,000`.
pub(crate) fn grouped(n: impl TryInto<u128>) -> String {
    let digits = n.try_into().unwrap_or(u128::MAX).to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `3.2 MB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    let mut amount = bytes as f64 / 1000.0;
    let mut unit = 0;
    while amount >= 999.95 && unit + 1 < UNITS.len() {
        amount /= 1000.0;
        unit += 1;
    }
    format!("{amount:.1} {}", UNITS[unit])
}

/// `45 s`, `3 min 20 s`, `2 h 05 min`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        _ if seconds < 10.0 => format!("{:.1} s", seconds.max(0.0)),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// `1 document`, `2 documents`.
pub(crate) fn counted(n: impl TryInto<u128>, noun: &str) -> String {
    let n = n.try_into().unwrap_or(u128::MAX);
    format!("{} {noun}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// At most `n_chars` characters, on one line.
pub(crate) fn shortened(text: &str, n_chars: usize) -> String {
    let mut chars = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let short: String = chars.by_ref().take(n_chars).collect();
    if chars.next().is_some() { format!("{}…", short.trim_end()) } else { short }
}

/// The most memory that the program has held so far, in megabytes, where the system tells.
pub(crate) fn peak_memory_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_for_people() {
        assert_eq!(["0", "999", "1,000", "25,000", "1,234,567"], [0u64, 999, 1000, 25_000, 1_234_567].map(grouped)[..]);
        assert_eq!(["0 bytes", "1.0 kB", "3.2 MB", "1.0 GB"], [0, 1000, 3_210_000, 999_990_000].map(size)[..]);
        assert_eq!(["0.4 s", "45 s", "3 min 20 s", "2 h 05 min"], [0.42, 45.2, 200.0, 7500.0].map(duration)[..]);
        assert_eq!((counted(1u64, "epoch"), counted(2u64, "epoch")), ("1 epoch".to_owned(), "2 epochs".to_owned()));
        assert_eq!(shortened("a\nbcdef", 3), "a b…");
        assert_eq!(shortened("很好", 2), "很好");
    }

    #[test]
    fn memory_is_a_plausible_figure() {
        if let Some(mb) = peak_memory_mb() {
            assert!(mb > 0.5 && mb < 1e6, "{mb}");
        }
    }
}
