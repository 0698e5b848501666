//! Traditional to simplified Chinese, by OpenCC's dictionaries (characters, and phrases where the context decides).

use ferrous_opencc::OpenCC;
use ferrous_opencc::config::BuiltinConfig;

use super::align::Trace;
use crate::text::script::is_han;

/// Characters that stay alone but change within some phrase, such as 沈 in 沈默. OpenCC gives no list of its phrases.
const CHANGED_IN_PHRASES: &str = "瞭藉覆衹牴沈祇彷阪";

/// The range of code points that hold the characters that may change.
const FIRST: u32 = 0x3400;
const LAST: u32 = 0x323AF;

/// The converter, with a bit for every character that it may change, so that simplified text is let through at once.
pub(super) struct Simplifier {
    converter: OpenCC,
    may_change: Vec<u64>,
}

impl Simplifier {
    /// Loads the dictionaries, which are part of the program; `None` never happens unless those are broken.
    pub fn load() -> Option<Self> {
        let converter = OpenCC::from_config(BuiltinConfig::T2s).ok()?;
        let mut may_change = vec![0u64; ((LAST - FIRST) / 64 + 1) as usize];
        let all: Vec<char> = (FIRST..=LAST).filter_map(char::from_u32).filter(|&c| is_han(c)).collect();
        let mut alone = String::new();
        for c in all {
            alone.clear();
            alone.push(c);
            if converter.convert(&alone) != alone || CHANGED_IN_PHRASES.contains(c) {
                let bit = u32::from(c) - FIRST;
                may_change[(bit / 64) as usize] |= 1 << (bit % 64);
            }
        }
        Some(Self { converter, may_change })
    }

    /// Whether [`Self::apply`] may change anything.
    pub fn may_change(&self, text: &str) -> bool {
        text.chars().any(|c| self.may_change_char(c))
    }

    fn may_change_char(&self, c: char) -> bool {
        let Some(bit) = u32::from(c).checked_sub(FIRST) else { return false };
        self.may_change.get((bit / 64) as usize).is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }

    /// Appends the simplified form of `text` to `out`. Runs of Han characters are converted one by one.
    pub fn apply<T: Trace>(&self, text: &str, out: &mut String, trace: &mut T) {
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            let other = rest.find(is_han).unwrap_or(rest.len());
            let han = rest[other..].find(|c| !is_han(c)).unwrap_or(rest.len() - other);
            let run = &rest[other..other + han];
            if self.may_change(run) {
                out.push_str(&rest[..other]);
                trace.copy(at, other);
                self.convert_run(run, at + other, out, trace);
            } else {
                out.push_str(&rest[..other + han]);
                trace.copy(at, other + han);
            }
            at += other + han;
        }
    }

    fn convert_run<T: Trace>(&self, run: &str, at: usize, out: &mut String, trace: &mut T) {
        let converted = self.converter.convert(run);
        if converted.chars().count() != run.chars().count() {
            trace.replace(at..at + run.len(), converted.len());
            out.push_str(&converted);
            return;
        }
        for ((i, from), to) in run.char_indices().zip(converted.chars()) {
            out.push(to);
            if from.len_utf8() == to.len_utf8() {
                trace.copy(at + i, to.len_utf8());
            } else {
                trace.replace(at + i..at + i + from.len_utf8(), to.len_utf8());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::clean::align::Alignment;

    #[test]
    fn characters_and_phrases_are_simplified_and_offsets_survive() {
        let simplifier = Simplifier::load().unwrap();
        let text = "a臺灣的㑮電影，沈默 乾坤 頭髮 ok";
        let (mut out, mut alignment) = (String::new(), Alignment::default());
        simplifier.apply(text, &mut out, &mut alignment);
        assert_eq!(out, "a台湾的𫝈电影，沉默 乾坤 头发 ok");
        let back: String =
            out.char_indices().map(|(i, c)| &text[alignment.input_of(i..i + c.len_utf8(), &mut 0)]).collect();
        assert_eq!(back, text);
    }

    #[test]
    fn simplified_text_is_let_through() {
        let simplifier = Simplifier::load().unwrap();
        assert!(!simplifier.may_change("这部电影很好看，我们都喜欢 English 日本"));
        assert!(simplifier.may_change("這"));
        assert!(simplifier.may_change("藉口"));
    }
}
