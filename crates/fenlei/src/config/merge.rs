//! One table over another.

use toml::{Table, Value};

/// The keys that may say what a table describes, and so which other keys it holds. The first that a table has does;
/// a layer with a `type` has a `kind` as one setting among others.
pub(super) const KIND_KEYS: [&str; 3] = ["family", "type", "kind"];

/// Puts `over` over `base`: tables merge, everything else replaces; a table of another kind replaces too.
pub(super) fn merge(base: &mut Table, over: Table) {
    for (key, new) in over {
        match (base.get_mut(&key), new) {
            (Some(Value::Table(old)), Value::Table(new)) if !changes_kind(old, &new) => merge(old, new),
            (_, new) => {
                base.insert(key, new);
            }
        }
    }
}

/// Whether `new` says that it is something else than `old`.
fn changes_kind(old: &Table, new: &Table) -> bool {
    let key = kind_key(old).or_else(|| kind_key(new));
    key.is_some_and(|key| new.get(key).is_some_and(|kind| old.get(key) != Some(kind)))
}

/// The key that says what a table describes, if it has one.
pub(super) fn kind_key(table: &Table) -> Option<&'static str> {
    KIND_KEYS.into_iter().find(|key| table.contains_key(*key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(base: &str, over: &str) -> Table {
        let mut base: Table = base.parse().unwrap();
        merge(&mut base, over.parse().unwrap());
        base
    }

    #[test]
    fn tables_merge_and_lists_are_replaced() {
        let found = merged("a = 1\nlist = [1, 2]\n[t]\nx = 1\ny = 2", "list = [3]\n[t]\ny = 5\nz = 6");
        assert_eq!(found, "a = 1\nlist = [3]\n[t]\nx = 1\ny = 5\nz = 6".parse().unwrap());
    }

    #[test]
    fn a_table_of_another_kind_takes_nothing_over() {
        let adam = "[optimizer]\nkind = 'adam'\nlr = 1.0\nbeta1 = 0.5";
        assert_eq!(merged(adam, "[optimizer]\nlr = 2.0")["optimizer"]["beta1"], Value::Float(0.5));
        assert_eq!(merged(adam, "[optimizer]\nkind = 'adam'\nlr = 2.0")["optimizer"]["beta1"], Value::Float(0.5));
        let sgd = merged(adam, "[optimizer]\nkind = 'sgd'\nlr = 2.0");
        assert_eq!(sgd, "[optimizer]\nkind = 'sgd'\nlr = 2.0".parse().unwrap());
    }

    #[test]
    fn the_kind_of_a_pooling_layer_is_a_setting_like_others() {
        let pool = merged("[pool]\ntype = 'pool'\nkind = 'max'\nsize = 3", "[pool]\nkind = 'average'");
        assert_eq!(pool, "[pool]\ntype = 'pool'\nkind = 'average'\nsize = 3".parse().unwrap());
    }

    #[test]
    fn a_table_and_a_value_replace_each_other() {
        assert_eq!(merged("[w]\na = 1", "w = 'none'"), "w = 'none'".parse().unwrap());
        assert_eq!(merged("w = 'none'", "[w]\na = 1"), "[w]\na = 1".parse().unwrap());
    }
}
