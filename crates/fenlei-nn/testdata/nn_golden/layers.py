"""Single layers, with the gradients of what they read and of their parameters."""

import torch
import torch.nn.functional as F

from .arrays import draw, numbers, starts
from .padding import windows


def layers():
    lens = [7, 0, 1, 10, 2, 4]
    n_rows, n_in, n_out = sum(lens), 3, 4
    cases = []

    def case(layer, forward, params, x_width=n_in):
        """`forward` maps the rows of one document (or of all, if it says so) to rows."""
        x = draw(10 + len(cases), n_rows, x_width).requires_grad_()
        params = {name: value.clone().requires_grad_() for name, value in params.items()}
        if getattr(forward, "whole_batch", False):
            docs = [forward(x, params)]
            y_lens = lens
        else:
            docs = [forward(doc, params) for doc in x.split(lens)]
            y_lens = [len(doc) for doc in docs]
        y = torch.cat(docs)
        dy = draw(1000 + len(cases), *y.shape)
        y.backward(dy)
        cases.append(
            {
                "layer": layer,
                "params": {name: {"shape": list(value.shape), "data": numbers(value)} for name, value in params.items()},
                "x": {"data": numbers(x), "width": x_width, "starts": starts(lens)},
                "y": {"data": numbers(y), "width": y.shape[1], "starts": starts(y_lens)},
                "dy": numbers(dy),
                "dx": numbers(x.grad),
                "grads": {name: numbers(value.grad) for name, value in params.items()},
            }
        )
        return cases[-1]

    for padding in ["valid", "same", "full"]:
        for width, stride in [(1, 1), (3, 1), (4, 1), (3, 2), (5, 3)]:

            def conv(doc, p):
                before, behind, n = windows(padding, len(doc), width, stride)
                padded = F.pad(doc, (0, 0, before, behind)).T[None]
                # PyTorch keeps the place within a filter last.
                return F.conv1d(padded, p["weight"].transpose(1, 2), p["bias"], stride=stride)[0].T[:n]

            layer = {"kind": "conv1d", "width": width, "stride": stride, "padding": padding, "n_filters": n_out}
            case(layer, conv, {"weight": draw(5, n_out, width, n_in), "bias": draw(6, n_out)})

    case(
        {"kind": "dense", "n_out": n_out},
        lambda doc, p: F.linear(doc, p["weight"], p["bias"]),
        {"weight": draw(5, n_out, n_in), "bias": draw(6, n_out)},
    )
    for name in ["gelu", "relu", "tanh", "sigmoid"]:
        case({"kind": "activation", "activation": name}, lambda doc, _: getattr(torch, name, None)(doc)
             if name != "gelu" else F.gelu(doc), {})

    wide = 37
    case(
        {"kind": "layer-norm"},
        lambda doc, p: F.layer_norm(doc, (wide,), p["scale"], p["shift"], 1e-5),
        {"scale": draw(5, wide), "shift": draw(6, wide)},
        x_width=wide,
    )
    for train in [True, False]:
        mean, variance = draw(7, n_in), draw(8, n_in).abs() + 0.5
        before = (mean.clone(), variance.clone())

        def batch_norm(x, p):
            return F.batch_norm(x, mean, variance, p["scale"], p["shift"], train, 0.1, 1e-5)

        batch_norm.whole_batch = True
        layer = {"kind": "batch-norm", "train": train}
        found = case(layer, batch_norm, {"scale": draw(5, n_in), "shift": draw(6, n_in)})
        for name, old, new in [("running_mean", before[0], mean), ("running_variance", before[1], variance)]:
            found["params"][name] = {"shape": [n_in], "data": numbers(old)}
            found.setdefault("statistics", {})[name] = numbers(new)
    return cases
