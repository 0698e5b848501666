//! Where in a document its features stand.

use super::super::symbols::{END, SymbolKind, hash_of};
use super::{Vectorizer, hash_columns};
use crate::features::CharScope;
use crate::text::{TextPipeline, UNKNOWN_ID, is_han};

/// One place of a feature in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FeatureRun {
    /// Which feature.
    pub column: u32,
    /// Its symbols, as a range of those of its kind.
    symbols: std::ops::Range<usize>,
    /// Which kind of n-gram.
    block: usize,
}

/// The features of a document with the byte ranges of the original text that each is made of.
#[derive(Debug, Default)]
pub(crate) struct FeatureOrigin {
    pub runs: Vec<FeatureRun>,
    blocks: Vec<BlockOrigin>,
}

/// The symbols of one kind, each with the token that it comes from.
#[derive(Debug, Default)]
struct BlockOrigin {
    symbols: Vec<u32>,
    /// Of each symbol its token; that of an end means nothing.
    token_of: Vec<usize>,
    tokens: Vec<(String, (u32, u32))>,
    is_chars: bool,
}

impl FeatureOrigin {
    /// The byte ranges of the tokens that a run touches, in their order.
    pub fn places(&self, run: &FeatureRun) -> impl Iterator<Item = (u32, u32)> {
        let block = &self.blocks[run.block];
        let tokens = &block.token_of[run.symbols.clone()];
        let (first, last) = (tokens.first().copied().unwrap_or(0), tokens.last().copied().unwrap_or(0));
        block.tokens.get(first..=last).unwrap_or_default().iter().map(|(_, place)| *place)
    }

    /// What a run reads: tokens with a space between them, or characters.
    pub fn name(&self, run: &FeatureRun) -> String {
        let block = &self.blocks[run.block];
        if block.is_chars {
            return block.symbols[run.symbols.clone()].iter().copied().filter_map(char::from_u32).collect();
        }
        let tokens = block.token_of[run.symbols.clone()].iter().map(|&token| block.tokens[token].0.as_str());
        tokens.collect::<Vec<_>>().join(" ")
    }

    /// The byte ranges of all tokens.
    pub fn all_places(&self) -> impl Iterator<Item = (u32, u32)> {
        self.blocks.iter().flat_map(|block| block.tokens.iter().map(|(_, place)| *place))
    }
}

impl Vectorizer {
    /// The features of `text` with their places: as often as [`rows`](Self::rows) counts each.
    pub(crate) fn origin(&self, pipeline: &TextPipeline, text: &str) -> FeatureOrigin {
        let mut origin = FeatureOrigin::default();
        for (number, block) in self.blocks.iter().enumerate() {
            let of_block = BlockOrigin::new(pipeline, text, block.kind);
            let mut push = |column, start: usize, length| {
                origin.runs.push(FeatureRun { column, symbols: start..start + length, block: number });
            };
            match &block.ngrams {
                Some(ngrams) => ngrams.for_each_run(&of_block.symbols, push),
                None => hash_columns(block, &of_block.symbols, self.n_columns, &mut push),
            }
            origin.blocks.push(of_block);
        }
        origin
    }
}

impl BlockOrigin {
    /// The symbols that `Sequences::push` gives, with their tokens.
    fn new(pipeline: &TextPipeline, text: &str, kind: SymbolKind) -> Self {
        let mut block = Self { is_chars: matches!(kind, SymbolKind::Chars(_)), ..Self::default() };
        match kind {
            SymbolKind::Ids => {
                let encoding = pipeline.encode(text);
                for (token, (&id, &place)) in encoding.ids.iter().zip(&encoding.offsets).enumerate() {
                    block.tokens.push((pipeline.vocab().token(id).unwrap_or_default().to_owned(), place));
                    match id {
                        UNKNOWN_ID => block.end_sequence(token),
                        id => block.push(id, token),
                    }
                }
                block.end_sequence(0);
            }
            SymbolKind::Hashes => {
                block.tokens = pipeline.tokens_with_origin(text);
                let hashes: Vec<u32> = block.tokens.iter().map(|(token, _)| hash_of(token)).collect();
                hashes.into_iter().enumerate().for_each(|(token, hash)| block.push(hash, token));
                block.end_sequence(0);
            }
            SymbolKind::Chars(scope) => {
                let tokens = pipeline.tokens_with_origin(text);
                let mut last: Option<char> = None;
                for (number, (token, _)) in tokens.iter().enumerate() {
                    let beside_han = last.is_some_and(is_han) || token.chars().next().is_some_and(is_han);
                    if scope == CharScope::Words || (last.is_some() && !beside_han) {
                        block.push(u32::from(' '), number);
                    }
                    token.chars().for_each(|c| block.push(u32::from(c), number));
                    last = token.chars().next_back().or(last);
                    if scope == CharScope::Words {
                        block.push(u32::from(' '), number);
                        block.end_sequence(number);
                    }
                }
                block.tokens = tokens;
                block.end_sequence(0);
            }
        }
        block
    }

    fn push(&mut self, symbol: u32, token: usize) {
        self.symbols.push(symbol);
        self.token_of.push(token);
    }

    fn end_sequence(&mut self, token: usize) {
        if self.symbols.last().is_some_and(|&symbol| symbol != END) {
            self.push(END, token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Target;
    use crate::features::{FeaturesSpec, Labels, SparseRows};
    use crate::text::PipelineSpec;

    const TEXTS: [&str; 5] =
        ["A fine film", "so <b>fine</b>, so fine!", "电影很好看 a film", "", "an unseen thing of a fine film"];

    fn counted(origin: &FeatureOrigin, n_columns: usize) -> SparseRows {
        let mut columns: Vec<u32> = origin.runs.iter().map(|run| run.column).collect();
        columns.sort_unstable();
        let mut rows = SparseRows::new(n_columns);
        rows.push(columns.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as f32)));
        rows
    }

    #[test]
    fn the_places_of_features_are_as_many_as_are_counted() {
        let pipeline = PipelineSpec::default().fit(&TEXTS[..3]).unwrap();
        for toml in [
            "word_ngrams = 3",
            "word_ngrams = 2\nhash_columns = 50",
            "word_ngrams = 1\nchar_ngrams = [2, 3]",
            "word_ngrams = 0\nchar_ngrams = [1, 4]\nchar_scope = 'text'",
            "word_ngrams = 1\nchar_ngrams = [2, 3]\nhash_columns = 64",
        ] {
            let toml = format!("{toml}\ntf = 'count'\nidf = 'none'\nnorm = 'none'\nmin_df = 1");
            let spec: FeaturesSpec = toml::from_str(&toml).unwrap();
            let targets = [0, 1, 0].map(Target::One);
            let labels = Labels { n: 2, multi: false };
            let vectorizer = Vectorizer::fit(&spec, &pipeline, &TEXTS[..3], &targets, labels).unwrap().vectorizer;
            for text in TEXTS {
                let rows = vectorizer.rows(&pipeline, &[text]);
                let origin = vectorizer.origin(&pipeline, text);
                assert_eq!(counted(&origin, vectorizer.n_columns()).row(0), rows.row(0), "{toml} {text:?}");
                for run in &origin.runs {
                    assert!(origin.places(run).count() > 0, "{toml} {text:?} {run:?}");
                }
            }
        }
    }

    #[test]
    fn a_run_tells_what_it_reads_and_where() {
        let pipeline = PipelineSpec::default().fit(&TEXTS[..3]).unwrap();
        let spec: FeaturesSpec = toml::from_str("word_ngrams = 2\nmin_df = 1").unwrap();
        let labels = Labels { n: 2, multi: false };
        let targets = [0, 1, 0].map(Target::One);
        let vectorizer = Vectorizer::fit(&spec, &pipeline, &TEXTS[..3], &targets, labels).unwrap().vectorizer;
        let origin = vectorizer.origin(&pipeline, TEXTS[1]);
        let read: Vec<(String, Vec<(u32, u32)>)> =
            origin.runs.iter().map(|run| (origin.name(run), origin.places(run).collect())).collect();
        assert!(read.contains(&("so fine".to_owned(), vec![(16, 18), (19, 23)])), "{read:?}");
    }
}
