//! Several data sets as one.

use super::{Column, Dataset, label_order};
use crate::Result;

impl Dataset {
    /// The documents of all parts, one part after the other, with the labels of all. If one part has several labels a
    /// document, the whole has. Columns beside text and label are kept where all parts have the same.
    ///
    /// # Errors
    /// None but those of broken invariants.
    pub fn joined(parts: Vec<Self>) -> Result<Self> {
        let multi_label = parts.iter().any(|part| part.multi_label);
        let mut labels: Vec<String> = parts.iter().flat_map(|part| part.labels.iter().cloned()).collect();
        let order = label_order(&labels);
        labels.sort_by(&order);
        labels.dedup();
        let names = |part: &Self| part.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
        let same = parts.windows(2).all(|pair| names(&pair[0]) == names(&pair[1]));
        let empty = |column: &Column| Column { values: Vec::new(), ..column.clone() };
        let columns = parts.first().filter(|_| same).map(|first| first.columns.iter().map(empty).collect());
        let mut all = Self { labels, multi_label, columns: columns.unwrap_or_default(), ..Self::default() };
        for part in parts {
            let mut part = part.relabel(&all.labels, multi_label)?;
            all.texts.append(&mut part.texts);
            all.targets.append(&mut part.targets);
            let columns = all.columns.iter_mut().zip(&mut part.columns);
            columns.for_each(|(all, column)| all.values.append(&mut column.values));
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use crate::data::{Dataset, Target};

    fn part(texts: &[&str], labels: &[&str], targets: Vec<Target>, multi_label: bool) -> Dataset {
        let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Dataset::new(strings(texts), targets, strings(labels), multi_label).unwrap()
    }

    #[test]
    fn labels_are_those_of_all_parts_and_go_by_name() {
        let first = part(&["a", "b"], &["x", "z"], vec![Target::One(1), Target::Unlabelled], false);
        let second = part(&["c"], &["y", "z"], vec![Target::One(1)], false);
        let whole = Dataset::joined(vec![first.clone(), second]).unwrap();
        assert_eq!((whole.texts.len(), &whole.labels[..]), (3, &["x", "y", "z"].map(str::to_owned)[..]));
        assert_eq!(whole.targets, [Target::One(2), Target::Unlabelled, Target::One(2)]);
        let several = part(&["d"], &["x", "y"], vec![Target::many(vec![0, 1])], true);
        let whole = Dataset::joined(vec![first, several]).unwrap();
        assert_eq!(whole.targets, [Target::many(vec![2]), Target::Unlabelled, Target::many(vec![0, 1])]);
        assert!(Dataset::joined(Vec::new()).unwrap().is_empty());
    }
}
