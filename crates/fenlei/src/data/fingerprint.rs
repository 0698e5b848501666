//! What tells two data sets apart.

use super::{Dataset, Target};

impl Dataset {
    /// CRC-32 of all texts, labels and targets, in hexadecimal: equal documents in the same order have equal ones.
    pub fn fingerprint(&self) -> String {
        // Every list goes in with its length, so that text cannot be taken for labels, nor one text for two.
        fn text(crc: &mut crc32fast::Hasher, text: &str) {
            crc.update(&(text.len() as u64).to_le_bytes());
            crc.update(text.as_bytes());
        }
        let mut crc = crc32fast::Hasher::new();
        crc.update(&[u8::from(self.multi_label)]);
        crc.update(&(self.labels.len() as u64).to_le_bytes());
        self.labels.iter().for_each(|label| text(&mut crc, label));
        for (document, target) in self.texts.iter().zip(&self.targets) {
            text(&mut crc, document);
            let n_labels = if *target == Target::Unlabelled { u64::MAX } else { target.as_slice().len() as u64 };
            crc.update(&n_labels.to_le_bytes());
            target.as_slice().iter().for_each(|label| crc.update(&label.to_le_bytes()));
        }
        format!("{:08x}", crc.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(texts: &[&str], targets: Vec<Target>) -> Dataset {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        Dataset::new(texts, targets, vec!["a".into(), "b".into()], true).unwrap()
    }

    #[test]
    fn what_differs_in_any_part_has_another_fingerprint() {
        let many = |labels: &[u32]| Target::Many(labels.into());
        let sets = [
            data(&["x", "y"], vec![many(&[0]), many(&[1])]),
            data(&["y", "x"], vec![many(&[0]), many(&[1])]),
            data(&["x", "y"], vec![many(&[0, 1]), many(&[])]),
            data(&["x", "y"], vec![many(&[]), many(&[0, 1])]),
            data(&["x", "y"], vec![many(&[]), Target::Unlabelled]),
            data(&["xy", ""], vec![many(&[0]), many(&[1])]),
            data(&["x"], vec![many(&[0])]),
            Dataset { labels: vec!["ab".into(), String::new()], ..data(&["x", "y"], vec![many(&[0]), many(&[1])]) },
        ];
        let mut prints: Vec<String> = sets.iter().map(Dataset::fingerprint).collect();
        assert_eq!(sets[0].fingerprint(), sets[0].clone().fingerprint());
        prints.sort();
        prints.dedup();
        assert_eq!(prints.len(), sets.len());
    }
}
