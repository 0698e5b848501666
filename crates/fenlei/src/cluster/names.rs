//! Names of clusters: the words that stand in them and not elsewhere.
//!
//! A word's weight for a cluster is the logarithm of the ratio of its odds there and in all others, with the whole of the
//! documents as the prior, divided by its standard deviation (Monroe, Colaresi and Quinn 2008, "Fightin' Words"): what is
//! frequent enough to be sure of, and distinctive.

use std::collections::HashSet;

use crate::Result;
use crate::data::Target;
use crate::features::{DfLimit, FeaturesSpec, Idf, Labels, Norm, Tf, Vectorizer};
use crate::text::{StopWords, TextPipeline, is_han};

/// Words of a name.
const WORDS: usize = 3;

/// Words of a name that would otherwise be another's too, at most.
const MOST_WORDS: usize = 5;

/// Words that are looked at for each cluster.
const CANDIDATES: usize = 200;

/// Documents that words are counted in, at most.
const DOCS_COUNTED: usize = 100_000;

/// In so few documents a word that stands once counts.
const FEW_DOCS: usize = 1000;

/// How many words the prior is worth.
const PRIOR: f64 = 1000.0;

/// A pair of words stands for one of them which stands in the pair so often.
const PAIR_SHARE: f64 = 0.7;

/// A word of a cluster.
#[derive(Debug, Clone, PartialEq)]
struct Candidate {
    tokens: Vec<String>,
    weight: f64,
    /// Documents of the cluster that have it.
    count: u64,
}

/// The words of each of `k` clusters, and a name of some of them, distinct: `name` joins words by `/`.
pub(super) fn name_clusters<S: AsRef<str> + Sync>(
    pipeline: &TextPipeline,
    texts: &[S],
    clusters: &[Option<u32>],
    k: usize,
) -> Result<Vec<(String, Vec<String>)>> {
    let step = texts.len().div_ceil(DOCS_COUNTED).max(1);
    let some: Vec<usize> = (0..texts.len()).step_by(step).filter(|&doc| clusters[doc].is_some()).collect();
    let of_some: Vec<&str> = some.iter().map(|&doc| texts[doc].as_ref()).collect();
    let spec = FeaturesSpec {
        word_ngrams: 2,
        tf: Tf::Binary,
        idf: Idf::None,
        norm: Norm::None,
        min_df: DfLimit::Documents(if some.len() < FEW_DOCS { 1 } else { 3 }),
        ..FeaturesSpec::default()
    };
    let targets = vec![Target::Unlabelled; some.len()];
    let fitted = Vectorizer::fit(&spec, pipeline, &of_some, &targets, Labels { n: 0, multi: false })?;
    let n_columns = fitted.rows.n_columns;
    // Documents of each cluster that have each word: [k, n_columns].
    let mut counts = vec![0u64; k * n_columns];
    for (row, &doc) in some.iter().enumerate() {
        let of_cluster = &mut counts[clusters[doc].unwrap_or(0) as usize * n_columns..][..n_columns];
        fitted.rows.row(row).0.iter().for_each(|&column| of_cluster[column as usize] += 1);
    }
    let stop_words = StopWords::new(&["en", "zh"].map(str::to_owned), None, &str::to_lowercase);
    let weights = log_odds(&counts, k, n_columns);
    let words = (0..k).map(|cluster| {
        let of_cluster = &weights[cluster * n_columns..][..n_columns];
        let counts = &counts[cluster * n_columns..][..n_columns];
        let mut order: Vec<u32> = (0..n_columns as u32).filter(|&column| of_cluster[column as usize] > 0.0).collect();
        order.sort_unstable_by(|&a, &b| of_cluster[b as usize].total_cmp(&of_cluster[a as usize]).then(a.cmp(&b)));
        order.truncate(CANDIDATES);
        let names = fitted.vectorizer.names(pipeline, &order);
        let candidates = names.iter().zip(&order).map(|(name, &column)| Candidate {
            tokens: name.split(' ').map(str::to_owned).collect(),
            weight: of_cluster[column as usize],
            count: counts[column as usize],
        });
        let candidates: Vec<Candidate> = candidates.filter(|candidate| tells(candidate, &stop_words)).collect();
        choose(&candidates)
    });
    Ok(distinct(words.collect()))
}

/// The weight of each word for each cluster, `[k, n_columns]`.
fn log_odds(counts: &[u64], k: usize, n_columns: usize) -> Vec<f64> {
    let mut all = vec![0u64; n_columns];
    counts.chunks_exact(n_columns).for_each(|row| all.iter_mut().zip(row).for_each(|(sum, n)| *sum += n));
    let whole: u64 = all.iter().sum();
    let mut weights = vec![0.0; k * n_columns];
    for (out, row) in weights.chunks_exact_mut(n_columns).zip(counts.chunks_exact(n_columns)) {
        let of_cluster: u64 = row.iter().sum();
        let (here_all, there_all) = (of_cluster as f64 + PRIOR, (whole - of_cluster) as f64 + PRIOR);
        for ((out, &here), &both) in out.iter_mut().zip(row).zip(&all).filter(|((_, here), _)| **here > 0) {
            let prior = PRIOR * both as f64 / whole as f64;
            let (here, there) = (here as f64 + prior, (both - here) as f64 + prior);
            let ratio = (here / (here_all - here)).ln() - (there / (there_all - there)).ln();
            *out = ratio / (1.0 / here + 1.0 / there).sqrt();
        }
    }
    weights
}

/// Whether a word can stand in a name: letters only in all of its parts, none of them too common, and not a lone letter.
fn tells(candidate: &Candidate, stop_words: &StopWords) -> bool {
    let n_chars: usize = candidate.tokens.iter().map(|token| token.chars().count()).sum();
    let fits = |token: &String| token.chars().any(char::is_alphabetic) && !stop_words.contains(&token.to_lowercase());
    n_chars >= 2 && candidate.tokens.iter().all(fits)
}

/// The heaviest words that do not repeat each other.
fn choose(candidates: &[Candidate]) -> Vec<String> {
    let mut chosen: Vec<&Candidate> = Vec::new();
    for candidate in candidates {
        if chosen.len() == MOST_WORDS {
            break;
        }
        // "kong" is said by "hong kong", if it hardly stands without it.
        let longer = candidates.iter().find(|longer| {
            longer.tokens.len() > candidate.tokens.len()
                && candidate.tokens.iter().all(|token| longer.tokens.contains(token))
                && longer.count as f64 >= PAIR_SHARE * candidate.count as f64
        });
        let candidate = longer.unwrap_or(candidate);
        let repeats =
            |other: &&&Candidate| candidate.tokens.iter().any(|a| other.tokens.iter().any(|b| are_alike(a, b)));
        if chosen.iter().find(repeats).is_none() {
            chosen.push(candidate);
        }
    }
    chosen.into_iter().map(|candidate| joined(&candidate.tokens)).collect()
}

/// Whether two words are forms of one, as `film` and `films`, or one holds the other, as 股市 does 股.
fn are_alike(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if long.chars().any(is_han) {
        return long.contains(short);
    }
    long.strip_prefix(short).is_some_and(|rest| matches!(rest, "" | "s" | "es" | "d" | "ed" | "ing" | "'s"))
}

/// Chinese words stand side by side, others with a space between them.
fn joined(tokens: &[String]) -> String {
    let mut text = String::new();
    for token in tokens {
        let between = text.chars().next_back().zip(token.chars().next());
        if between.is_some_and(|(before, after)| !(is_han(before) && is_han(after))) {
            text.push(' ');
        }
        text.push_str(token);
    }
    text
}

/// Names that differ: with more words where three are another's too, and then with a number.
fn distinct(words: Vec<Vec<String>>) -> Vec<(String, Vec<String>)> {
    let mut taken: HashSet<String> = HashSet::new();
    let named = words.into_iter().enumerate().map(|(cluster, words)| {
        let of_length = |n: usize| words[..n.min(words.len())].join("/");
        let mut name = (WORDS..=MOST_WORDS).map(of_length).find(|name| !name.is_empty() && !taken.contains(name));
        if words.is_empty() {
            name = Some(format!("cluster {}", cluster + 1)).filter(|name| !taken.contains(name));
        }
        let name = name.unwrap_or_else(|| {
            let numbered = (2..).map(|n| format!("{} ({n})", of_length(WORDS)));
            numbered.into_iter().find(|name| !taken.contains(name)).unwrap_or_default()
        });
        taken.insert(name.clone());
        (name, words)
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::PipelineSpec;

    fn names(texts: &[&str], clusters: &[u32], k: usize) -> Vec<String> {
        let spec: PipelineSpec = toml::from_str("segment = { mode = 'jieba' }\nvocab = { min_count = 1 }").unwrap();
        let pipeline = spec.fit(texts).unwrap();
        let clusters: Vec<Option<u32>> = clusters.iter().copied().map(Some).collect();
        name_clusters(&pipeline, texts, &clusters, k).unwrap().into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn names_are_made_of_what_stands_in_one_cluster_only() {
        let texts = [
            "the flat in Hong Kong has a garden",
            "a garden and a flat near Hong Kong",
            "Hong Kong flats are dear",
            "the team won the match",
            "a match that the team lost",
            "the match of the year",
            "今天股市大涨",
            "股市基金今天下跌",
            "基金和股市",
        ];
        let found = names(&texts, &[0, 0, 0, 1, 1, 1, 2, 2, 2], 3);
        assert_eq!(found[0], "hong kong/flat/garden");
        assert!(found[1].starts_with("match/team"), "{found:?}");
        assert!(found[2].contains("股市") && found[2].contains("基金"), "{found:?}");
    }

    #[test]
    fn names_differ_though_words_are_the_same() {
        let same = || vec!["a".to_owned(), "b".to_owned(), "c".to_owned(), "d".to_owned()];
        let named = distinct(vec![same(), same(), same(), Vec::new()]);
        let named: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(named, ["a/b/c", "a/b/c/d", "a/b/c (2)", "cluster 4"]);
    }

    #[test]
    fn forms_of_a_word_are_alike_and_others_are_not() {
        for (a, b, alike) in [
            ("film", "films", true),
            ("book", "booking", true),
            ("art", "artist", false),
            ("cat", "dog", false),
            ("股", "股市", true),
            ("基金", "股市", false),
        ] {
            assert_eq!(are_alike(a, b), alike, "{a} {b}");
            assert_eq!(are_alike(b, a), alike, "{b} {a}");
        }
        assert_eq!(joined(&["股市".into(), "大涨".into()]), "股市大涨");
        assert_eq!(joined(&["hong".into(), "kong".into()]), "hong kong");
    }
}
