"""Losses with their gradients."""

import torch
import torch.nn.functional as F

from .arrays import draw, numbers, starts


def losses():
    n_docs, n_labels = 6, 4
    logits = draw(1, n_docs, n_labels, scale=2.0)
    single = torch.tensor([2, 0, 3, 1, 1, 2])
    multi = [[0, 2], [], [1], [0, 1, 2, 3], [3], [2, 3]]
    multi_hot = torch.zeros(n_docs, n_labels)
    for doc, labels in enumerate(multi):
        multi_hot[doc, labels] = 1.0
    binary_logits = draw(2, n_docs, 1, scale=2.0)
    binary = torch.tensor([0, 1, 1, 0, 1, 0])
    class_weights = torch.tensor([0.5, 1.0, 2.0, 1.5])
    binary_weights = torch.tensor([0.7, 1.9])
    sample_weights = torch.tensor([1.0, 0.2, 3.0, 1.0, 0.0, 0.5])
    cases = []

    def case(spec, head, z, labels, loss, weights=None, samples=None):
        z = z.clone().requires_grad_()
        value = loss(z)
        value.backward()
        cases.append(
            {
                "spec": spec,
                "head": head,
                "logits": numbers(z),
                "labels": [label for doc in labels for label in doc],
                "starts": starts([len(doc) for doc in labels]),
                "class_weights": None if weights is None else numbers(weights),
                "sample_weights": None if samples is None else numbers(samples),
                "value": value.item(),
                "gradient": numbers(z.grad),
            }
        )

    singles = [[label] for label in single.tolist()]
    binaries = [[label] for label in binary.tolist()]

    for smoothing in [0.0, 0.1]:
        spec = {"kind": "softmax-cross-entropy", "label_smoothing": smoothing}
        for weights in [None, class_weights]:
            case(
                spec, "softmax", logits, singles,
                lambda z: F.cross_entropy(z, single, weight=weights, label_smoothing=smoothing),
                weights,
            )

        def by_document(z):
            each = F.cross_entropy(z, single, weight=class_weights, label_smoothing=smoothing, reduction="none")
            return (each * sample_weights).sum() / (class_weights[single] * sample_weights).sum()

        case(spec, "softmax", logits, singles, by_document, class_weights, sample_weights)

    # Several labels share the target of a softmax.
    spread = [labels for labels in multi if labels]
    target = torch.stack([row / row.sum() for row in multi_hot if row.sum() > 0])
    case(
        {"kind": "softmax-cross-entropy"}, "softmax", logits[: len(spread)], spread,
        lambda z: F.cross_entropy(z, target),
    )

    spec = {"kind": "binary-cross-entropy"}
    case(spec, "sigmoid", logits, multi, lambda z: F.binary_cross_entropy_with_logits(z, multi_hot))
    case(
        spec, "sigmoid", logits, multi,
        lambda z: F.binary_cross_entropy_with_logits(z, multi_hot, weight=class_weights),
        class_weights,
    )
    smooth = multi_hot * 0.8 + 0.1
    case(
        {"kind": "binary-cross-entropy", "label_smoothing": 0.2}, "sigmoid", logits, multi,
        lambda z: F.binary_cross_entropy_with_logits(z, smooth),
    )
    case(
        spec, "binary", binary_logits, binaries,
        lambda z: F.binary_cross_entropy_with_logits(z[:, 0], binary.double()),
    )

    def weighted_binary(z):
        each = F.binary_cross_entropy_with_logits(z[:, 0], binary.double(), reduction="none")
        weights = binary_weights[binary] * sample_weights
        return (each * weights).sum() / weights.sum()

    case(spec, "binary", binary_logits, binaries, weighted_binary, binary_weights, sample_weights)

    spec = {"kind": "mean-squared-error"}
    one_hot = F.one_hot(single, n_labels).double()
    case(spec, "softmax", logits, singles, lambda z: F.mse_loss(z.softmax(1), one_hot))
    case(spec, "sigmoid", logits, multi, lambda z: F.mse_loss(z.sigmoid(), multi_hot))
    case(spec, "binary", binary_logits, binaries, lambda z: F.mse_loss(z[:, 0].sigmoid(), binary.double()))

    for gamma in [0.5, 2.0]:
        spec = {"kind": "focal", "gamma": gamma}

        def softmax_focal(z):
            p = z.softmax(1)[range(n_docs), single]
            return (-((1 - p) ** gamma) * p.log()).mean()

        def sigmoid_focal(z):
            p = torch.where(multi_hot == 1, z.sigmoid(), 1 - z.sigmoid())
            return (-((1 - p) ** gamma) * p.log()).mean()

        case(spec, "softmax", logits, singles, softmax_focal)
        case(spec, "sigmoid", logits, multi, sigmoid_focal)
    return cases
