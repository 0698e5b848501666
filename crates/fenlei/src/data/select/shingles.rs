//! The shingles of a text: runs of words, as numbers.
//!
//! Source: Broder: On the resemblance and containment of documents, 1997. A word is a run of letters and digits in
//! lower case; a Han character or a kana is a word of its own, as in `data stats`. Case, punctuation and white space
//! make no difference.

/// Words in a shingle. Chinese titles have 10 to 25 characters, so longer shingles would leave them too few.
pub(super) const WORDS_A_SHINGLE: usize = 3;

/// Replaces `out` by the hashes of the shingles of a text, sorted and distinct. A text with fewer words than a shingle
/// has is one shingle; one without words has none.
pub(super) fn shingles(text: &str, out: &mut Vec<u64>) {
    out.clear();
    let mut recent = [0; WORDS_A_SHINGLE];
    let mut n = 0;
    words(text, |word| {
        recent.rotate_left(1);
        recent[WORDS_A_SHINGLE - 1] = word;
        n += 1;
        if n >= WORDS_A_SHINGLE {
            out.push(joined(&recent));
        }
    });
    if (1..WORDS_A_SHINGLE).contains(&n) {
        out.push(joined(&recent));
    }
    out.sort_unstable();
    out.dedup();
}

/// The hash of each word in turn.
fn words(text: &str, mut each: impl FnMut(u64)) {
    let mut word = None;
    for c in text.chars() {
        let alone = crate::text::is_han(c) || matches!(c, '\u{3040}'..='\u{30ff}');
        if (alone || !c.is_alphanumeric())
            && let Some(finished) = word.take()
        {
            each(finished);
        }
        if alone {
            each(with_char(0, c));
        } else if c.is_ascii() {
            if c.is_ascii_alphanumeric() {
                word = Some(with_char(word.unwrap_or(0), c.to_ascii_lowercase()));
            }
        } else if c.is_alphanumeric() {
            word = Some(c.to_lowercase().fold(word.unwrap_or(0), with_char));
        }
    }
    word.into_iter().for_each(each);
}

fn with_char(hash: u64, c: char) -> u64 {
    // FNV's step (Fowler, Noll, Vo) on code points; `mix` makes up for its weak upper bits.
    ((hash ^ 0xcbf2_9ce4_8422_2325) ^ u64::from(c)).wrapping_mul(0x0000_0100_0000_01b3)
}

fn joined(words: &[u64]) -> u64 {
    words.iter().fold(0, |hash, &word| mix(hash.wrapping_mul(31).wrapping_add(mix(word))))
}

/// The last steps of MurmurHash3 (Appleby, in the public domain): every bit of the input reaches every bit.
pub(super) fn mix(mut x: u64) -> u64 {
    x ^= x >> 33;
    x = x.wrapping_mul(0xff51_afd7_ed55_8ccd);
    x ^= x >> 33;
    x = x.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ (x >> 33)
}

/// The Jaccard similarity of two sorted sets: how much they share of what they hold together.
#[cfg(test)]
pub(super) fn jaccard(a: &[u64], b: &[u64]) -> f64 {
    let shared = a.iter().filter(|x| b.binary_search(x).is_ok()).count();
    let together = a.len() + b.len() - shared;
    if together == 0 { 0.0 } else { shared as f64 / together as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<u64> {
        let mut out = Vec::new();
        shingles(text, &mut out);
        out
    }

    #[test]
    fn case_punctuation_and_space_make_no_difference_and_order_does() {
        assert_eq!(of("A quiet, clever film.").len(), 2);
        assert_eq!(of("A quiet, clever film."), of("a  QUIET clever\nfilm"));
        assert_ne!(of("a quiet clever film"), of("a clever quiet film"));
        assert_eq!(of("很好看的电影").len(), 4);
        assert_eq!(of("很好看的电影"), of("很好看，的电影！"));
        assert_ne!(of("ab c d"), of("a bc d"));
    }

    #[test]
    fn short_texts_are_one_shingle_and_texts_without_words_none() {
        assert_eq!(of("good").len(), 1);
        assert_ne!(of("good film"), of("film good"));
        assert_eq!(of("?! …"), [0; 0]);
    }

    #[test]
    fn jaccard_is_what_two_sets_share() {
        assert_eq!(jaccard(&[1, 2, 3], &[2, 3, 4]), 0.5);
        assert_eq!((jaccard(&[1], &[1]), jaccard(&[1], &[2]), jaccard(&[], &[])), (1.0, 0.0, 0.0));
    }
}
