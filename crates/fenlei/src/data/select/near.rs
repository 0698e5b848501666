//! Near-duplicates of documents that were seen before, by the signatures of these alone.
//!
//! A new document is compared with those that share a band of its signature (locality-sensitive hashing).

use hashbrown::HashTable;

use super::minhash::{MinHash, Shape, estimate};
use super::shingles::{mix, shingles};

/// So many documents of one band are compared; more would be a hostile input, and the work stays linear.
const COMPARED_A_BAND: usize = 64;

/// The signatures of the documents that were kept.
pub(super) struct NearIndex {
    threshold: f64,
    shape: Shape,
    minhash: MinHash,
    /// `[n_documents, shape.len()]`
    signatures: Vec<u16>,
    n_inserted: u32,
    /// One a band: documents under the hash of their values in it.
    bands: Vec<HashTable<u32>>,
    shingles: Vec<u64>,
    /// Documents that were compared with the new one already.
    compared: Vec<u32>,
}

impl NearIndex {
    pub(super) fn new(threshold: f64) -> Self {
        let shape = Shape::of_threshold(threshold);
        Self {
            threshold,
            shape,
            minhash: MinHash::new(shape.len()),
            signatures: Vec::new(),
            n_inserted: 0,
            bands: (0..shape.bands).map(|_| HashTable::new()).collect(),
            shingles: Vec::new(),
            compared: Vec::new(),
        }
    }

    /// Whether a document is like one that is there; if not, it is there from now on. A text without words is like no
    /// other.
    pub(super) fn holds_or_insert(&mut self, text: &str) -> bool {
        let found = self.find(text);
        if found.is_none() {
            self.insert_last();
        }
        found.is_some()
    }

    /// The number of a document that is there and that `text` is like: how many had been inserted before it. If there is
    /// none, [`insert_last`](Self::insert_last) puts `text` there.
    pub(super) fn find(&mut self, text: &str) -> Option<u32> {
        let n = self.shape.len();
        self.signatures.truncate(self.n_inserted as usize * n);
        shingles(text, &mut self.shingles);
        if self.shingles.is_empty() {
            return None;
        }
        let document = self.n_inserted;
        self.minhash.sign(&self.shingles, &mut self.signatures);
        let (before, own) = self.signatures.split_at(document as usize * n);
        let of = |document: u32| &before[document as usize * n..(document as usize + 1) * n];
        self.compared.clear();
        for (band, table) in self.bands.iter().enumerate() {
            let values = band * self.shape.rows..(band + 1) * self.shape.rows;
            let alike = |other: &&u32| of(**other)[values.clone()] == own[values.clone()];
            for &other in table.iter_hash(hash(&own[values.clone()])).filter(alike).take(COMPARED_A_BAND) {
                if !self.compared.contains(&other) {
                    if estimate(own, of(other)) >= self.threshold {
                        return Some(other);
                    }
                    self.compared.push(other);
                }
            }
        }
        None
    }

    /// Puts the text that was looked for last there. Nothing happens if it has no words.
    pub(super) fn insert_last(&mut self) -> Option<u32> {
        let (n, document) = (self.shape.len(), self.n_inserted);
        if self.signatures.len() != (document as usize + 1) * n {
            return None;
        }
        self.n_inserted += 1;
        let signatures = &self.signatures;
        for (band, table) in self.bands.iter_mut().enumerate() {
            let of = |document: u32| {
                let start = document as usize * n + band * self.shape.rows;
                hash(&signatures[start..start + self.shape.rows])
            };
            let own = of(document);
            if table.iter_hash(own).take(COMPARED_A_BAND).count() < COMPARED_A_BAND {
                table.insert_unique(own, document, |&other| of(other));
            }
        }
        Some(document)
    }
}

fn hash(values: &[u16]) -> u64 {
    values.iter().fold(0, |hash, &value| mix(hash ^ u64::from(value).wrapping_add(0x9e37_79b9_7f4a_7c15)))
}
