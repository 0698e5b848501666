"""Trains and times fastText's supervised classifier on raw text.

The folder has train.txt and test.txt, one document a line: `__label__x text`.
Training is timed from file to model, prediction from file to labels: through the Python
package, and, where the `fasttext` program is built, as a whole process that also loads the model.
"""

import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import fasttext

from harness import base_arguments, peak_mb, seconds, write_result

# Runs in a process of its own: the peak of a child is never below the memory of the one that started it.
RUN_PROGRAM = """
import json, resource, subprocess, sys, time
with open(sys.argv[1], "wb") as out:
    start = time.perf_counter()
    subprocess.run(sys.argv[2:], stdout=out, check=True)
    spent = time.perf_counter() - start
print(json.dumps([spent, round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, 1)]))
"""


def read(file):
    """Returns the labels and the texts of a file."""
    labels, texts = [], []
    with open(file, encoding="utf-8", newline="\n") as lines:
        for line in lines:
            label, _, text = line.rstrip("\n").partition(" ")
            labels.append(label)
            texts.append(text)
    return labels, texts


def predict(model, file):
    """Predicts every document of a file; returns the true and the predicted labels."""
    labels, texts = read(file)
    # a list at a time: predicting one text fails with NumPy 2 in fastText 0.9.3
    predicted, _ = model.predict(texts)
    return labels, [first[0] if first else "" for first in predicted]


def accuracy(pair):
    """Returns the share of equal labels."""
    return sum(a == b for a, b in zip(*pair)) / len(pair[0])


def run_program(program, model_file, test_file, out_file):
    """Predicts with the program; returns its seconds and its peak memory in MB."""
    command = [sys.executable, "-S", "-c", RUN_PROGRAM, out_file, program, "predict", model_file, test_file]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def find_program(given):
    """Returns the `fasttext` program: the given one, else that of this environment, else none."""
    if given and not os.access(given, os.X_OK):
        raise SystemExit(f"{given} is not a program; build it with setup.sh or leave --program out")
    beside = Path(sys.executable).with_name("fasttext")
    return given or (str(beside) if os.access(beside, os.X_OK) else None)


def main():
    parser = base_arguments(__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5, help="passes over the training documents")
    parser.add_argument("--lr", type=float, default=0.1, help="learning rate")
    parser.add_argument("--dim", type=int, default=100, help="size of the vectors")
    parser.add_argument("--word-ngrams", type=int, default=1, help="longest run of words that is a feature")
    parser.add_argument("--program", help="the fasttext program; without it, the one setup.sh built, if any")
    args = parser.parse_args()

    train_file, test_file = (str(Path(args.data) / f"{split}.txt") for split in ("train", "test"))
    for file in (train_file, test_file):
        if not os.path.isfile(file):
            raise SystemExit(f"{file} is not there; --data must be a folder with train.txt and test.txt")
        with open(file, encoding="utf-8") as lines:
            if not lines.readline().startswith("__label__"):
                raise SystemExit(f"{file}: expected lines of `__label__x text`")
    program = find_program(args.program)

    def train(seed):
        return fasttext.train_supervised(
            train_file,
            epoch=args.epochs,
            lr=args.lr,
            dim=args.dim,
            wordNgrams=args.word_ngrams,
            thread=args.threads,
            seed=seed,
            verbose=0,
        )

    # one model after the other, so that the peak is that of one
    train_seconds, accuracies, model = [], [], None
    for seed in range(args.seed, args.seed + 3):
        model = None
        spent, model = seconds(lambda: train(seed))
        train_seconds.append(spent)
        accuracies.append(accuracy(predict(model, test_file)))
    runs = [seconds(lambda: predict(model, test_file)) for _ in range(3)]
    labels, predicted = runs[-1][1]
    result = {
        "peer": "fasttext",
        "version": f"fasttext {version('fasttext')}",
        "net": "supervised",
        "seed": args.seed,
        "threads": args.threads,
        "epochs": args.epochs,
        "lr": args.lr,
        "dim": args.dim,
        "word_ngrams": args.word_ngrams,
        "train_seconds": train_seconds,
        "score_seconds": [run[0] for run in runs],
        "docs_train": len(read(train_file)[0]),
        "docs_test": len(labels),
        "test_accuracy": sum(accuracies) / len(accuracies),
        "test_accuracies": accuracies,
        "peak_mb": peak_mb(),
    }

    if program:
        with tempfile.TemporaryDirectory() as folder:
            model_file, out_file = os.path.join(folder, "model.bin"), os.path.join(folder, "predicted.txt")
            model.save_model(model_file)
            measured = [run_program(program, model_file, test_file, out_file) for _ in range(3)]
            with open(out_file, encoding="utf-8") as lines:
                same = [line.strip() for line in lines] == predicted
            result |= {
                "model_mb": round(os.path.getsize(model_file) / 2**20, 1),
                "program_seconds": [spent for spent, _ in measured],
                "program_peak_mb": max(peak for _, peak in measured),
                "program_agrees": same,
            }
    write_result(args.out, result)


if __name__ == "__main__":
    main()
