//! How well vectors agree with people: similarity lists and analogies.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::Neighbours;
use crate::{Error, Result};

/// A list longer than this has lines of another kind of file.
const MAX_LINE_LEN: usize = 1 << 16;

/// Pairs of words with how alike people find them.
#[derive(Debug, Clone, PartialEq)]
pub struct SimilarityList {
    /// The two words and the score.
    pub pairs: Vec<(String, String, f64)>,
}

/// How vectors agree with a similarity list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimilarityReport {
    /// Spearman's rank correlation over the pairs covered; `None` for fewer than two, or where all are alike.
    pub correlation: Option<f64>,
    /// Pairs of which both words have vectors.
    pub n_covered: usize,
    /// Pairs in the list.
    pub n_pairs: usize,
}

impl SimilarityList {
    /// Reads `word word score` lines, with tabs, commas or spaces between them. A first line whose score is no number
    /// is a heading, lines that begin with `#` are remarks, and what stands behind the score is left out.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Data`] with the line.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut pairs = Vec::new();
        let mut is_first = true;
        each_line(path, |line, number| {
            let fields = fields(line);
            let score = fields.get(2).and_then(|field| field.parse::<f64>().ok()).filter(|score| score.is_finite());
            match (score, is_first) {
                (Some(score), _) => pairs.push((fields[0].to_owned(), fields[1].to_owned(), score)),
                (None, true) => {}
                (None, false) => {
                    let problem =
                        format!("found {:?}, expected two words and a score", crate::data::shortened(line, 60));
                    return Err(Error::data(path, Some(number), problem, "write one pair a line, as `tiger cat 7.35`"));
                }
            }
            is_first = false;
            Ok(())
        })?;
        if pairs.is_empty() {
            let help = "write one pair a line, as `tiger cat 7.35`";
            return Err(Error::data(path, None, "found no pairs of words with a score", help));
        }
        Ok(Self { pairs })
    }

    /// Compares cosines with the scores. A word that is not there is looked up in lower case.
    pub fn evaluate(&self, vectors: &Neighbours<'_>) -> SimilarityReport {
        let covered: Vec<(f64, f64)> = (self.pairs.iter())
            .filter_map(|(a, b, score)| Some((vectors.similarity(vectors.place(a)?, vectors.place(b)?), *score)))
            .map(|(similarity, score)| (f64::from(similarity), score))
            .collect();
        let (found, expected): (Vec<f64>, Vec<f64>) = covered.iter().copied().unzip();
        SimilarityReport {
            correlation: spearman(&found, &expected),
            n_covered: covered.len(),
            n_pairs: self.pairs.len(),
        }
    }
}

fn fields(line: &str) -> Vec<&str> {
    let separator = [Some('\t'), Some(',')].into_iter().flatten().find(|&c| line.matches(c).count() >= 2);
    match separator {
        Some(separator) => line.split(separator).map(str::trim).collect(),
        None => line.split_whitespace().collect(),
    }
}

fn each_line(path: &Path, mut take: impl FnMut(&str, u64) -> Result<()>) -> Result<()> {
    let file = std::fs::File::open(path).map_err(|error| Error::io("read", path, error))?;
    let mut reader = BufReader::new(file);
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        let n = reader.read_until(b'\n', &mut bytes).map_err(|error| Error::io("read", path, error))?;
        if n == 0 {
            break;
        }
        let help = "give a list of words in UTF-8";
        if n > MAX_LINE_LEN {
            return Err(Error::data(path, Some(number), format!("a line of {n} bytes"), help));
        }
        let Ok(line) = str::from_utf8(&bytes) else {
            return Err(Error::data(path, Some(number), "this line is not UTF-8", help));
        };
        let line = line.trim_start_matches('\u{feff}').trim();
        if !line.is_empty() && !line.starts_with('#') {
            take(line, number)?;
        }
    }
    Ok(())
}

/// Spearman's rank correlation: that of Pearson over ranks, equal values sharing the mean of theirs. `None` for fewer
/// than two values, or where one side is all alike.
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() < 2 || a.len() != b.len() {
        return None;
    }
    let (a, b) = (ranks(a), ranks(b));
    let middle = (a.len() as f64 + 1.0) / 2.0;
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - middle) * (y - middle)).sum::<f64>();
    let spread = (product(&a, &a) * product(&b, &b)).sqrt();
    (spread > 0.0).then(|| product(&a, &b) / spread)
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let alike = order[start..].iter().take_while(|&&i| values[i] == values[order[start]]).count().max(1);
        let rank = start as f64 + (alike as f64 + 1.0) / 2.0;
        order[start..start + alike].iter().for_each(|&i| ranks[i] = rank);
        start += alike;
    }
    ranks
}

/// Questions `a b c d`: `d` is to `c` as `b` is to `a`.
#[derive(Debug, Clone, PartialEq)]
pub struct Analogies {
    /// Where they come from.
    pub path: PathBuf,
    /// Sections with their questions.
    pub sections: Vec<(String, Vec<[String; 4]>)>,
}

/// How many questions of a section were answered rightly.
#[derive(Debug, Clone, PartialEq)]
pub struct SectionReport {
    /// The name of the section.
    pub name: String,
    /// Right answers.
    pub n_right: usize,
    /// Questions of which all four words have vectors.
    pub n_covered: usize,
    /// Questions.
    pub n_questions: usize,
}

/// How many questions were answered rightly.
#[derive(Debug, Clone, PartialEq)]
pub struct AnalogyReport {
    /// By section, in the order of the file.
    pub sections: Vec<SectionReport>,
}

impl AnalogyReport {
    /// Right answers, questions covered, questions.
    pub fn totals(&self) -> (usize, usize, usize) {
        self.sections.iter().fold((0, 0, 0), |(right, covered, all), section| {
            (right + section.n_right, covered + section.n_covered, all + section.n_questions)
        })
    }
}

impl Analogies {
    /// Whether a file is of this kind: its first line that is no remark begins a section with `:`.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Data`] with the line.
    pub fn is_one(path: impl AsRef<Path>) -> Result<bool> {
        let mut first = None;
        each_line(path.as_ref(), |line, _| {
            first.get_or_insert(line.starts_with(':'));
            Ok(())
        })?;
        Ok(first.unwrap_or(false))
    }

    /// Reads lines of four words below lines `: section`.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Data`] with the line.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut sections: Vec<(String, Vec<[String; 4]>)> = Vec::new();
        each_line(path, |line, number| {
            let wrong = |problem: String| {
                let help = "write four words a line, as `man king woman queen`, below a line `: section`";
                Err(Error::data(path, Some(number), problem, help))
            };
            if let Some(name) = line.strip_prefix(':') {
                sections.push((name.trim().to_owned(), Vec::new()));
                return Ok(());
            }
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let n_words = words.len();
            match (sections.last_mut(), <[String; 4]>::try_from(words)) {
                (Some((_, questions)), Ok(question)) => questions.push(question),
                (None, _) => return wrong("found a line in front of the first `: section`".to_owned()),
                (_, Err(_)) => return wrong(format!("found {n_words} words, expected 4")),
            }
            Ok(())
        })?;
        Ok(Self { path: path.to_owned(), sections })
    }

    /// Answers the questions: the nearest word to `b − a + c`, the three left out.
    pub fn evaluate(&self, vectors: &Neighbours<'_>) -> AnalogyReport {
        let section = |(name, questions): &(String, Vec<[String; 4]>)| {
            let mut report =
                SectionReport { name: name.clone(), n_right: 0, n_covered: 0, n_questions: questions.len() };
            for question in questions {
                let [a, b, c, d] = question.each_ref().map(|word| vectors.place(word));
                let (Some(a), Some(b), Some(c), Some(d)) = (a, b, c, d) else { continue };
                report.n_covered += 1;
                let answer = vectors.analogy([a, b, c], 1).first().and_then(|found| vectors.place(&found.word));
                report.n_right += usize::from(answer == Some(d));
            }
            report
        };
        AnalogyReport { sections: self.sections.iter().map(section).collect() }
    }
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
