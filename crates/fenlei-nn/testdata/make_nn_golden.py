"""Writes what PyTorch computes, for tests/golden.rs and tests/golden_nets.rs to compare with.

    pip install torch numpy
    python crates/fenlei-nn/testdata/make_nn_golden.py [losses optimizers schedules layers net-kim-2014 ...]

Each function below makes one JSON file: a list of cases, each with its description (as the engine's own
configuration reads it), its inputs and its outputs. Everything is float64 and drawn from fixed seeds, so that the
files change only when the script does. To add a golden file, write a function that returns its cases and list it in
GOLDENS.

The files net-*.json hold the nets of the recipes, with the same layers but few numbers in each and no dropout. They
have a function each, and one reading of the descriptions in PyTorch (class TorchNet). A file stays below 60 KB.
"""

import json
import math
import pathlib
import sys

import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).parent
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def draw(seed, *shape, scale=1.0):
    """Normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale


def numbers(x):
    """Any tensor as a flat list."""
    return [] if x is None else x.detach().reshape(-1).tolist()


def starts(lens):
    """Where each document begins."""
    return [sum(lens[:i]) for i in range(len(lens) + 1)]


# --------------------------------------------------------------------------------------------------------- losses


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


# ----------------------------------------------------------------------------------------------------- optimizers


def optimizers():
    n, n_steps = 7, 10
    start = draw(3, n)
    # Gradients of changing size and sign; one number has none at first.
    gradients = draw(4, n_steps, n) * torch.logspace(-3, 1, n)
    gradients[:4, 2] = 0.0
    described = [
        ({"kind": "sgd", "lr": 0.1}, lambda p: torch.optim.SGD(p, lr=0.1)),
        ({"kind": "sgd", "lr": 0.1, "momentum": 0.9}, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
        (
            {"kind": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True},
            lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
        ),
        ({"kind": "adam", "lr": 0.01}, lambda p: torch.optim.Adam(p, lr=0.01)),
        (
            {"kind": "adam", "lr": 0.01, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3},
            lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.95), eps=1e-3),
        ),
        (
            {"kind": "adamw", "lr": 0.01, "weight_decay": 0.1},
            lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
        ),
        ({"kind": "rmsprop", "lr": 0.01}, lambda p: torch.optim.RMSprop(p, lr=0.01)),
        (
            {"kind": "rmsprop", "lr": 0.01, "rho": 0.9, "epsilon": 1e-7, "momentum": 0.5},
            lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, eps=1e-7, momentum=0.5),
        ),
        ({"kind": "adagrad", "lr": 0.1}, lambda p: torch.optim.Adagrad(p, lr=0.1)),
        (
            {"kind": "adagrad", "lr": 0.1, "epsilon": 1e-7, "initial": 0.1},
            lambda p: torch.optim.Adagrad(p, lr=0.1, eps=1e-7, initial_accumulator_value=0.1),
        ),
    ]
    cases = []
    for spec, make in described:
        for clip_norm, l2 in [(None, 0.0), (2.0, 0.0), (None, 0.05)]:
            if l2 and spec["kind"] == "adamw":
                continue
            p = torch.nn.Parameter(start.clone())
            optimizer = make([p])
            trace = []
            for g in gradients:
                p.grad = g + l2 * p.detach()
                if clip_norm is not None:
                    torch.nn.utils.clip_grad_norm_([p], clip_norm)
                optimizer.step()
                trace.append(numbers(p))
            cases.append(
                {
                    "spec": spec,
                    "regularization": {"l2": l2, **({} if clip_norm is None else {"clip_norm": clip_norm})},
                    "start": numbers(start),
                    "gradients": [numbers(g) for g in gradients],
                    "trace": trace,
                }
            )
    return cases


# ------------------------------------------------------------------------------------------------------ schedules


def schedules():
    n = 20

    def trace(make, every_epoch=False):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        schedule = make(optimizer)
        factors = []
        for _ in range(n):
            factors.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        return factors

    s = torch.optim.lr_scheduler
    plateau_losses = [1.0, 0.9, 0.9, 0.89995, 0.95, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.7, 0.71, 0.72, 0.73, 0.74]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    plateau = s.ReduceLROnPlateau(optimizer, factor=0.5, patience=2, min_lr=0.2, eps=0.0)
    plateau_factors = []
    for loss in plateau_losses:
        plateau.step(loss)
        plateau_factors.append(optimizer.param_groups[0]["lr"])
    return [
        # One epoch a step.
        {"spec": {"kind": "step", "every_epochs": 3, "gamma": 0.7}, "factors": trace(lambda o: s.StepLR(o, 3, 0.7))},
        {
            "spec": {"kind": "cosine", "min_factor": 0.1},
            "factors": trace(lambda o: s.CosineAnnealingLR(o, T_max=n, eta_min=0.1)),
        },
        {"spec": {"kind": "one-cycle"}, "factors": trace(lambda o: s.OneCycleLR(o, max_lr=1.0, total_steps=n + 1))[:n],
         "total_steps": n + 1},
        {
            "spec": {"kind": "plateau", "patience": 2, "factor": 0.5, "min_factor": 0.2},
            "losses": plateau_losses,
            "factors": plateau_factors,
        },
    ]


# --------------------------------------------------------------------------------------------------------- layers


def windows(padding, length, width, stride):
    """How many zeros lie before and behind a document: the engine's rule, see layers/padding.rs."""
    if padding == "valid":
        before, n = 0, max(length - width, 0) // stride + 1
    elif padding == "same":
        n = max(math.ceil(length / stride), 1)
        before = max((n - 1) * stride + width - length, 0) // 2
    else:
        before, n = width - 1, 1 if length == 0 else math.ceil((length + width - 1) / stride)
    return before, max((n - 1) * stride + width - before - length, 0), n


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


# ----------------------------------------------------------------------------------------------------------- nets


class TorchNet:
    """A net by its description, document by document, on PyTorch's own convolutions, maxima and derivatives.

    Parameters have the engine's names and layouts. Their values have four decimals, which keeps the files small.
    """

    def __init__(self, spec, vocab_size, n_labels, seed):
        self.spec, self.vocab_size = spec, vocab_size
        self.seed, self.n_named = seed, 0
        self.params, self.frozen, self.plan = {}, set(), []
        width, flow = self.build(spec["layers"], 0, "tokens", self.plan)
        n_outputs = 1 if spec["head"] == "binary" else n_labels
        self.output = self.dense("output", width, n_outputs)

    def param(self, name, *shape, scale):
        self.seed += 1
        value = draw(self.seed, *shape, scale=scale).round(decimals=4)
        self.params[name] = value.requires_grad_()
        return value

    def name(self, kind):
        self.n_named += 1
        return f"{self.n_named}.{kind}"

    def dense(self, name, n_in, n_out):
        weight = self.param(f"{name}.weight", n_out, n_in, scale=(2 / n_in) ** 0.5)
        bias = self.param(f"{name}.bias", n_out, scale=0.2)
        return lambda x: F.linear(x, weight, bias)

    def build(self, layers, width, flow, plan):
        """Adds what each layer does with a document to `plan`; takes and gives the numbers in a row and whether rows
        are "tokens", word vectors ("embedded") or "rows"."""
        for layer in layers:
            kind = layer["type"]
            after = "rows"
            if kind == "embedding":
                name, width, tables = self.name(kind), layer["dim"], []
                mode = layer.get("mode", "tuned")
                tables.append(self.param(f"{name}.table", self.vocab_size, width, scale=0.7))
                if mode == "multichannel":
                    tables.append(self.param(f"{name}.static-table", self.vocab_size, width, scale=0.7))
                if mode != "tuned":
                    self.frozen.add(list(self.params)[-1])
                width *= len(tables)
                plan.append(lambda ids, tables=tables: torch.cat([table[ids] for table in tables], dim=1))
                after = "embedded"
            elif kind == "one-hot-conv":
                n, filters = layer["width"], layer["filters"]
                name = self.name(kind)
                table = self.param(f"{name}.table", self.vocab_size, n * filters, scale=(2 / n) ** 0.5)
                bias = self.param(f"{name}.bias", filters, scale=0.2)
                plan.append(
                    lambda ids, n=n, filters=filters, table=table, bias=bias, layer=layer: self.convolve(
                        F.one_hot(ids, self.vocab_size).to(table.dtype),
                        table.reshape(-1, n, filters).permute(2, 0, 1), bias, layer,
                    )
                )
                width = filters
            elif kind == "conv":
                widths, filters, name = layer["widths"], layer["filters"], self.name("conv")
                ways = []
                if flow == "embedded":
                    # Rows of the weights: width by width, then place by place, then filter by filter.
                    weight = self.param(
                        f"{name}.weight", sum(widths) * filters, width, scale=(2 / (widths[0] * width)) ** 0.5
                    )
                    bias = self.param(f"{name}.bias", len(widths) * filters, scale=0.2)
                    for i, n in enumerate(widths):
                        first = sum(widths[:i]) * filters
                        ways.append((n, filters, first, weight, bias, i))

                    def text_conv(x, ways=ways, layer=layer):
                        docs = []
                        for n, filters, first, weight, bias, i in ways:
                            taps = weight[first : first + n * filters].reshape(n, filters, -1).permute(1, 2, 0)
                            docs.append(self.convolve(x, taps, bias[i * filters : (i + 1) * filters], layer))
                        return docs if len(docs) > 1 else docs[0]

                    plan.append(text_conv)
                else:
                    (n,) = widths
                    weight = self.param(f"{name}.weight", filters, n, width, scale=(2 / (n * width)) ** 0.5)
                    bias = self.param(f"{name}.bias", filters, scale=0.2)
                    plan.append(
                        lambda x, weight=weight, bias=bias, layer=layer: self.convolve(
                            x, weight.transpose(1, 2), bias, layer
                        )
                    )
                width = len(widths) * filters
            elif kind == "pool":
                size = layer["size"]
                stride = layer.get("stride", size)
                plan.append(
                    lambda x, size=size, stride=stride: F.max_pool1d(x.T[None], size, stride)[0].T
                    if len(x) >= size
                    else x.max(dim=0, keepdim=True).values
                )
            elif kind == "branches":
                ways, widths = [], []
                for branch in layer["branches"]:
                    ways.append([])
                    widths.append(self.build(branch, width, flow, ways[-1])[0])

                def side_by_side(x, ways=ways):
                    outputs = []
                    for way in ways:
                        y = x
                        for step in way:
                            y = step(y)
                        outputs.append(y)
                    return torch.cat(outputs, dim=1)

                plan.append(side_by_side)
                width = sum(widths)
            elif kind == "global-pool" and layer.get("kind") == "average":
                # A document without tokens counts as one vector of zeros.
                plan.append(lambda x: x.mean(dim=0, keepdim=True) if len(x) else x.sum(dim=0, keepdim=True))
            elif kind == "global-pool":
                # Filters of several widths stand on different numbers of positions.
                plan.append(
                    lambda x: torch.cat(
                        [way.max(dim=0, keepdim=True).values for way in (x if isinstance(x, list) else [x])], dim=1
                    )
                )
            elif kind == "dense":
                linear = self.dense(self.name(kind), width, layer["units"])
                plan.append(lambda x, linear=linear, layer=layer: self.activate(linear(x), layer))
                width = layer["units"]
            elif kind == "activation":
                plan.append(lambda x, kind=layer["kind"]: getattr(torch, kind)(x))
            elif kind == "dropout":
                assert layer["rate"] == 0
                after = flow
                # The engine numbers a dropout between rows as it does layers with parameters.
                self.n_named += flow == "rows"
            elif kind == "residual":
                inner = []
                self.build(layer["layers"], width, "rows", inner)

                def residual(x, inner=inner):
                    y = x
                    for step in inner:
                        y = step(y)
                    return x + y

                plan.append(residual)
            else:
                raise ValueError(kind)
            flow = after
        return width, flow

    @staticmethod
    def activate(x, layer):
        name = layer.get("activation", "linear")
        return x if name == "linear" else getattr(torch, name)(x)

    @staticmethod
    def convolve(x, weight, bias, layer):
        """Rows `[length, n_in]` with `weight: [n_filters, n_in, width]`."""
        before, behind, _ = windows(layer.get("padding", "valid"), len(x), weight.shape[2], 1)
        padded = F.pad(x, (0, 0, before, behind)).T[None]
        return TorchNet.activate(F.conv1d(padded, weight, bias)[0].T, layer)

    def logits(self, docs):
        rows = []
        for doc in docs:
            x = torch.tensor(doc, dtype=torch.long)
            for step in self.plan:
                x = step(x)
            rows.append(self.output(x))
        return torch.cat(rows)

    def case(self, lens, labels, n_labels):
        """Documents of these lengths; the first tokens of the vocabulary appear nowhere."""
        ids = torch.Generator().manual_seed(self.seed)
        docs = [torch.randint(3, self.vocab_size, (n,), generator=ids).tolist() for n in lens]
        trained = {name: value for name, value in self.params.items() if name not in self.frozen}
        for name in self.frozen:
            self.params[name].requires_grad_(False)
        start = {
            name: {"shape": list(value.shape), "data": numbers(value)} for name, value in self.params.items()
        }
        target = torch.tensor(labels)

        def loss():
            z = self.logits(docs)
            if self.spec["head"] == "binary":
                return z, F.binary_cross_entropy_with_logits(z[:, 0], target.to(z.dtype))
            return z, F.cross_entropy(z, target)

        optimizer = torch.optim.Adam(trained.values(), lr=0.01)
        losses = []
        for step in range(10):
            optimizer.zero_grad()
            z, value = loss()
            value.backward()
            if step == 0:
                logits, grads = numbers(z), {name: numbers(value.grad) for name, value in trained.items()}
            losses.append(value.item())
            optimizer.step()
        return {
            "spec": self.spec,
            "vocab_size": self.vocab_size,
            "n_labels": n_labels,
            "docs": docs,
            "labels": labels,
            "params": start,
            "logits": logits,
            "grads": grads,
            "losses": losses,
        }


def net(seed, head, layers, lens, labels, vocab_size=30):
    n_labels = max(labels) + 1
    spec = {"head": head, "word_dropout": 0.0, "layers": layers}
    return TorchNet(spec, vocab_size, n_labels, seed).case(lens, labels, n_labels)


def embedding(**more):
    return {"type": "embedding", "dim": 6, **more}


def convolution(widths, filters, **more):
    return {"type": "conv", "widths": widths, "filters": filters, **more}


GLOBAL_MAX = {"type": "global-pool", "kind": "max"}
NO_DROPOUT = {"type": "dropout", "rate": 0.0}


def pooling(size, **more):
    return {"type": "pool", "kind": "max", "size": size, **more}


def units(n):
    return {"type": "dense", "units": n, "activation": "relu"}


def net_appendix_c():
    layers = [embedding(), convolution([5], 7, padding="valid", activation="relu"), GLOBAL_MAX, units(5)]
    return [net(100, "binary", layers, [9, 3, 0, 14], [1, 0, 0, 1])]


def net_chapter_8():
    block = [convolution([5], 5, padding="valid", activation="relu"), pooling(5)]
    layers = [embedding(), *block, *block, GLOBAL_MAX, units(4)]
    # Two rows behind the second pooling need 74 tokens.
    return [net(200, "binary", layers, [90, 3, 0, 33], [1, 0, 0, 1])]


def net_kim_2014():
    def layers(**mode):
        conv = convolution([3, 4, 5], 4, padding="full", activation="relu")
        return [embedding(init=0.25, **mode), conv, GLOBAL_MAX, NO_DROPOUT]

    lens, labels = [9, 2, 0, 14], [1, 0, 2, 1]
    # The variants of the paper: random, static and multichannel.
    return [
        net(300, "softmax", layers(), lens, labels),
        net(340, "softmax", layers(mode="static"), lens, labels, vocab_size=14),
        net(370, "softmax", layers(mode="multichannel"), lens, labels, vocab_size=14),
    ]


def net_dpcnn():
    def conv():
        return convolution([3], 4, padding="same")

    relu = {"type": "activation", "kind": "relu"}
    block = {"type": "residual", "layers": [relu, conv(), relu, conv()]}
    down = pooling(3, stride=2)
    deep = [block, down, block, down, block, down, block, down, block]
    layers = [embedding(), NO_DROPOUT, conv(), *deep, GLOBAL_MAX, NO_DROPOUT]
    # Two rows in the last block need 47 tokens.
    return [net(400, "auto", layers, [50, 2, 0, 21], [1, 0, 2, 1])]


def net_char_cnn():
    def conv(n):
        return convolution([n], 4, activation="relu")

    first = {"type": "one-hot-conv", "width": 7, "filters": 4, "activation": "relu"}
    dense = [units(5), NO_DROPOUT, units(5), NO_DROPOUT]
    deep = [pooling(3), conv(7), pooling(3), conv(3), conv(3), conv(3), conv(3), pooling(3), GLOBAL_MAX]
    # Two rows behind the last pooling need 156 characters.
    return [net(1040, "auto", [first, *deep, *dense], [170, 4, 0, 60], [1, 0, 2, 1], vocab_size=18)]


def net_one_hot_cnn():
    first = {"type": "one-hot-conv", "width": 3, "filters": 5, "padding": "full", "activation": "relu"}
    return [net(600, "auto", [first, GLOBAL_MAX, NO_DROPOUT], [9, 2, 0, 14], [1, 0, 2, 1])]


def net_cnn():
    conv = convolution([2, 3, 4], 6, padding="full", activation="relu")
    mean = {"type": "global-pool", "kind": "average"}
    branches = {"type": "branches", "branches": [[conv, GLOBAL_MAX], [mean]]}
    layers = [embedding(init=0.2), NO_DROPOUT, branches, NO_DROPOUT]
    return [net(700, "auto", layers, [9, 1, 0, 14], [1, 0, 2, 1])]


GOLDENS = {
    "losses": losses,
    "optimizers": optimizers,
    "schedules": schedules,
    "layers": layers,
    "net-appendix-c": net_appendix_c,
    "net-chapter-8": net_chapter_8,
    "net-kim-2014": net_kim_2014,
    "net-dpcnn": net_dpcnn,
    "net-char-cnn": net_char_cnn,
    "net-one-hot-cnn": net_one_hot_cnn,
    "net-cnn": net_cnn,
}


def main():
    for name in sys.argv[1:] or GOLDENS:
        cases = GOLDENS[name]()
        lines = ",\n".join(json.dumps(case) for case in cases)
        (HERE / f"{name}.json").write_text(f"[\n{lines}\n]\n")
        print(f"{name}.json: {len(cases)} cases")


if __name__ == "__main__":
    main()
