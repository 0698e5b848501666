"""The golden files of the engine, a module for each kind. Everything is float64, on one thread."""

import torch

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
