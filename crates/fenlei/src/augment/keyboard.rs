//! Neighbours on the usual keyboard of English (QWERTY), on which Chinese is typed too.

const ROWS: [&str; 4] = ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"];

/// The keys beside the one of a character, in its case; nothing for characters without a key of their own.
pub(super) fn neighbours(grapheme: &str) -> Vec<char> {
    let mut chars = grapheme.chars();
    let (Some(c), None) = (chars.next(), chars.next()) else { return Vec::new() };
    let lower = c.to_ascii_lowercase();
    let Some((row, column)) = ROWS.iter().enumerate().find_map(|(row, keys)| Some((row, keys.find(lower)?))) else {
        return Vec::new();
    };
    // Each row begins a little to the right of the one above it.
    let places = [
        (Some(row), column.checked_sub(1)),
        (Some(row), Some(column + 1)),
        (row.checked_sub(1), Some(column)),
        (row.checked_sub(1), Some(column + 1)),
        (Some(row + 1), column.checked_sub(1)),
        (Some(row + 1), Some(column)),
    ];
    let key = |(row, column): (Option<usize>, Option<usize>)| ROWS.get(row?)?.chars().nth(column?);
    // A letter's neighbour among the digits is no likely slip in the middle of a word.
    let alike = |other: &char| other.is_ascii_digit() == lower.is_ascii_digit();
    let found = places.into_iter().filter_map(key).filter(alike);
    found.map(|other| if c.is_ascii_uppercase() { other.to_ascii_uppercase() } else { other }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_touch_the_key() {
        assert_eq!(neighbours("g"), ['f', 'h', 't', 'y', 'v', 'b'].to_vec());
        assert_eq!(neighbours("Q"), ['W', 'A'].to_vec());
        assert_eq!(neighbours("m"), ['n', 'j', 'k'].to_vec());
        assert_eq!(neighbours("1"), ['2'].to_vec());
        assert!(neighbours("好").is_empty() && neighbours("é").is_empty() && neighbours("").is_empty());
    }

    #[test]
    fn being_neighbours_is_mutual() {
        for c in ROWS.concat().chars() {
            for other in neighbours(&c.to_string()) {
                assert!(neighbours(&other.to_string()).contains(&c), "{c} {other}");
            }
        }
    }
}
