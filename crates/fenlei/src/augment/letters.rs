//! Changes within a word: typing errors. A character is what people see as one, so that marks stay with their letter.

use unicode_segmentation::UnicodeSegmentation;

use super::draws::Draws;
use super::pieces::Pieces;

/// Changes `n` words by `change`, which gives `None` where there is nothing that it can change.
pub(super) fn change(
    pieces: &mut Pieces<'_>,
    n: usize,
    draws: &mut Draws,
    change: impl Fn(&[&str], &mut Draws) -> Option<String>,
) -> usize {
    let mut places = pieces.free();
    let (mut n_done, mut n_drawn) = (0, 0);
    while n_done < n
        && let Some(place) = draws.next_of(&mut places, n_drawn)
    {
        n_drawn += 1;
        let piece = &mut pieces.all[place];
        let graphemes: Vec<&str> = piece.text.graphemes(true).collect();
        let Some(changed) = change(&graphemes, draws) else { continue };
        piece.text = changed.into();
        piece.is_touched = true;
        n_done += 1;
    }
    n_done
}

/// One character by one of what `others` gives for it.
pub(super) fn substitute<O: ToString>(
    graphemes: &[&str],
    draws: &mut Draws,
    others: impl Fn(&str) -> Vec<O>,
) -> Option<String> {
    let mut places: Vec<usize> = (0..graphemes.len()).collect();
    for &place in draws.choose(&mut places, graphemes.len()) {
        if let Some(other) = draws.one(&others(graphemes[place])) {
            return Some(format!(
                "{}{}{}",
                graphemes[..place].concat(),
                other.to_string(),
                graphemes[place + 1..].concat()
            ));
        }
    }
    None
}

/// The word without one of its characters; `None` if it has only one.
pub(super) fn drop_one(graphemes: &[&str], draws: &mut Draws) -> Option<String> {
    if graphemes.len() < 2 {
        return None;
    }
    let place = draws.below(graphemes.len());
    Some(graphemes[..place].concat() + &graphemes[place + 1..].concat())
}

/// The word with one of its characters twice.
pub(super) fn double_one(graphemes: &[&str], draws: &mut Draws) -> Option<String> {
    if graphemes.is_empty() {
        return None;
    }
    let place = draws.below(graphemes.len());
    Some(graphemes[..=place].concat() + &graphemes[place..].concat())
}

/// The word with two neighbours, which differ, in the other order; `None` if there are none.
pub(super) fn transpose_two(graphemes: &[&str], draws: &mut Draws) -> Option<String> {
    let places: Vec<usize> = (1..graphemes.len()).filter(|&i| graphemes[i - 1] != graphemes[i]).collect();
    let &place = draws.one(&places)?;
    let mut graphemes = graphemes.to_vec();
    graphemes.swap(place - 1, place);
    Some(graphemes.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graphemes(word: &str) -> Vec<&str> {
        word.graphemes(true).collect()
    }

    /// Everything that comes of a word.
    fn all(word: &str, change: impl Fn(&[&str], &mut Draws) -> Option<String>) -> Vec<String> {
        let mut all: Vec<String> =
            (0..200).filter_map(|seed| change(&graphemes(word), &mut Draws::new(seed))).collect();
        all.sort();
        all.dedup();
        all
    }

    #[test]
    fn each_error_is_made_once_wherever_it_can_be() {
        assert_eq!(all("abb", drop_one), ["ab", "bb"]);
        assert_eq!(all("ab", double_one), ["aab", "abb"]);
        assert_eq!(all("abb", transpose_two), ["bab"]);
        assert_eq!(all("电影", drop_one), ["影", "电"]);
        assert_eq!(all("电影", transpose_two), ["影电"]);
        let swap = |g: &str| if g == "a" { vec!["x", "y"] } else { vec![] };
        assert_eq!(all("aba", |g, d| substitute(g, d, swap)), ["abx", "aby", "xba", "yba"]);
        for word in ["a", ""] {
            assert!(all(word, drop_one).is_empty() && all(word, transpose_two).is_empty());
        }
        assert!(all("b", |g, d| substitute(g, d, swap)).is_empty() && all("", double_one).is_empty());
    }

    #[test]
    fn marks_stay_with_their_letter() {
        assert_eq!(all("e\u{301}a", transpose_two), ["ae\u{301}"]);
        assert_eq!(all("e\u{301}a", drop_one), ["a", "e\u{301}"]);
    }
}
