use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::Error;
use crate::pretrained::Pretrained;
use crate::text::PipelineSpec;

/// Sentences in which a word tells which others stand beside it, in two languages.
fn corpus(n: usize) -> Vec<String> {
    const ENGLISH: [[&str; 4]; 4] = [
        ["sailor", "harbour", "repairs", "wooden"],
        ["farmer", "orchard", "waters", "ripe"],
        ["teacher", "classroom", "cleans", "quiet"],
        ["painter", "studio", "lights", "bright"],
    ];
    const CHINESE: [[&str; 4]; 4] = [
        ["水手", "港口", "修理", "木头"],
        ["农民", "果园", "浇水", "成熟"],
        ["老师", "教室", "打扫", "安静"],
        ["画家", "画室", "点灯", "明亮"],
    ];
    (0..n)
        .map(|i| {
            let (which, turn) = (i / 2 % 4, i / 8 % 3);
            let [[who, place, does, how], [zh_who, zh_place, zh_does, zh_how]] = [ENGLISH[which], CHINESE[which]];
            match (i % 2, turn) {
                (0, 0) => format!("Every morning the {who} {does} the {how} things in the {place}."),
                (0, 1) => format!("In the {place} a {who} {does} what is {how}."),
                (0, _) => format!("The {how} {place} belongs to the {who}, who {does} it."),
                (_, 0) => format!("每天早上{zh_who}在{zh_place}{zh_does}{zh_how}的东西。"),
                (_, 1) => format!("在{zh_place}有一位{zh_who},他{zh_does}{zh_how}的东西。"),
                (_, _) => format!("这个{zh_how}的{zh_place}是{zh_who}的,他在那里{zh_does}。"),
            }
        })
        .collect()
}

fn small() -> PretrainSpec {
    PretrainSpec {
        new: NewEncoderSpec {
            layers: 1,
            width: 32,
            heads: 2,
            max_positions: 40,
            vocabulary_size: 400,
            ..NewEncoderSpec::default()
        },
        max_tokens: 32,
        epochs: 3,
        tokens_per_step: 256,
        lr: 0.003,
        dropout: Some(0.0),
        ..PretrainSpec::default()
    }
}

fn bytes_of(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn perplexity_falls_and_the_folder_is_read_again() {
    for vocabulary in [VocabularyKind::Wordpiece, VocabularyKind::Bpe] {
        let mut spec = PretrainSpec { epochs: 30, ..small() };
        spec.new.vocabulary = vocabulary;
        let mut events = Vec::new();
        let mut on_event = |event: PretrainEvent<'_>| {
            if let PretrainEvent::Start { n_docs, n_held_out, memory, .. } = event {
                events.push((n_docs, n_held_out));
                assert!(memory > 1e5);
            }
        };
        let options = PretrainOptions { on_event: Some(&mut on_event), ..PretrainOptions::default() };
        let encoder = pretrain(&spec, &corpus(400), options).unwrap();
        assert_eq!(events, [(380, 20)]);
        let perplexity = |record: &PretrainRecord| record.held_out.unwrap().perplexity;
        let (first, last) = (perplexity(&encoder.history[0]), perplexity(&encoder.history[30]));
        assert!(first > 100.0 && last < 6.0, "{vocabulary:?}: {first}, then {last}");
        assert_eq!((encoder.history.len(), encoder.reason), (31, StopReason::LastEpoch));

        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("encoder");
        encoder.save(&dir).unwrap();
        let names: Vec<String> = bytes_of(&dir).into_iter().map(|(name, _)| name).collect();
        let mut expected = vec!["config.json", "model.safetensors", "special_tokens_map.json", "tokenizer.json"];
        expected.push("tokenizer_config.json");
        expected.extend((vocabulary == VocabularyKind::Wordpiece).then_some("vocab.txt"));
        assert_eq!(names, expected);
        let again = Pretrained::open(&dir).unwrap();
        let mut pipeline = PipelineSpec::default();
        pipeline.segment.special_tokens = true;
        pipeline.truncate.max_tokens = 40;
        let pipeline = again.pipeline(&pipeline).unwrap();
        assert!(pipeline.encode("the sailor 水手").ids.len() > 4);

        // Going on from it begins where it ended.
        let further = PretrainSpec { from: Some(dir), epochs: 1, ..spec };
        let further = pretrain(&further, &corpus(400), PretrainOptions::default()).unwrap();
        let begun = perplexity(&further.history[0]);
        assert!((begun - last).abs() < 1e-3 * last, "{last}, then {begun}");
    }
}

#[test]
fn an_interrupted_training_ends_as_one_that_was_not() {
    let place = tempfile::tempdir().unwrap();
    let texts = corpus(120);
    let spec = PretrainSpec { evaluate_every: Some(5), dropout: Some(0.1), ..small() };
    let whole = place.path().join("whole");
    let at_once = pretrain(&spec, &texts, PretrainOptions::default()).unwrap();
    at_once.save(&whole).unwrap();

    let checkpoint = place.path().join("state");
    let stop = AtomicBool::new(false);
    let mut n_steps = 0;
    let parts = place.path().join("parts");
    loop {
        stop.store(false, std::sync::atomic::Ordering::Relaxed);
        let mut of_run = 0;
        // Another number of threads each time.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1 + n_steps % 3).build().unwrap();
        let encoder = pool.install(|| {
            let mut on_event = |event: PretrainEvent<'_>| {
                if let PretrainEvent::Step { .. } = event {
                    of_run += 1;
                    stop.store(of_run == 4, std::sync::atomic::Ordering::Relaxed);
                }
            };
            let options = PretrainOptions {
                checkpoint: Some(checkpoint.clone()),
                resume: true,
                stop: Some(&stop),
                on_event: Some(&mut on_event),
            };
            pretrain(&spec, &texts, options).unwrap()
        });
        n_steps += of_run;
        if encoder.reason == StopReason::LastEpoch {
            encoder.save(&parts).unwrap();
            let figures = |history: &[PretrainRecord]| -> Vec<_> {
                history.iter().map(|record| (record.step, record.loss, record.held_out, record.lr_factor)).collect()
            };
            assert_eq!(figures(&encoder.history), figures(&at_once.history));
            break;
        }
    }
    assert!(n_steps > 12, "{n_steps}");
    assert_eq!(bytes_of(&whole), bytes_of(&parts));

    for (other, problem) in [
        (PretrainSpec { seed: 2, ..spec.clone() }, "other settings"),
        (PretrainSpec { from: Some("nowhere".into()), ..spec.clone() }, "other settings"),
    ] {
        let options = PretrainOptions { checkpoint: Some(checkpoint.clone()), resume: true, ..Default::default() };
        let error = pretrain(&other, &texts, options).unwrap_err().to_string();
        assert!(error.contains(problem) && error.contains("--resume"), "{error}");
    }
    let options = PretrainOptions { checkpoint: Some(checkpoint.clone()), resume: true, ..Default::default() };
    let error = pretrain(&spec, &texts[1..], options).unwrap_err().to_string();
    assert!(error.contains("other documents"), "{error}");
    fs::write(&checkpoint, "something else").unwrap();
    let options = PretrainOptions { checkpoint: Some(checkpoint), resume: true, ..Default::default() };
    assert!(matches!(pretrain(&spec, &texts, options), Err(Error::Artifact { .. })));
}

#[test]
fn whole_words_are_harder_than_pieces_and_both_are_learned() {
    let texts = corpus(200);
    for whole_words in [true, false] {
        let spec = PretrainSpec { whole_words, epochs: 12, ..small() };
        let encoder = pretrain(&spec, &texts, PretrainOptions::default()).unwrap();
        let loss = |record: &PretrainRecord| record.held_out.unwrap().loss;
        assert!(loss(&encoder.history[12]) < 0.8 * loss(&encoder.history[0]), "{:?}", encoder.history);
    }
}

#[test]
fn what_cannot_be_learned_from_is_refused() {
    let error = |spec: &PretrainSpec, texts: &[String]| {
        pretrain(spec, texts, PretrainOptions::default()).unwrap_err().to_string()
    };
    for texts in [vec![], vec![String::new(), " \n".to_owned()]] {
        assert!(error(&small(), &texts).contains("no documents to learn from"));
    }
    let wild = PretrainSpec { lr: 1e30, clip_norm: 1e30, ..small() };
    let found = error(&wild, &corpus(100));
    assert!(found.contains("not a finite number") && found.contains("--lr"), "{found}");
    let missing = PretrainSpec { from: Some("no-such-folder".into()), ..small() };
    assert!(error(&missing, &corpus(10)).contains("no folder"));
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/pretrained/bert-masked");
    let long = PretrainSpec { from: Some(fixture), max_tokens: 41, ..small() };
    assert!(error(&long, &corpus(10)).contains("the model has 40 positions"));
    let stop = AtomicBool::new(true);
    let options = PretrainOptions { stop: Some(&stop), ..PretrainOptions::default() };
    assert!(matches!(pretrain(&small(), &corpus(20), options), Err(Error::Interrupted)));
}
