"""Writes sparse_golden.json: small sparse matrices with what scikit-learn's classical models learn from them.

Needs scikit-learn (made with 1.9.1). Run from any folder; the same versions write the same bytes:
    python make_sparse_golden.py
"""

import json
import warnings
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
from sklearn.svm import LinearSVC

rng = np.random.default_rng(20240607)


def documents(n_docs, n_columns, n_classes):
    """Counts whose means depend on the class."""
    classes = rng.integers(0, n_classes, n_docs)
    rates = rng.gamma(0.6, 1.0, (n_classes, n_columns))
    return rng.poisson(rates[classes]).clip(0, 4).astype(float), classes


def linear(model):
    return {"weights": model.coef_.tolist(), "bias": np.atleast_1d(model.intercept_).tolist()}


def logistic(**options):
    return LogisticRegression(tol=1e-12, max_iter=200000, **options)


def svm(loss):
    return LinearSVC(loss=loss, dual=True, C=0.1, tol=1e-10, max_iter=10000000)


# Our spec as TOML, the model, whether coefficients are compared (else only probabilities).
MODELS = [
    ("family = 'linear'\nc = 0.5", logistic(C=0.5), True),
    ("family = 'linear'\nc = 3.0", logistic(C=3.0), True),
    ("family = 'linear'\nc = 0.5\npenalty = 'l1'", logistic(C=0.5, l1_ratio=1.0, solver="saga", random_state=0), True),
    ("family = 'nb'\nalpha = 0.5", MultinomialNB(alpha=0.5), False),
    ("family = 'nb'\nprior = false", MultinomialNB(fit_prior=False), False),
    ("family = 'nb'\nkind = 'complement'", ComplementNB(), False),
    ("family = 'nb'\nkind = 'complement'\nnormalise = true", ComplementNB(norm=True), False),
    ("family = 'nb'\nkind = 'bernoulli'\nalpha = 0.7", BernoulliNB(alpha=0.7), False),
]
# Margins only: their sigmoids are our own.
MACHINES = [
    ("family = 'linear'\nloss = 'hinge'\nc = 0.1", svm("hinge")),
    ("family = 'linear'\nloss = 'squared-hinge'\nc = 0.1", svm("squared_hinge")),
]


def golden_set(n_docs, n_columns, n_classes, weights):
    rows, classes = documents(n_docs, n_columns, n_classes)
    cases = []
    for spec, model, with_weights in MODELS:
        x = (rows > 0).astype(float) if "bernoulli" in spec else rows
        options = {} if weights is None else {"sample_weight": np.array(weights)[classes]}
        model.fit(x, classes, **options)
        case = {"spec": spec, "probabilities": model.predict_proba(x[:8]).tolist()}
        cases.append({**case, **linear(model)} if with_weights else case)
    for spec, model in MACHINES:
        options = {} if weights is None else {"sample_weight": np.array(weights)[classes]}
        cases.append({"spec": spec, **linear(model.fit(rows, classes, **options))})
    return {
        "rows": rows.astype(int).tolist(),
        "classes": classes.tolist(),
        "n_classes": n_classes,
        "label_weights": weights,
        "cases": cases,
    }


warnings.simplefilter("error")
sets = [golden_set(40, 6, 2, None), golden_set(60, 5, 3, None), golden_set(50, 6, 3, [0.5, 1.0, 3.0])]
path = Path(__file__).with_name("sparse_golden.json")
path.write_text(json.dumps(sets, separators=(",", ":")) + "\n")
