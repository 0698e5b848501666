//! The tokenizer of a pretrained model, and its tokens in the order that the pipeline numbers them in.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::{AddedToken, Tokenizer};

use super::weights::read_limited;
use crate::text::{UNKNOWN_TOKEN, Vocabulary, read_tokenizer};
use crate::{Error, Result};

/// A larger tokenizer is none.
const MAX_BYTES: u64 = 256 << 20;

/// The tokens that a vocabulary of BERT marks documents with: before, behind, and the others.
const BEFORE: &str = "[CLS]";
const BEHIND: &str = "[SEP]";
const UNKNOWN: &str = "[UNK]";
const OTHERS: [&str; 2] = ["[PAD]", "[MASK]"];

/// A tokenizer with its tokens.
#[derive(Debug, Clone)]
pub(super) struct PretrainedTokenizer {
    /// The file it was read from.
    pub path: PathBuf,
    /// The content of a `tokenizer.json`.
    pub json: String,
    /// Its tokens, the unknown one first.
    pub vocabulary: Vocabulary,
    /// The row of the model's table for each of them; `None` for an unknown token that the model does not have.
    pub rows: Vec<Option<u32>>,
}

impl PretrainedTokenizer {
    /// Reads `tokenizer.json`, or else `vocab.txt`, of a model whose table has `n_rows` rows.
    pub fn read(dir: &Path, n_rows: usize) -> Result<Self> {
        let (whole, words) = (dir.join("tokenizer.json"), dir.join("vocab.txt"));
        let (path, json) = if whole.is_file() {
            let bytes = read_limited(&whole, MAX_BYTES)?;
            let json = String::from_utf8(bytes)
                .map_err(|_| Error::data(&whole, None, "this is not UTF-8 text", super::FETCH_AGAIN))?;
            (whole, json)
        } else if words.is_file() {
            let json = word_pieces(dir, &words)?;
            (words, json)
        } else {
            let help = "save it there with AutoTokenizer.from_pretrained(…).save_pretrained(…)";
            return Err(Error::data(dir, None, "there is no tokenizer.json and no vocab.txt", help));
        };
        let (vocabulary, rows) = numbered(&path, &json, n_rows)?;
        Ok(Self { path, json, vocabulary, rows })
    }
}

/// The tokens of a `tokenizer.json` and their rows.
fn numbered(path: &Path, json: &str, n_rows: usize) -> Result<(Vocabulary, Vec<Option<u32>>)> {
    let refuse = |problem: String| Error::data(path, None, problem, super::FETCH_AGAIN);
    let tokenizer = read_tokenizer(json.as_bytes()).map_err(|e| refuse(format!("not a tokenizer: {e}")))?;
    let unknown = unknown_token(json).filter(|token| tokenizer.token_to_id(token).is_some());
    let mut tokens: Vec<(u32, String)> =
        tokenizer.get_vocab(true).into_iter().map(|(token, row)| (row, token)).collect();
    tokens.sort_unstable();
    if let Some((row, token)) = tokens.last().filter(|(row, _)| *row as usize >= n_rows) {
        let problem = format!("the token {token:?} has the number {row}, but the model has vectors for {n_rows} only");
        return Err(Error::data(path, None, problem, "take the tokenizer that belongs to the model"));
    }
    let unknown = unknown.unwrap_or_else(|| UNKNOWN_TOKEN.to_owned());
    let own = |(row, token): &(u32, String)| (*token == unknown).then_some(*row);
    let mut rows = vec![tokens.iter().find_map(own)];
    let mut texts = vec![UNKNOWN_TOKEN.to_owned()];
    for (row, token) in tokens.into_iter().filter(|(_, token)| *token != unknown) {
        rows.push(Some(row));
        texts.push(token);
    }
    let n = texts.len();
    Ok((Vocabulary::new(&texts, vec![0; n])?, rows))
}

/// The token that stands for what the tokenizer has no token for.
fn unknown_token(json: &str) -> Option<String> {
    let json: Value = serde_json::from_str(json).ok()?;
    let model = json.get("model")?;
    if let Some(token) = model.get("unk_token").and_then(Value::as_str) {
        return Some(token.to_owned());
    }
    let number = usize::try_from(model.get("unk_id")?.as_u64()?).ok()?;
    Some(model.get("vocab")?.get(number)?.get(0)?.as_str()?.to_owned())
}

/// The `tokenizer.json` of BERT with the word pieces of a `vocab.txt`.
fn word_pieces(dir: &Path, path: &Path) -> Result<String> {
    let refuse = |problem: String| Error::data(path, None, problem, super::FETCH_AGAIN);
    let text =
        String::from_utf8(read_limited(path, MAX_BYTES)?).map_err(|_| refuse("this is not UTF-8 text".to_owned()))?;
    let pieces = WordPiece::read_bytes(text.as_bytes()).map_err(|e| refuse(e.to_string()))?;
    let number =
        |wanted: &str| pieces.get(wanted).copied().ok_or_else(|| refuse(format!("the token {wanted:?} is missing")));
    let (before, behind, _) = (number(BEFORE)?, number(BEHIND)?, number(UNKNOWN)?);
    let settings = settings(dir)?;
    let flag = |key: &str| settings.get(key).and_then(Value::as_bool);
    let special = [BEFORE, BEHIND, UNKNOWN].into_iter().chain(OTHERS.into_iter().filter(|token| number(token).is_ok()));
    let special: Vec<AddedToken> = special.map(|token| AddedToken::from(token, true)).collect();
    let model = WordPiece::builder().vocab(pieces).unk_token(UNKNOWN.to_owned()).build();
    let mut tokenizer = Tokenizer::new(model.map_err(|e| refuse(e.to_string()))?);
    let normalizer = BertNormalizer::new(
        true,
        flag("tokenize_chinese_chars").unwrap_or(true),
        flag("strip_accents"),
        flag("do_lower_case").unwrap_or(true),
    );
    tokenizer.with_normalizer(Some(normalizer)).map_err(|e| refuse(e.to_string()))?;
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    tokenizer.with_post_processor(Some(BertProcessing::new((BEHIND.to_owned(), behind), (BEFORE.to_owned(), before))));
    tokenizer.add_special_tokens(special).map_err(|e| refuse(e.to_string()))?;
    tokenizer.to_string(false).map_err(|e| refuse(e.to_string()))
}

/// What `tokenizer_config.json` says, if it is there.
fn settings(dir: &Path) -> Result<Value> {
    let path = dir.join("tokenizer_config.json");
    if !path.is_file() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&read_limited(&path, MAX_BYTES)?)
        .map_err(|e| Error::data(&path, None, format!("this is not JSON: {e}"), super::FETCH_AGAIN))
}
