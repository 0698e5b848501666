//! Texts as the different clients write them: one, a list, lists of one, or objects with one field.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// More texts are never read, whatever the limit that is configured: their strings alone would be megabytes.
const MAX_TEXTS: usize = 65_536;

/// Some texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Texts {
    pub texts: Vec<String>,
    /// Whether it was a string and no list.
    pub is_one: bool,
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextsVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Texts, E> {
        Ok(Texts { texts: vec![text.to_owned()], is_one: true })
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Texts, E> {
        Ok(Texts { texts: vec![text], is_one: true })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
        let mut texts = Vec::new();
        while let Some(Text(text)) = list.next_element()? {
            if texts.len() == MAX_TEXTS {
                return Err(A::Error::custom(format!("more than {MAX_TEXTS} texts")));
            }
            texts.push(text);
        }
        Ok(Texts { texts, is_one: false })
    }
}

/// One text of a list.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a list of one text, or an object with one text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Text, E> {
        Ok(Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Text, A::Error> {
        let text: Option<String> = list.next_element()?;
        let text = text.ok_or_else(|| A::Error::custom("an empty list where a text was expected"))?;
        match list.next_element::<String>()? {
            None => Ok(Text(text)),
            Some(_) => Err(A::Error::custom("a pair of texts; this classifier reads one text at a time")),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Text, A::Error> {
        let field: Option<(String, String)> = fields.next_entry()?;
        let (name, text) = field.ok_or_else(|| A::Error::custom("an empty object where a text was expected"))?;
        if name == "b64" {
            return Err(A::Error::custom("base64 where a text was expected; send the text as a JSON string"));
        }
        match fields.next_entry::<String, String>()? {
            None => Ok(Text(text)),
            Some(_) => Err(A::Error::custom("an object of several fields where a text was expected")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Texts, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn every_way_to_write_texts_is_read() {
        let texts =
            |texts: &[&str], is_one| Ok(Texts { texts: texts.iter().map(ToString::to_string).collect(), is_one });
        assert_eq!(read("\"a\""), texts(&["a"], true));
        assert_eq!(read("[]"), texts(&[], false));
        assert_eq!(read("[\"a\",[\"b\"],{\"x\":\"\\u4e2d\"}]"), texts(&["a", "b", "中"], false));
    }

    #[test]
    fn what_is_no_text_is_refused_with_what_was_expected() {
        for (json, expected) in [
            ("1", "expected a text or a list"),
            ("[1]", "expected a text, a list of one"),
            ("[[\"a\",\"b\"]]", "a pair of texts"),
            ("[[]]", "an empty list"),
            ("[{}]", "an empty object"),
            ("[{\"b64\":\"eA==\"}]", "base64"),
            ("[{\"a\":\"1\",\"b\":\"2\"}]", "several fields"),
            ("[[[\"a\"]]]", "invalid type"),
            ("[null]", "expected a text"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(expected), "{json}: {error}");
        }
        let many = format!("[{}\"\"]", "\"\",".repeat(MAX_TEXTS));
        assert!(read(&many).unwrap_err().contains("more than 65536"));
    }
}
