use super::super::corpus::tests::corpus;
use super::*;
use crate::embed::Neighbours;

/// Texts about two things, whose words never meet.
fn texts() -> Vec<String> {
    let topics = [["cat", "dog", "horse", "cow", "pet"], ["red", "green", "blue", "paint", "colour"]];
    (0..600)
        .map(|i| {
            let words = topics[i % 2];
            let chosen = (0..8).map(|k| words[(i / 2 * 7 + k * (1 + i % 3) + k * k) % 5]);
            chosen.collect::<Vec<_>>().join(" ")
        })
        .collect()
}

fn every_kind() -> Vec<Word2VecSpec> {
    let mut kinds = Vec::new();
    for architecture in [Architecture::SkipGram, Architecture::Cbow] {
        for objective in [Objective::NegativeSampling(5), Objective::HierarchicalSoftmax] {
            for subwords in [None, Some(SubwordSpec { buckets: 500, ..SubwordSpec::default() })] {
                let deterministic = true;
                let spec = Word2VecSpec { architecture, objective, subwords, deterministic, ..Word2VecSpec::default() };
                kinds.push(Word2VecSpec { dim: 20, epochs: 30, lr: 0.05, sample: 0.0, ..spec });
            }
        }
    }
    kinds
}

#[test]
fn every_kind_learns_which_words_belong_together() {
    let corpus = corpus(&texts(), 1);
    for spec in every_kind() {
        let embedding = train(&corpus, &spec, Hooks::default()).unwrap();
        let vectors = Neighbours::new(&embedding.vectors);
        let animals = ["cat", "dog", "horse", "cow", "pet"].map(|word| vectors.place(word).unwrap());
        let colours = ["red", "green", "blue", "paint", "colour"].map(|word| vectors.place(word).unwrap());
        let mean = |a: &[usize], b: &[usize]| {
            let pairs = a.iter().flat_map(|&a| b.iter().map(move |&b| (a, b))).filter(|(a, b)| a != b);
            let found: Vec<f32> = pairs.map(|(a, b)| vectors.similarity(a, b)).collect();
            found.iter().sum::<f32>() / found.len() as f32
        };
        let (within, across) = (mean(&animals, &animals).min(mean(&colours, &colours)), mean(&animals, &colours));
        assert!(within > across + 0.3, "{spec:?}: {within} {across}");
    }
}

#[test]
fn the_same_seed_gives_the_same_vectors_for_any_number_of_threads() {
    let corpus = corpus(&texts(), 1);
    for spec in every_kind() {
        let spec = Word2VecSpec { epochs: 2, ..spec };
        let with = |n_threads, spec: &Word2VecSpec| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| train(&corpus, spec, Hooks::default()).unwrap())
        };
        assert_eq!(with(1, &spec), with(3, &spec));
        assert_ne!(with(1, &spec), with(1, &Word2VecSpec { seed: 2, ..spec.clone() }));
    }
}

#[test]
fn threads_without_locks_learn_as_well() {
    let corpus = corpus(&texts(), 1);
    let spec = Word2VecSpec { deterministic: false, ..every_kind()[0].clone() };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    let embedding = pool.install(|| train(&corpus, &spec, Hooks::default()).unwrap());
    let vectors = Neighbours::new(&embedding.vectors);
    let [cat, dog, red] = ["cat", "dog", "red"].map(|word| vectors.place(word).unwrap());
    assert!(vectors.similarity(cat, dog) > vectors.similarity(cat, red) + 0.3);
}

#[test]
fn plans_hold_the_window_and_the_right_answers() {
    let corpus = corpus(&["a b c d e f g h"], 1);
    let spec = Word2VecSpec { window: 2, sample: 0.0, ..Word2VecSpec::default() };
    let training = Training::new(&corpus, &spec, Hooks::default());
    let mut planner = Planner::new(&training);
    let mut step = Step::default();
    planner.begin(corpus.doc(0), Stream::new(5));
    let mut near = vec![Vec::new(); 8];
    while planner.next(&mut step) {
        let (inputs, outputs) = (step.inputs(), step.outputs());
        let place = outputs.rows[0];
        assert_eq!(outputs.labels[0], 1.0);
        assert!(outputs.labels[1..].iter().all(|&label| label == 0.0) && !outputs.rows[1..].contains(&place));
        assert_eq!(inputs.ends.len(), inputs.rows.len());
        near[place as usize].extend_from_slice(inputs.rows);
    }
    for (place, mut near) in (0u32..).zip(near) {
        let reach = near.iter().map(|&row| row.abs_diff(place)).max().unwrap();
        assert!((1..=2).contains(&reach));
        near.sort_unstable();
        let expected: Vec<u32> = (0..8).filter(|&word| word != place && word.abs_diff(place) <= reach).collect();
        assert_eq!(near, expected);
    }
    planner.begin(&[3], Stream::new(5));
    assert!(!planner.next(&mut step), "a word alone says nothing");
}

#[test]
fn words_that_were_never_seen_get_vectors_from_their_n_grams() {
    let corpus = corpus(&texts(), 1);
    let spec = Word2VecSpec { subwords: Some(SubwordSpec::default()), ..every_kind()[0].clone() };
    let embedding = train(&corpus, &spec, Hooks::default()).unwrap();
    let subwords = embedding.subwords.unwrap();
    let vectors = Neighbours::new(&embedding.vectors);
    let found = vectors.nearest(&subwords.vector_of("horses").unwrap(), &[], 1);
    assert!(["cat", "dog", "horse", "cow", "pet"].contains(&found[0].word.as_str()), "{found:?}");
    assert_eq!(subwords.vector_of("zzz"), None);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let corpus = corpus(&texts(), 1);
    let spec = Word2VecSpec::default;
    for (spec, expected) in [
        (Word2VecSpec { dim: 0, ..spec() }, "embed.dim: found 0, expected 1 to 65536"),
        (Word2VecSpec { window: 0, ..spec() }, "embed.window"),
        (Word2VecSpec { epochs: 0, ..spec() }, "embed.epochs"),
        (Word2VecSpec { lr: f64::NAN, ..spec() }, "embed.lr"),
        (Word2VecSpec { sample: -1.0, ..spec() }, "embed.sample"),
        (Word2VecSpec { objective: Objective::NegativeSampling(0), ..spec() }, "embed.negatives"),
        (
            Word2VecSpec { subwords: Some(SubwordSpec { min_chars: 4, max_chars: 3, buckets: 9 }), ..spec() },
            "embed.subwords: found 4 to 3 characters",
        ),
        (
            Word2VecSpec { subwords: Some(SubwordSpec { buckets: 0, ..SubwordSpec::default() }), ..spec() },
            "embed.buckets",
        ),
    ] {
        let error = train(&corpus, &spec, Hooks::default()).unwrap_err();
        assert!(error.is_wrong_use() && error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_training_can_be_ended_and_tells_how_far_it_is() {
    use std::sync::atomic::AtomicBool;
    let corpus = corpus(&texts(), 1);
    let stop = AtomicBool::new(false);
    let on_progress = |progress: Progress| {
        assert!(progress.done <= progress.total && progress.phase == Phase::Training);
        stop.store(true, Ordering::Relaxed);
    };
    let hooks = Hooks { on_progress: Some(&on_progress), stop: Some(&stop) };
    let ended = train(&corpus, &Word2VecSpec::default(), hooks);
    assert!(matches!(ended, Err(crate::Error::Interrupted)));
}
