//! Which documents are kept, and near-duplicates against the exact similarity.

use super::shingles::{jaccard, shingles};
use super::*;

fn kept(selection: Selection, texts: &[&str]) -> (Vec<usize>, Vec<Dropped>) {
    let mut selector = Selector::new(selection).unwrap();
    let kept = (0..texts.len()).filter(|&i| selector.keeps(texts[i], None)).collect();
    (kept, selector.dropped())
}

#[test]
fn every_dropped_document_is_counted_under_the_first_reason() {
    let long = "this is a rather ordinary film about nothing in particular, and I liked it";
    let texts = [
        long,
        "short",
        "这部电影非常好看，演员的表演也很出色，推荐大家去看",
        "1234567890 1234567890",
        long,
        "ce film est une merveille pour les yeux et pour les oreilles",
    ];
    let selection = Selection {
        min_chars: 10,
        languages: vec!["zh".into(), "eng".into()],
        dedup: Dedup::Exact,
        ..Selection::default()
    };
    let (kept, dropped) = kept(selection, &texts);
    assert_eq!(kept, [0, 2]);
    let counts: Vec<(Reason, u64)> = dropped.iter().map(|dropped| (dropped.reason, dropped.count)).collect();
    let once = [Reason::TooShort, Reason::UnknownLanguage, Reason::OtherLanguage, Reason::Repeated];
    assert_eq!(counts, once.map(|reason| (reason, 1)));
}

#[test]
fn near_duplicates_go_and_the_first_stays() {
    let texts = [
        "Das ist ein langer Satz mit vielen Wörtern, der zweimal vorkommt und beim zweiten Mal ein wenig anders endet.",
        "das ist ein langer Satz mit vielen Wörtern der zweimal vorkommt, und beim zweiten Mal ein wenig anders ENDET!",
        "这部电影非常好看，演员的表演也很出色，推荐大家去看，我已经看了三遍了，每一遍都有新的感受。",
        "这部电影非常好看，演员的表演也很出色，推荐大家去看，我已经看了三遍了，每一遍都有新的感觉。",
        "something else",
    ];
    let near = |similarity| Selection { dedup: Dedup::Near, similarity, ..Selection::default() };
    assert_eq!(kept(near(0.8), &texts).0, [0, 2, 4]);
    assert_eq!(kept(near(1.0), &texts).0, [0, 2, 3, 4], "only case and punctuation make no difference");
    let repeated = ["", "", "?!", "…", "a", "a"];
    assert_eq!(kept(near(0.8), &repeated).0, [0, 2, 3, 4], "texts without words are compared as they are");
}

#[test]
fn wrong_settings_are_refused() {
    for similarity in [0.0, 0.09, 1.01, f64::NAN] {
        assert!(Selector::new(Selection { similarity, ..Selection::default() }).is_err_and(|e| e.is_wrong_use()));
    }
    let languages = vec!["xx".to_owned()];
    assert!(Selector::new(Selection { languages, ..Selection::default() }).is_err_and(|e| e.is_wrong_use()));
}

#[test]
fn the_same_band_over_and_over_is_no_trap() {
    let begun = std::time::Instant::now();
    let head = "one two three four five six seven eight nine ten ".repeat(3);
    let mut selector =
        Selector::new(Selection { dedup: Dedup::Near, similarity: 0.1, ..Selection::default() }).unwrap();
    for i in 0..3000 {
        let tail: String = (0..120).map(|j| format!("w{} ", (i * 7919 + j * 31) % 100_003)).collect();
        selector.keeps(&format!("{head}{tail}"), None);
    }
    assert!(begun.elapsed().as_secs() < 30, "took {:?}", begun.elapsed());
}

/// How many pairs of documents reach a similarity and are found to.
#[test]
fn what_minhash_drops_is_what_the_exact_similarity_drops() {
    // Families of texts that differ in a growing number of words.
    let mut texts = Vec::new();
    for family in 0..150usize {
        let words: Vec<String> = (0..80).map(|i| format!("w{}", family * 1000 + i)).collect();
        for changed in [0, 1, 2, 3, 5, 8] {
            let mut words = words.clone();
            for i in 0..changed {
                words[(i * 80 / changed.max(1) + family) % 80] = format!("x{family}-{changed}-{i}");
            }
            texts.push(words.join(" "));
        }
    }
    let mut selector = Selector::new(Selection { dedup: Dedup::Near, ..Selection::default() }).unwrap();
    let (mut kept, mut clear, mut right, mut wrong) = (Vec::<Vec<u64>>::new(), 0, 0, 0);
    for text in &texts {
        let mut own = Vec::new();
        shingles(text, &mut own);
        let similarity = kept.iter().map(|other| jaccard(&own, other)).fold(0.0, f64::max);
        let keeps = selector.keeps(text, None);
        if keeps == (similarity < 0.8) {
            right += 1
        } else {
            wrong += 1
        }
        // Three standard errors away from the threshold the estimate must not be wrong.
        if (similarity - 0.8).abs() > 0.09 {
            clear += 1;
            assert_eq!(keeps, similarity < 0.8, "similarity {similarity}");
        }
        if keeps {
            kept.push(own);
        }
    }
    assert!(clear > 500 && right > 20 * wrong, "{clear} clear, {right} right, {wrong} wrong");
}

#[test]
fn each_near_duplicate_is_told_with_the_first_of_its_kind() {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let own = texts(&[
        "one two three four five six seven eight nine ten",
        "...",
        "something else that is about quite other things than numbers",
        "One two three, four five six seven eight nine ten!",
        "one two three four five six seven eight nine ten.",
        "...",
    ]);
    assert_eq!(near_duplicates(&own, 0.8), [(3, 0), (4, 0)]);
    let others = texts(&["nothing of this stands there at all", "ONE two three four five six seven eight nine ten"]);
    assert_eq!(near_duplicates_of(&own, &others, 0.8), [(1, 0)]);
    assert_eq!(near_duplicates_of(&[], &others, 0.8), []);
}
