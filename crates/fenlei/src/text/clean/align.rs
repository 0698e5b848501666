//! Where each piece of a cleaned text came from.
//!
//! A cleaning pass tells a [`Trace`] what it copies and what it replaces. The fast path uses [`Untraced`], which costs
//! nothing; [`Alignment`] records runs, so that a text that is copied through unchanged is one run however long it is.

use std::ops::Range;

/// Told by a cleaning pass, in order, where its output comes from. What is deleted is not told.
pub(crate) trait Trace {
    /// `len` bytes from `input` on come out one to one: every byte, and so every character boundary, keeps its place.
    fn copy(&mut self, input: usize, len: usize);
    /// The input bytes `input` come out as `out_len` other bytes.
    fn replace(&mut self, input: Range<usize>, out_len: usize);
}

/// Records nothing.
#[derive(Default)]
pub(crate) struct Untraced;

impl Trace for Untraced {
    #[inline(always)]
    fn copy(&mut self, _input: usize, _len: usize) {}
    #[inline(always)]
    fn replace(&mut self, _input: Range<usize>, _out_len: usize) {}
}

#[derive(Clone, Debug, PartialEq)]
struct Run {
    /// Where the run begins in the output; it ends where the next one begins.
    out: usize,
    input: Range<usize>,
    /// Byte for byte, or the whole input for any part of the output.
    copied: bool,
}

/// The map of one cleaning pass from positions of its output to ranges of its input.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alignment {
    runs: Vec<Run>,
    out_len: usize,
}

impl Trace for Alignment {
    fn copy(&mut self, input: usize, len: usize) {
        if len == 0 {
            return;
        }
        match self.runs.last_mut() {
            Some(run) if run.copied && run.input.end == input => run.input.end += len,
            _ => self.runs.push(Run { out: self.out_len, input: input..input + len, copied: true }),
        }
        self.out_len += len;
    }

    fn replace(&mut self, input: Range<usize>, out_len: usize) {
        if out_len == 0 {
            return;
        }
        let same = self.runs.last().is_some_and(|run| !run.copied && run.input == input);
        if !same {
            self.runs.push(Run { out: self.out_len, input, copied: false });
        }
        self.out_len += out_len;
    }
}

impl Alignment {
    /// The input range that the output range `out` came from. `cursor` starts at 0 and makes ascending queries cheap.
    pub fn input_of(&self, out: Range<usize>, cursor: &mut usize) -> Range<usize> {
        let Some(last) = self.runs.len().checked_sub(1) else { return 0..0 };
        if self.runs[*cursor].out > out.start {
            *cursor = 0;
        }
        // Gallop, then search: steps are short between the tokens of a text and long after one that was skipped.
        let mut step = 1;
        while *cursor + step <= last && self.runs[*cursor + step].out <= out.start {
            *cursor += step;
            step *= 2;
        }
        let window = &self.runs[*cursor..=last.min(*cursor + step)];
        *cursor += window.partition_point(|run| run.out <= out.start).saturating_sub(1);
        let first = &self.runs[*cursor];
        let start = if first.copied { first.input.start + (out.start - first.out) } else { first.input.start };
        if out.is_empty() {
            return start..start;
        }
        let mut end_run = *cursor;
        while end_run < last && self.runs[end_run + 1].out < out.end {
            end_run += 1;
        }
        let run = &self.runs[end_run];
        let end = if run.copied { run.input.start + (out.end - run.out) } else { run.input.end };
        start..end.max(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_map_byte_for_byte_and_replacements_as_a_whole() {
        let mut alignment = Alignment::default();
        alignment.copy(0, 3); // abc
        alignment.copy(3, 2); // de, joins the run before it
        alignment.replace(5..11, 1); // a tag becomes a space
        alignment.copy(11, 4);
        alignment.replace(15..18, 2); // one character becomes two
        assert_eq!(alignment.runs.len(), 4);
        let mut cursor = 0;
        assert_eq!(alignment.input_of(1..5, &mut cursor), 1..5);
        assert_eq!(alignment.input_of(5..6, &mut cursor), 5..11);
        assert_eq!(alignment.input_of(6..8, &mut cursor), 11..13);
        assert_eq!(alignment.input_of(4..7, &mut cursor), 4..12);
        assert_eq!(alignment.input_of(10..11, &mut cursor), 15..18);
        assert_eq!(alignment.input_of(11..12, &mut cursor), 15..18);
        assert_eq!(alignment.input_of(0..12, &mut cursor), 0..18);
    }

    #[test]
    fn deleted_input_leaves_a_gap() {
        let mut alignment = Alignment::default();
        alignment.copy(2, 2);
        alignment.copy(9, 2);
        let mut cursor = 0;
        assert_eq!(alignment.input_of(0..4, &mut cursor), 2..11);
        assert_eq!(alignment.input_of(2..4, &mut cursor), 9..11);
        assert_eq!(alignment.input_of(3..3, &mut cursor), 10..10);
    }

    #[test]
    fn far_and_near_queries_agree() {
        let mut alignment = Alignment::default();
        for i in 0..1000 {
            alignment.replace(i * 3..i * 3 + 3, 1);
        }
        let mut cursor = 0;
        for i in [0, 1, 2, 7, 8, 500, 501, 999, 3, 998] {
            assert_eq!(alignment.input_of(i..i + 1, &mut cursor), i * 3..i * 3 + 3, "at {i}");
            let mut fresh = 0;
            assert_eq!(alignment.input_of(i..i + 1, &mut fresh), i * 3..i * 3 + 3);
        }
    }
}
