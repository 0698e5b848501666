"""One reading of a net's description in PyTorch."""

import torch
import torch.nn.functional as F

from . import sequence_layers
from .arrays import draw, numbers
from .padding import windows


class TorchNet:
    """A net by its description, document by document, on PyTorch's own convolutions, maxima and derivatives.

    Parameters have the engine's names and layouts. Their values have four decimals, which keeps the files small.
    """

    def __init__(self, spec, vocab_size, n_labels, seed):
        self.spec, self.vocab_size = spec, vocab_size
        self.seed, self.n_named = seed, 0
        self.params, self.frozen, self.plan = {}, set(), []
        # What the tokens of the document at hand count, where a layer asks.
        self.values = None
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
            elif kind == "embedding-bag":
                name, width = self.name(kind), layer["dim"]
                table = self.param(f"{name}.table", self.vocab_size, width, scale=0.7)
                bias = self.param(f"{name}.bias", width, scale=0.2) if layer.get("bias") else torch.zeros(width)
                plan.append(
                    lambda ids, table=table, bias=bias, layer=layer: self.activate(
                        F.embedding_bag(ids[None], table, mode="sum", per_sample_weights=self.values[None]) + bias
                        if len(ids)
                        else bias[None],
                        layer,
                    )
                )
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
            elif kind in ("lstm", "gru"):
                forward, width = sequence_layers.recurrent(self, layer, width)
                plan.append(forward)
            elif kind in ("positions", "layer-norm", "transformer"):
                plan.append(getattr(sequence_layers, kind.replace("-", "_"))(self, layer, width))
            elif kind == "global-pool" and layer.get("kind") in ("first", "last"):
                row = {"first": 0, "last": -1}[layer["kind"]]
                plan.append(lambda x, row=row: x[row][None])
            elif kind == "global-pool" and layer.get("kind") == "attention":
                plan.append(sequence_layers.attention_pool(self, layer, width))
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

    def logits(self, docs, values=None):
        rows = []
        for i, doc in enumerate(docs):
            x = torch.tensor(doc, dtype=torch.long)
            self.values = torch.tensor(values[i], dtype=torch.get_default_dtype()) if values else None
            for step in self.plan:
                x = step(x)
            rows.append(self.output(x))
        return torch.cat(rows)

    def case(self, lens, labels, n_labels, weighted=False):
        """Documents of these lengths; the first tokens of the vocabulary appear nowhere. Where tokens are weighted, they
        count whole eighths, which every type holds exactly."""
        ids = torch.Generator().manual_seed(self.seed)
        docs = [torch.randint(3, self.vocab_size, (n,), generator=ids).tolist() for n in lens]
        values = None
        if weighted:
            values = [(torch.randint(1, 16, (n,), generator=ids) / 8).tolist() for n in lens]
        trained = {name: value for name, value in self.params.items() if name not in self.frozen}
        for name in self.frozen:
            self.params[name].requires_grad_(False)
        start = {
            name: {"shape": list(value.shape), "data": numbers(value)} for name, value in self.params.items()
        }
        target = torch.tensor(labels)

        def loss():
            z = self.logits(docs, values)
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
            **({"values": values} if weighted else {}),
            "labels": labels,
            "params": start,
            "logits": logits,
            "grads": grads,
            "losses": losses,
        }
