//! The tokens of a text as text, for features that the vocabulary does not know, such as runs of characters.

use std::ops::ControlFlow;

use super::super::clean::Untraced;
use super::{Alignment, Keep, Origin, Scratch, TextPipeline, truncate};

/// The tokens of a document, one after the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct TokenTexts {
    text: String,
    /// Where each token starts and ends in `text`.
    places: Vec<(usize, usize)>,
}

impl TokenTexts {
    /// The tokens in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.places.iter().map(|&(start, end)| &self.text[start..end])
    }
}

impl TextPipeline {
    /// Puts the tokens of `text` into `tokens`: what [`TextPipeline::encode`] numbers, those included that the
    /// vocabulary lacks.
    pub(crate) fn tokens_into(&self, text: &str, tokens: &mut TokenTexts, scratch: &mut Scratch) {
        let TokenTexts { text: joined, places } = tokens;
        joined.clear();
        places.clear();
        let enough = match self.spec.truncate.keep {
            Keep::Head => self.n_own_kept(),
            Keep::Tail | Keep::Both => usize::MAX,
        };
        self.steps.for_each_token(text, scratch, &mut Vec::<Untraced>::new(), |token, _| {
            let start = joined.len();
            joined.push_str(token);
            places.push((start, joined.len()));
            if places.len() < enough { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        truncate(places, 0, self.n_own_kept(), self.spec.truncate.keep);
    }
}

impl TextPipeline {
    /// The tokens of [`tokens_into`](Self::tokens_into) with where each came from: its byte range in `text`.
    pub(crate) fn tokens_with_origin(&self, text: &str) -> Vec<(String, (u32, u32))> {
        let mut layers: Vec<Alignment> = Vec::new();
        let mut found: Vec<(String, std::ops::Range<usize>)> = Vec::new();
        self.steps.for_each_token(text, &mut Scratch::default(), &mut layers, |token, range| {
            found.push((token.to_owned(), range));
            ControlFlow::Continue(())
        });
        truncate(&mut found, 0, self.n_own_kept(), self.spec.truncate.keep);
        let mut origin = Origin::new(&layers);
        found.into_iter().map(|(token, range)| (token, origin.of(range))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::PipelineSpec;

    #[test]
    fn tokens_that_the_vocabulary_lacks_are_among_them_and_truncation_holds() {
        let mut spec = PipelineSpec::default();
        spec.truncate.max_tokens = 3;
        for (keep, expected) in [(Keep::Head, ["new", "words", "in"]), (Keep::Tail, ["in", "a", "text"])] {
            spec.truncate.keep = keep;
            let pipeline = spec.fit(&["nothing of it"]).unwrap();
            let (mut tokens, mut scratch) = (TokenTexts::default(), Scratch::default());
            for _ in 0..2 {
                pipeline.tokens_into("New  words in a <b>text</b>", &mut tokens, &mut scratch);
                assert_eq!(tokens.iter().collect::<Vec<_>>(), expected);
            }
        }
    }
}
