//! The outer form of a model file around any content, so that fuzzing gets past its checksums.

const MAGIC: &[u8; 12] = b"\x89FENLEI\r\n\x1a\n\0";

/// A file whose lengths and checksums are right. The format is described in the library's `artifact::header`.
pub fn with_header(manifest: &[u8], tensors: &[u8]) -> Vec<u8> {
    let mut header = [0; 64];
    header[..12].copy_from_slice(MAGIC);
    header[12..16].copy_from_slice(&1u32.to_le_bytes());
    header[16..24].copy_from_slice(&(manifest.len() as u64).to_le_bytes());
    header[24..32].copy_from_slice(&(tensors.len() as u64).to_le_bytes());
    header[32..36].copy_from_slice(&crc32fast::hash(manifest).to_le_bytes());
    header[36..40].copy_from_slice(&crc32fast::hash(tensors).to_le_bytes());
    let crc = crc32fast::hash(&header[..60]);
    header[60..].copy_from_slice(&crc.to_le_bytes());
    let mut file = header.to_vec();
    file.extend_from_slice(manifest);
    file.resize(file.len().next_multiple_of(64), 0);
    file.extend_from_slice(tensors);
    file
}
