//! What tells two data sets apart.

use super::Dataset;

impl Dataset {
    /// CRC-32 of all texts, labels and targets, in hexadecimal: equal documents in the same order have equal ones.
    pub fn fingerprint(&self) -> String {
        let mut crc = crc32fast::Hasher::new();
        for label in &self.labels {
            crc.update(label.as_bytes());
            crc.update(&[0]);
        }
        for (text, target) in self.texts.iter().zip(&self.targets) {
            crc.update(text.as_bytes());
            crc.update(&[0]);
            for label in target.as_slice() {
                crc.update(&label.to_le_bytes());
            }
        }
        format!("{:08x}", crc.finalize())
    }
}
