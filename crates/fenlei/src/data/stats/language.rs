//! Which languages and scripts texts are in, on a sample.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::Serialize;

/// How many texts are looked at, and how much of each.
const N_TEXTS: usize = 1000;
const N_CHARS: usize = 1000;

/// A language (by its English name) or a script, and its share of the sampled texts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Share {
    /// Its name.
    pub name: String,
    /// Between 0 and 1.
    pub share: f64,
}

/// Shares of languages and of scripts, the largest first. The sample is evenly spaced.
pub(super) fn guess(texts: &[String]) -> (Vec<Share>, Vec<Share>) {
    let n = texts.len().min(N_TEXTS);
    let sampled: Vec<&String> = (0..n).map(|i| &texts[i * texts.len() / n]).collect();
    let names: Vec<(&str, String)> = sampled.par_iter().map(|text| name(text)).collect();
    (shares(names.iter().map(|name| name.0)), shares(names.iter().map(|name| name.1.as_str())))
}

fn name(text: &str) -> (&'static str, String) {
    let end = text.char_indices().nth(N_CHARS).map_or(text.len(), |(end, _)| end);
    let text = &text[..end];
    let language = whatlang::detect(text).map_or("unknown", |info| info.lang().eng_name());
    (language, whatlang::detect_script(text).map_or("unknown".to_owned(), |script| script.name().to_owned()))
}

fn shares<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Share> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut n = 0;
    for name in names {
        *counts.entry(name).or_default() += 1;
        n += 1;
    }
    let mut shares: Vec<Share> = counts
        .into_iter()
        .map(|(name, count)| Share { name: name.to_owned(), share: count as f64 / n as f64 })
        .collect();
    shares.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.name.cmp(&b.name)));
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_chinese_from_english() {
        let texts = ["这部电影非常好看", "this is a rather ordinary film about nothing", "剧情拖沓，不推荐", ""];
        let (languages, scripts) = guess(&texts.map(str::to_owned));
        assert_eq!(languages[0], Share { name: "Mandarin".into(), share: 0.5 });
        assert_eq!(languages.len(), 3);
        assert_eq!(scripts[0].name, "Mandarin");
        assert_eq!(guess(&[]), (vec![], vec![]));
    }
}
