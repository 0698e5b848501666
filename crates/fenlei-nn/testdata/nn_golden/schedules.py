"""Factors of the learning rate, step by step or epoch by epoch."""

import torch


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
