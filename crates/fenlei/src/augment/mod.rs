//! Augmentation: changed copies of training documents, so that a classifier learns from more wordings than it was given.
//!
//! ```text
//! text ─cut→ pieces ─each kind of change, as often as its rate says→ pieces ─joined→ text
//! ```
//!
//! Invariant: what comes out depends on the text, the specification and the seed alone. A text with words keeps at least
//! one; a text without words, and every stretch that no change touched, stay byte for byte.
//! Invariant: only training documents are changed. Validation and test documents never come here.

mod cut;
mod draws;
mod extend;
mod keyboard;
mod kind;
mod letters;
mod look_alike;
mod pieces;
#[cfg(test)]
mod properties;
mod protect;
mod same_sound;
mod spec;
mod synonyms;
mod words;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use fenlei_nn::rng;

pub(crate) use extend::document_seed;
pub use extend::{Balance, ExtendOptions, Extended, extend};
pub use kind::Kind;
pub use spec::AugmentSpec;

use self::cut::Cutter;
use self::draws::Draws;
use self::look_alike::LookAlikes;
use self::pieces::Pieces;
use self::protect::Protected;
use self::same_sound::SameSound;
use self::synonyms::Synonyms;
use crate::data::TextLines;
use crate::text::StopWords;
use crate::{Error, Result};

/// What stands in a text for a word that became the unknown token. Nets get the unknown token itself.
pub const FILL_WORD: &str = "UNK";

/// Changes documents as a specification says. It is built once and used from many threads; clones share what is large.
#[derive(Clone)]
pub struct Augmenter {
    spec: AugmentSpec,
    cutter: Cutter,
    synonyms: Arc<Synonyms>,
    /// Words too common to be replaced.
    stop_words: StopWords,
    /// `None` where nothing needs it.
    same_sound: Option<Arc<SameSound>>,
    look_alikes: Arc<LookAlikes>,
}

impl std::fmt::Debug for Augmenter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Augmenter").field("spec", &self.spec).finish_non_exhaustive()
    }
}

/// How many words each kind of change had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes([u64; Kind::ALL.len()]);

impl Changes {
    /// Of one kind.
    pub fn of(&self, kind: Kind) -> u64 {
        self.0[kind as usize]
    }

    /// Of all kinds.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    fn add(&mut self, kind: Kind, n: usize) {
        self.0[kind as usize] += n as u64;
    }
}

impl std::ops::AddAssign for Changes {
    fn add_assign(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own += other);
    }
}

impl Augmenter {
    /// Reads the files that `spec` names.
    ///
    /// # Errors
    /// Files that are missing, empty or damaged.
    pub fn new(spec: &AugmentSpec) -> Result<Self> {
        Ok(Self {
            spec: spec.clone(),
            cutter: Cutter::new(Protected::new(&spec.protect, spec.protect_file.as_deref())?)?,
            synonyms: Arc::new(if spec.needs_synonyms() { Synonyms::load(spec)? } else { Synonyms::default() }),
            stop_words: StopWords::new(&["en", "zh"].map(str::to_owned), None, &str::to_lowercase),
            same_sound: (spec.same_sound > 0.0).then(|| Arc::new(SameSound::new())),
            look_alikes: Arc::new(LookAlikes::new()),
        })
    }

    /// The specification it was built from.
    pub fn spec(&self) -> &AugmentSpec {
        &self.spec
    }

    /// A changed copy of `text`, and how much was changed. The same seed gives the same copy.
    pub fn augment(&self, text: &str, seed: u64) -> (String, Changes) {
        self.change(text, seed, &Kind::ALL)
    }

    /// Without [`Kind::Fill`], which nets get as the unknown token itself.
    pub(crate) fn augment_but_fill(&self, text: &str, seed: u64) -> String {
        let but_fill = Kind::ALL.split_last().map_or(&[][..], |(_, others)| others);
        self.change(text, seed, but_fill).0
    }

    fn change(&self, text: &str, seed: u64, kinds: &[Kind]) -> (String, Changes) {
        let mut changes = Changes::default();
        let kinds: Vec<Kind> = kinds.iter().copied().filter(|&kind| self.spec.rate(kind) > 0.0).collect();
        if kinds.is_empty() {
            return (text.to_owned(), changes);
        }
        let mut pieces: Pieces<'_> = self.cutter.cut(text);
        for kind in kinds {
            let mut draws = Draws::new(rng::derive(seed, kind as u64));
            let n = draws.count(self.spec.rate(kind), pieces.n_words);
            if n > 0 {
                changes.add(kind, self.change_words(kind, &mut pieces, n, &mut draws));
            }
        }
        (pieces.joined(), changes)
    }

    /// Changes at most `n` words in one way; how many were changed.
    fn change_words(&self, kind: Kind, pieces: &mut Pieces<'_>, n: usize, draws: &mut Draws) -> usize {
        match kind {
            Kind::Synonym => words::replace(pieces, n, draws, |word| self.synonyms_of(word)),
            Kind::Insert => words::insert(pieces, n, draws, |word| self.synonyms_of(word)),
            Kind::Swap => words::swap(pieces, n, draws),
            Kind::Delete => words::delete(pieces, n, draws),
            Kind::Punctuation => words::punctuate(pieces, n, draws),
            Kind::Fill => words::fill(pieces, n, draws),
            Kind::SameSound => letters::change(pieces, n, draws, |graphemes, draws| {
                let same_sound = self.same_sound.as_ref()?;
                letters::substitute(graphemes, draws, |grapheme| same_sound.of(grapheme).collect())
            }),
            Kind::LookAlike => letters::change(pieces, n, draws, |graphemes, draws| {
                letters::substitute(graphemes, draws, |grapheme| self.look_alikes.of(grapheme).to_vec())
            }),
            Kind::Keyboard => letters::change(pieces, n, draws, |graphemes, draws| {
                letters::substitute(graphemes, draws, keyboard::neighbours)
            }),
            Kind::Drop => letters::change(pieces, n, draws, letters::drop_one),
            Kind::Double => letters::change(pieces, n, draws, letters::double_one),
            Kind::Transpose => letters::change(pieces, n, draws, letters::transpose_two),
        }
    }

    /// Nothing for stop words, as in Wei and Zou (2019).
    fn synonyms_of(&self, word: &str) -> Vec<&str> {
        let is_stop = || match word.bytes().all(|b| b.is_ascii_lowercase()) {
            true => self.stop_words.contains(word),
            false => self.stop_words.contains(&word.to_lowercase()),
        };
        if !self.synonyms.knows(word) || is_stop() {
            return Vec::new();
        }
        self.synonyms.of(word)
    }

    /// The words that stay.
    pub(crate) fn protected_words(&self) -> &[String] {
        &self.cutter.protected.words
    }

    /// Puts `unknown` in the place of a share of the tokens of a document, but not of `protected`, which is ascending.
    pub(crate) fn fill_ids(&self, ids: &mut [u32], unknown: u32, protected: &[u32], seed: u64) {
        let mut draws = Draws::new(seed);
        let n = draws.count(self.spec.fill, ids.len());
        let mut places: Vec<usize> = (0..ids.len()).filter(|&i| protected.binary_search(&ids[i]).is_err()).collect();
        draws.choose(&mut places, n).iter().for_each(|&place| ids[place] = unknown);
    }

    /// A number that is another one for other synonyms, so that a training does not go on with others.
    pub(crate) fn fingerprint(&self) -> u32 {
        self.synonyms.fingerprint()
    }
}

/// The lines of a file of words, in UTF-8 or an encoding that can be told from it.
fn read_lines(path: &Path) -> Result<Vec<String>> {
    let file = File::open(path).map_err(|error| Error::io("read", path, error))?;
    let mut lines = TextLines::open(file, path, None)?;
    let all = lines.by_ref().collect::<Result<Vec<String>>>()?;
    if lines.malformed() > 0 {
        let problem = format!("found bytes that are no text in {}, in {} places", lines.encoding(), lines.malformed());
        return Err(Error::data(path, None, problem, "save the file as UTF-8"));
    }
    Ok(all)
}
