"""Writes embed_golden.json: what fastText, gensim, SciPy and plain double precision make of small cases.

Needs fasttext, gensim, numpy, scipy (made with fasttext 0.9.3, gensim 4.4.0, scipy 1.17.1). Run from any folder; the
same versions write the same bytes:
    python make_embed_golden.py
"""

import json
import tempfile
from pathlib import Path

import fasttext
import numpy as np
from gensim.models import Word2Vec
from scipy.stats import spearmanr

WORDS = ["film", "films", "the", "a", "naïve", "电影", "今天天气很好", "don't", "🎬", "Ünïcödé-long-word"]
SENTENCES = [
    "a small film about a small town".split(),
    "the town is small and the film is long".split(),
    "a long film about the town".split(),
    "rain and rain and a long night".split(),
]
DIM = 7
LR = 0.05


def subwords():
    """N-grams as fastText cuts and hashes them; its rows come behind those of its words."""
    cases = []
    for shortest, longest, buckets in [(3, 6, 2_000_000), (1, 3, 1000), (2, 2, 50_021)]:
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
            file.write("some words to train on\n" * 9)
            file.flush()
            model = fasttext.train_unsupervised(
                file.name, minn=shortest, maxn=longest, bucket=buckets, dim=2, minCount=1, epoch=1, thread=1, verbose=0
            )
        n_words = len(model.get_words())
        for word in WORDS:
            _, rows = model.get_subwords(word)
            rows = [int(row) - n_words for row in rows if row >= n_words]
            cases.append({"word": word, "chars": [shortest, longest], "buckets": buckets, "rows": rows})
    return cases


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gensim_sigmoid(x):
    """gensim looks the sigmoid up in a table of 1000 places from -6 to 6, with 83 of them to a unit, not 83.3."""
    return sigmoid((int((x + 6) * 83) / 1000 * 2 - 1) * 6)


def plain_step(inputs, outputs, bags, targets, labels, lr, sigmoid=sigmoid):
    """Every pair from the numbers that were there before; a mean's rows all move by what the mean should."""
    old_inputs, old_outputs = inputs.copy(), outputs.copy()
    for bag in bags:
        x = old_inputs[bag].mean(axis=0)
        for target, label in zip(targets, labels):
            pull = lr * (label - sigmoid(x @ old_outputs[target]))
            for row in bag:
                inputs[row] += pull * old_outputs[target]
            outputs[target] += pull * x


def hierarchical(sg, sentences):
    """One epoch of gensim beside plain steps: with gensim's sigmoid they must agree, the golden ones have the exact one."""
    model = Word2Vec(
        sg=sg, hs=1, negative=0, vector_size=DIM, window=3, min_count=1, sample=0, shrink_windows=False,
        workers=1, alpha=LR, min_alpha=LR, seed=3,
    )  # fmt: skip
    model.build_vocab(sentences)
    rng = np.random.default_rng(5)
    n = len(model.wv)
    inputs, outputs = (rng.uniform(-0.7, 0.7, (n, DIM)).astype(np.float32) for _ in range(2))
    model.wv.vectors[:], model.syn1[:] = inputs, outputs
    start = [inputs.tolist(), outputs.tolist()]
    inputs, outputs = inputs.astype(float), outputs.astype(float)
    tabled = [inputs.copy(), outputs.copy()]
    steps = []
    for sentence in sentences:
        ids = [model.wv.key_to_index[word] for word in sentence]
        for place, word in enumerate(ids):
            near = [other for at, other in enumerate(ids) if at != place and abs(at - place) <= 3]
            points = model.wv.get_vecattr(model.wv.index_to_key[word], "point").tolist()
            codes = model.wv.get_vecattr(model.wv.index_to_key[word], "code").tolist()
            bags = [[other] for other in near] if sg else [near]
            step = {"bags": bags, "targets": points, "labels": [1 - code for code in codes]}
            plain_step(inputs, outputs, **step, lr=LR)
            plain_step(*tabled, **step, lr=LR, sigmoid=gensim_sigmoid)
            steps.append(step)
    model.train(sentences, total_examples=len(sentences), epochs=1)
    for of_gensim, plain in zip([model.wv.vectors, model.syn1], tabled):
        assert np.abs(of_gensim - plain).max() < 1e-5, "gensim takes other steps"
    return {"lr": LR, "start": start, "steps": steps, "end": [inputs.tolist(), outputs.tolist()]}


def negative():
    """Skip-gram windows with fixed wrong answers, in double precision."""
    rng = np.random.default_rng(6)
    inputs, outputs = (rng.uniform(-1, 1, (9, DIM)).astype(np.float32) for _ in range(2))
    start = [inputs.tolist(), outputs.tolist()]
    inputs, outputs = inputs.astype(float), outputs.astype(float)
    steps = []
    for _ in range(30):
        bags = [[int(row)] for row in rng.integers(0, 9, rng.integers(1, 7))]
        targets = [int(row) for row in rng.choice(9, 6, replace=False)]
        step = {"bags": bags, "targets": targets, "labels": [1, 0, 0, 0, 0, 0]}
        plain_step(inputs, outputs, **step, lr=LR)
        steps.append(step)
    return {"lr": LR, "start": start, "steps": steps, "end": [inputs.tolist(), outputs.tolist()]}


def tree():
    """How many turns gensim's Huffman tree needs for a text."""
    counts = [50, 41, 40, 33, 20, 20, 12, 7, 5, 5, 3, 1]
    model = Word2Vec(hs=1, negative=0, min_count=1, vector_size=2)
    model.build_vocab_from_freq({f"w{i}": count for i, count in enumerate(counts)})
    lengths = [len(model.wv.get_vecattr(f"w{i}", "code")) for i in range(len(counts))]
    return {"counts": counts, "turns": sum(count * length for count, length in zip(counts, lengths))}


def correlations():
    rng = np.random.default_rng(7)
    cases = []
    for n in (2, 5, 40):
        a, b = rng.integers(0, 9, n).tolist(), rng.normal(size=n).round(3).tolist()
        cases.append({"a": a, "b": b, "spearman": float(spearmanr(a, b).statistic)})
    return cases


golden = {
    "subwords": subwords(),
    "training": {
        "cbow, hierarchical softmax": hierarchical(0, SENTENCES),
        # Two words a sentence: a window has one pair then, and gensim's steps pair by pair are ours by window.
        "skip-gram, hierarchical softmax": hierarchical(1, [s[i : i + 2] for s in SENTENCES for i in range(len(s) - 1)]),
        "skip-gram, negative sampling": negative(),
    },
    "tree": tree(),
    "correlations": correlations(),
}
file = Path(__file__).with_name("embed_golden.json")
file.write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
