//! Texts with coloured words.

use std::fmt::Write;

use super::escape::escape;
use super::page::Page;
use super::strings::{Language, Strings, fill};
use super::tables::{decimal, percent, table};
use crate::Result;
use crate::explain::{Explanation, Method};

/// Shades of a colour.
const SHADES: f64 = 5.0;

/// A long text is cut to about so many bytes around its strongest word.
const EXCERPT: usize = 1000;

/// What stands between the legend and the words: the text, coloured. `whole` shows all of it, else a part.
pub(super) fn coloured(text: &str, explanation: &Explanation, whole: bool) -> String {
    let strongest = explanation.words.iter().max_by(|a, b| a.weight.abs().total_cmp(&b.weight.abs()));
    let most = strongest.map_or(0.0, |word| word.weight.abs());
    let (from, to) = match strongest {
        Some(word) if !whole && text.len() > EXCERPT * 5 / 4 => {
            let from = (word.bytes.0 as usize).saturating_sub(EXCERPT / 2).min(text.len() - EXCERPT);
            (boundary(text, from), boundary(text, from + EXCERPT))
        }
        None if !whole && text.len() > EXCERPT * 5 / 4 => (0, boundary(text, EXCERPT)),
        _ => (0, text.len()),
    };
    let mut out = String::from("<p class=\"text\" dir=\"auto\">");
    if from > 0 {
        out.push('…');
    }
    let mut at = from;
    for word in &explanation.words {
        let (start, end) = (word.bytes.0 as usize, word.bytes.1 as usize);
        if start < at || end > to {
            continue;
        }
        out.push_str(&escape(text.get(at..start).unwrap_or_default()));
        let shown = escape(text.get(start..end).unwrap_or_default());
        let _ = match shade(word.weight, most) {
            Some(class) => write!(out, "<mark class=\"{class}\" title=\"{:+.3}\">{shown}</mark>", word.weight),
            None => write!(out, "{shown}"),
        };
        at = end;
    }
    out.push_str(&escape(text.get(at..to).unwrap_or_default()));
    if to < text.len() {
        out.push('…');
    }
    out.push_str("</p>");
    out
}

/// The nearest place at or before `at` where the text may be cut.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// The class of a word: for or against, and how much beside the strongest; none for what hardly weighs.
fn shade(weight: f64, most: f64) -> Option<String> {
    if !(most > 0.0 && weight.is_finite()) {
        return None;
    }
    let level = (SHADES * weight.abs() / most).round() as u32;
    (level > 0).then(|| format!("{}{}", if weight > 0.0 { 'p' } else { 'n' }, level.min(SHADES as u32)))
}

/// How weights were found, in words.
pub(super) fn method(method: Method, t: &Strings) -> &str {
    match method {
        Method::Exact => &t.method_exact,
        Method::Linearised => &t.method_linearised,
        Method::LeaveOneOut => &t.method_leave_one_out,
    }
}

/// What the colours mean.
pub(super) fn legend(explanation: &Explanation, t: &Strings) -> String {
    let for_label = fill(&t.legend_for, &[("label", &explanation.label)]);
    let mut out = format!(
        "<p class=\"note\"><mark class=\"p4\">{}</mark> <mark class=\"n4\">{}</mark>",
        escape(&for_label),
        escape(&t.legend_against)
    );
    if explanation.n_words_skipped > 0 {
        let _ = write!(out, " {}", escape(&fill(&t.skipped, &[("n", &explanation.n_words_skipped.to_string())])));
    }
    out.push_str("</p>");
    out
}

/// The n-grams of an explanation as a table, hidden until asked for.
pub(super) fn ngrams(explanation: &Explanation, t: &Strings) -> String {
    let rows: Vec<Vec<String>> = explanation
        .ngrams
        .iter()
        .map(|ngram| vec![ngram.text.clone(), format!("{:+.4}", ngram.weight), ngram.n_places.to_string()])
        .collect();
    let title = escape(&t.strongest);
    format!("<details><summary>{title}</summary>{}</details>", table(&[&t.strongest, "±", "×"], &rows))
}

/// A page of its own with the explanations of texts.
///
/// # Errors
/// When the texts that were built in are damaged.
pub fn explanations_page(
    texts: &[&str],
    explanations: &[Explanation],
    model: &str,
    language: Language,
) -> Result<String> {
    let t = language.strings()?;
    let mut page = Page::new(t, &format!("{} · {model}", t.explanations_title));
    page.push(&format!("<header><h1>{}</h1><p>{}</p>", escape(&t.explanations_title), escape(model)));
    page.push_theme_choice();
    page.push("</header><main>");
    if let Some(first) = explanations.first() {
        page.push(&format!("<p class=\"note\">{}</p>", escape(method(first.method, t))));
    }
    for (number, (text, explanation)) in texts.iter().zip(explanations).enumerate() {
        page.push(&format!(
            "<section class=\"error\"><h2>{} · {}</h2><p>{} {} · logit {}</p>",
            escape(&fill(&t.document, &[("n", &(number + 1).to_string())])),
            escape(&explanation.label),
            escape(&t.probability),
            percent(f64::from(explanation.probability)),
            decimal(explanation.score),
        ));
        page.push(&legend(explanation, t));
        page.push(&coloured(text, explanation, true));
        page.push(&ngrams(explanation, t));
        page.push("</section>");
    }
    page.push("</main>");
    Ok(page.finish())
}
