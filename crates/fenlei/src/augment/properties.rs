//! What holds for any text and any rates.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

const OWN_SYNONYMS: &str = "film, movie, picture\ngood, fine, motion picture\n电影，影片\n好看，精彩\n";

/// With everything that any kind of change needs: the dictionary of Chinese words takes a while to load.
static ANY: LazyLock<Augmenter> = LazyLock::new(|| {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), OWN_SYNONYMS).unwrap();
    let synonyms = Some(file.path().to_owned());
    Augmenter::new(&AugmentSpec { synonyms, synonym: 0.1, same_sound: 0.1, ..AugmentSpec::default() }).unwrap()
});

fn augmenter(spec: AugmentSpec) -> Augmenter {
    let mut augmenter = ANY.clone();
    augmenter.cutter.protected = Protected::new(&spec.protect, None).unwrap();
    augmenter.spec = spec;
    augmenter
}

fn with_rates(rates: &[f64]) -> AugmentSpec {
    let mut spec = AugmentSpec::default();
    Kind::ALL.into_iter().zip(rates).for_each(|(kind, rate)| *spec.rate_mut(kind) = *rate);
    spec
}

fn text() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "film",
        "good",
        "Film",
        "not",
        "the",
        "don't",
        "3.5",
        "e\u{301}a",
        "电影",
        "好看",
        "很",
        "不",
        ",",
        "。",
        "👨\u{200D}👩",
        "<br />",
        "http://a.b/c",
        "&amp;",
        " ",
        "  ",
        "\n",
        "x",
    ]);
    prop_oneof![
        prop::collection::vec(words, 0..25).prop_map(|words| words.join(" ").replace(" 。 ", "。")),
        "\\PC{0,30}"
    ]
}

fn rates() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(prop_oneof![Just(0.0), 0.0..1.0, Just(1.0)], Kind::ALL.len())
}

proptest! {
    #[test]
    fn a_text_with_words_never_becomes_empty(text in text(), rates in rates(), seed: u64) {
        let (copy, _) = augmenter(with_rates(&rates)).augment(&text, seed);
        prop_assert_eq!(copy.trim().is_empty(), text.trim().is_empty(), "{:?}", copy);
    }

    #[test]
    fn rates_of_nothing_and_texts_without_words_change_nothing(text in text(), seed: u64, rates in rates()) {
        let (copy, changes) = augmenter(AugmentSpec::default()).augment(&text, seed);
        prop_assert_eq!((copy, changes.total()), (text, 0));
        let wordless = "?! <br /> … 👍 http://a.b\n";
        prop_assert_eq!(augmenter(with_rates(&rates)).augment(wordless, seed).0, wordless);
    }

    #[test]
    fn changed_words_are_bounded_by_their_rates(text in text(), rates in rates(), seed: u64) {
        let augmenter = augmenter(with_rates(&rates));
        let n_words = augmenter.cutter.cut(&text).n_words as f64;
        let (copy, changes) = augmenter.augment(&text, seed);
        for (kind, rate) in Kind::ALL.into_iter().zip(rates) {
            // Words are swapped in pairs.
            let most = (rate * n_words).ceil() as u64 + u64::from(kind == Kind::Swap && rate > 0.0);
            prop_assert!(changes.of(kind) <= most, "{}: {} of {}", kind, changes.of(kind), n_words);
        }
        if changes.total() == 0 {
            prop_assert_eq!(copy, text);
        }
    }

    #[test]
    fn protected_words_stay_as_often_as_they_were(text in text(), rates in rates(), seed: u64) {
        let protect = ["not", "film", "不", "电影", "don't"];
        let spec = AugmentSpec { protect: protect.map(str::to_owned).to_vec(), ..with_rates(&rates) };
        let (copy, _) = augmenter(spec).augment(&text, seed);
        for word in protect {
            let count = |text: &str| text.to_lowercase().matches(word).count();
            prop_assert!(count(&copy) >= count(&text), "{:?}: {:?} became {:?}", word, text, copy);
        }
    }

    #[test]
    fn markup_and_addresses_stay(text in text(), rates in rates(), seed: u64) {
        let (copy, _) = augmenter(with_rates(&rates)).augment(&text, seed);
        for whole in ["<br />", "http://a.b/c", "&amp;"] {
            prop_assert_eq!(copy.matches(whole).count(), text.matches(whole).count(), "{:?} became {:?}", &text, &copy);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_copy(text in text(), rates in rates(), seed: u64) {
        let augmenter = augmenter(with_rates(&rates));
        prop_assert_eq!(augmenter.augment(&text, seed), augmenter.augment(&text, seed));
    }
}

#[test]
fn every_kind_shows_in_both_languages() {
    let english = "This film is good and the acting in it is better than one may hope for";
    let chinese = "这部电影很好看演员的表演也请大家看看真实的生活和感情";
    for kind in Kind::ALL {
        let mut spec = AugmentSpec::default();
        *spec.rate_mut(kind) = 0.3;
        let augmenter = augmenter(spec);
        for (text, is_chinese) in [(english, false), (chinese, true)] {
            let n: u64 = (0..20).map(|seed| augmenter.augment(text, seed).1.of(kind)).sum();
            let never = if is_chinese { kind == Kind::Keyboard } else { kind == Kind::SameSound };
            assert_eq!(n == 0, never, "{kind}: {text}");
        }
    }
}

#[test]
fn a_long_document_is_changed_in_linear_time() {
    let begun = std::time::Instant::now();
    let rates = [0.05; Kind::ALL.len()];
    for text in ["a good film, ".repeat(800_000), "这部电影很好看。".repeat(400_000)] {
        let (copy, changes) = augmenter(with_rates(&rates)).augment(&text, 7);
        assert!(changes.total() > 10_000 && copy != text);
    }
    assert!(begun.elapsed().as_secs() < 60, "took {:?}", begun.elapsed());
}
