//! Ragged batches: rows of all documents one after another, and where each document starts. No padding exists.

/// Rows of numbers that belong to documents: a sequence of vectors for each document.
///
/// `data` is `[n_rows, width]`, row-major; document `d` owns rows `starts[d] .. starts[d + 1]`. One vector a document
/// (behind a global pooling) is the case where each document owns exactly one row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows<T> {
    /// `[n_rows, width]`, row-major.
    pub data: Vec<T>,
    /// Numbers in a row.
    pub width: usize,
    /// `[n_docs + 1]`, ascending from 0 to `n_rows`.
    pub starts: Vec<u32>,
}

impl<T: Copy + Default> Rows<T> {
    /// How many documents.
    pub fn n_docs(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// How many rows in all documents together.
    pub fn n_rows(&self) -> usize {
        self.starts.last().map_or(0, |&n| n as usize)
    }

    /// The row numbers of a document.
    pub fn doc(&self, doc_idx: usize) -> std::ops::Range<usize> {
        self.starts[doc_idx] as usize..self.starts[doc_idx + 1] as usize
    }

    /// Row `row` of the data.
    pub fn row(&self, row: usize) -> &[T] {
        &self.data[row * self.width..(row + 1) * self.width]
    }

    /// The numbers of a document, `[n_rows, width]`.
    pub fn doc_data(&self, doc_idx: usize) -> &[T] {
        let doc = self.doc(doc_idx);
        &self.data[doc.start * self.width..doc.end * self.width]
    }

    /// The numbers of a document, to change.
    pub fn doc_data_mut(&mut self, doc_idx: usize) -> &mut [T] {
        let doc = self.doc(doc_idx);
        &mut self.data[doc.start * self.width..doc.end * self.width]
    }

    /// Takes the document bounds of `starts`, `width` numbers a row, all zero. Keeps the memory it has.
    pub fn reset(&mut self, starts: &[u32], width: usize) {
        self.starts.clear();
        self.starts.extend_from_slice(starts);
        self.width = width;
        let n = self.n_rows() * width;
        self.data.clear();
        self.data.resize(n, T::default());
    }

    /// Takes the document bounds of `starts`, `width` numbers a row. The numbers are whatever was there: for callers
    /// that write every one of them.
    pub fn resize_like(&mut self, starts: &[u32], width: usize) {
        self.starts.clear();
        self.starts.extend_from_slice(starts);
        self.width = width;
        self.data.resize(self.n_rows() * width, T::default());
    }

    /// Like [`resize_like`](Self::resize_like) with documents of these many rows.
    pub fn resize_documents(&mut self, n_rows: impl Iterator<Item = usize>, width: usize) {
        self.starts.clear();
        self.starts.push(0);
        let mut end = 0;
        for n in n_rows {
            end += n as u32;
            self.starts.push(end);
        }
        self.width = width;
        self.data.resize(end as usize * width, T::default());
    }

    /// Becomes equal to `other`. Keeps the memory it has.
    pub fn copy_from(&mut self, other: &Self) {
        self.resize_like(&other.starts, other.width);
        self.data.copy_from_slice(&other.data);
    }

    /// Like [`reset`](Self::reset) with one row for each document.
    pub fn reset_vectors(&mut self, n_docs: usize, width: usize) {
        self.starts.clear();
        self.starts.extend(0..=n_docs as u32);
        self.width = width;
        self.data.clear();
        self.data.resize(n_docs * width, T::default());
    }
}

/// What a net reads of one document.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Document<'a> {
    /// Token ids, or the numbers of its features.
    pub ids: &'a [u32],
    /// How much each counts; empty where each counts 1. Only a bag reads it.
    pub values: &'a [f32],
}

impl<'a> From<&'a [u32]> for Document<'a> {
    fn from(ids: &'a [u32]) -> Self {
        Self { ids, values: &[] }
    }
}

/// The token ids of several documents, with the distinct ones listed once.
///
/// Invariant: `ids[i] == distinct[index[i]]`; `distinct` ascends, so that whoever divides the distinct tokens among
/// threads divides a table's rows in the same way, and each row stays with one processor.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// `[n_tokens]`: every document's token ids, one document after another.
    pub ids: Vec<u32>,
    /// `[n_docs + 1]`: where each document starts in `ids`.
    pub starts: Vec<u32>,
    /// `[n_distinct]`: each token id of the batch once.
    pub distinct: Vec<u32>,
    /// `[n_tokens]`: the place in `distinct` of each token.
    pub index: Vec<u32>,
    /// `[n_tokens]`: how much each token counts; empty where each counts 1.
    pub values: Vec<f32>,
    /// `[vocab_size]`: the place in `distinct` of an id that is there.
    places: Vec<u32>,
    /// A bit for each id; all 0 between fills.
    words: Vec<u64>,
}

impl Batch {
    /// A batch of the given documents. Ids must be below `vocab_size`.
    ///
    /// # Panics
    /// When an id is not below `vocab_size`: ids come from the pipeline that fixed the vocabulary. When some documents have
    /// values and others not, or another number of values than of ids.
    pub fn new<'a, D: Into<Document<'a>>>(documents: impl IntoIterator<Item = D>, vocab_size: usize) -> Self {
        let mut batch = Self::default();
        batch.fill(documents, vocab_size);
        batch
    }

    /// Replaces the contents, keeping the memory.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn fill<'a, D: Into<Document<'a>>>(&mut self, documents: impl IntoIterator<Item = D>, vocab_size: usize) {
        self.ids.clear();
        self.values.clear();
        self.starts.clear();
        self.starts.push(0);
        for document in documents {
            let Document { ids, values } = document.into();
            self.ids.extend_from_slice(ids);
            self.values.extend_from_slice(values);
            self.starts.push(self.ids.len() as u32);
        }
        assert!(self.values.is_empty() || self.values.len() == self.ids.len(), "a value for each token, or none");
        self.list_distinct(vocab_size);
    }

    /// Lists the whole vocabulary as distinct, whatever the documents hold: for a table that has a gradient everywhere.
    ///
    /// # Panics
    /// When an id is not below `vocab_size`.
    pub fn list_all(&mut self, vocab_size: usize) {
        assert!(self.ids.iter().all(|&id| (id as usize) < vocab_size), "token ids below {vocab_size}");
        self.distinct.clear();
        self.distinct.extend(0..vocab_size as u32);
        self.index.clone_from(&self.ids);
    }

    /// Becomes some documents of `whole`, whose list of distinct tokens it keeps: what is summed up for them has its place
    /// among what is summed up for the others.
    pub fn become_part(&mut self, whole: &Self, docs: std::ops::Range<usize>) {
        let tokens = whole.starts[docs.start] as usize..whole.starts[docs.end] as usize;
        let first = whole.starts[docs.start];
        self.starts.clear();
        self.starts.extend(whole.starts[docs.start..=docs.end].iter().map(|start| start - first));
        self.ids.clear();
        self.ids.extend_from_slice(&whole.ids[tokens.clone()]);
        self.index.clear();
        self.index.extend_from_slice(&whole.index[tokens.clone()]);
        self.values.clear();
        self.values.extend_from_slice(whole.values.get(tokens).unwrap_or_default());
        self.distinct.clone_from(&whole.distinct);
    }

    /// Replaces each token by `unknown` with probability `rate` (word dropout), from a seed.
    pub fn drop_words(&mut self, rate: f64, unknown: u32, seed: u64, vocab_size: usize) {
        let bound = crate::rng::threshold(rate);
        for (position, id) in self.ids.iter_mut().enumerate() {
            if crate::rng::bits(seed, position as u64) < bound {
                *id = unknown;
            }
        }
        self.list_distinct(vocab_size);
    }

    /// How many documents.
    pub fn n_docs(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The token positions of a document.
    pub fn doc(&self, doc_idx: usize) -> std::ops::Range<usize> {
        self.starts[doc_idx] as usize..self.starts[doc_idx + 1] as usize
    }

    fn list_distinct(&mut self, vocab_size: usize) {
        let Self { ids, distinct, index, places, words, .. } = self;
        words.resize(vocab_size.div_ceil(64), 0);
        places.resize(vocab_size, 0);
        for &id in &*ids {
            assert!((id as usize) < vocab_size, "token id {id} of {vocab_size}");
            words[id as usize / 64] |= 1 << (id % 64);
        }
        distinct.clear();
        for (i, word) in words.iter_mut().enumerate() {
            while *word != 0 {
                let id = i as u32 * 64 + word.trailing_zeros();
                places[id as usize] = distinct.len() as u32;
                distinct.push(id);
                *word &= *word - 1;
            }
        }
        index.clear();
        index.extend(ids.iter().map(|&id| places[id as usize]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_each_token_once_in_ascending_order() {
        let mut batch = Batch::new([&[5, 2, 5][..], &[], &[2, 9]], 10);
        assert_eq!(batch.starts, [0, 3, 3, 5]);
        assert_eq!(batch.distinct, [2, 5, 9]);
        assert_eq!(batch.index, [1, 0, 1, 0, 2]);
        batch.fill([&[9, 9][..]], 10);
        assert_eq!((batch.distinct.as_slice(), batch.index.as_slice()), (&[9][..], &[0, 0][..]));
    }

    #[test]
    fn a_part_keeps_the_list_of_distinct_tokens() {
        let whole = Batch::new([&[5, 2, 5][..], &[], &[2, 9]], 10);
        let mut part = Batch::default();
        part.become_part(&whole, 1..3);
        assert_eq!((part.ids.as_slice(), part.starts.as_slice()), (&[2, 9][..], &[0, 0, 2][..]));
        assert_eq!((part.distinct.as_slice(), part.index.as_slice()), (&[2, 5, 9][..], &[0, 2][..]));
    }

    #[test]
    fn a_batch_may_list_the_whole_vocabulary() {
        let mut batch = Batch::new([&[3, 1, 3][..]], 5);
        batch.list_all(5);
        assert_eq!((batch.distinct.as_slice(), batch.index.as_slice()), (&[0, 1, 2, 3, 4][..], &[3, 1, 3][..]));
    }

    #[test]
    fn word_dropout_replaces_the_asked_share() {
        let ids: Vec<u32> = (0..10_000).map(|i| 1 + i % 50).collect();
        let mut batch = Batch::new([&ids[..]], 51);
        batch.drop_words(0.3, 0, 7, 51);
        let dropped = batch.ids.iter().filter(|&&id| id == 0).count();
        assert!((2_700..3_300).contains(&dropped), "{dropped}");
        assert_eq!(batch.distinct.len(), 51);
    }
}
