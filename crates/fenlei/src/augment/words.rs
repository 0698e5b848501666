//! Changes to whole words: the four of Wei and Zou (2019, "EDA"), punctuation marks as in Karimi et al. (2021, "AEDA"), and
//! unknown words.

use std::borrow::Cow;

use super::FILL_WORD;
use super::draws::Draws;
use super::pieces::{Piece, Pieces, would_join};

const MARKS: [&str; 6] = [".", ";", "?", ":", "!", ","];
const CHINESE_MARKS: [&str; 6] = ["。", "；", "？", "：", "！", "，"];

/// Replaces `n` words by one of what `others` gives for them.
pub(super) fn replace<'s>(
    pieces: &mut Pieces<'_>,
    n: usize,
    draws: &mut Draws,
    others: impl Fn(&str) -> Vec<&'s str>,
) -> usize {
    let mut places = pieces.free();
    let (mut n_done, mut n_drawn) = (0, 0);
    // Words in random order, until enough of them had another.
    while n_done < n
        && let Some(place) = draws.next_of(&mut places, n_drawn)
    {
        n_drawn += 1;
        let piece = &mut pieces.all[place];
        let Some(&other) = draws.one(&others(&piece.text)) else { continue };
        piece.text = in_case_of(&piece.text, other).into();
        piece.is_touched = true;
        n_done += 1;
    }
    n_done
}

/// `other` with the case of the first letter of `word`.
fn in_case_of(word: &str, other: &str) -> String {
    let mut chars = other.chars();
    match (word.chars().next(), chars.next()) {
        (Some(first), Some(new)) if first.is_uppercase() => new.to_uppercase().chain(chars).collect(),
        _ => other.to_owned(),
    }
}

/// Puts a word of what `others` gives for one of the document's words in, `n` times, anywhere before or behind a word.
pub(super) fn insert<'s>(
    pieces: &mut Pieces<'_>,
    n: usize,
    draws: &mut Draws,
    others: impl Fn(&str) -> Vec<&'s str>,
) -> usize {
    // The words of the document itself lend their synonyms, however else they were changed.
    let lenders = pieces.filtered(|piece| piece.is_word && !piece.is_deleted);
    let places = pieces.filtered(|piece| piece.is_word && !piece.is_glued);
    let Some(&last) = lenders.last() else { return 0 };
    let mut new: Vec<(usize, String)> = Vec::with_capacity(n);
    let mut asked = lenders;
    let mut n_drawn = 0;
    while new.len() < n && n_drawn < asked.len().max(n) {
        // Few words may have to lend more than once.
        let lender = draws.next_of(&mut asked, n_drawn).or_else(|| draws.one(&asked).copied());
        n_drawn += 1;
        let Some(lender) = lender else { break };
        if let Some(&word) = draws.one(&others(&pieces.all[lender].text)) {
            // One more place than words: behind the last one.
            let place = places.get(draws.below(places.len() + 1)).copied().unwrap_or(last + 1);
            new.push((place, word.to_owned()));
        }
    }
    let n_done = new.len();
    new.sort_by_key(|(place, _)| *place);
    let mut new = new.into_iter().peekable();
    let old = std::mem::take(&mut pieces.all);
    let n_old = old.len();
    pieces.all.reserve(n_old + n_done);
    for (place, mut piece) in old.into_iter().enumerate() {
        while let Some((_, word)) = new.next_if(|(at, _)| *at == place) {
            if place == last + 1 {
                put_behind(&mut pieces.all, word);
            } else {
                let gap = std::mem::replace(&mut piece.gap, between(&word, &piece.text));
                pieces.all.push(Piece::inserted(gap, word));
            }
        }
        pieces.all.push(piece);
    }
    new.for_each(|(_, word)| put_behind(&mut pieces.all, word));
    n_done
}

fn put_behind(all: &mut Vec<Piece<'_>>, word: String) {
    let gap = all.last().map_or(Cow::Borrowed(""), |before| between(&before.text, &word));
    all.push(Piece::inserted(gap, word));
}

/// A space, but not between Chinese words.
fn between(left: &str, right: &str) -> Cow<'static, str> {
    let is_chinese = |c: Option<char>| c.is_some_and(crate::text::is_han);
    if is_chinese(left.chars().next_back()) && is_chinese(right.chars().next()) { "".into() } else { " ".into() }
}

/// Lets pairs of words change places, so that `n` words or one more are moved.
pub(super) fn swap(pieces: &mut Pieces<'_>, n: usize, draws: &mut Draws) -> usize {
    let mut places = pieces.free();
    // An odd word has no partner; by chance it gets one or stays.
    let n_pairs = (n / 2 + (n % 2) * draws.below(2)).min(places.len() / 2);
    for pair in draws.choose(&mut places, 2 * n_pairs).chunks_exact(2) {
        let (first, second) = (pair[0].min(pair[1]), pair[0].max(pair[1]));
        let (left, right) = pieces.all.split_at_mut(second);
        std::mem::swap(&mut left[first].text, &mut right[0].text);
        left[first].is_touched = true;
        right[0].is_touched = true;
    }
    2 * n_pairs
}

/// Leaves `n` words out, but never the last.
pub(super) fn delete(pieces: &mut Pieces<'_>, n: usize, draws: &mut Draws) -> usize {
    let mut places = pieces.free();
    let n_left = pieces.all.iter().filter(|piece| piece.is_word && !piece.is_deleted).count();
    let chosen = draws.choose(&mut places, n.min(n_left.saturating_sub(1)));
    chosen.iter().for_each(|&place| pieces.all[place].is_deleted = true);
    chosen.len()
}

/// Puts a punctuation mark behind `n` words, in their script.
pub(super) fn punctuate(pieces: &mut Pieces<'_>, n: usize, draws: &mut Draws) -> usize {
    let is_open = |place: usize| pieces.all.get(place + 1).is_none_or(|next| !next.is_glued);
    let mut places: Vec<usize> = pieces.free().into_iter().filter(|&place| is_open(place)).collect();
    let chosen = draws.choose(&mut places, n);
    for &place in chosen {
        let marks = if pieces.all[place].is_chinese() { &CHINESE_MARKS } else { &MARKS };
        if let Some(&mark) = draws.one(marks) {
            let piece = &mut pieces.all[place];
            piece.text.to_mut().push_str(mark);
            piece.is_touched = true;
        }
    }
    // A mark within a number or a name, as in `3` `.` `5`, would make one word of three.
    for &place in chosen {
        if let Some(next) = pieces.all.get_mut(place + 1)
            && next.gap.is_empty()
            && would_join("a", &next.text)
        {
            next.gap = " ".into();
        }
    }
    chosen.len()
}

/// Puts the mark of the unknown token in the place of `n` words.
pub(super) fn fill(pieces: &mut Pieces<'_>, n: usize, draws: &mut Draws) -> usize {
    let mut places = pieces.free();
    let chosen = draws.choose(&mut places, n);
    for &place in chosen {
        pieces.all[place].text = FILL_WORD.into();
        pieces.all[place].is_touched = true;
    }
    chosen.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::cut::Cutter;
    use crate::augment::protect::Protected;

    const ENGLISH: &str = "The film is good, and the cast is better.";
    const CHINESE: &str = "这部电影很好看,演员也很好。";

    fn changed(text: &str, seed: u64, change: impl Fn(&mut Pieces<'_>, &mut Draws) -> usize) -> (String, usize) {
        let cutter = Cutter::new(Protected::default()).unwrap();
        let mut pieces = cutter.cut(text);
        let n = change(&mut pieces, &mut Draws::new(seed));
        (pieces.joined(), n)
    }

    fn synonyms(word: &str) -> Vec<&'static str> {
        match word {
            "Film" | "film" => vec!["movie"],
            "电影" => vec!["影片"],
            _ => vec![],
        }
    }

    #[test]
    fn words_are_replaced_by_their_synonyms_in_their_case() {
        assert_eq!(changed(ENGLISH, 1, |p, d| replace(p, 5, d, synonyms)), (ENGLISH.replace("film", "movie"), 1));
        assert_eq!(changed(CHINESE, 1, |p, d| replace(p, 5, d, synonyms)), (CHINESE.replace("电影", "影片"), 1));
        assert_eq!(changed("Film!", 1, |p, d| replace(p, 1, d, synonyms)).0, "Movie!");
    }

    #[test]
    fn inserted_words_stand_between_words_as_their_script_has_it() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..40 {
            let (text, n) = changed("A film, 好电影!", seed, |p, d| insert(p, 1, d, synonyms));
            assert_eq!(n, 1);
            seen.insert(text);
        }
        for expected in ["movie A film, 好电影!", "A film, 好影片电影!", "A film, 好电影影片!", "A film, movie 好电影!"]
        {
            assert!(seen.contains(expected), "{expected}: {seen:#?}");
        }
        assert_eq!(changed("no such word", 1, |p, d| insert(p, 2, d, synonyms)), ("no such word".into(), 0));
        assert_eq!(changed("film", 1, |p, d| insert(p, 3, d, synonyms)).1, 3);
    }

    #[test]
    fn swapping_keeps_every_word_and_moves_as_many_as_it_says() {
        for text in [ENGLISH, CHINESE] {
            let (swapped, n) = changed(text, 3, |p, d| swap(p, 4, d));
            let letters = |text: &str| {
                let mut letters: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
                letters.sort_unstable();
                letters
            };
            assert_eq!((n, letters(&swapped)), (4, letters(text)));
            assert_ne!(swapped, text);
        }
        assert_eq!(changed("one", 3, |p, d| swap(p, 4, d)), ("one".into(), 0));
    }

    #[test]
    fn deleting_leaves_at_least_one_word() {
        let (text, n) = changed(ENGLISH, 5, |p, d| delete(p, 2, d));
        assert_eq!((text.split_whitespace().count(), n), (7, 2), "{text}");
        assert_eq!(changed("a b", 5, |p, d| delete(p, 9, d)).1, 1);
        assert_eq!(changed("好", 5, |p, d| delete(p, 9, d)), ("好".into(), 0));
    }

    #[test]
    fn marks_stand_behind_words_in_their_script() {
        let (text, n) = changed("好 good", 2, |p, d| punctuate(p, 2, d));
        let marks: Vec<char> = text.chars().filter(|c| !c.is_alphanumeric() && *c != ' ').collect();
        assert_eq!(n, 2, "{text}");
        assert!(CHINESE_MARKS.concat().contains(marks[0]) && MARKS.concat().contains(marks[1]), "{text}");
    }

    #[test]
    fn filled_words_become_the_mark() {
        assert_eq!(changed("a film", 2, |p, d| fill(p, 2, d)), ("UNK UNK".into(), 2));
        assert_eq!(changed("好电影", 2, |p, d| fill(p, 2, d)), ("UNK UNK".into(), 2));
    }
}
