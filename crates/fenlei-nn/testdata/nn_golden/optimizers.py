"""Steps of optimizers, with regularisation and clipping."""

import torch

from .arrays import draw, numbers


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
