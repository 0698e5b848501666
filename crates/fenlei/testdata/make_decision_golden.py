"""Writes decision_golden.json: isotonic curves by scikit-learn and p-values of McNemar's test by scipy.

Needs scikit-learn (made with 1.9.1), scipy and numpy. Run from any folder; the same versions write the same bytes:
    python make_decision_golden.py
"""

import json
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.isotonic import IsotonicRegression

rng = np.random.default_rng(20240301)


def decimals(x):
    """The shortest decimals that give the same f32."""
    return [float(str(v)) for v in x]


def isotonic(name, x, y):
    x = np.asarray(x, np.float32)
    asked = np.concatenate([np.linspace(0, 1, 41, dtype=np.float32), x])
    curve = IsotonicRegression(out_of_bounds="clip").fit(x.astype(np.float64), np.asarray(y, np.float64))
    expected = curve.predict(asked.astype(np.float64))
    return {
        "name": name,
        "x": decimals(x),
        "y": [int(v) for v in y],
        "asked": decimals(asked),
        "expected": expected.tolist(),
    }


def mcnemar(only_a, only_b):
    n = only_a + only_b
    if n < 25:
        p_value = stats.binomtest(only_a, n, 0.5).pvalue if n else 1.0
        return {"only_a": only_a, "only_b": only_b, "statistic": None, "p_value": float(p_value)}
    statistic = (abs(only_a - only_b) - 1) ** 2 / n
    return {
        "only_a": only_a,
        "only_b": only_b,
        "statistic": statistic,
        "p_value": float(stats.chi2.sf(statistic, 1)),
    }


def main():
    scores = rng.random(80).round(3)
    cases = [
        isotonic("noisy", scores, rng.random(80) < scores),
        isotonic("tied", (scores * 8).round() / 8, rng.random(80) < scores**2),
        isotonic("falling", scores[:20], scores[:20] < 0.5),
        isotonic("one place", [0.5] * 6, [0, 1, 1, 0, 1, 1]),
        isotonic("one answer", scores[:10], [1] * 10),
    ]
    pairs = [(0, 0), (0, 1), (3, 5), (10, 2), (24, 0), (12, 12), (25, 0), (13, 14), (30, 10), (121, 59), (1000, 1100)]
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    tests = ",\n".join(json.dumps(mcnemar(*pair), separators=(",", ":")) for pair in pairs)
    path = Path(__file__).with_name("decision_golden.json")
    path.write_text(f'{{"isotonic":[\n{lines}\n],\n"mcnemar":[\n{tests}\n]}}\n')


if __name__ == "__main__":
    main()
