"""The nets of the recipes, with the same layers but few numbers in each and no dropout."""

from .torch_net import TorchNet


def net(seed, head, layers, lens, labels, vocab_size=30, weighted=False):
    n_labels = max(labels) + 1
    spec = {"head": head, "word_dropout": 0.0, "layers": layers}
    return TorchNet(spec, vocab_size, n_labels, seed).case(lens, labels, n_labels, weighted)


def embedding(**more):
    return {"type": "embedding", **{"dim": 6, **more}}


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
    conv = convolution([1, 2, 3, 4, 5], 6, padding="full", activation="relu")
    mean = {"type": "global-pool", "kind": "average"}
    branches = {"type": "branches", "branches": [[conv, GLOBAL_MAX], [mean]]}
    layers = [embedding(init=0.2), NO_DROPOUT, branches, NO_DROPOUT]
    return [net(700, "auto", layers, [9, 1, 0, 14], [1, 0, 2, 1])]


def net_bag():
    bag = {"type": "embedding-bag", "dim": 5, "init": 0.05}
    return [net(800, "auto", [bag], [9, 1, 0, 14], [1, 0, 2, 1], weighted=True)]


def net_mlp():
    bag = {"type": "embedding-bag", "dim": 6, "init": 0.05, "bias": True, "activation": "relu"}
    return [net(900, "auto", [bag, NO_DROPOUT], [9, 1, 0, 14], [1, 0, 2, 1], weighted=True)]


def pool(kind):
    return {"type": "global-pool", "kind": kind}


def net_recurrent():
    lstm = [embedding(dim=4), {"type": "lstm", "units": 5}, {"type": "lstm", "units": 3}, GLOBAL_MAX]
    gru = [embedding(dim=4), {"type": "gru", "units": 4, "bidirectional": True}, pool("attention")]
    both = [embedding(dim=4), {"type": "lstm", "units": 3, "bidirectional": True}, pool("last")]
    return [
        net(1100, "auto", lstm, LENS, LABELS, vocab_size=14),
        net(1130, "auto", gru, LENS, LABELS, vocab_size=14),
        net(1160, "auto", both, LENS, LABELS, vocab_size=14),
    ]


LENS, LABELS = [9, 1, 0, 14], [1, 0, 2, 1]


def net_encoder():
    """Like BERT, and like ModernBERT."""
    bert = {"type": "transformer", "layers": 2, "heads": 2, "feed-forward": 7, "norm": "post"}
    start = [{"type": "positions", "max": 16}, {"type": "layer-norm", "epsilon": 1e-12}]
    modern = {
        "type": "transformer", "layers": 3, "heads": 2, "head-dim": 4, "feed-forward": 4, "gated": True, "bias": False,
        "norm-bias": False, "window": 2, "global-every": 2, "rotary": 1000.0, "local-rotary": 50.0,
        "skip-first-norm": True,
    }
    return [
        net(1200, "auto", [embedding(), *start, bert, pool("first")], LENS, LABELS, vocab_size=14),
        net(1320, "auto", [embedding(), modern, pool("average")], LENS, LABELS, vocab_size=14),
    ]


def net_decoder():
    """Like Llama and Qwen2, and like GPT-2, its blocks shared as in ALBERT."""
    llama = {
        "type": "transformer", "layers": 2, "heads": 4, "kv-heads": 2, "head-dim": 2, "feed-forward": 5, "gated": True,
        "activation": "silu", "norm-kind": "rms", "epsilon": 1e-6, "bias": False, "qkv-bias": True, "causal": True,
        "rotary": 10000.0,
    }
    gpt = {
        "type": "transformer", "layers": 2, "heads": 3, "feed-forward": 5, "activation": "gelu-tanh", "causal": True,
        "share": True,
    }
    start = {"type": "positions", "max": 16}
    return [
        net(1240, "auto", [embedding(), llama, pool("last")], LENS, LABELS, vocab_size=14),
        net(1280, "auto", [embedding(), start, gpt, pool("last")], LENS, LABELS, vocab_size=14),
    ]


BOTH = {"type": "branches", "branches": [[GLOBAL_MAX], [pool("average")]]}


def of_states(layers):
    """Layers between the embedding and what reads their states, as in the recipes."""
    return [embedding(init=0.1), *layers, BOTH, NO_DROPOUT]


def net_lstm():
    layers = [NO_DROPOUT, {"type": "lstm", "units": 4, "bidirectional": True}]
    return [net(1400, "auto", of_states(layers), LENS, LABELS, vocab_size=14)]


def net_gru():
    layers = [NO_DROPOUT, {"type": "gru", "units": 4, "bidirectional": True}]
    return [net(1440, "auto", of_states(layers), LENS, LABELS, vocab_size=14)]


def net_rcnn():
    lstm = {"type": "lstm", "units": 3, "bidirectional": True}
    conv = convolution([3], 4, padding="same", activation="relu")
    layers = [embedding(init=0.1), NO_DROPOUT, lstm, conv, GLOBAL_MAX, NO_DROPOUT]
    return [net(1480, "auto", layers, LENS, LABELS, vocab_size=14)]


def net_transformer():
    transformer = {"type": "transformer", "layers": 2, "heads": 2, "feed-forward": 7}
    layers = [{"type": "positions", "max": 16}, NO_DROPOUT, transformer]
    return [net(1520, "auto", of_states(layers), LENS, LABELS, vocab_size=14)]
