"""Numbers from seeds, and as JSON holds them."""

import torch


def draw(seed, *shape, scale=1.0):
    """Normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale


def numbers(x):
    """Any tensor as a flat list."""
    return [] if x is None else x.detach().reshape(-1).tolist()


def starts(lens):
    """Where each document begins."""
    return [sum(lens[:i]) for i in range(len(lens) + 1)]
