//! Texts through pipelines, and bytes as a saved pipeline.
//!
//! Invariants: each way of encoding gives the same numbers; offsets are ranges of the text on character boundaries,
//! in order; a saved pipeline loads or is refused, and what loads encodes.
#![no_main]

use std::sync::OnceLock;

use fenlei::text::{PipelineSpec, Scratch, TextPipeline};
use libfuzzer_sys::fuzz_target;

/// One pipeline for each way of cleaning and cutting.
const SPECS: [&str; 8] = [
    "{}",
    r#"{"clean": {"html": "always", "urls": "mask", "mails": "mask", "mentions": "mask", "numbers": "mask"}}"#,
    r#"{"clean": {"html": "never", "nfkc": false, "strip_invisible": false, "collapse_whitespace": false,
        "lowercase": false, "simplify": false}, "segment": {"mode": "chars"}, "truncate": {"max_tokens": 8}}"#,
    r#"{"segment": {"mode": "jieba", "punctuation": "drop"}, "stop_words": {"languages": ["en", "zh"]}}"#,
    r#"{"segment": {"mode": "words"}, "clean": {"urls": "remove", "numbers": "remove", "remove": "-", "keep": "!?"},
        "vocab": {"min_count": 1, "unknown": "drop"}}"#,
    r#"{"segment": {"chinese": "jieba"}, "truncate": {"max_tokens": 5, "keep": "both"}}"#,
    r#"{"tag_tokens": true, "stem": "en", "phrases": {"passes": 2, "min_count": 1, "threshold": -9.0},
        "pinyin": {"mode": "add", "tones": true}}"#,
    r#"{"keep_pos": ["NOUN", "X"], "segment": {"chinese": "jieba", "punctuation": "drop", "end_marks": 1},
        "pinyin": {"mode": "replace"}, "stop_words": {"languages": ["auto"]}}"#,
];

const TEXTS: [&str; 4] = [
    "A <b>good</b> film, don't miss it: 10/10 at https://example.org/a?b or mail a@example.org &amp; @you!",
    "这部电影很好看，我非常喜歡！一點也不無聊。",
    "A film 电影 ２０２６ e\u{301}\u{200d}👨\u{200d}👩\u{200d}👧 \u{feff}",
    "a b c d e f g h i j k l m n o p",
];

fn pipelines() -> &'static [TextPipeline] {
    static PIPELINES: OnceLock<Vec<TextPipeline>> = OnceLock::new();
    PIPELINES.get_or_init(|| {
        let fit = |spec: &&str| {
            let spec: PipelineSpec = serde_json::from_str(spec).expect("a specification of this file");
            spec.fit(&TEXTS).expect("a pipeline of this file")
        };
        SPECS.iter().map(fit).collect()
    })
}

fuzz_target!(|bytes: &[u8]| {
    // The first byte chooses: the digits 0 to 7 a pipeline, `{` a saved one that is read from the bytes.
    let Some((&control, rest)) = bytes.split_first() else { return };
    if control == b'{' {
        if let Ok(pipeline) = serde_json::from_slice::<TextPipeline>(bytes) {
            TEXTS.iter().for_each(|text| check(&pipeline, text));
        }
        return;
    }
    let pipelines = pipelines();
    let text = String::from_utf8_lossy(rest);
    check(&pipelines[usize::from(control & 0x0f) % pipelines.len()], &text);
});

fn check(pipeline: &TextPipeline, text: &str) {
    let encoding = pipeline.encode(text);
    assert_eq!(encoding.ids.len(), encoding.offsets.len());
    assert!(encoding.ids.len() <= pipeline.spec().truncate.max_tokens);
    assert!(encoding.ids.iter().all(|&id| (id as usize) < pipeline.vocab().len()));
    for &(start, end) in &encoding.offsets {
        assert!(text.get(start as usize..end as usize).is_some(), "{start}..{end} is no range of {text:?}");
    }
    assert!(encoding.offsets.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1));

    let mut ids = vec![7];
    pipeline.encode_into(text, &mut ids, &mut Scratch::default());
    assert_eq!(ids[1..], encoding.ids, "encode_into");
    let batch = pipeline.encode_batch(&["x", text]);
    assert_eq!(batch.get(1), Some(encoding.ids.as_slice()), "encode_batch");
    assert_eq!(pipeline.stages(text).ids, encoding.ids, "stages");
}
