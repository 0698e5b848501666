//! How fast documents become token numbers, on real reviews and news titles.
//!
//! Run with `cargo bench -p fenlei --bench pipeline`; the data is looked for in `FENLEI_DATA` and in `../shared/data`.
//! Names behind `--` choose among `english`, `chinese`, `jieba` and `steps`.
//! Every measurement checks its answer first: a fast wrong pipeline fails.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fenlei::text::{
    Chinese, CleanSpec, Html, PipelineSpec, Scratch, SegmentMode, SegmentSpec, TextPipeline, VocabSpec,
};
use jieba_rs::Jieba;

fn main() {
    let Some(data) = data_folder() else {
        eprintln!("SKIPPED: no data; set FENLEI_DATA");
        assert!(std::env::var_os("CI").is_none(), "the data is missing");
        return;
    };
    let names: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with("--")).collect();
    let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let titles = titles(&data.join("thucnews-titles"));
    if wanted("jieba") {
        beside_jieba(&titles);
    }
    if wanted("chinese") {
        chinese(&titles);
    }
    if wanted("english") || wanted("steps") {
        let reviews = reviews(&data.join("aclImdb_v1.tar.gz"), 10_000);
        if wanted("english") {
            english(&reviews);
        }
        if wanted("steps") {
            word_steps("IMDb", "", &reviews[..2000]);
            word_steps("THUCNews", "[segment]\nchinese = 'jieba'\n", &titles[..20_000]);
        }
    }
}

fn data_folder() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("FENLEI_DATA").map_or(default, PathBuf::from);
    folder.is_dir().then_some(folder)
}

fn reviews(archive: &Path, n: usize) -> Vec<String> {
    let file = std::fs::File::open(archive).expect("the IMDb archive");
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut texts = Vec::new();
    for entry in archive.entries().expect("a tar archive") {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a path").to_string_lossy().into_owned();
        if path.ends_with(".txt") && (path.contains("/pos/") || path.contains("/neg/")) {
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("UTF-8");
            texts.push(text);
            if texts.len() == n {
                break;
            }
        }
    }
    texts
}

fn titles(folder: &Path) -> Vec<String> {
    let mut files: Vec<_> = std::fs::read_dir(folder).expect("titles").map(|e| e.expect("an entry").path()).collect();
    files.sort();
    let read = |path: &PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    let all: String = files.iter().filter(|path| path.extension().is_some_and(|e| e != "md")).map(read).collect();
    all.lines().filter_map(|line| line.split('\t').next()).map(str::to_owned).collect()
}

fn english(reviews: &[String]) {
    let begun = Instant::now();
    let pipeline = PipelineSpec::default().fit(reviews).expect("the default is valid");
    report("IMDb: fit, all threads", reviews, begun.elapsed());
    let top: Vec<_> = pipeline.vocab().iter().skip(1).take(4).map(|(token, _)| token).collect();
    assert!(top.contains(&"the") && top.contains(&".") && !pipeline.vocab().iter().any(|(token, _)| token == "br"));
    check(&pipeline, reviews);
    report("IMDb: encode_into, one thread", reviews, encode_time(&pipeline, reviews));
    let begun = Instant::now();
    let batch = pipeline.encode_batch(reviews);
    report("IMDb: encode_batch, all threads", reviews, begun.elapsed());
    println!("{:44} {:>9.1} tokens a document", "", batch.ids.len() as f64 / reviews.len() as f64);
    let begun = Instant::now();
    reviews.iter().for_each(|text| drop(pipeline.encode(text)));
    report("IMDb: encode with offsets, one thread", reviews, begun.elapsed());
    let huge = vec![reviews.concat()];
    report("one huge document, head kept", &huge, encode_time(&pipeline, &huge));
}

fn chinese(titles: &[String]) {
    for (name, segment) in [
        ("THUCNews, Han characters", SegmentSpec::default()),
        ("THUCNews, jieba", SegmentSpec { chinese: Chinese::Jieba, ..SegmentSpec::default() }),
        ("THUCNews, characters", SegmentSpec { mode: SegmentMode::Chars, ..SegmentSpec::default() }),
    ] {
        let pipeline = PipelineSpec { segment, ..PipelineSpec::default() }.fit(titles).expect("a valid specification");
        check(&pipeline, titles);
        let json = serde_json::to_string(&pipeline).expect("a pipeline can be saved");
        let fresh: TextPipeline = serde_json::from_str(&json).expect("a saved pipeline loads");
        let begun = Instant::now();
        assert_eq!(fresh.encode("我们看電影"), pipeline.encode("我们看電影"));
        println!("{:44} {:>9.1?} (dictionaries)", format!("{name}: first document"), begun.elapsed());
        report(&format!("{name}: encode_into, one thread"), titles, encode_time(&pipeline, titles));
    }
}

/// Jieba alone cuts the same text as the pipeline, side by side: passes alternate, so that both meet the same noise.
fn beside_jieba(titles: &[String]) {
    let off = CleanSpec {
        html: Html::Never,
        nfkc: false,
        strip_invisible: false,
        collapse_whitespace: false,
        lowercase: false,
        simplify: false,
        ..CleanSpec::default()
    };
    let segment = SegmentSpec { mode: SegmentMode::Jieba, ..SegmentSpec::default() };
    let jieba = Jieba::new();
    let count = || titles.iter().map(|title| jieba.cut(title, true).len()).sum::<usize>();
    // With two entries, the vocabulary costs next to nothing: what is left is cleaning and cutting.
    let few = VocabSpec { max_size: 2, ..VocabSpec::default() };
    for (name, clean, vocab) in [
        ("cut alone", off.clone(), few.clone()),
        ("cleaned, cut", CleanSpec::default(), few),
        ("cut, numbered", off, VocabSpec::default()),
        ("cleaned, cut, numbered", CleanSpec::default(), VocabSpec::default()),
    ] {
        let spec = PipelineSpec { segment: segment.clone(), clean, vocab, ..PipelineSpec::default() };
        let pipeline = spec.fit(titles).expect("a valid specification");
        let n_tokens = titles.iter().map(|title| pipeline.stages(title).tokens.len()).sum::<usize>();
        assert!(n_tokens * 20 > count() * 19 && n_tokens * 19 < count() * 20, "{n_tokens} tokens, jieba {}", count());
        let mut times: Vec<[Duration; 2]> = Vec::new();
        for _ in 0..9 {
            let begun = Instant::now();
            std::hint::black_box(count());
            times.push([begun.elapsed(), encode_once(&pipeline, titles)]);
        }
        let [alone, ours] = [0, 1].map(|i| median(times.iter().map(|pair| pair[i])));
        report(&format!("THUCNews: jieba alone ({name})"), titles, alone);
        report(&format!("THUCNews: pipeline ({name})"), titles, ours);
        let mut ratios: Vec<f64> = times.iter().map(|[alone, ours]| ours.as_secs_f64() / alone.as_secs_f64()).collect();
        ratios.sort_by(f64::total_cmp);
        println!("{:44} {:>9.3} times the time of jieba alone", "", ratios[ratios.len() / 2]);
    }
}

/// What each of the steps that look at sentences costs.
fn word_steps(name: &str, base: &str, texts: &[String]) {
    for (step, toml) in [
        ("no such step", ""),
        ("tag_tokens", "tag_tokens = true\n"),
        ("keep_pos", "keep_pos = ['NOUN', 'ADJ', 'VERB']\n"),
        ("stem", "stem = 'en'\n"),
        ("phrases, 1 pass", "phrases.passes = 1\n"),
        ("pinyin", "pinyin.mode = 'replace'\n"),
    ] {
        let spec: PipelineSpec = toml::from_str(&format!("{toml}{base}")).expect("a specification");
        let pipeline = spec.fit(texts).expect("a valid specification");
        check(&pipeline, texts);
        let time = encode_time(&pipeline, texts);
        report(&format!("{name}, {step}: one thread"), texts, time);
        println!("{:44} {:>9.0} documents a second", "", texts.len() as f64 / time.as_secs_f64());
    }
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<_> = times.collect();
    times.sort();
    times[times.len() / 2]
}

fn check(pipeline: &TextPipeline, texts: &[String]) {
    let some = &texts[..texts.len().min(500)];
    let batch = pipeline.encode_batch(some);
    let (mut ids, mut scratch) = (Vec::new(), Scratch::default());
    for (i, text) in some.iter().enumerate() {
        ids.clear();
        pipeline.encode_into(text, &mut ids, &mut scratch);
        assert_eq!(batch.get(i), Some(&ids[..]));
        assert_eq!(pipeline.encode(text).ids, ids);
    }
}

/// The best of five passes.
fn encode_time(pipeline: &TextPipeline, texts: &[String]) -> Duration {
    (0..5).map(|_| encode_once(pipeline, texts)).min().unwrap_or_default()
}

fn encode_once(pipeline: &TextPipeline, texts: &[String]) -> Duration {
    let (mut ids, mut scratch) = (Vec::new(), Scratch::default());
    let begun = Instant::now();
    for text in texts {
        ids.clear();
        pipeline.encode_into(text, &mut ids, &mut scratch);
    }
    begun.elapsed()
}

fn report(what: &str, texts: &[String], time: Duration) {
    let bytes: usize = texts.iter().map(String::len).sum();
    println!("{what:44} {:>9.1} MB/s {:>9.1?}", bytes as f64 / 1e6 / time.as_secs_f64(), time);
}
