//! What holds for every text and every specification.

use std::ops::Range;
use std::sync::LazyLock;

use proptest::prelude::*;
use unicode_normalization::char::canonical_combining_class;

use super::*;

const TRAINING: &[&str] = &[
    "A good film, a <b>bad</b> film!! don't",
    "这部电影真好看，我们喜欢這部電影",
    "mixed 中文 and English 👍 2024 é",
    "<url> <number> a a a the playing",
];

/// Pipelines that differ in every option, fitted once: jieba and the tokenizer take time to load.
static PIPELINES: LazyLock<Vec<TextPipeline>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = folder.path().join("tokenizer.json");
    std::fs::write(&tokenizer, segment::TINY_TOKENIZER).unwrap();
    let path = tokenizer.display();
    let masks = "urls = 'mask'\nmails = 'mask'\nmentions = 'remove'\nnumbers = 'mask'";
    [
        String::new(),
        "[clean]\nhtml = 'always'\n[segment]\nchinese = 'jieba'\npunctuation = 'drop'\n[truncate]\nmax_tokens = 3\nkeep = 'tail'".to_owned(),
        format!("[clean]\nhtml = 'never'\n{masks}\nremove = 'x!'\n[segment]\nmode = 'chars'\n[truncate]\nmax_tokens = 5\nkeep = 'both'"),
        format!("[clean]\nnfkc = false\n{masks}\nkeep = '?'\n[segment]\nmode = 'jieba'\nhmm = false\n[stop_words]\nlanguages = ['en', 'zh']"),
        "[clean]\nlowercase = false\nsimplify = false\nstrip_invisible = false\n[segment]\nmode = 'words'\n[vocab]\nmin_count = 1\nunknown = 'drop'".to_owned(),
        "[segment]\nend_marks = 2\n[truncate]\nmax_tokens = 4\nkeep = 'tail'".to_owned(),
        "[clean]\ncollapse_whitespace = false\n[truncate]\nmax_tokens = 1".to_owned(),
        format!("[segment]\nmode = 'tokenizer'\ntokenizer = '{path}'\n[clean]\nnumbers = 'mask'"),
        format!("tag_tokens = true\nstem = 'en'\n[clean]\n{masks}\n[phrases]\npasses = 2\n{JOIN}\n[pinyin]\nmode = 'add'"),
        format!("keep_pos = ['NOUN', 'ADJ', 'VERB', 'X']\n[segment]\nchinese = 'jieba'\npunctuation = 'drop'\nend_marks = 1\n\
            [stop_words]\nlanguages = ['auto']\n[phrases]\npasses = 1\n{JOIN}\n[pinyin]\nmode = 'replace'\ntones = true\n\
            [truncate]\nmax_tokens = 6\nkeep = 'both'"),
        format!("[segment]\nmode = 'chars'\n[phrases]\npasses = 1\n{JOIN}\n[truncate]\nmax_tokens = 4"),
    ]
    .iter()
    .map(|toml| toml::from_str::<PipelineSpec>(toml).unwrap().fit(TRAINING).unwrap())
    .collect()
});

/// So that even the few texts above have phrases.
const JOIN: &str = "min_count = 1\nthreshold = -100.0";

/// Text of any kind, and text that is rich in what the steps look for.
fn any_text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "a",
        "Film",
        " ",
        "  ",
        "\n",
        "<",
        ">",
        "<b>",
        "</p>",
        "<br/>",
        "<!--",
        "-->",
        "<script>",
        "</script>",
        "&amp;",
        "&",
        ";",
        "&#x41;",
        "&#",
        "\"",
        "'",
        "é",
        "e\u{301}",
        "\u{301}",
        "\u{200D}",
        "\u{200B}",
        "\u{FE0F}",
        "👨",
        "🇨",
        "🇳",
        "中",
        "我们",
        "臺灣",
        "沈默",
        "，",
        "Ａ",
        "㎏",
        "ﬁ",
        "İ",
        "ß",
        "3.14",
        "4th",
        "@tom",
        "@",
        "http://",
        "www.x.y",
        "me@x.org",
        ".",
        ",",
        "_",
        ":",
        "!",
        "שלום",
        "한",
        "\u{1161}",
        "カ",
        "\u{3099}",
        "\0",
        "\u{7f}",
        "\r\n",
        "\u{3000}",
        "x",
        "<url>",
        "\u{FFFD}",
        "\u{10FFFF}",
        "𝈖",
        "the playing",
    ]);
    let rich = prop::collection::vec(pieces, 0..25).prop_map(|pieces| pieces.concat());
    let wild = prop::collection::vec(any::<char>(), 0..40).prop_map(String::from_iter);
    let bytes = prop::collection::vec(any::<u8>(), 0..60).prop_map(|b| String::from_utf8_lossy(&b).into_owned());
    prop_oneof![6 => rich, 2 => wild, 1 => bytes]
}

fn check_encoding(text: &str, pipeline: &TextPipeline) -> Result<(), TestCaseError> {
    let Encoding { ids, offsets } = pipeline.encode(text);
    prop_assert_eq!(ids.len(), offsets.len());
    prop_assert!(ids.len() <= pipeline.spec().truncate.max_tokens);
    prop_assert!(ids.iter().all(|&id| (id as usize) < pipeline.vocab().len()));
    let mut last = (0, 0);
    for &(start, end) in &offsets {
        let range: Range<usize> = start as usize..end as usize;
        prop_assert!(text.get(range.clone()).is_some(), "{range:?} is no range of {text:?}");
        prop_assert!(start >= last.0 && end >= last.1, "{offsets:?} falls in {text:?}");
        last = (start, end);
    }
    let mut appended = vec![7];
    let mut scratch = Scratch::default();
    pipeline.encode_into("something 别的 else <b>", &mut Vec::new(), &mut scratch);
    pipeline.encode_into(text, &mut appended, &mut scratch);
    prop_assert_eq!(&appended[1..], &ids[..]);
    let stages = pipeline.stages(text);
    prop_assert_eq!(&stages.ids, &ids);
    prop_assert!(stages.filtered.len() <= stages.tokens.len());
    let all = [&stages.tokens, &stages.filtered, &stages.finished].into_iter();
    for tokens in all.chain([&stages.stemmed, &stages.joined, &stages.pinyin].into_iter().flatten()) {
        let mut last = (0, 0);
        for Token { offset, .. } in tokens {
            prop_assert!(text.get(offset.0 as usize..offset.1 as usize).is_some());
            prop_assert!(offset.0 >= last.0 && offset.1 >= last.1, "{tokens:?} fall in {text:?}");
            last = *offset;
        }
    }
    let numbered = stages.finished.iter().map(|token| token.id);
    let known = numbered.filter(|&id| id != UNKNOWN_ID || pipeline.spec().vocab.unknown == Unknown::Keep);
    let mut known: Vec<u32> = known.collect();
    truncate::truncate(&mut known, 0, pipeline.spec().truncate.max_tokens, pipeline.spec().truncate.keep);
    prop_assert_eq!(&known, &ids, "the stages of {:?} are not what is encoded", text);
    check_surface(&stages, pipeline)
}

/// Tokens are what the cleaned text has in that place, and nothing but white space is between them. A phrase is its
/// parts with a mark between.
fn check_surface(stages: &Stages, pipeline: &TextPipeline) -> Result<(), TestCaseError> {
    let spec = pipeline.spec();
    if spec.segment.mode == SegmentMode::Tokenizer {
        return Ok(());
    }
    let mut rest = stages.cleaned.as_str();
    let tagged = spec.tag_tokens || !spec.keep_pos.is_empty();
    for token in &stages.tokens {
        prop_assert_eq!(token.tag.is_some(), tagged);
        let at = rest.find(token.text.as_str());
        prop_assert!(at.is_some(), "{:?} is not in {rest:?}", token.text);
        let (between, found) = rest.split_at(at.unwrap_or_default());
        if spec.segment.punctuation == Punctuation::Keep {
            prop_assert!(between.trim().is_empty(), "{between:?} was lost before {token:?} in {:?}", stages.cleaned);
        }
        rest = &found[token.text.len()..];
    }
    if let Some(joined) = &stages.joined {
        let before = stages.stemmed.as_ref().unwrap_or(&stages.filtered);
        let mut parts = before.iter();
        for phrase in joined {
            let mut spelt = String::new();
            while spelt.len() < phrase.text.len() {
                let Some(part) = parts.next() else { break };
                spelt.extend((!spelt.is_empty()).then_some('_'));
                spelt.push_str(&part.text);
                prop_assert!(phrase.offset.0 <= part.offset.0 && part.offset.1 <= phrase.offset.1);
            }
            prop_assert_eq!(&spelt, &phrase.text);
        }
        prop_assert!(parts.next().is_none());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_text_is_encoded_the_same_way_with_offsets_in_order(text in any_text()) {
        for pipeline in PIPELINES.iter() {
            check_encoding(&text, pipeline)?;
        }
    }

    #[test]
    fn plain_words_lead_back_to_themselves(words in prop::collection::vec("[a-z]{1,6}|中|文", 0..30)) {
        let text = words.join(" ");
        let encoding = PIPELINES[0].encode(&text);
        let back: Vec<&str> = encoding.offsets.iter().map(|&(s, e)| &text[s as usize..e as usize]).collect();
        prop_assert_eq!(back, words);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn alone_and_in_a_batch_are_the_same(texts in prop::collection::vec(any_text(), 0..70)) {
        for pipeline in PIPELINES.iter() {
            let batch = pipeline.encode_batch(&texts);
            prop_assert_eq!(batch.len(), texts.len());
            for (i, text) in texts.iter().enumerate().step_by(7) {
                prop_assert_eq!(batch.get(i).unwrap(), &pipeline.encode(text).ids[..]);
            }
        }
    }

    #[test]
    fn simple_text_stands_behind_its_tokens(words in prop::collection::vec("[a-z]{1,6}|中国|电影|[,.!?]", 0..30)) {
        let text = words.join(" ");
        for pipeline in PIPELINES.iter().filter(|pipeline| pipeline.spec().segment.mode != SegmentMode::Tokenizer) {
            let stages = pipeline.stages(&text);
            for token in stages.tokens.iter().chain(&stages.filtered) {
                prop_assert_eq!(&text[token.offset.0 as usize..token.offset.1 as usize], &token.text);
            }
            for token in stages.joined.iter().flatten().filter(|_| pipeline.spec().stem == Stem::None) {
                let surface = text[token.offset.0 as usize..token.offset.1 as usize].replace(' ', "");
                prop_assert_eq!(surface, token.text.replace('_', ""));
            }
        }
    }
}

/// Cleaners that neither read markup nor mask, since what that leaves can look like markup or like something to mask; and
/// whether they take characters out.
static CLEANERS: LazyLock<Vec<(clean::Cleaner, bool)>> = LazyLock::new(|| {
    let whole = [
        "",
        "nfkc = false",
        "lowercase = false\nsimplify = false",
        "strip_invisible = false",
        "collapse_whitespace = false",
    ];
    let cleaner =
        |toml: &&str| clean::Cleaner::new(&toml::from_str::<CleanSpec>(&format!("html = 'never'\n{toml}")).unwrap());
    let removing = ["keep = '!?'", "remove = 'x,'"];
    whole.iter().map(|toml| (cleaner(toml), false)).chain(removing.iter().map(|toml| (cleaner(toml), true))).collect()
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn cleaning_what_is_clean_changes_nothing(text in any_text()) {
        // Without what combines: a mark behind an invisible character meets its letter only once that is gone, and the
        // dot of a small İ would have to change places with marks behind it.
        let mut text = text;
        text.retain(|c| canonical_combining_class(c) == 0 && !matches!(c, 'İ' | '\u{1160}'..='\u{11FF}'));
        let clean = |cleaner: &clean::Cleaner, text: &str| {
            cleaner.clean(text, &mut clean::Buffers::default(), &mut Vec::<clean::Untraced>::new()).text.to_owned()
        };
        let decoding = clean::Cleaner::new(&CleanSpec::default());
        let cleaned = clean(&decoding, &text);
        // Markup may be written as entities: what is decoded can be read as markup again.
        if !cleaned.contains(['<', '&']) {
            prop_assert_eq!(clean(&decoding, &cleaned), cleaned);
        }
        for (cleaner, removes) in CLEANERS.iter() {
            let cleaned = clean(cleaner, &text);
            let again = clean(cleaner, &cleaned);
            // What is removed leaves a space, behind the step that makes white space single.
            match removes {
                true => prop_assert!(again.split_whitespace().eq(cleaned.split_whitespace()), "{cleaned:?}, then {again:?}"),
                false => prop_assert_eq!(again, cleaned),
            }
        }
    }
}

#[test]
fn a_huge_document_is_tagged_and_joined_as_far_as_it_is_kept() {
    let spec = "tag_tokens = true\nstem = 'en'\n[phrases]\npasses = 1\n[truncate]\nmax_tokens = 3000";
    let pipeline = toml::from_str::<PipelineSpec>(spec).unwrap().fit(TRAINING).unwrap();
    let begun = std::time::Instant::now();
    for text in ["word ".repeat(2_000_000), "中文".repeat(1_500_000), "x".repeat(10_000_000), ". ".repeat(5_000_000)]
    {
        assert!(pipeline.encode(&text).ids.len() <= 3000);
    }
    assert!(begun.elapsed().as_secs() < 60, "took {:?}", begun.elapsed());
}

#[test]
fn a_document_without_words_has_no_tokens() {
    for pipeline in PIPELINES.iter() {
        for text in ["", " \n\t", "\u{200B}", "<b></b>"] {
            let encoding = pipeline.encode(text);
            let kept = pipeline.spec().clean.html == Html::Never && text.contains('<');
            assert!(encoding.ids.is_empty() || kept, "{text:?} by {}", pipeline.spec());
        }
    }
}

#[test]
fn a_saved_pipeline_encodes_identically() {
    for pipeline in PIPELINES.iter() {
        let json = serde_json::to_string(pipeline).unwrap();
        let loaded: TextPipeline = serde_json::from_str(&json).unwrap();
        assert_eq!(loaded.spec(), pipeline.spec());
        assert_eq!(loaded.vocab(), pipeline.vocab());
        for text in TRAINING.iter().chain(&["<i>new</i> &amp; 中文詞 3.14 x@y.zz http://a.b"]) {
            assert_eq!(loaded.encode(text), pipeline.encode(text));
        }
        assert_eq!(serde_json::to_string(&loaded).unwrap(), json);
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let texts: Vec<String> = (0..2000).map(|i| format!("word{} common 中文{} w{}", i % 300, i % 7, i)).collect();
    let toml =
        "tag_tokens = true\nstem = 'en'\n[phrases]\npasses = 2\nmin_count = 2\nmax_pairs = 200\n[pinyin]\nmode = 'add'";
    let words = toml::from_str::<PipelineSpec>(toml).unwrap();
    let run = |threads: usize, spec: &PipelineSpec| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let pipeline = spec.fit(&texts).unwrap();
            (serde_json::to_string(&pipeline).unwrap(), pipeline.encode_batch(&texts))
        })
    };
    assert_eq!(run(1, &words), run(3, &words));
    let alone = run(1, &PipelineSpec::default());
    assert_eq!(alone, run(3, &PipelineSpec::default()));
    assert!(alone.0.contains("\"<unk>\",\"common\",\"中\",\"文\""));
}

#[test]
fn a_huge_document_is_read_only_as_far_as_it_is_kept() {
    let long_words = format!("{} ", "x".repeat(1_000_000)).repeat(10);
    let begun = std::time::Instant::now();
    for text in [
        "word ".repeat(2_000_000),
        "中文，".repeat(1_000_000),
        long_words,
        "<b>".repeat(3_000_000),
        "e\u{301}".repeat(3_000_000),
    ] {
        let Encoding { ids, offsets } = PIPELINES[0].encode(&text);
        assert!(ids.len() <= 1024);
        assert!(offsets.last().is_none_or(|&(_, end)| end as usize <= text.len()));
    }
    // Zalgo text: one letter with a million marks.
    PIPELINES[0].encode(&format!("a{}", "\u{301}\u{316}".repeat(1_000_000)));
    assert!(begun.elapsed().as_secs() < 60, "took {:?}", begun.elapsed());
}
