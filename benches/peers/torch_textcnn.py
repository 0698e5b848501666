"""Trains and times the usual PyTorch nets for Chinese titles, straight from text.

Characters as tokens, the 10,000 most frequent ones; 32 of a title; embedding of 300, random
at the start; dropout 0.5; Adam; batch 128. `--net` says what reads the vectors: `textcnn` 256 filters of each of
the widths 2, 3 and 4; `lstm` two layers of 128 units in each direction, of which the last step answers;
`transformer` two blocks of five heads and 1,024 inner units, of which all places answer.
The dev loss is taken every 100 batches and at the end of each epoch; the weights with the
lowest one are used, and training ends when it has not fallen for 1,000 batches (2,000 of the Transformer).
"""

import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from harness import base_arguments, choose_batch, peak_mb, seconds, write_result

PAD, UNKNOWN = 0, 1
MAX_LEN = 32
VOCAB = 10_000
WIDTHS = (2, 3, 4)
DEV_EVERY = 100


def read(folder, split, sample):
    """Returns the texts and the class numbers of one file."""
    file = Path(folder) / f"{split}.txt"
    if not file.is_file():
        raise SystemExit(f"{file} is not there; --data must be a folder with train.txt, dev.txt and test.txt")
    texts, labels = [], []
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if sample and len(texts) == sample:
                break
            text, tab, label = line.rstrip("\n").rpartition("\t")
            if not tab or not label.strip().isdigit():
                raise SystemExit(f"{file}, line {number}: expected text, a tab and a class number")
            texts.append(text)
            labels.append(int(label))
    if not texts:
        raise SystemExit(f"{file} is empty")
    return texts, torch.tensor(labels)


def encode(texts, vocabulary):
    """Returns the ids of the texts, cut and padded at the end."""
    ids = np.full((len(texts), MAX_LEN), PAD, dtype=np.int32)
    for row, text in zip(ids, texts):
        text = text[:MAX_LEN]
        row[: len(text)] = [vocabulary.get(character, UNKNOWN) for character in text]
    return torch.from_numpy(ids)


class TextCnn(nn.Module):
    """Kim's network; Conv2d in channels-last order for the same reason as in torch_cnn.py."""

    def __init__(self, vocab, classes):
        super().__init__()
        self.embedding = nn.Embedding(vocab, 300, padding_idx=PAD)
        self.convolutions = nn.ModuleList(nn.Conv2d(300, 256, (1, width)) for width in WIDTHS)
        self.convolutions.to(memory_format=torch.channels_last)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(256 * len(WIDTHS), classes)

    def forward(self, ids):
        """Returns the logits."""
        values = self.embedding(ids).transpose(1, 2).unsqueeze(2)
        pooled = [F.adaptive_max_pool2d(F.relu(c(values)), 1).flatten(1) for c in self.convolutions]
        return self.output(self.dropout(torch.cat(pooled, 1)))


class TextRnn(nn.Module):
    """Two layers that read in both directions; the states at the last place answer."""

    def __init__(self, vocab, classes):
        super().__init__()
        self.embedding = nn.Embedding(vocab, 300, padding_idx=PAD)
        self.lstm = nn.LSTM(300, 128, 2, bidirectional=True, batch_first=True, dropout=0.5)
        self.output = nn.Linear(256, classes)

    def forward(self, ids):
        """Returns the logits."""
        return self.output(self.lstm(self.embedding(ids))[0][:, -1])


class TextTransformer(nn.Module):
    """Two blocks over vectors with sinusoidal positions; the states of all places answer."""

    def __init__(self, vocab, classes):
        super().__init__()
        self.embedding = nn.Embedding(vocab, 300, padding_idx=PAD)
        place = torch.arange(MAX_LEN).unsqueeze(1) / 10_000 ** (torch.arange(0, 300, 2) / 300)
        self.register_buffer("places", torch.stack([place.sin(), place.cos()], 2).flatten(1))
        block = nn.TransformerEncoderLayer(300, 5, 1024, dropout=0.5, batch_first=True)
        self.blocks = nn.TransformerEncoder(block, 2, enable_nested_tensor=False)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(300 * MAX_LEN, classes)

    def forward(self, ids):
        """Returns the logits."""
        return self.output(self.blocks(self.dropout(self.embedding(ids) + self.places)).flatten(1))


# The net, its learning rate, and the batches without a lower dev loss after which training ends.
NETS = {"textcnn": (TextCnn, 1e-3, 1000), "lstm": (TextRnn, 1e-3, 1000), "transformer": (TextTransformer, 5e-4, 2000)}


@torch.inference_mode()
def logits(model, documents, batch):
    """Returns the logits of all documents."""
    model.eval()
    return torch.cat([model(part) for part in documents.split(batch)])


class Training:
    """One training run: the weights with the lowest dev loss, and the seconds spent on training alone."""

    def __init__(self, model, train, dev, batch, rate, patience):
        self.patience = patience
        self.model, self.train, self.dev, self.batch = model, train, dev, batch
        self.optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
        self.step = self.best_step = 0
        self.best_loss, self.best_weights = float("inf"), None
        self.epoch_seconds = []

    def check_dev(self):
        """Takes the dev loss and keeps the weights if it is the lowest."""
        documents, labels = self.dev
        loss = F.cross_entropy(logits(self.model, documents, 256), labels).item()
        if loss < self.best_loss:
            self.best_loss, self.best_step = loss, self.step
            self.best_weights = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.model.train()

    def epoch(self):
        """Trains for one epoch; returns whether to go on."""
        documents, labels = self.train
        self.model.train()
        spent, start = 0.0, time.perf_counter()
        batches = torch.randperm(len(documents)).split(self.batch)
        for number, rows in enumerate(batches, 1):
            self.optimizer.zero_grad()
            F.cross_entropy(self.model(documents[rows]), labels[rows]).backward()
            self.optimizer.step()
            self.step += 1
            if self.step % DEV_EVERY == 0 or number == len(batches):
                spent += time.perf_counter() - start
                self.check_dev()
                if self.step - self.best_step >= self.patience:
                    break
                start = time.perf_counter()
        self.epoch_seconds.append(spent)
        return self.step - self.best_step < self.patience


def main():
    parser = base_arguments(__doc__.splitlines()[0])
    parser.add_argument("--net", default="textcnn", choices=NETS, help="what reads the vectors")
    parser.add_argument("--epochs", type=int, default=20, help="most passes over the training titles")
    parser.add_argument("--batch", type=int, default=128, help="titles in a training batch")
    parser.add_argument("--score-batch", type=int, help="titles in a scoring batch; without it, the quickest")
    parser.add_argument("--sample", type=int, metavar="N", help="use only the first N titles, for a trial run")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)

    (train, train_labels), (dev, dev_labels), (test, test_labels) = (
        read(args.data, split, args.sample) for split in ("train", "dev", "test")
    )
    frequent = Counter(character for text in train for character in text).most_common(VOCAB)
    vocabulary = {character: number for number, (character, _) in enumerate(frequent, UNKNOWN + 1)}
    train, dev, test = (encode(texts, vocabulary) for texts in (train, dev, test))
    classes = int(max(labels.max() for labels in (train_labels, dev_labels, test_labels))) + 1

    net, rate, patience = NETS[args.net]
    model = net(len(vocabulary) + 2, classes)
    training = Training(model, (train, train_labels), (dev, dev_labels), args.batch, rate, patience)
    for _ in range(args.epochs):
        if not training.epoch():
            break
    model.load_state_dict(training.best_weights)

    def score(documents, batch):
        return logits(model, documents, batch).argmax(1)

    batch = choose_batch(score, test, args.score_batch)
    runs = [seconds(lambda: score(test, batch)) for _ in range(3)]

    write_result(
        args.out,
        {
            "peer": "pytorch",
            "version": f"torch {torch.__version__}",
            "net": args.net,
            "seed": args.seed,
            "threads": args.threads,
            "batch": args.batch,
            "epoch_seconds": training.epoch_seconds,
            "steps": training.step,
            "best_step": training.best_step,
            "best_dev_loss": training.best_loss,
            "score_seconds": [run[0] for run in runs],
            "docs_train": len(train),
            "docs_dev": len(dev),
            "docs_test": len(test),
            "test_accuracy": float((runs[-1][1] == test_labels).float().mean()),
            "peak_mb": peak_mb(),
            "batch_score": batch,
        },
    )


if __name__ == "__main__":
    main()
