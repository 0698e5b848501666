//! The records of a WARC or WET file, one at a time, past damaged ones.
//!
//! A record is a line `WARC/1.0`, named fields, an empty line, a block of `Content-Length` bytes and two line ends
//! (ISO 28500). It is believed only if the next record, or the end, stands where the length says: a wrong length must
//! not swallow the records behind it.

use std::io::{self, Read};

use memchr::memmem;

use super::super::Compression;
use super::fields::{Fields, split_head};
use super::members::{Filled, Members};

/// Longer heads are damage.
const LONGEST_HEAD: usize = 1 << 16;
/// Longer blocks are left out: pages are shorter, and memory is bounded by it.
pub(super) const LONGEST_BLOCK: u64 = 32 << 20;
/// How a record begins, after the line end of the one before.
const SIGN: &[u8] = b"\nWARC/1.";
/// How many line ends may stand between two records.
const LONGEST_GAP: usize = 64;

/// A record.
pub(super) struct Record<'r> {
    pub(super) fields: Fields,
    pub(super) block: &'r [u8],
}

/// What was passed over.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passed {
    /// Records that were given.
    pub(super) records: u64,
    /// Damaged or cut off.
    pub(super) damaged: u64,
    /// Longer than [`LONGEST_BLOCK`].
    pub(super) too_long: u64,
}

/// Reads records.
pub(super) struct Records<R: Read> {
    members: Members<R>,
    plain: Vec<u8>,
    at: usize,
    /// A place at which what stood before is damaged; nothing is read beyond it until it is passed.
    broken_at: Option<usize>,
    /// Where members end whose checksums are right, ascending; those that are passed are forgotten.
    sound_ends: Vec<usize>,
    ended: bool,
    /// Whether the damage at hand has been counted.
    in_damage: bool,
    passed: Passed,
}

/// Whether as many bytes are there as were asked for.
#[derive(PartialEq, Eq)]
enum Have {
    Enough,
    Broken,
    Ended,
}

impl<R: Read> Records<R> {
    pub(super) fn new(reader: R) -> io::Result<Self> {
        let members = Members::new(reader)?;
        let (plain, passed) = (Vec::new(), Passed::default());
        Ok(Self {
            members,
            plain,
            at: 0,
            broken_at: None,
            sound_ends: Vec::new(),
            ended: false,
            in_damage: false,
            passed,
        })
    }

    pub(super) fn compression(&self) -> Compression {
        self.members.compression()
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.members.bytes_read()
    }

    pub(super) fn passed(&self) -> Passed {
        self.passed
    }

    /// The next record that is whole.
    pub(super) fn next(&mut self) -> io::Result<Option<Record<'_>>> {
        loop {
            self.pass_line_ends()?;
            match self.have(1)? {
                Have::Enough => {}
                Have::Ended => return Ok(None),
                Have::Broken => {
                    self.pass_break();
                    continue;
                }
            }
            if let Some((fields, start, end)) = self.record()? {
                self.at = end;
                self.in_damage = false;
                self.passed.records += 1;
                return Ok(Some(Record { fields, block: &self.plain[start..end] }));
            }
        }
    }

    /// The fields of the record that begins here, and where its block stands; `None` if it was passed over.
    fn record(&mut self) -> io::Result<Option<(Fields, usize, usize)>> {
        self.have(b"WARC/1.".len())?;
        if !self.plain[self.at..].starts_with(b"WARC/") {
            self.damaged(false);
            self.seek_record(self.at)?;
            return Ok(None);
        }
        let Some((fields, head)) = self.head()? else {
            self.damaged(true);
            self.seek_record(self.at + 1)?;
            return Ok(None);
        };
        let length = fields.get("content-length").and_then(|length| length.parse::<u64>().ok());
        let start = self.at + head;
        match length {
            Some(length) if length > LONGEST_BLOCK => {
                self.passed.too_long += 1;
                self.in_damage = true;
                self.seek_record(start)?;
            }
            Some(length) if self.is_whole(head + length as usize)? => {
                // Reading may have moved the bytes.
                let start = self.at + head;
                return Ok(Some((fields, start, start + length as usize)));
            }
            _ => {
                self.damaged(true);
                self.seek_record(self.at + head)?;
            }
        }
        Ok(None)
    }

    /// The fields and how many bytes they take.
    fn head(&mut self) -> io::Result<Option<(Fields, usize)>> {
        let mut n = 1 << 10;
        loop {
            let have = self.have(n)?;
            let limit = self.broken_at.unwrap_or(self.plain.len()).min(self.at + n);
            // The head ends before the next record begins.
            let next = memmem::find(&self.plain[self.at..limit], SIGN);
            let end = next.map_or(limit, |next| self.at + next + 1);
            if let Some((lines, head)) = split_head(&self.plain[self.at..end]) {
                return Ok(Some((Fields::parse(lines), head)));
            }
            if have != Have::Enough || n >= LONGEST_HEAD || next.is_some() {
                return Ok(None);
            }
            n *= 4;
        }
    }

    /// Whether a record of `n` bytes stands here: all of it is there, its checksum is right, and behind it comes
    /// another record or the end.
    fn is_whole(&mut self, n: usize) -> io::Result<bool> {
        if self.have(n)? != Have::Enough {
            return Ok(false);
        }
        for gap in 0..LONGEST_GAP {
            let have = self.have(n + gap + 1)?;
            match have {
                Have::Ended => return Ok(true),
                Have::Broken => return Ok(self.sound_ends.last().is_some_and(|&end| self.at + n <= end)),
                Have::Enough => {}
            }
            if !matches!(self.plain[self.at + n + gap], b'\r' | b'\n') {
                let sign = b"WARC/";
                // A member that ends soundly bounds its record as well as another record does.
                let have = self.have(n + gap + sign.len())?;
                let bounded = have == Have::Enough && self.plain[self.at + n + gap..].starts_with(sign);
                let behind = self.at + n..=self.at + n + gap;
                return Ok(bounded || self.sound_ends.iter().any(|end| behind.contains(end)));
            }
        }
        Ok(false)
    }

    /// Moves to the next place where a record begins, from `from` on.
    fn seek_record(&mut self, from: usize) -> io::Result<()> {
        self.at = from.min(self.plain.len());
        loop {
            let end = self.broken_at.unwrap_or(self.plain.len());
            let at_line = memmem::find(&self.plain[self.at.min(end)..end], SIGN).map(|found| self.at + found + 1);
            if let Some(found) = self.at_member(end).into_iter().chain(at_line).min() {
                self.at = found;
                return Ok(());
            }
            self.at = end.saturating_sub(SIGN.len() - 1).max(self.at);
            match self.have(self.plain.len() - self.at + 1)? {
                Have::Enough => {}
                Have::Broken => {
                    self.pass_break();
                    return Ok(());
                }
                Have::Ended => {
                    self.at = self.plain.len();
                    return Ok(());
                }
            }
        }
    }

    /// Where a member begins with a record, from here on: what stands before it may be damaged, its last line end too.
    fn at_member(&self, end: usize) -> Option<usize> {
        let begins = |place: &usize| *place >= self.at && self.plain[*place..end].starts_with(&SIGN[1..]);
        self.sound_ends.iter().copied().filter(|place| *place <= end).find(|place| begins(place))
    }

    fn pass_line_ends(&mut self) -> io::Result<()> {
        while self.have(1)? == Have::Enough && matches!(self.plain[self.at], b'\r' | b'\n') {
            self.at += 1;
        }
        Ok(())
    }

    fn pass_break(&mut self) {
        if let Some(place) = self.broken_at.take() {
            self.at = place;
            self.damaged(false);
        }
    }

    /// Counts damage: always where a record has begun, else once until the next whole record.
    fn damaged(&mut self, begun: bool) {
        self.passed.damaged += u64::from(begun || !self.in_damage);
        self.in_damage = true;
    }

    /// Reads until `n` bytes from here are there.
    fn have(&mut self, n: usize) -> io::Result<Have> {
        loop {
            let end = self.broken_at.unwrap_or(self.plain.len());
            if end.saturating_sub(self.at) >= n {
                return Ok(Have::Enough);
            }
            if self.broken_at.is_some() {
                return Ok(Have::Broken);
            }
            if self.ended {
                return Ok(Have::Ended);
            }
            // What has been read goes when it is more than what is left.
            if self.at > 1 << 16 && self.at > self.plain.len() / 2 {
                self.plain.drain(..self.at);
                self.sound_ends.retain_mut(|end| {
                    let is_ahead = *end >= self.at;
                    *end = end.saturating_sub(self.at);
                    is_ahead
                });
                self.at = 0;
            }
            match self.members.fill(&mut self.plain)? {
                Filled::More => {}
                Filled::MemberEnd => self.sound_ends.push(self.plain.len()),
                Filled::Break => self.broken_at = Some(self.plain.len()),
                Filled::End => self.ended = true,
            }
        }
    }
}
