"""Recurrent layers, Transformers and what belongs to them, on PyTorch's own modules and functions, document by document."""

import torch
import torch.nn.functional as F


def with_a_row(x):
    """A document without tokens counts as one vector of zeros."""
    return x if len(x) else x.new_zeros(1, x.shape[1])


def recurrent(net, layer, width):
    """An LSTM or a GRU of torch.nn with our parameters; ours have one bias where PyTorch adds two."""
    kind, units = layer["type"], layer["units"]
    name, both = net.name(kind), layer.get("bidirectional", False)
    module = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind](width, units, bidirectional=both)
    n = {"lstm": 4, "gru": 3}[kind] * units
    ways = []
    for prefix, suffix in [(name, ""), (f"{name}.reverse", "_reverse")][: 2 if both else 1]:
        ways.append(
            (
                suffix,
                net.param(f"{prefix}.input.weight", n, width, scale=width**-0.5),
                net.param(f"{prefix}.state.weight", n, units, scale=units**-0.5),
                net.param(f"{prefix}.bias", n, scale=0.2),
                net.param(f"{prefix}.state.bias", units, scale=0.2) if kind == "gru" else None,
            )
        )

    def forward(x):
        named = {}
        for suffix, input_weight, state_weight, bias, state_bias in ways:
            zeros = torch.zeros(n if state_bias is None else 2 * units)
            named[f"weight_ih_l0{suffix}"] = input_weight
            named[f"weight_hh_l0{suffix}"] = state_weight
            named[f"bias_ih_l0{suffix}"] = bias
            named[f"bias_hh_l0{suffix}"] = zeros if state_bias is None else torch.cat([zeros, state_bias])
        return torch.func.functional_call(module, named, (with_a_row(x),))[0]

    return forward, units * (2 if both else 1)


def positions(net, layer, width):
    table = net.param(f"{net.name('positions')}.table", layer["max"], width, scale=0.3)

    def forward(x):
        x = with_a_row(x)
        return x + table[: len(x)]

    return forward


def layer_norm(net, layer, width):
    name = net.name("layer-norm")
    scale = net.param(f"{name}.scale", width, scale=1.0)
    shift = net.param(f"{name}.shift", width, scale=0.2)
    return lambda x: F.layer_norm(with_a_row(x), (width,), scale, shift, layer.get("epsilon", 1e-5))


def attention_pool(net, layer, width):
    name, units = net.name("attention-pool"), layer.get("units", width)
    weight = net.param(f"{name}.weight", units, width, scale=width**-0.5)
    bias = net.param(f"{name}.bias", units, scale=0.2)
    vector = net.param(f"{name}.vector", units, scale=0.7)

    def forward(x):
        scores = torch.tanh(F.linear(x, weight, bias)) @ vector
        return scores.softmax(dim=0)[None] @ x

    return forward


ACTIVATIONS = {
    "gelu": F.gelu,
    "gelu-tanh": lambda x: F.gelu(x, approximate="tanh"),
    "relu": F.relu,
    "silu": F.silu,
}


def rotate(x, base):
    """Turns heads `[n_heads, n, dim]` as Hugging Face's Llama does."""
    half = x.shape[-1] // 2
    frequencies = base ** (-torch.arange(half, dtype=x.dtype) / half)
    angles = torch.arange(x.shape[1], dtype=x.dtype)[:, None] * frequencies
    cos, sin = torch.cat([angles, angles], -1).cos(), torch.cat([angles, angles], -1).sin()
    turned = torch.cat([-x[..., half:], x[..., :half]], -1)
    return x * cos + turned * sin


def transformer(net, layer, width):
    """Every block by F.scaled_dot_product_attention with a mask of what is seen."""
    prefix = net.name("transformer")
    heads = layer["heads"]
    kv_heads = layer.get("kv-heads", heads)
    dim = layer.get("head-dim", width // heads)
    inner = layer.get("feed-forward", 4 * width)
    gated, bias = layer.get("gated", False), layer.get("bias", True)
    pre, rms = layer.get("norm", "pre") == "pre", layer.get("norm-kind", "layer") == "rms"
    epsilon, activation = layer.get("epsilon", 1e-5), ACTIVATIONS[layer.get("activation", "gelu")]

    def linear(name, n_in, n_out, has_bias=bias):
        weight = net.param(f"{name}.weight", n_out, n_in, scale=n_in**-0.5)
        b = net.param(f"{name}.bias", n_out, scale=0.2) if has_bias else None
        return lambda x: F.linear(x, weight, b)

    def norm(name):
        scale = net.param(f"{name}.scale", width, scale=1.0)
        if rms:
            return lambda x: F.rms_norm(x, (width,), scale, epsilon)
        shift = net.param(f"{name}.shift", width, scale=0.2) if layer.get("norm-bias", True) else None
        return lambda x: F.layer_norm(x, (width,), scale, shift, epsilon)

    blocks = []
    for i in range(1 if layer.get("share") else layer["layers"]):
        name = f"{prefix}.{i}"
        qkv = linear(f"{name}.attention.qkv", width, (heads + 2 * kv_heads) * dim, layer.get("qkv-bias", bias))
        output = linear(f"{name}.attention.output", heads * dim, width)
        skips = layer.get("skip-first-norm", False) and i == 0
        attention_norm = (lambda x: x) if skips else norm(f"{name}.attention-norm")
        units_in = linear(f"{name}.feed-forward.input", width, inner * (2 if gated else 1))
        units_out = linear(f"{name}.feed-forward.output", inner, width)
        blocks.append((qkv, output, attention_norm, units_in, units_out, norm(f"{name}.feed-forward-norm")))
    final = norm(f"{prefix}.final-norm") if pre and layer.get("final-norm", True) else lambda x: x

    def attention(x, qkv, output, window, base):
        n = len(x)
        q, k, v = qkv(x).split([heads * dim, kv_heads * dim, kv_heads * dim], dim=-1)
        q, k, v = (t.reshape(n, -1, dim).transpose(0, 1) for t in (q, k, v))
        if base is not None:
            q, k = rotate(q, base), rotate(k, base)
        k, v = (t.repeat_interleave(heads // kv_heads, dim=0) for t in (k, v))
        distance = torch.arange(n)[:, None] - torch.arange(n)
        seen = torch.ones(n, n, dtype=torch.bool)
        if layer.get("causal"):
            seen &= distance >= 0
        if window is not None:
            seen &= distance.abs() <= window
        context = F.scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=seen)[0]
        return output(context.transpose(0, 1).reshape(n, heads * dim))

    def units(x, units_in, units_out):
        x = units_in(x)
        if gated:
            gate, up = x.chunk(2, dim=-1)
            return units_out(activation(gate) * up)
        return units_out(activation(x))

    def forward(x):
        x = with_a_row(x)
        for i in range(layer["layers"]):
            qkv, output, attention_norm, units_in, units_out, units_norm = blocks[0 if layer.get("share") else i]
            window, base = layer.get("window"), layer.get("rotary")
            if window is not None:
                if i % layer.get("global-every", layer["layers"] + 1) == 0 and "global-every" in layer:
                    window = None
                else:
                    base = layer.get("local-rotary", base)
            if pre:
                x = x + attention(attention_norm(x), qkv, output, window, base)
                x = x + units(units_norm(x), units_in, units_out)
            else:
                x = attention_norm(x + attention(x, qkv, output, window, base))
                x = units_norm(x + units(x, units_in, units_out))
        return final(x)

    return forward
