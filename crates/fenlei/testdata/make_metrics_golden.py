"""Writes metrics_golden.json: predictions with scikit-learn's figures about them.

Needs scikit-learn (made with 1.9.1) and numpy. Run from any folder; the same versions write the same bytes:
    python make_metrics_golden.py
"""

import json
import warnings
from pathlib import Path

import numpy as np
from sklearn import metrics

rng = np.random.default_rng(20240229)


def rows(n_docs, n_labels, sharpness, decimals=3):
    """Probabilities that add up to 1, rounded so that the file is small and ties occur, as f32."""
    scores = sharpness * rng.standard_normal((n_docs, n_labels))
    exact = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    rounded = exact.round(decimals)
    rounded[:, 0] = (1 - rounded[:, 1:].sum(axis=1)).round(decimals).clip(0, 1)
    return rounded.astype(np.float32)


def calibration_error(confidence, right, n_bins=15):
    bins = np.clip(np.ceil(confidence * n_bins).astype(int), 1, n_bins)
    gaps = [abs((confidence[bins == b] - right[bins == b]).sum()) for b in range(1, n_bins + 1)]
    return float(sum(gaps) / len(confidence))


def number(value):
    return None if np.isnan(value) else float(value)


def area(truth, scores):
    if truth.all() or not truth.any():
        return None
    return float(metrics.roc_auc_score(truth, scores))


def precision(truth, scores):
    """None where scikit-learn would warn and give 0."""
    return float(metrics.average_precision_score(truth, scores)) if truth.any() else None


def mean(figures):
    return None if None in figures else float(np.mean(figures))


def present(report):
    """Figures of only one kind of data, and undefined ones, are left out of a report; but AUC is null."""
    return {name: figure for name, figure in report.items() if figure is not None or name == "auc"}


def ranks(truth, scores, k):
    """Precision at k, ties in the order of the labels; None for fewer labels."""
    if k > truth.shape[1]:
        return None
    first = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float(np.take_along_axis(truth, first, axis=1).mean())


def averages(truth, predicted, labels):
    figures = {}
    for average in ["macro", "weighted", "micro"]:
        scores = metrics.precision_recall_fscore_support(
            truth, predicted, labels=labels, average=average, zero_division=0
        )
        for name, score in zip(["precision", "recall", "f1"], scores):
            figures[f"{average}_{name}"] = float(score)
    return figures


def classes(truth, predicted, labels, areas, precisions):
    scores = metrics.precision_recall_fscore_support(truth, predicted, labels=labels, average=None, zero_division=0)
    return [
        {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(s), "auc": auc}
        | ({} if ap is None else {"average_precision": ap})
        for p, r, f, s, auc, ap in zip(*scores, areas, precisions)
    ]


def single(name, truth, p):
    truth, labels = np.asarray(truth), list(range(p.shape[1]))
    wide = p.astype(np.float64)
    predicted = wide.argmax(axis=1)
    one_hot = np.eye(len(labels), dtype=int)[truth]
    precisions = [precision(truth == k, wide[:, k]) for k in labels]
    occurring = [k for k in labels if (truth == k).any()]
    if len(labels) == 2:
        auc = weighted_auc = area(truth == 1, wide[:, 1])
        average_precision = precisions[1]
    elif set(truth) == set(labels):
        auc = number(metrics.roc_auc_score(truth, wide, multi_class="ovr", average="macro", labels=labels))
        weighted_auc = number(metrics.roc_auc_score(truth, wide, multi_class="ovr", average="weighted", labels=labels))
        average_precision = float(metrics.average_precision_score(one_hot, wide, average="macro"))
    else:
        auc = weighted_auc = average_precision = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # predicted labels that do not occur; kappa of one label
        balanced = float(metrics.balanced_accuracy_score(truth, predicted))
        kappa = number(metrics.cohen_kappa_score(truth, predicted, labels=labels))
        matthews = float(metrics.matthews_corrcoef(truth, predicted))
    report = {
        "n_docs": len(truth),
        "multi_label": False,
        "accuracy": float(metrics.accuracy_score(truth, predicted)),
        "balanced_accuracy": balanced,
        "matthews_correlation": matthews,
        "cohen_kappa": kappa,
        **averages(truth, predicted, labels),
        "log_loss": float(metrics.log_loss(truth, wide, labels=labels)),
        "brier_score": float(metrics.brier_score_loss(truth, wide, labels=labels)),
        "auc": auc,
        "weighted_auc": weighted_auc,
        "average_precision": average_precision,
        "weighted_average_precision": float(
            metrics.average_precision_score(one_hot[:, occurring], wide[:, occurring], average="weighted")
        ),
        "micro_average_precision": float(metrics.average_precision_score(one_hot, wide, average="micro")),
        "calibration_error": calibration_error(wide.max(axis=1), predicted == truth),
        "per_class": classes(truth, predicted, labels, [area(truth == k, wide[:, k]) for k in labels], precisions),
        "confusion": metrics.confusion_matrix(truth, predicted, labels=labels).tolist(),
    }
    return {"name": name, "truth": truth.tolist(), "probabilities": decimals(p), "report": present(report)}


def multi(name, truth, p, threshold):
    truth, labels = np.asarray(truth), list(range(p.shape[1]))
    wide = p.astype(np.float64)
    predicted = (p >= np.float32(threshold)).astype(int)
    areas = [area(truth[:, k] == 1, wide[:, k]) for k in labels]
    precisions = [precision(truth[:, k] == 1, wide[:, k]) for k in labels]
    occurring = [k for k in labels if truth[:, k].any()]
    report = {
        "n_docs": len(truth),
        "multi_label": True,
        "threshold": threshold,
        "accuracy": float(metrics.accuracy_score(truth, predicted)),
        **averages(truth, predicted, labels),
        "samples_f1": float(metrics.f1_score(truth, predicted, average="samples", zero_division=0)),
        "hamming_loss": float(metrics.hamming_loss(truth, predicted)),
        "ranking_loss": float(metrics.label_ranking_loss(truth, wide)),
        "coverage_error": float(metrics.coverage_error(truth, wide)),
        "ranking_average_precision": float(metrics.label_ranking_average_precision_score(truth, wide)),
        "precision_at_1": ranks(truth, wide, 1),
        "precision_at_3": ranks(truth, wide, 3),
        "precision_at_5": ranks(truth, wide, 5),
        "log_loss": float(metrics.log_loss(truth.ravel(), wide.ravel(), labels=[0, 1])),
        "brier_score": float(metrics.brier_score_loss(truth.ravel(), wide.ravel())),
        "auc": None if None in areas else float(metrics.roc_auc_score(truth, wide, average="macro")),
        "weighted_auc": None if None in areas else float(metrics.roc_auc_score(truth, wide, average="weighted")),
        "average_precision": mean(precisions),
        "weighted_average_precision": float(
            metrics.average_precision_score(truth[:, occurring], wide[:, occurring], average="weighted")
        ),
        "micro_average_precision": float(metrics.average_precision_score(truth, wide, average="micro")),
        "calibration_error": calibration_error(wide.ravel(), truth.ravel()),
        "per_class": classes(truth, predicted, labels, areas, precisions),
        "confusion": metrics.multilabel_confusion_matrix(truth, predicted).tolist(),
    }
    sets = [np.flatnonzero(row).tolist() for row in truth]
    return {"name": name, "truth_sets": sets, "probabilities": decimals(p), "report": present(report)}


def decimals(p):
    """The shortest decimals that give the same f32."""
    return [float(str(x)) for x in p.ravel()]


def curve(name, truth, scores):
    fpr, tpr, thresholds = metrics.roc_curve(truth, scores.astype(np.float64), drop_intermediate=False)
    precision, recall, pr_thresholds = metrics.precision_recall_curve(truth, scores.astype(np.float64))
    return {
        "name": name,
        "truth": [bool(t) for t in truth],
        "scores": decimals(scores),
        "roc": {
            "false_positive_rate": fpr.tolist(),
            "true_positive_rate": tpr.tolist(),
            "thresholds": thresholds[1:].tolist(),  # the first is infinite
        },
        "precision_recall": {
            "precision": precision.tolist(),
            "recall": recall.tolist(),
            "thresholds": pr_thresholds.tolist(),
        },
        "auc": float(metrics.roc_auc_score(truth, scores.astype(np.float64))),
        "average_precision": float(metrics.average_precision_score(truth, scores.astype(np.float64))),
    }


def main():
    warnings.simplefilter("error")
    # Sums of f32 are off by more than scikit-learn allows for f64; it does not renormalise, so nothing changes.
    warnings.filterwarnings("ignore", message="The y_prob values do not sum to one")
    n = 60
    never_predicted = rows(n, 5, 1.5)
    never_predicted[:, 0] += never_predicted[:, 3] * np.float32(0.75)
    never_predicted[:, 3] *= np.float32(0.25)
    never_predicted = never_predicted.astype(np.float32)
    never_predicted[never_predicted.argmax(axis=1) == 3] = np.float32([0.6, 0.1, 0.1, 0.1, 0.1])
    five = rows(n, 5, 1.5)
    near_truth = np.where(rng.random(n) < 0.6, five.argmax(axis=1), rng.integers(0, 5, n))
    perfect_truth = rng.integers(0, 3, 20)
    sets = (rng.random((40, 6)) < [0.5, 0.3, 0.2, 0.4, 0.1, 0.6]).astype(int)
    sets[0] = 0
    scores = (0.25 * sets + 0.75 * rng.random((40, 6))).round(2).astype(np.float32)
    scores[0] = 0.25  # nothing true, nothing predicted
    absent = sets[:20].copy()
    absent[:, 2] = 0
    with_common = sets[:, :4].copy()
    with_common[:, 1] = 1
    tied = rng.integers(0, 5, 50).astype(np.float32) / 4
    cases = [
        single("binary", rng.integers(0, 2, n), rows(n, 2, 1.5)),
        single("binary with ties", rng.integers(0, 2, n), rows(n, 2, 1, decimals=1)),
        single("binary with one class in the truth", np.zeros(10, int), rows(10, 2, 1)),
        single("five classes", near_truth, five),
        single("one class is never predicted", np.arange(n) % 5, never_predicted),
        single("one class is absent from the truth", near_truth % 4, five),
        single("perfect and certain", perfect_truth, np.eye(3, dtype=np.float32)[perfect_truth]),
        single("wrong and certain", (perfect_truth + 1) % 3, np.eye(3, dtype=np.float32)[perfect_truth]),
        single("constant", perfect_truth, np.tile(np.float32([0.25, 0.5, 0.25]), (20, 1))),
        multi("any number of labels", sets, scores, 0.5),
        multi("any number of labels, low threshold", sets, scores, 0.3),
        multi("any number of labels, one is absent", absent, scores[:20], 0.5),
        multi("any number of labels, constant", sets[:10], np.full((10, 6), 0.5, np.float32), 0.5),
        multi("any number of labels, ties", sets, (scores * 4).round() / np.float32(4), 0.5),
        multi("four labels, of which every document has one", with_common, scores[:, :4], 0.5),
        single("one class of three, always right", np.zeros(8, int), np.tile(np.float32([0.5, 0.25, 0.25]), (8, 1))),
        single("binary, all predicted alike", np.arange(20) % 2, np.tile(np.float32([0.25, 0.75]), (20, 1))),
    ]
    curves = [
        curve("distinct scores", rng.random(30) < 0.4, rng.permutation(30).astype(np.float32) / 32),
        curve("tied scores", rng.random(50) < tied, tied),
        curve("one score", np.arange(10) % 2 == 0, np.full(10, 0.5, np.float32)),
    ]
    path = Path(__file__).with_name("metrics_golden.json")
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    curve_lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in curves)
    path.write_text(f'{{"cases":[\n{lines}\n],\n"curves":[\n{curve_lines}\n]}}\n')


if __name__ == "__main__":
    main()
