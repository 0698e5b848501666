//! Which column is the text, which the label, and whether the first row is a header.

use std::collections::HashSet;
use std::path::Path;

use super::{ReadOptions, listed};
use crate::{Error, Result};

/// Names of text columns, best first, in lower case.
const TEXT_NAMES: [&str; 29] = [
    "text",
    "sentence",
    "content",
    "review",
    "document",
    "body",
    "comment",
    "message",
    "utterance",
    "question",
    "query",
    "tweet",
    "description",
    "title",
    "headline",
    "abstract",
    "文本",
    "内容",
    "评论",
    "正文",
    "句子",
    "标题",
    "新闻",
    "评价",
    "留言",
    "微博",
    "问题",
    "review_body",
    "reviewtext",
];

/// Names of label columns, best first, in lower case.
const LABEL_NAMES: [&str; 28] = [
    "label",
    "labels",
    "class",
    "category",
    "categories",
    "sentiment",
    "target",
    "intent",
    "topic",
    "tag",
    "tags",
    "polarity",
    "label_text",
    "class_name",
    "class_index",
    "class index",
    "cat",
    "y",
    "标签",
    "类别",
    "分类",
    "情感",
    "情感倾向",
    "类标",
    "类目",
    "主题",
    "rating",
    "stars",
];

/// Where text and label stand in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Columns {
    /// The index of the text.
    pub(crate) text: usize,
    /// The index of the label; `None` only if the caller can do without.
    pub(crate) label: Option<usize>,
    /// The indices of the columns that the caller wants to keep.
    pub(crate) kept: Vec<usize>,
    /// The names in the first row, if it is a header.
    pub(crate) header: Option<Vec<String>>,
}

impl Columns {
    /// The name of a column, or its number from 1.
    pub(crate) fn name(&self, column: usize) -> String {
        self.header.as_ref().and_then(|names| names.get(column)).cloned().unwrap_or_else(|| (column + 1).to_string())
    }
}

/// Decides from the first rows of a file.
pub(crate) fn choose(rows: &[Vec<String>], options: &ReadOptions, path: &Path) -> Result<Columns> {
    let Some(first) = rows.first() else {
        let help = "check that the path is right and that the file was written completely";
        return Err(Error::data(path, None, "found no rows, expected at least one", help));
    };
    let header = match options.has_header {
        Some(true) => Some(first),
        Some(false) => None,
        None => is_header(rows, options).then_some(first),
    };
    let header = header.map(|names| names.iter().map(|name| name.trim().to_owned()).collect::<Vec<_>>());
    let body = &rows[usize::from(header.is_some())..];
    let width = first.len();
    let names = header.as_deref().unwrap_or_default();

    let asked = |wanted: &Option<String>, what: &str| match wanted {
        Some(wanted) => find_asked(names, width, wanted, what, path).map(Some),
        None => Ok(None),
    };
    let mut text = asked(&options.text_column, "text")?.or_else(|| named(names, &TEXT_NAMES, None));
    let mut label = asked(&options.label_column, "label")?.or_else(|| named(names, &LABEL_NAMES, text));
    if text.is_some() && text == label {
        label = None;
    }
    let columns: Vec<Column> = (0..width).map(|i| Column::of(body, i)).collect();
    if label.is_none() && width > 1 {
        label = least_distinct(&columns, text);
    }
    if text.is_none() {
        text = longest(&columns, label);
    }
    let found = if names.is_empty() { format!("{width} columns without names") } else { listed(names) };
    let Some(text) = text else {
        // One column that is the label by name: there is no text.
        let help = "name the column of the text with --text-column";
        return Err(Error::data(path, None, format!("found no column of text; there are: {found}"), help));
    };
    if label.is_none() && !options.keeps_unlabelled() {
        let help = "name the column of the label with --label-column, or the delimiter with --delimiter";
        return Err(Error::data(path, None, format!("found no column of labels; there are: {found}"), help));
    }
    let kept = kept(names, width, options, path)?;
    Ok(Columns { text, label, kept, header })
}

/// The columns that the caller wants to keep beside text and label.
pub(crate) fn kept(names: &[String], width: usize, options: &ReadOptions, path: &Path) -> Result<Vec<usize>> {
    options.columns.iter().map(|wanted| find_asked(names, width, wanted, "", path)).collect()
}

/// Decides by names alone (JSON objects, Parquet), with `Err` naming the nearest column.
pub(crate) fn choose_by_name(names: &[String], options: &ReadOptions, path: &Path) -> Result<(usize, Option<usize>)> {
    let missing = |what: &str| {
        let problem = format!("found no column of {what}; there are: {}", listed(names));
        Error::data(path, None, problem, format!("name the column with --{what}-column"))
    };
    let asked_label = match &options.label_column {
        Some(wanted) => Some(find_asked(names, 0, wanted, "label", path)?),
        None => None,
    };
    let text = match &options.text_column {
        Some(wanted) => find_asked(names, 0, wanted, "text", path)?,
        None => named(names, &TEXT_NAMES, asked_label)
            .or_else(|| other_of_two(names, asked_label))
            .ok_or_else(|| missing("text"))?,
    };
    let label =
        asked_label.or_else(|| named(names, &LABEL_NAMES, Some(text))).or_else(|| other_of_two(names, Some(text)));
    if label.is_none() && !options.keeps_unlabelled() {
        return Err(missing("label"));
    }
    Ok((text, label))
}

fn other_of_two(names: &[String], one: Option<usize>) -> Option<usize> {
    one.filter(|_| names.len() == 2).map(|one| 1 - one)
}

/// The column that the caller asked for: by name, by name without regard to case, or by number from 1.
fn find_asked(names: &[String], width: usize, wanted: &str, what: &str, path: &Path) -> Result<usize> {
    let exact = names.iter().position(|name| name == wanted);
    let folded = || names.iter().position(|name| name.to_lowercase() == wanted.to_lowercase());
    let numbered = || wanted.parse::<usize>().ok().filter(|n| (1..=width).contains(n)).map(|n| n - 1);
    exact.or_else(folded).or_else(numbered).ok_or_else(|| {
        let what = if what.is_empty() { String::new() } else { format!("{what} ") };
        if names.is_empty() {
            let problem = format!("found {width} columns without names, expected a {what}column {wanted:?}");
            return Error::data(path, None, problem, format!("give its number, from 1 to {width}"));
        }
        let problem = format!("found no {what}column {wanted:?}; there are: {}", listed(names));
        let nearest = names.iter().min_by_key(|name| edit_distance(name, wanted)).map_or("", String::as_str);
        Error::data(path, None, problem, format!("did you mean {nearest:?}?"))
    })
}

fn named(names: &[String], known: &[&str], except: Option<usize>) -> Option<usize> {
    let lower: Vec<String> = names.iter().map(|name| bare(name)).collect();
    known.iter().find_map(|known| lower.iter().enumerate().position(|(i, name)| name == known && Some(i) != except))
}

/// A name in lower case without quotes and a byte-order mark.
fn bare(name: &str) -> String {
    name.trim().trim_matches(['"', '\u{feff}']).trim().to_lowercase()
}

/// Whether the first row holds names.
///
/// It does if the caller asks for one of them by name, if it has a usual name that is not also a value further down,
/// or if it looks like names (short, distinct, single words) above a column of recurring values in which its own
/// does not recur.
fn is_header(rows: &[Vec<String>], options: &ReadOptions) -> bool {
    let Some((first, body)) = rows.split_first() else { return false };
    let asked = [&options.text_column, &options.label_column];
    if asked.into_iter().flatten().any(|wanted| first.iter().any(|name| bare(name) == bare(wanted))) {
        return true;
    }
    let recurs = |i: usize| body.iter().any(|row| row.get(i).is_some_and(|value| bare(value) == bare(&first[i])));
    let short = first.iter().all(|name| name.chars().count() <= 40 && !name.trim().is_empty());
    let distinct = first.iter().map(|name| bare(name)).collect::<HashSet<_>>().len() == first.len();
    if !short || !distinct {
        return false;
    }
    let is_known =
        |i: usize| TEXT_NAMES.contains(&bare(&first[i]).as_str()) || LABEL_NAMES.contains(&bare(&first[i]).as_str());
    let known: Vec<usize> = (0..first.len()).filter(|&i| is_known(i)).collect();
    if !known.is_empty() {
        return known.iter().all(|&i| !recurs(i));
    }
    let single_words = first.iter().all(|name| {
        name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '"')) && name.parse::<f64>().is_err()
    });
    if !single_words || body.len() < 4 {
        return false;
    }
    let columns: Vec<Column> = (0..first.len()).map(|i| Column::of(body, i)).collect();
    let label = least_distinct(&columns, None);
    label.is_some_and(|label| columns[label].n_distinct * 2 <= body.len() && !recurs(label))
        && columns.iter().any(|column| column.mean_chars > 20.0)
}

/// What a column holds.
struct Column {
    n_distinct: usize,
    n_filled: usize,
    mean_chars: f64,
}

impl Column {
    fn of(rows: &[Vec<String>], column: usize) -> Self {
        let values: Vec<&str> = rows.iter().filter_map(|row| row.get(column)).map(String::as_str).collect();
        let n_chars: usize = values.iter().map(|value| value.chars().count()).sum();
        Self {
            n_distinct: values.iter().collect::<HashSet<_>>().len(),
            n_filled: values.iter().filter(|value| !value.trim().is_empty()).count(),
            mean_chars: n_chars as f64 / values.len().max(1) as f64,
        }
    }
}

/// The column with the fewest distinct values; of several, the one with the shortest.
fn least_distinct(columns: &[Column], except: Option<usize>) -> Option<usize> {
    let candidates = (0..columns.len()).filter(|&i| Some(i) != except && columns[i].n_filled > 0);
    // A column that is the same in every row says nothing, unless there is no other.
    let key = |&i: &usize| (columns[i].n_distinct == 1, columns[i].n_distinct, columns[i].mean_chars);
    candidates.min_by(|a, b| key(a).partial_cmp(&key(b)).unwrap_or(std::cmp::Ordering::Equal))
}

fn longest(columns: &[Column], except: Option<usize>) -> Option<usize> {
    let candidates = (0..columns.len()).filter(|&i| Some(i) != except);
    candidates.reduce(|best, i| if columns[i].mean_chars > columns[best].mean_chars { i } else { best })
}

/// The number of characters to insert, delete or replace (Levenshtein 1966).
pub(crate) fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Vec<String>> {
        text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
    }

    fn chosen(text: &str) -> (usize, Option<usize>, bool) {
        let columns = choose(&rows(text), &ReadOptions::default(), Path::new("x")).unwrap();
        (columns.text, columns.label, columns.header.is_some())
    }

    const BODY: &str = "a long and winding review\tpos\nanother rather long review\tneg\nyet one more review here\tpos\nthe last of the long reviews\tneg";

    #[test]
    fn usual_names_make_a_header_in_both_languages() {
        assert_eq!(chosen("id\tLabel\ttext\n1\tx\thello there"), (2, Some(1), true));
        assert_eq!(chosen("评论\t标签\n很好\t1\n不好\t0"), (0, Some(1), true));
        assert_eq!(chosen(&format!("blurb\tverdict\n{BODY}")), (0, Some(1), true));
    }

    #[test]
    fn rows_without_a_header_are_not_lost() {
        assert_eq!(chosen(BODY), (0, Some(1), false));
        assert_eq!(chosen("ham\tOk lar\nspam\tFree entry\nham\tU dun say"), (1, Some(0), false));
        // "comment" is a class here, not the name of a column.
        assert_eq!(chosen("what a day\tcomment\nwhy so\tquestion\nI see\tcomment"), (0, Some(1), false));
        assert_eq!(
            chosen("3\ttitle one\tsome longer story\n4\ttitle two\tanother story here\n3\tt\ts"),
            (2, Some(0), false)
        );
    }

    #[test]
    fn the_caller_overrules_by_name_or_number() {
        let options = |text: &str, label: &str| ReadOptions {
            text_column: Some(text.into()),
            label_column: Some(label.into()),
            ..Default::default()
        };
        let table = rows("text\tlabel\tstars\nfine\ta\t5\nbad\tb\t1");
        let columns = choose(&table, &options("text", "Stars"), Path::new("x")).unwrap();
        assert_eq!((columns.text, columns.label), (0, Some(2)));
        let columns = choose(&rows(BODY), &options("2", "1"), Path::new("x")).unwrap();
        assert_eq!((columns.text, columns.label), (1, Some(0)));
        let error = choose(&table, &options("text", "star"), Path::new("x")).unwrap_err().to_string();
        assert!(error.contains("text, label, stars") && error.contains("did you mean \"stars\""), "{error}");
    }

    #[test]
    fn one_column_has_no_labels() {
        assert!(choose(&rows("text\nhello"), &ReadOptions::default(), Path::new("x")).is_err());
        let keep = ReadOptions { missing_label: crate::data::MissingLabel::Keep, ..Default::default() };
        assert_eq!(choose(&rows("text\nhello"), &keep, Path::new("x")).unwrap().label, None);
    }

    #[test]
    fn edit_distance_counts_edits() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("标签", "标"), 1);
        assert_eq!(edit_distance("", "ab"), 2);
    }
}
