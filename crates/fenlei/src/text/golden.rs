//! Cases by hand: what comes out of the whole pipeline for text of every kind, and where it came from.

use super::*;

/// The tokens of `text` with the original text behind each.
fn tokens<'t>(toml: &str, text: &'t str) -> Vec<(String, &'t str)> {
    let spec: PipelineSpec = toml::from_str(toml).unwrap();
    let pipeline = spec.fit::<&str>(&[]).unwrap();
    let stages = pipeline.stages(text);
    let tokens = stages.finished.into_iter();
    tokens.map(|token| (token.text, &text[token.offset.0 as usize..token.offset.1 as usize])).collect()
}

/// The tokens of `text` by the default pipeline, separated by `|`.
fn default_tokens(text: &str) -> String {
    tokens("", text).into_iter().map(|(token, _)| token).collect::<Vec<_>>().join("|")
}

fn pairs<'t>(expected: &[(&str, &'t str)]) -> Vec<(String, &'t str)> {
    expected.iter().map(|&(token, original)| (token.to_owned(), original)).collect()
}

#[test]
fn english() {
    assert_eq!(
        default_tokens("Don't miss it!! It's a 10/10 film...<br /><br />See IMDb.com (really)."),
        "don't|miss|it|!|!|it's|a|10|/|10|film|.|.|.|see|imdb.com|(|really|)|."
    );
    assert_eq!(
        default_tokens("state-of-the-art \"U.S.A.\" $3.50 re:you"),
        "state|-|of|-|the|-|art|\"|u.s.a|.|\"|$|3.50|re:you"
    );
}

#[test]
fn chinese_by_character_and_by_word() {
    assert_eq!(default_tokens("这部电影，真的很好看！"), "这|部|电|影|,|真|的|很|好|看|!");
    let words = tokens("[segment]\nchinese = 'jieba'", "我们都喜欢这部电影。");
    let expected = [("我们", "我们"), ("都", "都"), ("喜欢", "喜欢"), ("这部", "这部"), ("电影", "电影"), ("。", "。")];
    assert_eq!(words, pairs(&expected));
}

#[test]
fn mixed_chinese_and_english() {
    assert_eq!(
        default_tokens("用iPhone 15 Pro看《Avatar 2》,太cool了"),
        "用|iphone|15|pro|看|《|avatar|2|》|,|太|cool|了"
    );
    let words = tokens("[segment]\nchinese = 'jieba'", "用ｉＰｈｏｎｅ看電影");
    assert_eq!(words, pairs(&[("用", "用"), ("iphone", "ｉＰｈｏｎｅ"), ("看", "看"), ("电影", "電影")]));
}

#[test]
fn html_and_entities() {
    let found = tokens("", "<p>Tom &amp; <b>J</b>erry</p><script>var x = 1 < 2;</script>caf&eacute; &#20013;&#x6587;");
    let expected = [
        ("tom", "Tom"),
        ("&", "&amp;"),
        ("jerry", "J</b>erry"),
        ("café", "caf&eacute;"),
        ("中", "&#20013;"),
        ("文", "&#x6587;"),
    ];
    assert_eq!(found, pairs(&expected));
    assert_eq!(default_tokens("I <3 this, a < b && c > d"), "i|<|3|this|,|a|<|b|&|&|c|>|d");
}

#[test]
fn emoji() {
    assert_eq!(default_tokens("👨‍👩‍👧‍👦❤️👍🏽🇨🇳🇺🇸 1️⃣ ☕️"), "👨‍👩‍👧‍👦|❤|👍🏽|🇨🇳|🇺🇸|1⃣|☕");
    assert_eq!(
        tokens("[segment]\npunctuation = 'drop'", "so 😂, good!!"),
        pairs(&[("so", "so"), ("😂", "😂"), ("good", "good")])
    );
}

#[test]
fn combining_characters() {
    let found = tokens("", "Cafe\u{301} A\u{30A}ngstro\u{308}m");
    assert_eq!(found, pairs(&[("café", "Cafe\u{301}"), ("ångström", "A\u{30A}ngstro\u{308}m")]));
    assert_eq!(default_tokens("한국어 \u{1112}\u{1161}\u{11AB}"), "한국어|한");
}

#[test]
fn traditional_chinese() {
    let found = tokens("", "臺灣 沈默 頭髮");
    let expected = [("台", "臺"), ("湾", "灣"), ("沉", "沈"), ("默", "默"), ("头", "頭"), ("发", "髮")];
    assert_eq!(found, pairs(&expected));
    assert_eq!(tokens("[clean]\nsimplify = false", "臺"), pairs(&[("臺", "臺")]));
}

#[test]
fn right_to_left_and_other_scripts() {
    assert_eq!(default_tokens("\u{200F}שלום, עולם! مرحبا بالعالم"), "שלום|,|עולם|!|مرحبا|بالعالم");
    assert_eq!(default_tokens("Привет, МИР"), "привет|,|мир");
    assert_eq!(default_tokens("この映画はカッコイイ"), "こ|の|映|画|は|カッコイイ");
    assert_eq!(default_tokens("हिन्दी में"), "हिन्दी|में");
}

#[test]
fn masks_are_tokens_of_their_own() {
    let masks = "[clean]\nurls = 'mask'\nmails = 'mask'\nmentions = 'mask'\nnumbers = 'remove'";
    let found = tokens(masks, "@Tom 看HTTP://t.cn/A1b，问 me@x.org 5 次");
    let expected = [
        ("<mention>", "@Tom"),
        ("看", "看"),
        ("<url>", "HTTP://t.cn/A1b"),
        (",", "，"),
        ("问", "问"),
        ("<mail>", "me@x.org"),
        ("次", "次"),
    ];
    assert_eq!(found, pairs(&expected));
}

#[test]
fn stop_words_go_after_segmentation() {
    let spec: PipelineSpec =
        toml::from_str("[stop_words]\nlanguages = ['en', 'zh']\n[segment]\nmode = 'jieba'").unwrap();
    let stages = spec.fit(&["We don't 我们 喜欢 films"]).unwrap().stages("We don't 我们 喜欢 films");
    assert_eq!(stages.tokens.len(), 5);
    let filtered: Vec<_> = stages.filtered.iter().map(|token| token.text.as_str()).collect();
    assert_eq!(filtered, ["喜欢", "films"]);
    assert_eq!(stages.ids.len(), 2);
}

#[test]
fn nothing_gives_nothing() {
    let pipeline = PipelineSpec::default().fit(&["a a b b"]).unwrap();
    for text in ["", "   ", "<br/>", "\u{200B}\u{FEFF}\n", "<!-- x -->", "&nbsp;"] {
        assert_eq!(pipeline.encode(text), Encoding::default(), "{text:?}");
    }
    let batch = pipeline.encode_batch(&["", "a", ""]);
    assert_eq!((batch.len(), batch.get(0), batch.get(1), batch.get(3)), (3, Some(&[][..]), Some(&[1][..]), None));
    assert!(pipeline.encode_batch::<&str>(&[]).is_empty());
}

#[test]
fn unknown_tokens_are_kept_or_dropped() {
    let texts = ["a b", "a c"];
    let keep: PipelineSpec = toml::from_str("[vocab]\nmin_count = 2").unwrap();
    let pipeline = keep.fit(&texts).unwrap();
    assert_eq!(pipeline.vocab().iter().collect::<Vec<_>>(), [("<unk>", 2), ("a", 2)]);
    assert_eq!(pipeline.encode("x a y").ids, [0, 1, 0]);
    let drop: PipelineSpec = toml::from_str("[vocab]\nunknown = 'drop'\n[truncate]\nmax_tokens = 2").unwrap();
    let pipeline = drop.fit(&texts).unwrap();
    let encoding = pipeline.encode("x a y a a");
    assert_eq!((encoding.ids, encoding.offsets), (vec![1, 1], vec![(2, 3), (6, 7)]));
}

#[test]
fn truncation_keeps_the_named_part_with_its_offsets() {
    let text = "a b c d e";
    let offsets = |keep: &str, max: usize| {
        let toml = format!("[vocab]\nmin_count = 1\n[truncate]\nmax_tokens = {max}\nkeep = '{keep}'");
        toml::from_str::<PipelineSpec>(&toml).unwrap().fit(&[text]).unwrap().encode(text).offsets
    };
    assert_eq!(offsets("head", 2), [(0, 1), (2, 3)]);
    assert_eq!(offsets("tail", 2), [(6, 7), (8, 9)]);
    assert_eq!(offsets("both", 3), [(0, 1), (2, 3), (8, 9)]);
    assert_eq!(offsets("both", 9).len(), 5);
}

#[test]
fn a_tokenizer_file_a_user_dictionary_and_a_stop_list_are_saved_inside() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let tokenizer = file("tokenizer.json", segment::TINY_TOKENIZER);
    let user_dict = file("words.txt", "奥利给 100000\n");
    let stop_words = file("stop.txt", "Film\n");
    let pieces = PipelineSpec {
        segment: SegmentSpec { mode: SegmentMode::Tokenizer, tokenizer: Some(tokenizer), ..SegmentSpec::default() },
        ..PipelineSpec::default()
    };
    let words = PipelineSpec {
        segment: SegmentSpec { mode: SegmentMode::Jieba, user_dict: Some(user_dict), ..SegmentSpec::default() },
        stop_words: StopWordsSpec { file: Some(stop_words), ..StopWordsSpec::default() },
        ..PipelineSpec::default()
    };
    let text = "The <b>played</b> playing film 奥利给";
    let fitted = [pieces, words].map(|spec| spec.fit(&[text, text]).unwrap());
    let saved = fitted.each_ref().map(|pipeline| serde_json::to_string(pipeline).unwrap());
    drop(folder);
    for (pipeline, json) in fitted.iter().zip(&saved) {
        let loaded: TextPipeline = serde_json::from_str(json).unwrap();
        assert_eq!(loaded.stages(text), pipeline.stages(text));
        assert_eq!(&serde_json::to_string(&loaded).unwrap(), json);
    }
    let texts =
        |pipeline: &TextPipeline| pipeline.stages(text).filtered.into_iter().map(|t| t.text).collect::<Vec<_>>();
    assert_eq!(texts(&fitted[0])[..4], ["the", "play", "##ed", "play"]);
    assert_eq!(texts(&fitted[1]), ["the", "played", "playing", "奥利给"]);
    assert_eq!(fitted[0].encode("the <b>played</b>").offsets, [(0, 3), (7, 11), (11, 13)]);
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.json");
    std::fs::write(&bad, b"\xff{").unwrap();
    for (key, toml) in [
        ("pipeline.segment.tokenizer", "[segment]\nmode = 'tokenizer'\ntokenizer = 'PATH'"),
        ("pipeline.segment.user_dict", "[segment]\nmode = 'jieba'\nuser_dict = 'PATH'"),
        ("pipeline.stop_words.file", "[stop_words]\nfile = 'PATH'"),
    ] {
        for path in ["no/such/file".into(), bad.display().to_string()] {
            let spec: PipelineSpec = toml::from_str(&toml.replace("PATH", &path)).unwrap();
            let error = spec.check().unwrap_err();
            assert!(error.is_wrong_use() && spec.fit(&["a"]).is_err());
            let message = error.to_string();
            assert!(message.starts_with(key) && message.contains(&path) && message.contains("help: "), "{message}");
        }
    }
    assert!(PipelineSpec::default().check().is_ok());
}

#[test]
fn a_saved_pipeline_that_was_changed_is_refused() {
    let pipeline = PipelineSpec::default().fit(&["a a b b"]).unwrap();
    let json = serde_json::to_string(&pipeline).unwrap();
    for (from, to, problem) in [
        ("\"nfkc\":true", "\"nfkc\":true,\"stem\":true", "unknown field"),
        ("\"mode\":\"auto\"", "\"mode\":\"stem\"", "unknown variant"),
        ("\"stop_words\":[]", "\"stop_words\":[],\"bigrams\":2", "unknown field"),
        ("\"max_size\":100000", "\"max_size\":2", "expected at most 2"),
        ("\"b\"", "\"a\"", "stands twice"),
        ("\"mode\":\"auto\"", "\"mode\":\"tokenizer\",\"tokenizer\":\"x\"", "tokenizer"),
    ] {
        let changed = json.replacen(from, to, 1);
        assert_ne!(changed, json, "{from}");
        let error = serde_json::from_str::<TextPipeline>(&changed).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn another_vocabulary_takes_over() {
    let vocabulary = Vocabulary::new(&["<unk>", "film"], vec![0, 0]).unwrap();
    let pipeline = PipelineSpec::default().fit(&["a a"]).unwrap().with_vocabulary(vocabulary);
    assert_eq!(pipeline.encode("a film").ids, [0, 1]);
}

#[test]
fn end_marks_stand_behind_the_last_token() {
    let words = tokens("[segment]\nend_marks = 2", "A film! ");
    assert_eq!(words, pairs(&[("a", "A"), ("film", "film"), ("!", "!"), ("</s>", ""), ("</s>", "")]));
    assert_eq!(tokens("[segment]\nend_marks = 2", "  "), [], "nothing stays nothing");
    let ids = |keep: &str| {
        let toml =
            format!("[segment]\nend_marks = 1\n[truncate]\nmax_tokens = 2\nkeep = '{keep}'\n[vocab]\nmin_count = 1");
        let pipeline = toml::from_str::<PipelineSpec>(&toml).unwrap().fit(&["a a a b b c"]).unwrap();
        let ids = pipeline.encode("a b c").ids;
        ids.iter().map(|&id| pipeline.vocab().token(id).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids("head"), ["a", "b"], "the end was cut off");
    assert_eq!(ids("tail"), ["c", "</s>"]);
}

/// The tokens of `text` at the end of all steps, separated by spaces.
fn finished(toml: &str, text: &str) -> String {
    tokens(toml, text).into_iter().map(|(token, _)| token).collect::<Vec<_>>().join(" ")
}

#[test]
fn parts_of_speech_are_told_in_both_languages() {
    let jieba = "tag_tokens = true\n[segment]\nmode = 'jieba'";
    assert_eq!(
        finished(jieba, "The actors play well. 我们喜欢这部电影，iPhone手机"),
        "the/DET actors/NOUN play/VERB well/ADV ./PUNCT 我们/PRON 喜欢/VERB 这部/PRON 电影/NOUN ,/PUNCT iphone/NOUN 手机/NOUN"
    );
    let chars = "keep_pos = ['NOUN']";
    assert_eq!(finished(chars, "我们喜欢电影 and films"), "电 影 films", "a character has the tag of its word");
    let found =
        tokens("keep_pos = ['NOUN', 'ADJ']\n[segment]\npunctuation = 'drop'", "A <b>fine</b> film, the ＦＩＬＭ!");
    assert_eq!(found, pairs(&[("fine", "fine"), ("film", "film"), ("film", "ＦＩＬＭ")]));
}

#[test]
fn a_user_dictionary_gives_tags_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("words.txt");
    std::fs::write(&path, "奥利给 100000 INTJ\n云计算 100000 n\n").unwrap();
    let toml = format!("tag_tokens = true\n[segment]\nmode = 'jieba'\nuser_dict = '{}'", path.display());
    assert_eq!(finished(&toml, "奥利给，云计算"), "奥利给/INTJ ,/PUNCT 云计算/NOUN");
    std::fs::write(&path, [0xFF, 0xFE, 0x00]).unwrap();
    let problem = toml::from_str::<PipelineSpec>(&toml).unwrap().fit::<&str>(&[]).unwrap_err().to_string();
    assert!(problem.starts_with("pipeline.segment.user_dict: cannot read"), "{problem}");
}

#[test]
fn stop_words_are_told_by_the_words_and_not_by_their_stems() {
    let toml = "stem = 'en'\n[stop_words]\nlanguages = ['en']";
    assert_eq!(finished(toml, "he was having the nicest films"), "nicest film");
    let auto: PipelineSpec = toml::from_str("[stop_words]\nlanguages = ['auto']").unwrap();
    let texts = ["this was one of the best films that i have seen in a long time, and i would see it again"];
    let english = auto.fit(&texts).unwrap();
    let json = serde_json::to_string(&english).unwrap();
    for pipeline in [english, serde_json::from_str(&json).unwrap()] {
        assert_eq!(pipeline.stages("the film 的").finished.len(), 2, "the language was told when it was fitted");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.txt");
    std::fs::write(&path, "").unwrap();
    assert_eq!(finished(&format!("[stop_words]\nfile = '{}'", path.display()), "the film"), "the film");
}

#[test]
fn phrases_are_joined_with_what_stands_between_their_parts() {
    let texts = vec!["new york <br/> is in the united states"; 20];
    let spec: PipelineSpec = toml::from_str("[phrases]\npasses = 1\nthreshold = 2").unwrap();
    let pipeline = spec.fit(&texts).unwrap();
    let text = "In New\n <i>York</i>, new, york";
    let found: Vec<_> = pipeline.stages(text).finished;
    let spelt: Vec<_> =
        found.iter().map(|t| (t.text.clone(), &text[t.offset.0 as usize..t.offset.1 as usize])).collect();
    assert_eq!(
        spelt,
        pairs(&[("in", "In"), ("new_york", "New\n <i>York"), (",", ","), ("new", "new"), (",", ","), ("york", "york")])
    );
    assert!(pipeline.vocab().id("new_york").is_some() && pipeline.vocab().id("new").is_none());
}

#[test]
fn pinyin_stands_for_chinese_words_or_beside_them() {
    let replace = "[segment]\nmode = 'jieba'\n[pinyin]\nmode = 'replace'\ntones = true";
    assert_eq!(finished(replace, "我在银行, ok"), "wo3 zai4 yin2hang2 , ok");
    let add = "[segment]\nmode = 'jieba'\n[pinyin]\nmode = 'add'";
    assert_eq!(tokens(add, "臺灣 ok"), pairs(&[("台湾", "臺灣"), ("taiwan", "臺灣"), ("ok", "ok")]));
}

#[test]
fn a_pipeline_from_before_these_steps_loads() {
    let saved = r#"{"spec":{"vocab":{"min_count":1}},"stop_words":["the"],"vocabulary":{"tokens":["<unk>","film"],"counts":[0,1]}}"#;
    let pipeline: TextPipeline = serde_json::from_str(saved).unwrap();
    assert_eq!(pipeline.encode("the film").ids, [1]);
    let without = r#"{"spec":{"phrases":{"passes":1}},"stop_words":[],"vocabulary":{"tokens":["<unk>"],"counts":[0]}}"#;
    let problem = serde_json::from_str::<TextPipeline>(without).unwrap_err().to_string();
    assert!(problem.contains("found 0 passes, the specification says 1"), "{problem}");
}
