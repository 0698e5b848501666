//! The fixed first 64 bytes of a `.fenlei` file.
//!
//! | Bytes | What |
//! | --- | --- |
//! | 0..12 | magic, which any transfer "as text" damages visibly: a high bit, both line ends, Ctrl-Z, a zero byte |
//! | 12..16 | format version |
//! | 16..24 | length of the manifest |
//! | 24..32 | length of the block of tensors |
//! | 32..36 | CRC-32 of the manifest |
//! | 36..40 | CRC-32 of the block of tensors |
//! | 40..60 | zero, for later versions |
//! | 60..64 | CRC-32 of the bytes 0..60 |
//!
//! Numbers are little-endian. Invariant: these 64 bytes keep their places in every later version, so that an old
//! program can tell a new file from a damaged one.

use super::foreign;

/// The version of the format that this library writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// Length of the header; the manifest follows it at once.
pub(super) const HEADER_LEN: usize = 64;

/// The block of tensors begins at a multiple of this.
pub(super) const ALIGNMENT: u64 = 64;

const MAGIC: [u8; 12] = *b"\x89FENLEI\r\n\x1a\n\0";

/// What a file that cannot be read has, and how to mend it.
pub(super) type Refusal = (String, &'static str);

pub(super) const COPY_AGAIN: &str = "copy or download the file again, or train the model again";

/// The header, decoded and checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub version: u32,
    pub manifest_len: u64,
    pub tensors_len: u64,
    pub manifest_crc: u32,
    pub tensors_crc: u32,
}

impl Header {
    pub fn to_bytes(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..12].copy_from_slice(&MAGIC);
        bytes[12..16].copy_from_slice(&self.version.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.manifest_len.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.tensors_len.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.manifest_crc.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.tensors_crc.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the header at the start of a file, and checks the length of the whole file against it.
    pub fn of_file(file: &[u8]) -> Result<Self, Refusal> {
        if file.is_empty() {
            return Err(("the file is empty".into(), COPY_AGAIN));
        }
        if !file.starts_with(&MAGIC[..file.len().min(MAGIC.len())]) {
            return Err(foreign::describe(file));
        }
        let Some(bytes) = file.first_chunk::<HEADER_LEN>() else {
            let problem = format!("truncated: {} bytes, the header alone has {HEADER_LEN}", file.len());
            return Err((problem, COPY_AGAIN));
        };
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        check_crc("header", &bytes[..60], u32_at(60))?;
        let header = Self {
            version: u32_at(12),
            manifest_len: u64_at(16),
            tensors_len: u64_at(24),
            manifest_crc: u32_at(32),
            tensors_crc: u32_at(36),
        };
        if header.version > FORMAT_VERSION {
            let problem = format!(
                "the file has format version {}, this fenlei reads versions up to {FORMAT_VERSION}",
                header.version
            );
            return Err((problem, "update fenlei, or save the model with this version"));
        }
        if header.version == 0 || bytes[40..60].iter().any(|&byte| byte != 0) {
            return Err((format!("corrupt: its header is not one of format version {}", header.version), COPY_AGAIN));
        }
        let found = file.len() as u64;
        match header.file_len() {
            Some(expected) if expected == found => Ok(header),
            Some(expected) if expected < found => {
                let surplus = found - expected;
                Err((format!("corrupt: {surplus} bytes too many behind the end of the model"), COPY_AGAIN))
            }
            Some(expected) => Err((format!("truncated: {found} bytes, its header announces {expected}"), COPY_AGAIN)),
            None => Err(("corrupt: its header announces more than a file can hold".into(), COPY_AGAIN)),
        }
    }

    /// Where the block of tensors begins; `None` when no file could be so long.
    pub fn tensors_start(&self) -> Option<u64> {
        self.manifest_len.checked_add(HEADER_LEN as u64)?.checked_next_multiple_of(ALIGNMENT)
    }

    /// Length of the whole file; `None` when no file could be so long.
    pub fn file_len(&self) -> Option<u64> {
        self.tensors_start()?.checked_add(self.tensors_len)
    }
}

/// Compares a checksum; `part` is named in the refusal.
pub(super) fn check_crc(part: &str, bytes: &[u8], expected: u32) -> Result<(), Refusal> {
    let found = crc32fast::hash(bytes);
    if found == expected {
        return Ok(());
    }
    let problem = format!("corrupt: the checksum of its {part} is {found:08x}, expected {expected:08x}");
    Err((problem, COPY_AGAIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header =
        Header { version: 1, manifest_len: 3, tensors_len: 16, manifest_crc: 0xdead_beef, tensors_crc: 7 };

    fn file(header: Header) -> Vec<u8> {
        let mut file = header.to_bytes().to_vec();
        file.resize(128 + 16, 0);
        file
    }

    #[test]
    fn a_header_is_read_as_it_was_written() {
        assert_eq!(HEADER.file_len(), Some(144));
        assert_eq!(Header::of_file(&file(HEADER)), Ok(HEADER));
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let (problem, help) = Header::of_file(&file(Header { version: 9, ..HEADER })).unwrap_err();
        assert!(problem.contains("format version 9") && problem.contains("up to 1"), "{problem}");
        assert!(help.contains("update fenlei"));
        let (problem, _) = Header::of_file(&file(Header { version: 0, ..HEADER })).unwrap_err();
        assert!(problem.starts_with("corrupt"), "{problem}");
    }

    #[test]
    fn impossible_lengths_are_refused() {
        for (manifest_len, tensors_len, expected) in [
            (u64::MAX, 16, "more than a file can hold"),
            (u64::MAX - 70, 16, "more than a file can hold"),
            (3, u64::MAX, "more than a file can hold"),
            (3, u64::MAX - 128, "truncated: 144 bytes, its header announces 18446744073709551615"),
            (3, 15, "corrupt: 1 bytes too many"),
            (3, 17, "truncated: 144 bytes, its header announces 145"),
        ] {
            let (problem, _) = Header::of_file(&file(Header { manifest_len, tensors_len, ..HEADER })).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
