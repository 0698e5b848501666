//! Counting which words meet: the pairs that GloVe learns from, in blocks that are kept in memory or on disk.
//!
//! Word by word: all places of a word are visited, and what stands near them is summed in one array as long as the
//! vocabulary. Every pair is then complete at once, so that nothing has to be sorted, merged or looked up.
//!
//! Invariant: which blocks there are and what order a block has depend on the documents alone. The setting of memory
//! decides where blocks lie, never what they hold.

use std::fs::File;
use std::io::Write;

use fenlei_nn::kernels::glove::Meeting;
use rayon::prelude::*;

use super::corpus::{Corpus, END};
use super::{Hooks, Phase, Progress};
use crate::{Error, Result};

/// Rows and columns are divided into so many parts: as many threads can take steps at once without meeting.
pub(super) const PARTS: usize = 16;

/// Places of words that are counted between two looks at the memory.
const PLACES_AT_ONCE: usize = 1 << 17;

/// Bytes of a meeting on disk.
const BYTES: usize = 12;

/// Pairs of words that met, by the part of each word: word `i` is row `i / PARTS` of part `i % PARTS`.
#[derive(Debug)]
pub(super) struct Meetings {
    /// `[PARTS, PARTS]`
    blocks: Vec<Block>,
    file: Option<File>,
    n: u64,
}

#[derive(Debug, Default)]
struct Block {
    kept: Vec<Meeting>,
    /// Where parts of the block lie on disk: offset and number.
    spilled: Vec<(u64, usize)>,
}

impl Meetings {
    /// Counts pairs of words at most `window` apart, one at distance `d` for `1 / d`. At most about `memory` bytes are
    /// kept, the rest goes to a file without a name, which is gone when the program ends.
    pub fn count(corpus: &Corpus, window: usize, memory: u64, hooks: Hooks<'_>) -> Result<Self> {
        let places = Places::of(corpus)?;
        let n_words = corpus.words().len();
        let mut meetings = Self { blocks: (0..PARTS * PARTS).map(|_| Block::default()).collect(), file: None, n: 0 };
        let (mut word, mut n_kept, mut n_spilled) = (0, 0u64, 0u64);
        while word < n_words {
            hooks.check()?;
            let first = word;
            let start = places.starts[first];
            while word < n_words && (word == first || places.starts[word + 1] - start <= PLACES_AT_ONCE) {
                word += 1;
            }
            let rows: Vec<Vec<(u32, f32)>> = (first..word)
                .into_par_iter()
                .map_init(
                    || (vec![0.0; n_words], Vec::new()),
                    |(sums, met), word| near(corpus.ids(), places.of_word(word), window, sums, met),
                )
                .collect();
            for (row, met) in (first..).zip(&rows) {
                n_kept += met.len() as u64;
                for &(col, count) in met {
                    let col = col as usize;
                    let block = &mut meetings.blocks[row % PARTS * PARTS + col % PARTS];
                    block.kept.push(Meeting { row: (row / PARTS) as u32, col: (col / PARTS) as u32, count });
                }
            }
            if n_kept * size_of::<Meeting>() as u64 > memory {
                meetings.spill(&mut n_spilled)?;
                n_kept = 0;
            }
            let done = places.starts[word] as u64;
            hooks.tell(Progress { phase: Phase::Counting, done, total: places.places.len() as u64, loss: None });
        }
        Ok(meetings)
    }

    /// Writes all that is kept behind what is on disk already.
    fn spill(&mut self, n_spilled: &mut u64) -> Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile().map_err(failed("create"))?),
        };
        let mut bytes = Vec::new();
        for block in self.blocks.iter_mut().filter(|block| !block.kept.is_empty()) {
            bytes.clear();
            for meeting in &block.kept {
                bytes.extend_from_slice(&meeting.row.to_le_bytes());
                bytes.extend_from_slice(&meeting.col.to_le_bytes());
                bytes.extend_from_slice(&meeting.count.to_le_bytes());
            }
            file.write_all(&bytes).map_err(failed("write"))?;
            block.spilled.push((*n_spilled * BYTES as u64, block.kept.len()));
            *n_spilled += block.kept.len() as u64;
            self.n += block.kept.len() as u64;
            block.kept = Vec::new();
        }
        Ok(())
    }

    /// How many pairs there are; those of two different words count twice, once from each side.
    pub fn len(&self) -> u64 {
        self.n + self.blocks.iter().map(|block| block.kept.len() as u64).sum::<u64>()
    }

    /// How many of them are on disk.
    #[cfg(test)]
    fn n_spilled(&self) -> u64 {
        self.n
    }

    /// Puts the pairs of rows of part `row` with columns of part `col` into `out`.
    pub fn block_into(&self, row: usize, col: usize, out: &mut Vec<Meeting>) -> Result<()> {
        out.clear();
        let block = &self.blocks[row * PARTS + col];
        let mut bytes = Vec::new();
        for &(offset, n) in &block.spilled {
            let Some(file) = &self.file else { continue };
            bytes.resize(n * BYTES, 0);
            read_at(file, offset, &mut bytes).map_err(failed("read"))?;
            let number = |bytes: &[u8], at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
            out.extend(bytes.chunks_exact(BYTES).map(|meeting| Meeting {
                row: u32::from_le_bytes(number(meeting, 0)),
                col: u32::from_le_bytes(number(meeting, 4)),
                count: f32::from_le_bytes(number(meeting, 8)),
            }));
        }
        out.extend_from_slice(&block.kept);
        Ok(())
    }
}

#[cfg(unix)]
fn read_at(file: &File, offset: u64, bytes: &mut [u8]) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

/// Elsewhere the place to read from belongs to the file, which threads share: one after the other.
#[cfg(not(unix))]
fn read_at(mut file: &File, offset: u64, bytes: &mut [u8]) -> std::io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock();
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(bytes)
}

fn failed(action: &'static str) -> impl Fn(std::io::Error) -> Error {
    move |error| Error::io(action, std::env::temp_dir(), error)
}

/// Where each word stands in the documents.
struct Places {
    /// Places in the list of all documents, by word.
    places: Vec<u32>,
    /// Where those of each word start, and the end.
    starts: Vec<usize>,
}

impl Places {
    fn of(corpus: &Corpus) -> Result<Self> {
        if u32::try_from(corpus.ids().len()).is_err() {
            let problem = "the documents have more than four thousand million words";
            return Err(Error::train(problem, "take a part of them, or train with --method word2vec"));
        }
        let mut starts = Vec::with_capacity(corpus.counts().len() + 1);
        starts.push(0);
        starts.extend(corpus.counts().iter().scan(0, |end, &count| {
            *end += count as usize;
            Some(*end)
        }));
        let mut next = starts.clone();
        let mut places = vec![0; corpus.n_tokens() as usize];
        for (place, &word) in (0..).zip(corpus.ids()).filter(|&(_, &word)| word != END) {
            places[next[word as usize]] = place;
            next[word as usize] += 1;
        }
        Ok(Self { places, starts })
    }

    fn of_word(&self, word: usize) -> &[u32] {
        &self.places[self.starts[word]..self.starts[word + 1]]
    }
}

/// The words near the places of one word, with their sums, in the order in which they were met. `sums` is all 0 before
/// and after.
fn near(ids: &[u32], places: &[u32], window: usize, sums: &mut [f32], met: &mut Vec<u32>) -> Vec<(u32, f32)> {
    met.clear();
    let mut meet = |(distance, &word): (usize, &u32)| {
        let sum = &mut sums[word as usize];
        if *sum == 0.0 {
            met.push(word);
        }
        *sum += 1.0 / distance as f32;
    };
    for &place in places {
        let place = place as usize;
        let before = ids[place.saturating_sub(window)..place].iter().rev();
        let after = ids[place + 1..].iter().take(window);
        (1..).zip(before).take_while(|(_, word)| **word != END).for_each(&mut meet);
        (1..).zip(after).take_while(|(_, word)| **word != END).for_each(&mut meet);
    }
    met.iter().map(|&word| (word, std::mem::take(&mut sums[word as usize]))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::corpus::tests::corpus;
    use super::*;

    type Pairs = BTreeMap<(u32, u32), f32>;

    fn all(meetings: &Meetings) -> Pairs {
        let mut pairs = Pairs::new();
        let mut block = Vec::new();
        for row in 0..PARTS {
            for col in 0..PARTS {
                meetings.block_into(row, col, &mut block).unwrap();
                for meeting in &block {
                    let word = |index: u32, part: usize| index * PARTS as u32 + part as u32;
                    let known = pairs.insert((word(meeting.row, row), word(meeting.col, col)), meeting.count);
                    assert_eq!(known, None, "a pair stands once");
                }
            }
        }
        pairs
    }

    fn texts() -> Vec<String> {
        (0..400).map(|i| format!("w{} w{} w{} w{} w{}", i % 40, i % 7, i % 3, i % 7, (i * i) % 23)).collect()
    }

    #[test]
    fn pairs_are_those_of_the_plain_way_within_documents() {
        let corpus = corpus(&texts(), 1);
        for window in [1, 3, 10] {
            let mut expected: BTreeMap<(u32, u32), f64> = BTreeMap::new();
            for doc in (0..corpus.n_docs()).map(|i| corpus.doc(i)) {
                for (i, &a) in doc.iter().enumerate() {
                    for (j, &b) in doc.iter().enumerate().filter(|&(j, _)| j != i && j.abs_diff(i) <= window) {
                        *expected.entry((a, b)).or_default() += 1.0 / j.abs_diff(i) as f64;
                    }
                }
            }
            let found = all(&Meetings::count(&corpus, window, u64::MAX, Hooks::default()).unwrap());
            assert_eq!(found.len(), expected.len());
            for (pair, count) in &expected {
                assert!((f64::from(found[pair]) - count).abs() < 1e-3, "{pair:?} {count}");
            }
        }
    }

    #[test]
    fn what_is_on_disk_is_what_would_be_in_memory() {
        let corpus = corpus(&texts(), 1);
        let kept = Meetings::count(&corpus, 5, u64::MAX, Hooks::default()).unwrap();
        let spilled = Meetings::count(&corpus, 5, 0, Hooks::default()).unwrap();
        assert_eq!((kept.n_spilled(), spilled.n_spilled()), (0, kept.len()));
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for row in 0..PARTS {
            for col in 0..PARTS {
                kept.block_into(row, col, &mut a).unwrap();
                spilled.block_into(row, col, &mut b).unwrap();
                assert_eq!(a, b);
            }
        }
    }
}
