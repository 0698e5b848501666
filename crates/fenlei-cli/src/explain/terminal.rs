//! An explanation on a terminal, with colours or with signs.

use std::fmt::Write;
use std::io::{IsTerminal, stdout};

use fenlei::explain::{Explanation, Method};

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Whether words are coloured; without colours strong words stand in brackets with their weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Paint(bool);

impl Paint {
    pub fn new(when: Colour) -> Self {
        Self(match when {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => {
                let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
                let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                stdout().is_terminal() && !is_set("NO_COLOR") && !dumb
            }
        })
    }

    /// Blue for what speaks for the label, yellow for what speaks against it: told apart by everybody. `share` is the
    /// weight beside that of the strongest word.
    fn word(self, out: &mut String, word: &str, weight: f64, share: f64) {
        let word = printable(word);
        let strength = (4.0 * share.abs()).round() as u32;
        let _ = match (self.0, strength) {
            (_, 0) => write!(out, "{word}"),
            (true, strength) => {
                let colour = if weight > 0.0 { 34 } else { 33 };
                let style = ["", "", "1;", "1;4;", "1;7;"][strength.min(4) as usize];
                write!(out, "\u{1b}[{style}{colour}m{word}\u{1b}[0m")
            }
            (false, 1) => write!(out, "{word}"),
            (false, _) => write!(out, "[{word} {weight:+.2}]"),
        };
    }
}

/// What could move the cursor or change colours is a space.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// An explanation of a text, for people.
pub(super) fn shown(text: &str, explanation: &Explanation, paint: Paint) -> String {
    let label = printable(&explanation.label);
    let mut out = format!("{label}\t{:.4}\n", explanation.probability);
    let how = match (explanation.method, explanation.base) {
        (Method::LeaveOneOut, _) | (_, None) => "each word left out once: the change of the log-odds".to_owned(),
        (method, Some(base)) => {
            let how = if method == Method::Exact { "exact" } else { "linear near this text" };
            let of_words = explanation.score - base;
            format!("score {:+.2} = words {of_words:+.2}, biases {base:+.2}; {how}", explanation.score)
        }
    };
    let _ = writeln!(out, "  {how}");
    if explanation.n_words_skipped > 0 {
        let n = explanation.n_words_skipped;
        let _ = writeln!(out, "  the text is long: its last {n} words were not looked at");
    }
    if paint.0 {
        out.push_str("  ");
        paint.word(&mut out, &format!("for {label}"), 1.0, 1.0);
        out.push(' ');
        paint.word(&mut out, "against it", -1.0, 1.0);
        out.push('\n');
    }
    let most = explanation.words.iter().map(|word| word.weight.abs()).fold(0.0, f64::max);
    let mut at = 0;
    for word in &explanation.words {
        out.push_str(&printable(text.get(at..word.bytes.0 as usize).unwrap_or_default()));
        let share = if most > 0.0 { word.weight / most } else { 0.0 };
        paint.word(&mut out, &word.text, word.weight, share);
        at = word.bytes.1 as usize;
    }
    out.push_str(&printable(text.get(at..).unwrap_or_default()));
    out.push('\n');
    for ngram in &explanation.ngrams {
        let times = if ngram.n_places > 1 { format!(" ×{}", ngram.n_places) } else { String::new() };
        let _ = writeln!(out, "  {:+9.4}  {}{times}", ngram.weight, printable(&ngram.text));
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_command_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\r\n"), "a [31mb  ");
    }

    #[test]
    fn weights_show_as_colours_or_as_signs() {
        let word = |paint: Paint, share: f64| {
            let mut out = String::new();
            paint.word(&mut out, "dull", 2.0 * share, share);
            out
        };
        assert_eq!(word(Paint(false), -1.0), "[dull -2.00]");
        assert_eq!(word(Paint(false), 0.2), "dull");
        assert_eq!(word(Paint(true), 1.0), "\u{1b}[1;7;34mdull\u{1b}[0m");
        assert_eq!(word(Paint(true), -0.3), "\u{1b}[33mdull\u{1b}[0m");
        assert_eq!(word(Paint(true), 0.01), "dull");
    }
}
