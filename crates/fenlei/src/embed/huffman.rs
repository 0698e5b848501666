//! The binary tree of hierarchical softmax: frequent words have short ways (Huffman 1952; Mikolov et al. 2013).

/// For each word the way from the root to it.
#[derive(Debug, Clone)]
pub(super) struct Ways {
    /// Inner nodes of all ways in a row, root first.
    nodes: Vec<u32>,
    /// For each node 1 where the way goes left, else 0.
    labels: Vec<f32>,
    ends: Vec<usize>,
}

impl Ways {
    /// From the counts of at least two words, falling. There is one inner node less than words.
    pub fn new(counts: &[u64]) -> Self {
        let n = counts.len();
        let mut weight: Vec<u64> = counts.to_vec();
        // Parent and side of each node; words first, then inner nodes in the order of their making.
        let mut parent = vec![(0u32, false); 2 * n - 1];
        // Both queues are sorted: words from the rarest on, inner nodes as they come.
        let (mut next_word, mut next_inner) = (n, n);
        for inner in n..2 * n - 1 {
            let mut sum = 0;
            for is_right in [false, true] {
                let word_first = next_word > 0 && (next_inner >= inner || weight[next_word - 1] < weight[next_inner]);
                let least = if word_first {
                    next_word -= 1;
                    next_word
                } else {
                    next_inner += 1;
                    next_inner - 1
                };
                sum += weight[least];
                parent[least] = (inner as u32, is_right);
            }
            weight.push(sum);
        }
        let root = 2 * n - 2;
        let (mut nodes, mut labels, mut ends) = (Vec::new(), Vec::new(), Vec::with_capacity(n));
        for word in 0..n {
            let start = nodes.len();
            let mut at = word;
            while at != root {
                let (above, is_right) = parent[at];
                nodes.push(above - n as u32);
                labels.push(f32::from(u8::from(!is_right)));
                at = above as usize;
            }
            nodes[start..].reverse();
            labels[start..].reverse();
            ends.push(nodes.len());
        }
        Self { nodes, labels, ends }
    }

    /// The inner nodes on the way to a word, and the labels that lead there.
    pub fn of(&self, word: u32) -> (&[u32], &[f32]) {
        let word = word as usize;
        let start = if word == 0 { 0 } else { self.ends[word - 1] };
        (&self.nodes[start..self.ends[word]], &self.labels[start..self.ends[word]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_tell_words_apart_and_are_as_short_as_can_be() {
        let counts = [40, 30, 20, 5, 3, 2];
        let ways = Ways::new(&counts);
        let all: Vec<Vec<(u32, bool)>> = (0..6)
            .map(|word| {
                let (nodes, labels) = ways.of(word);
                nodes.iter().copied().zip(labels.iter().map(|&label| label > 0.5)).collect()
            })
            .collect();
        assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 5]);
        for (i, way) in all.iter().enumerate() {
            assert!(way.iter().all(|&(node, _)| node < 5));
            for other in &all[i + 1..] {
                // They part at a node that both go through, to different sides.
                let parts = way.iter().zip(other).find(|(a, b)| a != b).unwrap();
                assert_eq!(parts.0.0, parts.1.0);
            }
        }
        let cost: usize = all.iter().zip(counts).map(|(way, count)| way.len() * count as usize).sum();
        // Worked out by hand: 40·1 + 30·2 + 20·3 + 5·4 + 3·5 + 2·5.
        assert_eq!(cost, 205);
    }

    #[test]
    fn equal_counts_and_two_words_are_fine() {
        assert_eq!(Ways::new(&[3, 3]).of(1).0, [0]);
        let ways = Ways::new(&[1; 8]);
        assert!((0..8).all(|word| ways.of(word).0.len() == 3));
    }
}
