//! What a file that is no `.fenlei` file looks like.

use super::header::{COPY_AGAIN, Refusal};

const GIVE_A_MODEL: &str = "give a .fenlei file, as `fenlei train` writes";

/// How many bytes decide whether a file is text.
const SAMPLE_LEN: usize = 1024;

/// First bytes, and what has them. Longer ones stand before shorter ones that they begin with.
const SIGNATURES: &[(&[u8], &str, &str)] = &[
    (b"\x1f\x8b", "gzip-compressed data", "decompress it first (gunzip), then give the .fenlei file inside"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed data", "decompress it first (unzstd), then give the .fenlei file inside"),
    (b"\xfd7zXZ\0", "xz-compressed data", "decompress it first (unxz), then give the .fenlei file inside"),
    (b"BZh", "bzip2-compressed data", "decompress it first (bunzip2), then give the .fenlei file inside"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first, then give the .fenlei file inside"),
    (b"PK\x03\x04", "a zip archive, or a PyTorch or Keras 3 model", GIVE_A_MODEL),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, perhaps a Keras model", GIVE_A_MODEL),
    (b"\xba\x16\x4f\x2f", "a fastText model", GIVE_A_MODEL),
    (b"GGUF", "a GGUF language model", GIVE_A_MODEL),
    (b"\x93NUMPY", "a NumPy array", GIVE_A_MODEL),
    (b"PAR1", "a Parquet table", GIVE_A_MODEL),
    (b"SQLite format 3\0", "an SQLite database", GIVE_A_MODEL),
    (b"%PDF", "a PDF document", GIVE_A_MODEL),
    (b"\x7fELF", "a program", GIVE_A_MODEL),
    (
        b"version https://git-lfs",
        "a Git LFS pointer, which stands for the model",
        "fetch the model itself: `git lfs pull`",
    ),
];

/// Says what the file is instead of a model. Takes any bytes.
pub(super) fn describe(file: &[u8]) -> Refusal {
    let start = &file[..file.len().min(SAMPLE_LEN)];
    // Text-mode transfers change line ends, decoding and encoding again changes the first byte.
    if start[..start.len().min(12)].windows(6).any(|window| window == b"FENLEI") {
        return (
            "a fenlei model that was changed on its way: something transferred or saved it as text".into(),
            "copy the file again in binary mode",
        );
    }
    if start.iter().all(|&byte| byte == 0) {
        return ("not a fenlei model: its start is all zeros, as a failed copy leaves it".into(), COPY_AGAIN);
    }
    let (looks_like, help) = SIGNATURES
        .iter()
        .find(|(signature, ..)| start.starts_with(signature))
        .map_or_else(|| by_content(start), |&(_, name, help)| (name, help));
    (format!("not a fenlei model: it looks like {looks_like}"), help)
}

fn by_content(start: &[u8]) -> (&'static str, &'static str) {
    if start.get(257..262) == Some(b"ustar") {
        return ("a tar archive", "unpack it first, then give the .fenlei file inside");
    }
    if let [0x80, 2..=5, ..] = start {
        return ("a Python pickle, perhaps a scikit-learn or an old PyTorch model", GIVE_A_MODEL);
    }
    // The length of a JSON header, then the header.
    if start.len() > 8 && start[8] == b'{' && start[5..8] == [0; 3] {
        return ("a safetensors file, the weights without the rest", GIVE_A_MODEL);
    }
    let Some(text) = as_text(start) else { return ("a binary file of another kind", GIVE_A_MODEL) };
    let text = text.trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    if text.starts_with("<!doctype html") || text.starts_with("<html") {
        return ("a web page", "the download went wrong: fetch the file itself, not the page about it");
    }
    if text.starts_with(['{', '[']) {
        return ("JSON", GIVE_A_MODEL);
    }
    ("text", GIVE_A_MODEL)
}

/// The start of a file as text, though its last character may be cut.
fn as_text(start: &[u8]) -> Option<&str> {
    let text = match str::from_utf8(start) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => str::from_utf8(&start[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    let is_binary = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}');
    (!text.is_empty() && !text.contains(is_binary)).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn says_what_the_file_looks_like() {
        let mut tar = vec![b'a'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        let cut_chinese = "文本分类".repeat(200).into_bytes();
        for (file, expected) in [
            (&b"\x1f\x8b\x08\0"[..], "gzip"),
            (b"PK\x03\x04\0\0", "PyTorch"),
            (b"\x89HDF\r\n\x1a\n\0\0", "Keras"),
            (b"\xba\x16\x4f\x2f\x0c\0\0\0", "fastText"),
            (b"\x80\x04\x95abc", "pickle"),
            (&tar, "tar archive"),
            (b"\x40\0\0\0\0\0\0\0{\"a\":{}}", "safetensors"),
            (b" {\"model\": 1}", "JSON"),
            (b"__label__1 good film\n", "looks like text"),
            (&cut_chinese, "looks like text"),
            (b"<!DOCTYPE html><html>", "web page"),
            (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
            (b"\0\0\0\0", "all zeros"),
            (b"\xff\xfe\x01\x02", "binary file"),
            // \r\n became \n, and the first byte was decoded as Windows-1252 and encoded again.
            (b"\x89FENLEI\n\x1a\n\0", "as text"),
            ("\u{2030}FENLEI\r\n\u{1a}\n".as_bytes(), "as text"),
            (b"\xef\xbf\xbdFENLEI\r\n", "as text"),
        ] {
            let (problem, _) = describe(file);
            assert!(problem.contains(expected), "{problem}, expected {expected}");
        }
    }

    proptest! {
        #[test]
        fn describes_any_bytes(file in prop::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(!describe(&file).0.is_empty());
        }
    }
}
