//! Single settings: `train.optimizer.lr=0.01`, `model.layers.0.dim=300`; `train.average=` takes one away.

use toml::{Table, Value};

use super::merge::{KIND_KEYS, kind_key};
use super::trail::{self, Step, Trail};
use crate::{Error, Result};

/// A value and where it goes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Setting {
    /// As the user wrote it.
    pub raw: String,
    pub trail: Trail,
    /// Nothing takes away what is there.
    value: Option<Value>,
}

/// Understands `key.key=value`. The value is TOML; what is not is taken as a word.
pub(super) fn parse(raw: &str) -> Result<Setting> {
    let wrong = |problem: &str, help: &str| Err(Error::config(format!("--set {raw}"), problem, help));
    let Some(split) = equals_sign(raw) else {
        return wrong("there is no `=` in it, expected KEY=VALUE", "write it like --set train.batch_size=64");
    };
    let (key, value) = (raw[..split].trim(), raw[split + 1..].trim());
    let Some(trail) = trail_of(key) else {
        return wrong(
            "the key is not a dotted name, expected one like train.optimizer.lr",
            "`fenlei config show` prints all keys",
        );
    };
    if value.is_empty() {
        return Ok(Setting { raw: raw.to_owned(), trail, value: None });
    }
    // The parser must see the one value only, whatever line breaks the user put in.
    let parsed = format!("value = {value}").parse::<Table>().ok().filter(|table| table.len() == 1);
    let value = match parsed.and_then(|mut table| table.remove("value")) {
        Some(value) => value,
        None if value.starts_with(['[', '{', '"', '\'']) => {
            return wrong(
                "the value begins like TOML but is not",
                "close the brackets and quotes, and quote the setting in the shell",
            );
        }
        None => Value::String(value.to_owned()),
    };
    Ok(Setting { raw: raw.to_owned(), trail, value: Some(value) })
}

/// The first `=` that does not stand in quotes.
fn equals_sign(raw: &str) -> Option<usize> {
    let mut quoted = false;
    raw.char_indices().find_map(|(place, c)| {
        quoted ^= c == '"';
        (c == '=' && !quoted).then_some(place)
    })
}

/// `a.b[2]."c.d"` as steps; numbers count the items of lists.
fn trail_of(key: &str) -> Option<Trail> {
    let mut steps = Vec::new();
    let mut rest = key;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"')?;
            steps.push(Step::Key(quoted[..end].to_owned()));
            rest = &quoted[end + 1..];
        } else if let Some(item) = rest.strip_prefix('[') {
            let end = item.find(']')?;
            steps.push(Step::Item(item[..end].trim().parse().ok()?));
            rest = &item[end + 1..];
        } else {
            let end = rest.find(['.', '[', '"']).unwrap_or(rest.len());
            let word = rest[..end].trim();
            let is_key = !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
            steps.push(match word.parse() {
                Ok(item) => Step::Item(item),
                Err(_) if is_key => Step::Key(word.to_owned()),
                Err(_) => return None,
            });
            rest = &rest[end..];
        }
        rest = match rest.strip_prefix('.') {
            Some("") => return None,
            Some(more) => more,
            None if rest.is_empty() || rest.starts_with('[') => rest,
            None => return None,
        };
    }
    matches!(steps.first(), Some(Step::Key(_))).then_some(Trail(steps))
}

impl Setting {
    /// Whether it says what something is, rather than how.
    pub fn names_a_kind(&self) -> bool {
        self.trail.last_key().is_some_and(|key| KIND_KEYS.contains(&key)) || matches!(self.value, Some(Value::Table(_)))
    }

    /// Puts the value in its place. Tables on the way that are not there appear.
    pub fn apply(&self, table: &mut Table) -> Result<()> {
        if let Some(value) = &self.value {
            return self.put_into_table(value, table, 0);
        }
        if trail::get_mut(table, &self.trail).is_none() {
            let problem = format!("`{}` is not set, so there is nothing to take away", self.trail);
            return Err(self.wrong(problem, "write \"\" for an empty text, [] for an empty list"));
        }
        *table = trail::without(table, &self.trail);
        Ok(())
    }

    /// Goes on at step `depth` of the way, which leads into `table`.
    fn put_into_table(&self, new: &Value, table: &mut Table, depth: usize) -> Result<()> {
        let key = match &self.trail.0[depth] {
            Step::Key(key) => key.clone(),
            // A label may be called "1".
            Step::Item(item) => item.to_string(),
        };
        if depth + 1 < self.trail.0.len() {
            let inner = table.entry(key).or_insert_with(|| Value::Table(Table::new()));
            return self.put_into(new, inner, depth + 1);
        }
        if kind_key(table) == Some(key.as_str()) && table.get(&key) != Some(new) {
            table.clear();
        }
        table.insert(key, new.clone());
        Ok(())
    }

    fn put_into(&self, new: &Value, place: &mut Value, depth: usize) -> Result<()> {
        let way = || Trail(self.trail.0[..depth].to_vec());
        match (&self.trail.0[depth], place) {
            (_, Value::Table(table)) => self.put_into_table(new, table, depth),
            (Step::Item(item), Value::Array(items)) => {
                let n_items = items.len();
                let Some(found) = items.get_mut(*item) else {
                    let problem = format!("there is no item {item} in `{}`, which has {n_items}", way());
                    return Err(self.wrong(problem, "items count from 0"));
                };
                if depth + 1 < self.trail.0.len() {
                    return self.put_into(new, found, depth + 1);
                }
                *found = new.clone();
                Ok(())
            }
            (Step::Key(key), Value::Array(_)) => {
                let way = way();
                let problem = format!("`{way}` is a list, but {key:?} is not the number of an item");
                Err(self.wrong(problem, format!("write {way}.0.{key}=… for its first item")))
            }
            // A value gives way to a table: `train.class_weights` is a word or a table.
            (_, value) => {
                let mut table = Table::new();
                self.put_into_table(new, &mut table, depth)?;
                *value = Value::Table(table);
                Ok(())
            }
        }
    }

    fn wrong(&self, problem: impl Into<String>, help: impl Into<String>) -> Error {
        Error::config(format!("--set {}", self.raw), problem, help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(table: &str, settings: &[&str]) -> Table {
        let mut table: Table = table.parse().unwrap();
        settings.iter().for_each(|raw| parse(raw).unwrap().apply(&mut table).unwrap());
        table
    }

    #[test]
    fn values_are_toml_and_words_need_no_quotes() {
        let found = set("", &["a.b=1", "a.c=0.5", "a.d = true", "e=binary", "f=[1, 2]", "g='x y'", "h=a=b"]);
        let expected = "e = 'binary'\nf = [1, 2]\ng = 'x y'\nh = 'a=b'\n[a]\nb = 1\nc = 0.5\nd = true";
        assert_eq!(found, expected.parse().unwrap());
    }

    #[test]
    fn items_of_lists_are_reached_by_number() {
        let layers = "[[model.layers]]\ndim = 1\n[[model.layers]]\nunits = 2";
        let expected = "[[model.layers]]\ndim = 300\n[[model.layers]]\nunits = 5".parse().unwrap();
        assert_eq!(set(layers, &["model.layers.0.dim=300", "model.layers[1].units=5"]), expected);
    }

    #[test]
    fn another_kind_clears_its_table() {
        let adam = "[optimizer]\nkind = 'adam'\nlr = 1.0\nbeta1 = 0.5";
        assert_eq!(set(adam, &["optimizer.kind=sgd"]), "[optimizer]\nkind = 'sgd'".parse().unwrap());
        assert_eq!(set(adam, &["optimizer.kind=adam"]), adam.parse().unwrap());
    }

    #[test]
    fn labels_with_dots_and_digits_can_be_named() {
        let found = set("weights = 'none'", &["weights.named.\"a.b=c\"=2.0", "weights.named.1=3.0"]);
        assert_eq!(found, "[weights.named]\n\"a.b=c\" = 2.0\n1 = 3.0".parse().unwrap());
    }

    #[test]
    fn what_is_no_setting_is_refused_with_what_to_write() {
        for raw in ["epochs", "=1", "a..b=1", "a.=1", ".a=1", "a b=1", "a=[1", "a=\"x", "0.a=1", "a[x]=1"] {
            let error = parse(raw).unwrap_err();
            assert!(error.is_wrong_use() && error.to_string().starts_with(&format!("--set {raw}: ")), "{error}");
        }
        let mut table: Table = "a = [1]".parse().unwrap();
        let error = parse("a.1=2").unwrap().apply(&mut table).unwrap_err().to_string();
        assert!(error.contains("there is no item 1 in `a`, which has 1"), "{error}");
        let error = parse("a.x=2").unwrap().apply(&mut table).unwrap_err().to_string();
        assert!(error.contains("write a.0.x=…"), "{error}");
    }

    #[test]
    fn nothing_behind_the_sign_takes_a_setting_away() {
        assert_eq!(set("[a]\nx = 1\ny = 2", &["a.x="]), "[a]\ny = 2".parse().unwrap());
        assert_eq!(set("a = [1, 2]", &["a.0="]), "a = [2]".parse().unwrap());
        let error = parse("a.z=").unwrap().apply(&mut "[a]\nx = 1".parse().unwrap()).unwrap_err().to_string();
        assert!(error.starts_with("--set a.z=: `a.z` is not set"), "{error}");
    }

    #[test]
    fn line_breaks_cannot_bring_in_other_keys() {
        let found = set("", &["a=1\nb = 2"]);
        assert_eq!(found, Table::from_iter([("a".to_owned(), Value::String("1\nb = 2".to_owned()))]));
    }
}
