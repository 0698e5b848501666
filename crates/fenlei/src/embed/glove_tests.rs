use super::super::corpus::tests::corpus;
use super::*;
use crate::embed::Neighbours;

fn texts() -> Vec<String> {
    let topics = [["cat", "dog", "horse", "cow", "pet"], ["red", "green", "blue", "paint", "colour"]];
    (0..600)
        .map(|i| (0..8).map(|k| topics[i % 2][(i / 2 * 7 + k * (1 + i % 3)) % 5]).collect::<Vec<_>>().join(" "))
        .collect()
}

fn small() -> GloveSpec {
    GloveSpec { dim: 10, epochs: 40, window: 4, ..GloveSpec::default() }
}

#[test]
fn learns_which_words_belong_together_and_the_loss_falls() {
    let corpus = corpus(&texts(), 1);
    let losses = std::sync::Mutex::new(Vec::new());
    let on_progress = |progress: Progress| losses.lock().unwrap().extend(progress.loss);
    let embedding = train(&corpus, &small(), Hooks { on_progress: Some(&on_progress), stop: None }).unwrap();
    let vectors = Neighbours::new(&embedding.vectors);
    let [cat, dog, red] = ["cat", "dog", "red"].map(|word| vectors.place(word).unwrap());
    assert!(vectors.similarity(cat, dog) > vectors.similarity(cat, red));
    let losses = losses.into_inner().unwrap();
    assert!(losses[losses.len() - 1] < 0.2 * losses[0], "{losses:?}");
}

#[test]
fn threads_and_memory_never_show_in_the_vectors() {
    let corpus = corpus(&texts(), 1);
    let spec = GloveSpec { epochs: 3, ..small() };
    let with = |n_threads, spec: &GloveSpec| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| train(&corpus, spec, Hooks::default()).unwrap())
    };
    let one = with(1, &spec);
    assert_eq!(one, with(4, &spec));
    assert_eq!(one, with(2, &GloveSpec { memory_mb: 0, ..spec.clone() }));
    assert_ne!(one, with(2, &GloveSpec { seed: 9, ..spec }));
}

/// Every pair once, in the order of the rounds: the definition, with plain loops in double precision.
#[test]
fn an_epoch_is_that_of_the_definition() {
    let corpus = corpus(&texts(), 1);
    let spec = GloveSpec { epochs: 1, ..small() };
    let found = train(&corpus, &spec, Hooks::default()).unwrap();
    let n_words = corpus.words().len();
    let stride = stride(spec.dim);
    let meetings = Meetings::count(&corpus, spec.window, u64::MAX, Hooks::default()).unwrap();
    let plain = |seed| -> Vec<f64> {
        let parts = first_values(n_words, spec.dim, rng::derive(spec.seed, seed));
        (0..n_words)
            .flat_map(|word| parts[word % PARTS][word / PARTS * stride..][..stride].iter().map(|&x| f64::from(x)))
            .collect()
    };
    let (mut words, mut contexts) = (plain(0), plain(1));
    let seed = rng::derive(spec.seed, 2);
    let mut rounds: Vec<usize> = (0..PARTS).collect();
    rng::shuffle(&mut rounds, seed);
    let mut block = Vec::new();
    for shift in rounds {
        for row in 0..PARTS {
            let col = (row + shift) % PARTS;
            meetings.block_into(row, col, &mut block).unwrap();
            rng::shuffle(&mut block, rng::derive(seed, (row * PARTS + col) as u64));
            for meeting in &block {
                let (w, c) = (meeting.row as usize * PARTS + row, meeting.col as usize * PARTS + col);
                let (w, c) = (&mut words[w * stride..][..stride], &mut contexts[c * stride..][..stride]);
                let d = spec.dim;
                let product: f64 = (0..d).map(|i| w[i] * c[i]).sum();
                let count = f64::from(meeting.count);
                let weight = (count / spec.x_max).powf(spec.alpha).min(1.0);
                let pull = spec.lr * weight * (product + w[d] + c[d] - count.ln());
                for i in 0..=d {
                    let (dw, dc) = if i < d { (pull * c[i], pull * w[i]) } else { (pull, pull) };
                    w[i] -= dw / w[d + 1 + i].sqrt();
                    c[i] -= dc / c[d + 1 + i].sqrt();
                    w[d + 1 + i] += dw * dw;
                    c[d + 1 + i] += dc * dc;
                }
            }
        }
    }
    for (word, (_, vector)) in found.vectors.iter().enumerate() {
        for (i, &value) in vector.iter().enumerate() {
            let expected = words[word * stride + i] + contexts[word * stride + i];
            assert!((f64::from(value) - expected).abs() < 1e-4, "{word} {i}: {value} {expected}");
        }
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let corpus = corpus(&texts(), 1);
    for (spec, expected) in [
        (GloveSpec { dim: 0, ..small() }, "embed.dim"),
        (GloveSpec { window: 0, ..small() }, "embed.window"),
        (GloveSpec { epochs: 0, ..small() }, "embed.epochs"),
        (GloveSpec { lr: -1.0, ..small() }, "embed.lr"),
        (GloveSpec { x_max: 0.0, ..small() }, "embed.x_max"),
        (GloveSpec { alpha: f64::NAN, ..small() }, "embed.alpha"),
    ] {
        let error = train(&corpus, &spec, Hooks::default()).unwrap_err();
        assert!(error.is_wrong_use() && error.to_string().contains(expected), "{error}");
    }
}
