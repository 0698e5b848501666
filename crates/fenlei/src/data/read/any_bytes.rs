//! No bytes make a reader panic; whatever is read keeps the invariants of a data set.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::data::{Dataset, Format, MissingLabel, ReadOptions, read_bytes};

fn options() -> impl Strategy<Value = ReadOptions> {
    let format = prop::option::of(prop::sample::select(Format::ALL.to_vec()));
    let encoding = prop::option::of(prop::sample::select(vec!["utf-8", "utf-16le", "gb18030", "windows-1252", "big5"]));
    let separator = prop::option::of(prop::sample::select(vec!['|', ',', ' ']));
    let missing = prop::sample::select(MissingLabel::ALL.to_vec());
    let header = prop::option::of(any::<bool>());
    (format, encoding, separator, missing, header).prop_map(
        |(format, encoding, label_separator, missing_label, has_header)| {
            let encoding = encoding.map(str::to_owned);
            ReadOptions { format, encoding, label_separator, missing_label, has_header, ..Default::default() }
        },
    )
}

/// Fragments of every format, put together at random: closer to real files than random bytes.
fn fragments() -> impl Strategy<Value = Vec<u8>> {
    let fragment = prop::sample::select(vec![
        &b"text,label\n"[..],
        b"text\tlabel\n",
        b"{\"text\": \"a\", \"label\": 1}\n",
        b"{\"text\":",
        b"__label__a ",
        b"__label__",
        b"\n",
        b"\r\n",
        b"\t",
        b",",
        b"\"",
        b"\"\"",
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\xc4\xe3\xba\xc3",
        b"PAR1",
        b"\x1f\x8b\x08",
        b"\x28\xb5\x2f\xfd",
        b"a",
        b"good film",
        "好".as_bytes(),
        b"1 ",
        b"NUM:dist ",
        b"[",
        b"]",
        b"|",
        b"\xed\xa0\x80",
    ]);
    vec(fragment, 0..30).prop_map(|fragments| fragments.concat())
}

fn check(bytes: &[u8], options: &ReadOptions) {
    if let Ok((data, findings)) = read_bytes(bytes, options) {
        assert_eq!(findings.rows as usize, data.len());
        assert!(!findings.to_string().is_empty());
        Dataset::new(data.texts, data.targets, data.labels, data.multi_label).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn random_bytes_do_not_panic(bytes in vec(any::<u8>(), 0..400), options in options()) {
        check(&bytes, &options);
    }

    #[test]
    fn random_fragments_do_not_panic(bytes in fragments(), options in options()) {
        check(&bytes, &options);
        check(&bytes, &ReadOptions::default());
    }

    #[test]
    fn random_archives_do_not_panic(files in vec(("[a-z]{1,2}(/(train|test|pos|neg))?/[a-z]{1,3}([.]txt)?", fragments()), 1..5), options in options()) {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in &files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, name, &bytes[..]).unwrap();
        }
        let mut bytes = builder.into_inner().unwrap();
        check(&bytes, &options);
        check(&bytes, &ReadOptions::default());
        bytes.truncate(bytes.len() / 2);
        check(&bytes, &options);
    }

    #[test]
    fn damaged_parquet_does_not_panic(at in 0usize..700, byte: u8) {
        let data = Dataset::new(
            vec!["one".into(), "two".into()],
            vec![crate::data::Target::One(0), crate::data::Target::One(1)],
            vec!["a".into(), "b".into()],
            false,
        ).unwrap();
        let mut bytes = Vec::new();
        crate::data::write_to(&data, &mut bytes, crate::data::WriteFormat::Parquet, std::path::Path::new("x")).unwrap();
        let at = at % bytes.len();
        bytes[at] = byte;
        check(&bytes, &ReadOptions::default());
    }
}
