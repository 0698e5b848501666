//! Characters that look much the same, from a table of this project.

use std::collections::HashMap;

const TABLE: &str = include_str!("look_alike.txt");

/// What each character is easily taken for.
#[derive(Debug)]
pub(super) struct LookAlikes {
    others: HashMap<char, Vec<&'static str>>,
}

impl LookAlikes {
    pub fn new() -> Self {
        let mut others: HashMap<char, Vec<&'static str>> = HashMap::new();
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let group: Vec<&str> = line.split_whitespace().collect();
            for member in &group {
                if let (Some(c), 1) = (member.chars().next(), member.chars().count()) {
                    let known = others.entry(c).or_default();
                    known.extend(group.iter().filter(|other| *other != member));
                }
            }
        }
        for known in others.values_mut() {
            known.sort_unstable();
            known.dedup();
        }
        Self { others }
    }

    /// What a character of a text, as people see it, is taken for; nothing where it looks like no other.
    pub fn of(&self, grapheme: &str) -> &[&'static str] {
        let mut chars = grapheme.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => self.others.get(&c).map_or(&[], Vec::as_slice),
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_goes_both_ways_and_leads_nowhere_back() {
        let look_alikes = LookAlikes::new();
        assert_eq!(look_alikes.of("己"), ["已", "巳"]);
        assert_eq!(look_alikes.of("m"), ["rn"]);
        assert!(look_alikes.of("0").contains(&"o") && look_alikes.of("人").contains(&"入"));
        assert!(look_alikes.of("e\u{301}").is_empty() && look_alikes.of("龘").is_empty());
        for (c, others) in &look_alikes.others {
            assert!(!others.is_empty() && !others.contains(&c.to_string().as_str()), "{c}");
        }
        assert!(look_alikes.others.len() > 400, "{}", look_alikes.others.len());
    }

    #[test]
    fn no_character_stands_twice_in_a_group() {
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let mut group: Vec<&str> = line.split_whitespace().collect();
            let n = group.len();
            group.sort_unstable();
            group.dedup();
            assert!(n >= 2 && group.len() == n, "{line}");
        }
    }
}
