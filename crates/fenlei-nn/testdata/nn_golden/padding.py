"""Where the windows of a convolution stand."""

import math


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
