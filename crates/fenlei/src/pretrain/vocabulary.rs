//! A new vocabulary from documents: WordPiece or byte-level BPE, by the trainers of the tokenizers crate.
//!
//! Invariant: the same documents give the same vocabulary. The trainers number the pieces that they begin with in the order
//! of a hash map, so all of these are given to them in an order of ours.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rayon::prelude::*;
use serde_json::{Value, json};
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::replace::{Replace, ReplacePattern};
use tokenizers::normalizers::{BertNormalizer, NormalizerWrapper, Sequence, Strip};
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::{
    AddedToken, ModelWrapper, NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString,
    PreTokenizer, PreTokenizerWrapper, Tokenizer,
};

use super::spec::{NewEncoderSpec, VocabularyKind};
use crate::text::text_parts;
use crate::{Error, Result};

/// Tokens that mark something, in the order of BERT's.
const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// The number of the first of them, which pads.
pub(super) const PADDING: u32 = 0;

/// Longer words are no words.
const MAX_CHARS: usize = 100;

/// What a piece begins with that does not begin a word.
const WITHIN: &str = "##";

/// Documents whose words are counted at a time.
const DOCS_AT_ONCE: usize = 256;

/// A new tokenizer.
#[derive(Debug)]
pub(super) struct NewTokenizer {
    /// The content of `tokenizer.json`.
    pub json: String,
    /// Its files beside that.
    pub files: Vec<(String, Vec<u8>)>,
    /// Its tokens.
    pub n_tokens: usize,
}

/// Learns a vocabulary. `max_tokens` is told to those who use the tokenizer elsewhere.
pub(super) fn learn(texts: &[&str], spec: &NewEncoderSpec, max_tokens: usize) -> Result<NewTokenizer> {
    let failed = |problem: String| Error::train(format!("the vocabulary: {problem}"), "please report this");
    let is_wordpiece = spec.vocabulary == VocabularyKind::Wordpiece;
    let normalizer = normalizer(spec).map_err(&failed)?;
    let pre_tokenizer: PreTokenizerWrapper = match spec.vocabulary {
        VocabularyKind::Wordpiece => BertPreTokenizer.into(),
        VocabularyKind::Bpe => ByteLevel::new(true, true, true).into(),
    };
    let mut words = count(texts, &normalizer, &pre_tokenizer);
    let mut first: Vec<String> = SPECIAL.map(str::to_owned).to_vec();
    if is_wordpiece {
        first.extend(alphabet(&mut words, spec));
    } else {
        let bytes: BTreeSet<char> = ByteLevel::alphabet().into_iter().collect();
        first.extend(bytes.into_iter().map(String::from));
    }
    if words.is_empty() {
        let help = "give more documents, or set a lower --min-frequency";
        return Err(Error::train("the documents have no words to make a vocabulary of", help));
    }
    let mut trainer = BpeTrainer::builder()
        .show_progress(false)
        .vocab_size(spec.vocabulary_size)
        .min_frequency(spec.min_frequency)
        .special_tokens(first.into_iter().map(|token| AddedToken::from(token, false)).collect());
    if is_wordpiece {
        trainer = trainer.continuing_subword_prefix(WITHIN.to_owned());
    }
    let counts = words.iter().map(|(word, n)| (word.as_str().into(), *n)).collect();
    let mut bpe = BPE::default();
    trainer.build().do_train(&counts, &mut bpe).map_err(|e| failed(e.to_string()))?;
    let model: ModelWrapper = match spec.vocabulary {
        VocabularyKind::Wordpiece => WordPiece::from_bpe(&bpe).into(),
        VocabularyKind::Bpe => bpe.into(),
    };
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_normalizer(Some(normalizer)).map_err(|e| failed(e.to_string()))?;
    tokenizer.with_pre_tokenizer(Some(pre_tokenizer));
    let special = SPECIAL.map(|token| AddedToken::from(token.to_owned(), true));
    tokenizer.add_special_tokens(special).map_err(|e| failed(e.to_string()))?;
    let number = |token: &str| (token.to_owned(), tokenizer.token_to_id(token).unwrap_or_default());
    let around = BertProcessing::new(number("[SEP]"), number("[CLS]"));
    tokenizer.with_post_processor(Some(around));
    let json = tokenizer.to_string(false).map_err(|e| failed(e.to_string()))?;
    let n_tokens = tokenizer.get_vocab_size(true);
    let mut files = vec![
        ("tokenizer_config.json".to_owned(), pretty(&settings(spec, max_tokens))),
        ("special_tokens_map.json".to_owned(), pretty(&special_tokens())),
    ];
    if is_wordpiece {
        let lines: String =
            (0..n_tokens as u32).map(|id| tokenizer.id_to_token(id).unwrap_or_default() + "\n").collect();
        files.push(("vocab.txt".to_owned(), lines.into_bytes()));
    }
    Ok(NewTokenizer { json, files, n_tokens })
}

/// Text as BERT cleans it, Chinese characters between spaces. Bytes know spaces, of which one is enough.
fn normalizer(spec: &NewEncoderSpec) -> Result<NormalizerWrapper, String> {
    let clean = BertNormalizer::new(true, true, None, spec.lowercase);
    if spec.vocabulary == VocabularyKind::Wordpiece {
        return Ok(clean.into());
    }
    let spaces = Replace::new(ReplacePattern::Regex(r"\s+".to_owned()), " ").map_err(|error| error.to_string())?;
    Ok(Sequence::new(vec![clean.into(), spaces.into(), Strip::new(true, true).into()]).into())
}

/// How often each word stands in the documents.
fn count(texts: &[&str], normalizer: &NormalizerWrapper, pre_tokenizer: &PreTokenizerWrapper) -> BTreeMap<String, u64> {
    let of_part = |part: &str, counts: &mut HashMap<String, u64>| {
        let mut normalized = NormalizedString::from(part);
        if normalizer.normalize(&mut normalized).is_err() {
            return;
        }
        let mut words = PreTokenizedString::from(normalized);
        if pre_tokenizer.pre_tokenize(&mut words).is_err() {
            return;
        }
        for (word, _, _) in words.get_splits(OffsetReferential::Normalized, OffsetType::Byte) {
            if word.chars().count() <= MAX_CHARS && !SPECIAL.contains(&word) {
                match counts.get_mut(word) {
                    Some(n) => *n += 1,
                    None => drop(counts.insert(word.to_owned(), 1)),
                }
            }
        }
    };
    let mut all = BTreeMap::new();
    for texts in texts.chunks(DOCS_AT_ONCE * rayon::current_num_threads()) {
        let counted: Vec<HashMap<String, u64>> = texts
            .par_chunks(DOCS_AT_ONCE)
            .map(|texts| {
                let mut counts = HashMap::new();
                texts.iter().flat_map(|text| text_parts(text)).for_each(|part| of_part(part, &mut counts));
                counts
            })
            .collect();
        // Sums do not depend on an order.
        for (word, n) in counted.into_iter().flatten() {
            *all.entry(word).or_insert(0) += n;
        }
    }
    all
}

/// The characters that words begin with, then those within words, so that they take at most half of the vocabulary, the
/// most frequent first. Words with other characters are left out: they are unknown.
fn alphabet(words: &mut BTreeMap<String, u64>, spec: &NewEncoderSpec) -> Vec<String> {
    let mut counts: BTreeMap<char, (u64, bool)> = BTreeMap::new();
    for (word, n) in &*words {
        for (i, c) in word.chars().enumerate() {
            let entry = counts.entry(c).or_default();
            entry.0 += n;
            entry.1 |= i > 0;
        }
    }
    let mut by_count: Vec<(char, u64, bool)> = counts
        .into_iter()
        .map(|(c, (n, within))| (c, n, within))
        .filter(|(_, n, _)| *n >= spec.min_frequency)
        .collect();
    by_count.sort_by_key(|&(c, n, _)| (std::cmp::Reverse(n), c));
    let mut room = spec.vocabulary_size / 2;
    let kept: BTreeMap<char, bool> = by_count
        .into_iter()
        .map_while(|(c, _, within)| {
            room = room.checked_sub(1 + usize::from(within))?;
            Some((c, within))
        })
        .collect();
    words.retain(|word, _| word.chars().all(|c| kept.contains_key(&c)));
    let begin = kept.keys().map(char::to_string);
    let within = kept.iter().filter(|(_, within)| **within).map(|(c, _)| format!("{WITHIN}{c}"));
    begin.chain(within).collect()
}

fn special_tokens() -> Value {
    json!({
        "cls_token": "[CLS]", "mask_token": "[MASK]", "pad_token": "[PAD]", "sep_token": "[SEP]", "unk_token": "[UNK]",
    })
}

/// What `tokenizer_config.json` says.
fn settings(spec: &NewEncoderSpec, max_tokens: usize) -> Value {
    let mut settings = special_tokens();
    settings["model_max_length"] = json!(max_tokens);
    match spec.vocabulary {
        VocabularyKind::Wordpiece => {
            settings["tokenizer_class"] = json!("BertTokenizer");
            settings["do_lower_case"] = json!(spec.lowercase);
            settings["tokenize_chinese_chars"] = json!(true);
            settings["strip_accents"] = Value::Null;
        }
        VocabularyKind::Bpe => settings["tokenizer_class"] = json!("PreTrainedTokenizerFast"),
    }
    settings
}

/// JSON with line breaks. A `Value` can always be written.
fn pretty(value: &Value) -> Vec<u8> {
    serde_json::to_vec_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts() -> Vec<&'static str> {
        let sentences = [
            "The players were playing a long game in the rain.",
            "She plays the piano, and her players play along.",
            "我们今天看了一场好电影,电影很好看。",
            "今天下雨,我们在家看电影。",
        ];
        sentences.into_iter().cycle().take(80).collect()
    }

    fn spec(vocabulary: VocabularyKind) -> NewEncoderSpec {
        NewEncoderSpec { vocabulary, vocabulary_size: 330, ..NewEncoderSpec::default() }
    }

    fn pieces(json: &str, text: &str) -> Vec<String> {
        Tokenizer::from_bytes(json).unwrap().encode(text, true).unwrap().get_tokens().to_vec()
    }

    #[test]
    fn pieces_of_words_and_chinese_characters_are_learned() {
        let made = learn(&texts(), &spec(VocabularyKind::Wordpiece), 128).unwrap();
        let found = pieces(&made.json, "The Players play 电影!?");
        assert_eq!(found[..3], ["[CLS]", "the", "players"]);
        assert_eq!(found[found.len() - 5..], ["电", "影", "[UNK]", "[UNK]", "[SEP]"]);
        let (_, lines) = made.files.iter().find(|(name, _)| name == "vocab.txt").unwrap();
        let lines: Vec<&str> = std::str::from_utf8(lines).unwrap().lines().collect();
        assert_eq!(lines.len(), made.n_tokens);
        assert_eq!(lines[..5], SPECIAL);
        assert!(lines.contains(&"##ing") || lines.contains(&"playing"), "{lines:?}");
        assert!(made.n_tokens <= 330);
    }

    #[test]
    fn bytes_know_every_text_and_chinese_characters_stand_apart() {
        let made = learn(&texts(), &spec(VocabularyKind::Bpe), 128).unwrap();
        let found = pieces(&made.json, "the players 🎬 电影");
        assert!(!found.contains(&"[UNK]".to_owned()), "{found:?}");
        assert!(found.contains(&"Ġthe".to_owned()), "{found:?}");
        let encoding = Tokenizer::from_bytes(&made.json).unwrap().encode("电影", false).unwrap();
        let words: BTreeSet<_> = encoding.get_word_ids().iter().collect();
        assert_eq!(words.len(), 2, "a word each: {:?}", encoding.get_tokens());
        assert!(made.files.iter().all(|(name, _)| name != "vocab.txt"));
    }

    #[test]
    fn the_same_documents_give_the_same_vocabulary() {
        for kind in [VocabularyKind::Wordpiece, VocabularyKind::Bpe] {
            let of = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| learn(&texts(), &spec(kind), 128).unwrap().json)
            };
            let first = of(1);
            assert!((0..5).all(|i| of(1 + i % 3) == first), "{kind:?}");
        }
    }

    #[test]
    fn rare_characters_are_unknown_and_documents_without_words_are_refused() {
        let mut rare = texts();
        rare.push("龘");
        let made = learn(&rare, &spec(VocabularyKind::Wordpiece), 128).unwrap();
        assert_eq!(pieces(&made.json, "龘"), ["[CLS]", "[UNK]", "[SEP]"]);
        let error = learn(&["", " \n"], &spec(VocabularyKind::Wordpiece), 128).unwrap_err().to_string();
        assert!(error.contains("no words") && error.contains("help"), "{error}");
    }
}
