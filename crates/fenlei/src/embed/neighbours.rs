//! Which words are near a word, by the cosine of their vectors; and what a word is to another as a third is to a fourth.

use rayon::prelude::*;

use crate::features::VectorTable;

/// Words that one thread compares at a time.
const ROWS_AT_ONCE: usize = 1024;

/// A word near another.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbour {
    /// The word.
    pub word: String,
    /// The cosine of the two vectors, from -1 to 1.
    pub similarity: f32,
}

/// Vectors made equally long, so that their products are cosines.
#[derive(Debug, Clone)]
pub struct Neighbours<'a> {
    table: &'a VectorTable,
    /// `[n_words, dim]`
    units: Vec<f32>,
}

impl<'a> Neighbours<'a> {
    /// Among all words of a table.
    pub fn new(table: &'a VectorTable) -> Self {
        let units = table.iter().flat_map(|(_, vector)| unit(vector)).collect();
        Self { table, units }
    }

    /// The place of a word, else of its lower-cased form.
    pub fn place(&self, word: &str) -> Option<usize> {
        self.table.place(word).or_else(|| self.table.place(&word.to_lowercase()))
    }

    /// The vector at a place, of length 1 (or 0).
    pub fn unit(&self, place: usize) -> &[f32] {
        &self.units[place * self.table.dim()..][..self.table.dim()]
    }

    /// The cosine of two words.
    pub fn similarity(&self, a: usize, b: usize) -> f32 {
        dot(self.unit(a), self.unit(b))
    }

    /// The `n` words nearest to a vector, nearest first, those at `without` left out; equally near ones in the order of
    /// the table.
    pub fn nearest(&self, vector: &[f32], without: &[usize], n: usize) -> Vec<Neighbour> {
        let wanted = unit(vector);
        let dim = self.table.dim();
        let mut best: Vec<(f32, usize)> = (self.units.par_chunks(ROWS_AT_ONCE * dim).enumerate())
            .map(|(chunk, rows)| {
                let places = chunk * ROWS_AT_ONCE..;
                let scored = places.zip(rows.chunks_exact(dim)).filter(|(place, _)| !without.contains(place));
                best_of(scored.map(|(place, row)| (dot(&wanted, row), place)).collect(), n)
            })
            .reduce(Vec::new, |a, b| best_of([a, b].concat(), n));
        best.truncate(n);
        let named =
            |(similarity, place): (f32, usize)| Neighbour { word: self.table.words()[place].clone(), similarity };
        best.into_iter().map(named).collect()
    }

    /// Words that are to `c` as `b` is to `a`: nearest to `b − a + c` of the vectors of length 1 (Mikolov et al. 2013,
    /// "Linguistic Regularities in Continuous Space Word Representations").
    pub fn analogy(&self, [a, b, c]: [usize; 3], n: usize) -> Vec<Neighbour> {
        let (a_unit, b_unit, c_unit) = (self.unit(a), self.unit(b), self.unit(c));
        let wanted: Vec<f32> = (0..self.table.dim()).map(|i| b_unit[i] - a_unit[i] + c_unit[i]).collect();
        self.nearest(&wanted, &[a, b, c], n)
    }
}

fn best_of(mut scored: Vec<(f32, usize)>, n: usize) -> Vec<(f32, usize)> {
    let order = |(a, i): &(f32, usize), (b, j): &(f32, usize)| b.total_cmp(a).then(i.cmp(j));
    if n < scored.len() && n > 0 {
        scored.select_nth_unstable_by(n - 1, order);
        scored.truncate(n);
    }
    scored.sort_unstable_by(order);
    scored
}

fn unit(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    let factor = if length > 0.0 { 1.0 / length } else { 0.0 };
    vector.iter().map(|&value| (f64::from(value) * factor) as f32).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_lanes, a_rest) = a.as_chunks::<16>();
    let (b_lanes, b_rest) = b.as_chunks::<16>();
    let mut sums = [0.0; 16];
    for (a, b) in a_lanes.iter().zip(b_lanes) {
        (0..16).for_each(|l| sums[l] += a[l] * b[l]);
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> VectorTable {
        let words = ["man", "king", "woman", "queen", "apple", "nothing"].map(str::to_owned).to_vec();
        let values = vec![1.0, 0.0, 0.1, 1.0, 2.0, 0.1, 0.0, 0.0, 1.0, 0.0, 3.0, 1.5, -1.0, 0.1, 0.0, 0.0, 0.0, 0.0];
        VectorTable::new(3, words, values).unwrap()
    }

    #[test]
    fn the_nearest_come_first_and_the_word_itself_is_left_out() {
        let table = table();
        let neighbours = Neighbours::new(&table);
        let man = neighbours.place("Man").unwrap();
        let found = neighbours.nearest(neighbours.unit(man), &[man], 2);
        let words: Vec<&str> = found.iter().map(|neighbour| neighbour.word.as_str()).collect();
        assert_eq!(words, ["king", "woman"]);
        let expected = (1.0 + 0.01) / ((1.01f32).sqrt() * (5.01f32).sqrt());
        assert!((found[0].similarity - expected).abs() < 1e-6);
        assert_eq!(neighbours.nearest(neighbours.unit(man), &[], 99).len(), 6);
        assert!(neighbours.nearest(neighbours.unit(man), &[], 0).is_empty());
        assert_eq!(neighbours.place("没有"), None);
    }

    #[test]
    fn an_analogy_adds_the_difference() {
        let table = table();
        let neighbours = Neighbours::new(&table);
        let places = ["man", "king", "woman"].map(|word| neighbours.place(word).unwrap());
        assert_eq!(neighbours.analogy(places, 1)[0].word, "queen");
    }

    #[test]
    fn many_words_are_searched_like_few() {
        let n = 5000;
        let words = (0..n).map(|i| format!("w{i}")).collect();
        let values = (0..n).flat_map(|i| [(i as f32 * 0.001).cos(), (i as f32 * 0.001).sin()]).collect();
        let table = VectorTable::new(2, words, values).unwrap();
        let found = Neighbours::new(&table).nearest(&[1.0, 0.0], &[0], 3);
        assert_eq!(found.iter().map(|n| n.word.as_str()).collect::<Vec<_>>(), ["w1", "w2", "w3"]);
    }
}
