"""Writes features_golden.json: small corpora with what scikit-learn's vectorizers and selections make of them.

Needs scikit-learn (made with 1.9.1). Run from any folder; the same versions write the same bytes:
    python make_features_golden.py
"""

import json
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import chi2, mutual_info_classif

# Tokens joined by spaces, so that both sides cut them alike.
TEXTS = [
    "the film is good and the acting is good",
    "a bad film with bad acting",
    "good good good",
    "",
    "the plot is thin but the acting is fine",
    "thin plot , bad film",
    "an a an a x",
    "fine film and fine acting",
]
LABELS = [1, 0, 1, 0, 1, 0, 2, 1]
WORDS = {"token_pattern": r"\S+", "lowercase": False}
CASES = [
    ("counts", {"word_ngrams": 1, "tf": "count", "idf": "none", "norm": "none", "min_df": 1}, {}),
    (
        "bigrams, binary",
        {"word_ngrams": 2, "tf": "binary", "idf": "none", "norm": "none", "min_df": 1},
        {"ngram_range": (1, 2), "binary": True},
    ),
    (
        "tf-idf, smooth, l2",
        {"word_ngrams": 2, "tf": "count", "min_df": 2},
        {"ngram_range": (1, 2), "min_df": 2, "tfidf": {}},
    ),
    (
        "tf-idf, sublinear, plain, l1, trigrams",
        {"word_ngrams": 3, "idf": "plain", "norm": "l1", "min_df": 1},
        {"ngram_range": (1, 3), "tfidf": {"sublinear_tf": True, "smooth_idf": False, "norm": "l1"}},
    ),
    (
        "shares of documents",
        {"word_ngrams": 2, "min_df": 0.25, "max_df": 0.4, "norm": "none"},
        {"ngram_range": (1, 2), "min_df": 0.25, "max_df": 0.4, "tfidf": {"sublinear_tf": True, "norm": None}},
    ),
    (
        "the two most frequent features",
        {"word_ngrams": 1, "tf": "count", "idf": "none", "norm": "none", "min_df": 1, "max_features": 2},
        {"max_features": 2},
    ),
    (
        "characters within words",
        {"word_ngrams": 0, "char_ngrams": [2, 4], "tf": "count", "min_df": 1},
        {"analyzer": "char_wb", "ngram_range": (2, 4), "tfidf": {}},
    ),
    (
        "characters within words that are too short for some",
        {"word_ngrams": 0, "char_ngrams": [4, 5], "tf": "count", "idf": "none", "norm": "none", "min_df": 1},
        {"analyzer": "char_wb", "ngram_range": (4, 5)},
    ),
    (
        "characters over the text, frequent ones",
        {"word_ngrams": 0, "char_ngrams": [3, 5], "char_scope": "text", "tf": "count", "norm": "none", "min_df": 2},
        {"analyzer": "char", "ngram_range": (3, 5), "min_df": 2, "tfidf": {"norm": None}},
    ),
]


def golden(name, spec, options):
    options = {**({} if "analyzer" in options else {"token_pattern": r"\S+"}), "lowercase": False, **options}
    tfidf = options.pop("tfidf", None)
    vectorizer = CountVectorizer(**options)
    rows = vectorizer.fit_transform(TEXTS).astype(float)
    if tfidf is not None:
        rows = TfidfTransformer(**tfidf).fit_transform(rows)
        whole = TfidfVectorizer(**options, **tfidf).fit_transform(TEXTS)
        assert abs(rows - whole).max() < 1e-12
    names = vectorizer.get_feature_names_out()
    docs = [
        {names[j]: float(rows[i, j]) for j in rows[i].indices} for i in range(rows.shape[0])
    ]
    return {"name": name, "spec": spec, "n_features": len(names), "docs": docs}


def selections():
    counts = CountVectorizer(**WORDS, ngram_range=(1, 2))
    rows = counts.fit_transform(TEXTS)
    names = counts.get_feature_names_out()
    by_chi2 = chi2(rows, LABELS)[0]
    information = mutual_info_classif(rows > 0, np.array(LABELS), discrete_features=True)
    as_map = lambda scores: {name: float(score) for name, score in zip(names, scores)}
    return {"chi2": as_map(by_chi2), "mutual-information": as_map(information)}


golden_file = {
    "texts": TEXTS,
    "labels": LABELS,
    "cases": [golden(*case) for case in CASES],
    "scores": selections(),
}
path = Path(__file__).with_name("features_golden.json")
path.write_text(json.dumps(golden_file, ensure_ascii=False, separators=(",", ":")) + "\n")
