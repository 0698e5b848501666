//! The language of a document, if there is enough text to tell.

use whatlang::Lang;

use crate::{Error, Result};

/// How much of a text is looked at.
const N_CHARS: usize = 2000;
/// Fewer letters than these tell too little; a Han character counts as four.
const ENOUGH_LETTERS: usize = 24;
const LETTERS_A_CHARACTER: usize = 4;

/// The three-letter codes of ISO 639-3 with the two-letter codes of 639-1.
#[rustfmt::skip]
const TWO_LETTERS: [(&str, &str); 70] = [
    ("afr", "af"), ("aka", "ak"), ("amh", "am"), ("ara", "ar"), ("aze", "az"), ("bel", "be"), ("ben", "bn"),
    ("bul", "bg"), ("cat", "ca"), ("ces", "cs"), ("cmn", "zh"), ("cym", "cy"), ("dan", "da"), ("deu", "de"),
    ("ell", "el"), ("eng", "en"), ("epo", "eo"), ("est", "et"), ("fin", "fi"), ("fra", "fr"), ("guj", "gu"),
    ("heb", "he"), ("hin", "hi"), ("hrv", "hr"), ("hun", "hu"), ("hye", "hy"), ("ind", "id"), ("ita", "it"),
    ("jav", "jv"), ("jpn", "ja"), ("kan", "kn"), ("kat", "ka"), ("khm", "km"), ("kor", "ko"), ("lat", "la"),
    ("lav", "lv"), ("lit", "lt"), ("mal", "ml"), ("mar", "mr"), ("mkd", "mk"), ("mya", "my"), ("nep", "ne"),
    ("nld", "nl"), ("nob", "nb"), ("ori", "or"), ("pan", "pa"), ("pes", "fa"), ("pol", "pl"), ("por", "pt"),
    ("ron", "ro"), ("rus", "ru"), ("sin", "si"), ("slk", "sk"), ("slv", "sl"), ("sna", "sn"), ("spa", "es"),
    ("srp", "sr"), ("swe", "sv"), ("tam", "ta"), ("tel", "te"), ("tgl", "tl"), ("tha", "th"), ("tuk", "tk"),
    ("tur", "tr"), ("ukr", "uk"), ("urd", "ur"), ("uzb", "uz"), ("vie", "vi"), ("yid", "yi"), ("zul", "zu"),
];

/// The language of a text by its two-letter code; `None` if there is too little text to tell.
pub(crate) fn language_of(text: &str) -> Option<&'static str> {
    let end = text.char_indices().nth(N_CHARS).map_or(text.len(), |(end, _)| end);
    let text = &text[..end];
    let weight = |c: char| if crate::text::is_han(c) { LETTERS_A_CHARACTER } else { usize::from(c.is_alphabetic()) };
    if text.chars().map(weight).sum::<usize>() < ENOUGH_LETTERS {
        return None;
    }
    whatlang::detect_lang(text).map(code)
}

fn code(language: Lang) -> &'static str {
    let code = language.code();
    TWO_LETTERS.iter().find(|(three, _)| *three == code).map_or(code, |(_, two)| two)
}

/// The language with this code of two or three letters.
pub(super) fn by_code(asked: &str) -> Result<&'static str> {
    let lower = asked.trim().to_ascii_lowercase();
    let lower = if matches!(lower.as_str(), "zho" | "chi") { "zh" } else { lower.as_str() };
    Lang::all()
        .iter()
        .copied()
        .find(|language| language.code() == lower || code(*language) == lower)
        .map(code)
        .ok_or_else(|| {
            let all: Vec<&str> = Lang::all().iter().copied().map(code).collect();
            let problem = format!("found {asked:?}, expected the code of a language that can be told");
            Error::config("language", problem, format!("use codes such as zh,en; there are: {}", all.join(", ")))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_a_code_that_leads_back_to_it() {
        for language in Lang::all() {
            let two = code(*language);
            assert_eq!(by_code(two).unwrap(), two);
            assert_eq!(by_code(language.code()).unwrap(), two);
        }
        assert_eq!((by_code("ZH").unwrap(), by_code("zho").unwrap(), by_code("en").unwrap()), ("zh", "zh", "en"));
        let error = by_code("klingon").unwrap_err();
        assert!(error.is_wrong_use() && error.to_string().contains("zh,en"), "{error}");
    }

    #[test]
    fn short_texts_are_in_no_language() {
        assert_eq!(language_of("这部电影非常好看，演员的表演也很出色"), Some("zh"));
        assert_eq!(language_of("this is a rather ordinary film about nothing"), Some("en"));
        assert_eq!(language_of("この映画はとても面白かったです"), Some("ja"));
        for text in ["", "ok", "好看", "1234567890 1234567890 1234567890"] {
            assert_eq!(language_of(text), None, "{text}");
        }
    }
}
