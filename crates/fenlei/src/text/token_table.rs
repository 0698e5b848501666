//! A set of strings numbered in the order of their insertion, with lookups on borrowed text.
//!
//! All strings stand in one buffer. A slot of the hash table holds the first eight bytes of its string, so that the
//! short words that make up most of any text are found without touching the buffer.
//!
//! Invariant: numbers are given in the order of insertion; the order of the hash table is never visible.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// See [`signature`]: identifies a string of at most eight bytes together with its length.
    signature: u64,
    len: u32,
    index: u32,
}

/// The strings and their numbers.
#[derive(Clone, Default)]
pub(crate) struct TokenTable {
    slots: HashTable<Slot>,
    text: String,
    /// `ends[i]` is where string `i` ends in `text`; it starts where the string before it ends.
    ends: Vec<usize>,
}

impl TokenTable {
    /// An empty table with room for `n` strings.
    pub fn with_capacity(n: usize) -> Self {
        Self { slots: HashTable::with_capacity(n), text: String::with_capacity(n * 8), ends: Vec::with_capacity(n) }
    }

    /// How many strings there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// String number `index`; `None` when there is none.
    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        Some(&self.text[start..end])
    }

    /// The strings in the order of their numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map(move |&end| &self.text[std::mem::replace(&mut start, end)..end])
    }

    /// The number of `token`, if it is known.
    #[inline]
    pub fn find(&self, token: &str) -> Option<u32> {
        let signature = signature(token.as_bytes());
        let hash = hash(signature, token.as_bytes());
        self.slots.find(hash, |slot| self.is(slot, signature, token)).map(|slot| slot.index)
    }

    /// The number of `token`, which is added if it is new. The flag says whether it was.
    /// `None`: the table is full (four thousand million strings) or the string is longer than 4 GiB.
    #[inline]
    pub fn insert(&mut self, token: &str) -> Option<(u32, bool)> {
        let signature = signature(token.as_bytes());
        let hash = hash(signature, token.as_bytes());
        let Self { slots, text, ends } = self;
        let bytes_of = |slot: &Slot| {
            let end = ends[slot.index as usize];
            &text.as_bytes()[end - slot.len as usize..end]
        };
        let entry = slots.entry(
            hash,
            |slot| {
                slot.signature == signature
                    && slot.len as usize == token.len()
                    && (token.len() <= 8 || bytes_of(slot) == token.as_bytes())
            },
            |slot| self::hash(slot.signature, bytes_of(slot)),
        );
        match entry {
            Entry::Occupied(occupied) => Some((occupied.get().index, false)),
            Entry::Vacant(vacant) => {
                let index = u32::try_from(ends.len()).ok().filter(|&n| n < u32::MAX)?;
                let len = u32::try_from(token.len()).ok()?;
                vacant.insert(Slot { signature, len, index });
                text.push_str(token);
                ends.push(text.len());
                Some((index, true))
            }
        }
    }

    /// Forgets every string and keeps the memory.
    pub fn clear(&mut self) {
        self.slots.clear();
        self.text.clear();
        self.ends.clear();
    }

    /// Bytes of text that the strings take together.
    pub fn text_bytes(&self) -> usize {
        self.text.len()
    }

    #[inline]
    fn is(&self, slot: &Slot, signature: u64, token: &str) -> bool {
        slot.signature == signature
            && slot.len as usize == token.len()
            && (token.len() <= 8 || {
                let end = self.ends[slot.index as usize];
                &self.text.as_bytes()[end - token.len()..end] == token.as_bytes()
            })
    }
}

/// A number that, together with the length, identifies a string of at most eight bytes; of a longer one its first eight.
/// Two overlapping reads of fixed size cost less than a copy of variable length.
#[inline]
fn signature(bytes: &[u8]) -> u64 {
    let n = bytes.len();
    if let Some(first) = bytes.first_chunk::<8>() {
        return u64::from_le_bytes(*first);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
    }
    if n == 0 {
        return 0;
    }
    u64::from(bytes[0]) | u64::from(bytes[n / 2]) << 8 | u64::from(bytes[n - 1]) << 16
}

/// Any spread will do: the hash never shows in a result. The seed is fixed so that speed does not vary between runs.
#[inline]
fn hash(signature: u64, bytes: &[u8]) -> u64 {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    if bytes.len() <= 8 {
        hasher.write_u64(signature);
        hasher.write_u8(bytes.len() as u8);
    } else {
        hasher.write(bytes);
    }
    hasher.finish()
}

/// Which of `n` equal parts of all strings `token` belongs to (for counting in parallel without a common lock).
#[inline]
pub(crate) fn part_of(token: &str, n: usize) -> usize {
    // The table itself uses the low bits and the top seven, so take others.
    (hash(signature(token.as_bytes()), token.as_bytes()) >> 40) as usize % n
}

impl std::fmt::Debug for TokenTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenTable").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn numbers_follow_the_order_of_insertion() {
        let mut table = TokenTable::default();
        assert_eq!(table.insert("zebra"), Some((0, true)));
        assert_eq!(table.insert("a"), Some((1, true)));
        assert_eq!(table.insert("zebra"), Some((0, false)));
        assert_eq!(table.insert(""), Some((2, true)));
        assert_eq!(table.iter().collect::<Vec<_>>(), ["zebra", "a", ""]);
        assert_eq!((table.get(0), table.get(2), table.get(3)), (Some("zebra"), Some(""), None));
        assert_eq!((table.find("zebr"), table.find("")), (None, Some(2)));
        table.clear();
        assert_eq!((table.len(), table.find("a"), table.text_bytes()), (0, None, 0));
    }

    proptest! {
        #[test]
        fn finds_exactly_what_a_plain_map_finds(words in prop::collection::vec("[ab你]{0,12}", 0..200)) {
            let mut table = TokenTable::default();
            let mut plain = HashMap::new();
            for word in &words {
                let next = plain.len() as u32;
                let expected = *plain.entry(word.clone()).or_insert(next);
                prop_assert_eq!(table.insert(word).unwrap().0, expected);
            }
            for word in &words {
                prop_assert_eq!(table.find(word), plain.get(word).copied());
                let longer = format!("{word}a");
                prop_assert_eq!(table.find(&longer), plain.get(&longer).copied());
            }
            prop_assert_eq!(table.len(), plain.len());
        }
    }
}
