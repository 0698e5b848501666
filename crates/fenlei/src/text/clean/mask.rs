//! Addresses, mentions and numbers become one token each or go; unwanted characters become spaces.

use std::ops::Range;

use super::align::Trace;
use crate::text::script::is_han;
use crate::text::spec::{CleanSpec, Mask};

/// Longest local part of a mail address, and of a mention, that is looked at.
const MAX_NAME_BYTES: usize = 64;

/// Longer runs of digits are no numbers. Without a limit `1.1.1…1x` would be read again from every point.
const MAX_NUMBER_BYTES: usize = 64;

/// What is masked, removed or filtered.
#[derive(Clone, Debug)]
pub(super) struct Masks {
    urls: Mask,
    mails: Mask,
    mentions: Mask,
    numbers: Mask,
    remove: Vec<char>,
    /// The only symbols that stay, where that is given.
    keep: Option<Vec<char>>,
}

/// Something found: where it ends, what is done with it and what its token is.
struct Found {
    end: usize,
    action: Mask,
    token: &'static str,
}

impl Masks {
    /// `None` when there is nothing to do.
    pub fn new(spec: &CleanSpec) -> Option<Self> {
        let sorted = |text: &str| {
            let mut chars: Vec<char> = text.chars().collect();
            chars.sort_unstable();
            chars
        };
        let masks = Self {
            urls: spec.urls,
            mails: spec.mails,
            mentions: spec.mentions,
            numbers: spec.numbers,
            remove: sorted(&spec.remove),
            keep: spec.keep.as_deref().map(sorted),
        };
        (masks.looks_for_anything() || masks.filters()).then_some(masks)
    }

    fn looks_for_anything(&self) -> bool {
        [self.urls, self.mails, self.mentions, self.numbers].iter().any(|&mask| mask != Mask::Keep)
    }

    fn filters(&self) -> bool {
        !self.remove.is_empty() || self.keep.is_some()
    }

    /// Appends `text` to `out`. Where a mask token stands in `out` is added to `protected`, so that it stays one token.
    pub fn apply<T: Trace>(&self, text: &str, out: &mut String, trace: &mut T, protected: &mut Vec<Range<usize>>) {
        let (mut copied, mut at) = (0, 0);
        let mut before = None;
        while self.looks_for_anything() && at < text.len() {
            let Some(c) = text[at..].chars().next() else { break };
            let starts_here = (c.is_ascii_alphanumeric() || c == '@') && !before.is_some_and(is_word);
            if let Some(found) = starts_here.then(|| self.find_at(text, at)).flatten() {
                self.copy(text, copied..at, out, trace);
                let start = out.len();
                if found.action == Mask::Mask {
                    out.push_str(found.token);
                    protected.push(start..out.len());
                } else {
                    out.push(' ');
                }
                trace.replace(at..found.end, out.len() - start);
                (copied, at) = (found.end, found.end);
                before = None;
            } else {
                at += c.len_utf8();
                before = Some(c);
            }
        }
        self.copy(text, copied..text.len(), out, trace);
    }

    /// Copies `text[range]` with unwanted characters turned into spaces.
    fn copy<T: Trace>(&self, text: &str, range: Range<usize>, out: &mut String, trace: &mut T) {
        if !self.filters() {
            out.push_str(&text[range.clone()]);
            trace.copy(range.start, range.len());
            return;
        }
        for (i, c) in text[range.clone()].char_indices() {
            let at = range.start + i;
            if self.keeps(c) {
                out.push(c);
                trace.copy(at, c.len_utf8());
            } else {
                out.push(' ');
                trace.replace(at..at + c.len_utf8(), 1);
            }
        }
    }

    fn keeps(&self, c: char) -> bool {
        if self.remove.binary_search(&c).is_ok() {
            return false;
        }
        match &self.keep {
            Some(keep) => {
                let is_letter = c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c);
                is_letter || c == ' ' || keep.binary_search(&c).is_ok()
            }
            None => true,
        }
    }

    /// What begins at `at`, the start of a word.
    fn find_at(&self, text: &str, at: usize) -> Option<Found> {
        let rest = &text[at..];
        let found = |len: Option<usize>, action, token| len.map(|len| Found { end: at + len, action, token });
        let look = |action: Mask, find: fn(&str) -> Option<usize>| if action == Mask::Keep { None } else { find(rest) };
        found(look(self.urls, url), self.urls, "<url>")
            .or_else(|| found(look(self.mails, mail), self.mails, "<mail>"))
            .or_else(|| found(look(self.mentions, mention), self.mentions, "<mention>"))
            .or_else(|| found(look(self.numbers, number), self.numbers, "<number>"))
    }
}

/// The length of the address of a page, the mail address or the `@name` that begins at byte `at` of `text`, the start of a
/// word.
pub(crate) fn address_len(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    url(rest).or_else(|| mail(rest)).or_else(|| mention(rest))
}

/// Whether `c` continues a word of letters. Han characters do not: 2008年 holds the number 2008.
fn is_word(c: char) -> bool {
    c == '_' || (c.is_alphanumeric() && !is_han(c))
}

/// The length of the address of a page at the start of `text`: a scheme or `www.`, then the ASCII characters that
/// addresses may have, without closing punctuation.
fn url(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let starts =
        |prefix: &str| bytes.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()));
    let head = ["http://", "https://", "ftp://", "www."].into_iter().find(|prefix| starts(prefix))?.len();
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%|".contains(&b);
    let mut end = head + bytes[head..].iter().take_while(|&&b| allowed(b)).count();
    // A bracket that was opened inside the address belongs to it; others close what stands around it.
    let mut unopened = bytes[head..end].iter().map(|b| i64::from(*b == b')') - i64::from(*b == b'(')).sum::<i64>();
    while end > head {
        match bytes[end - 1] {
            b'.' | b',' | b';' | b':' | b'!' | b'?' | b'\'' | b'[' | b']' | b'*' => {}
            b'(' => unopened += 1,
            b')' if unopened > 0 => unopened -= 1,
            _ => break,
        }
        end -= 1;
    }
    (end > head).then_some(end)
}

/// The length of the mail address at the start of `text`.
fn mail(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let local = |b: &&u8| b.is_ascii_alphanumeric() || b"._%+-".contains(b);
    let at = bytes.iter().take(MAX_NAME_BYTES + 1).take_while(local).count();
    if at == 0 || at > MAX_NAME_BYTES || bytes.get(at) != Some(&b'@') {
        return None;
    }
    let domain =
        bytes[at + 1..].iter().take(255).take_while(|b| b.is_ascii_alphanumeric() || b"-.".contains(b)).count();
    let mut end = at + 1 + domain;
    while end > at + 1 && !bytes[end - 1].is_ascii_alphanumeric() {
        end -= 1;
    }
    let dot = bytes[at + 1..end].iter().rposition(|&b| b == b'.')?;
    let last_part = &bytes[at + 1 + dot + 1..end];
    (dot > 0 && last_part.len() >= 2 && last_part.iter().all(u8::is_ascii_alphabetic)).then_some(end)
}

/// The length of the `@name` at the start of `text`.
fn mention(text: &str) -> Option<usize> {
    let name = text.strip_prefix('@')?;
    let len: usize = name
        .chars()
        .take(MAX_NAME_BYTES)
        .take_while(|&c| c.is_alphanumeric() || c == '_' || c == '-')
        .map(char::len_utf8)
        .sum();
    (len > 0).then_some(1 + len)
}

/// The length of the number at the start of `text`: digits with single points or commas between them, not followed by
/// a letter (4th and 3d are words).
fn number(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let mut end = 0;
    while end <= MAX_NUMBER_BYTES
        && (digit(end) || (end > 0 && matches!(bytes.get(end), Some(b'.' | b',')) && digit(end + 1)))
    {
        end += 1;
    }
    let word_goes_on = text[end..].chars().next().is_some_and(is_word);
    (end > 0 && end <= MAX_NUMBER_BYTES && !word_goes_on).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::clean::align::{Alignment, Untraced};

    fn all(action: Mask) -> CleanSpec {
        CleanSpec { urls: action, mails: action, mentions: action, numbers: action, ..CleanSpec::default() }
    }

    fn masked(spec: &CleanSpec, text: &str) -> String {
        let (mut out, mut protected) = (String::new(), Vec::new());
        Masks::new(spec).unwrap().apply(text, &mut out, &mut Untraced, &mut protected);
        for range in protected {
            assert!(["<url>", "<mail>", "<mention>", "<number>"].contains(&&out[range]));
        }
        out
    }

    #[test]
    fn each_kind_becomes_its_token() {
        let spec = all(Mask::Mask);
        assert_eq!(masked(&spec, "see https://a.b/c?d=1, or www.x.org."), "see <url>, or <url>.");
        assert_eq!(masked(&spec, "看http://t.cn/abc,很好 (http://en.org/a_(b))."), "看<url>,很好 (<url>).");
        assert_eq!(masked(&spec, "mail 99a.b+c@d-e.co.uk. or a@b"), "mail <mail>. or a@b");
        assert_eq!(masked(&spec, "@user_1 hi @张三 x@ @ y"), "<mention> hi <mention> x@ @ y");
        assert_eq!(
            masked(&spec, "3.14 1,000, 2008年 4th mp3 10:30 100% v2"),
            "<number> <number>, <number>年 4th mp3 <number>:<number> <number>% v2"
        );
        assert_eq!(masked(&all(Mask::Remove), "a http://b.c d 5"), "a   d  ");
    }

    #[test]
    fn kinds_that_are_kept_are_left_alone() {
        let spec = CleanSpec { numbers: Mask::Mask, ..CleanSpec::default() };
        assert_eq!(masked(&spec, "http://a.b @you 7"), "http://a.b @you <number>");
        assert!(Masks::new(&CleanSpec::default()).is_none());
    }

    #[test]
    fn unwanted_characters_become_spaces() {
        let spec = CleanSpec { remove: "#*".to_owned(), ..CleanSpec::default() };
        assert_eq!(masked(&spec, "a#b*c!"), "a b c!");
        let spec = CleanSpec { keep: Some("!".to_owned()), numbers: Mask::Mask, ..CleanSpec::default() };
        assert_eq!(masked(&spec, "wow!! (très) 好。7"), "wow!!  très  好 <number>");
    }

    #[test]
    fn hostile_text_is_read_in_linear_time() {
        let begun = std::time::Instant::now();
        for piece in ["1.", "http://)", "www.", "a.", "@a", "a@b", "x@x.x", ")"] {
            let text = format!("http://{}x", piece.repeat(2_000_000 / piece.len()));
            for text in [&text[..], &text[7..]] {
                assert!(masked(&all(Mask::Mask), text).len() < 10_000_000);
            }
        }
        assert!(begun.elapsed().as_secs() < 20, "took {:?}", begun.elapsed());
    }

    #[test]
    fn a_mask_leads_back_to_what_it_hides() {
        let text = "go www.a.b now";
        let (mut out, mut alignment, mut protected) = (String::new(), Alignment::default(), Vec::new());
        Masks::new(&all(Mask::Mask)).unwrap().apply(text, &mut out, &mut alignment, &mut protected);
        assert_eq!(out, "go <url> now");
        assert_eq!((protected.len(), &protected[0]), (1, &(3..8)));
        assert_eq!(&text[alignment.input_of(3..8, &mut 0)], "www.a.b");
    }
}
