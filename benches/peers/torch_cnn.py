"""Trains and times the article's convolutional networks with PyTorch.

The convolution is a Conv2d over a picture one row high in channels-last order. That is the
order in which the embedding gives its values, so nothing is transposed; it is the same
arithmetic as Conv1d and clearly quicker on the CPU.
"""

import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from harness import choose_batch, cnn_arguments, peak_mb, seconds, write_result
from load import load


class Network(nn.Module):
    """The network of that name, with the starting weights that Keras gives it."""

    def __init__(self, net, vocab):
        super().__init__()
        self.embedding = nn.Embedding(vocab, 128)
        self.convolutions = nn.ModuleList(nn.Conv2d(128, 128, (1, 5)) for _ in range(2 if net == "chapter-8" else 1))
        self.pool = net == "chapter-8"
        self.hidden = nn.Linear(128, 128)
        self.output = nn.Linear(128, 1)

        nn.init.uniform_(self.embedding.weight, -0.05, 0.05)
        for layer in (*self.convolutions, self.hidden, self.output):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.convolutions.to(memory_format=torch.channels_last)

    def forward(self, ids):
        """Returns one logit a document."""
        values = self.embedding(ids).transpose(1, 2).unsqueeze(2)  # documents × 128 × 1 × tokens
        for convolution in self.convolutions:
            values = F.relu(convolution(values))
            if self.pool:
                values = F.max_pool2d(values, (1, 5))
        values = F.adaptive_max_pool2d(values, 1).flatten(1)
        return self.output(F.relu(self.hidden(values))).squeeze(1)


def train_epoch(model, optimizer, documents, labels, batch):
    """Takes every document once, in a new order."""
    model.train()
    for rows in torch.randperm(len(documents)).split(batch):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(documents[rows]), labels[rows]).backward()
        optimizer.step()


def main():
    args = cnn_arguments(__doc__)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)

    train, train_labels = map(torch.from_numpy, load(args.data, "train", args.max_len, args.vocab, args.sample))
    test, test_labels = map(torch.from_numpy, load(args.data, "test", args.max_len, args.vocab, args.sample))
    model = Network(args.net, args.vocab)
    # eps is Keras's; fused is the quickest of PyTorch's ways to compute Adam
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, fused=True)

    epoch_seconds = []
    for _ in range(args.epochs):
        start = time.perf_counter()
        train_epoch(model, optimizer, train, train_labels, args.batch)
        epoch_seconds.append(time.perf_counter() - start)

    @torch.inference_mode()
    def score(documents, batch):
        model.eval()
        return np.concatenate([model(part).sigmoid().numpy() for part in documents.split(batch)])

    batch = choose_batch(score, test, args.score_batch)
    runs = [seconds(lambda: score(test, batch)) for _ in range(3)]
    accuracy = float(((runs[-1][1] > 0.5) == (test_labels.numpy() > 0.5)).mean())

    write_result(
        args.out,
        {
            "peer": "pytorch",
            "version": f"torch {torch.__version__}",
            "net": args.net,
            "seed": args.seed,
            "threads": args.threads,
            "batch": args.batch,
            "epoch_seconds": epoch_seconds,
            "score_seconds": [run[0] for run in runs],
            "docs_train": len(train),
            "docs_test": len(test),
            "test_accuracy": accuracy,
            "peak_mb": peak_mb(),
            "batch_score": batch,
        },
    )


if __name__ == "__main__":
    main()
