"""Searches with fastText's autotune and measures the model that it ends with.

The folder has train.txt, valid.txt and test.txt, one document a line: `__label__x text`.
"""

import os

import fasttext

from fasttext_peer import accuracy, predict
from harness import base_arguments, peak_mb, seconds, write_result


def main():
    parser = base_arguments(__doc__)
    parser.add_argument("--duration", type=int, default=300, help="seconds of the search")
    args = parser.parse_args()
    file = lambda name: os.path.join(args.data, name)
    search = lambda: fasttext.train_supervised(
        input=file("train.txt"),
        autotuneValidationFile=file("valid.txt"),
        autotuneDuration=args.duration,
        thread=args.threads,
        seed=args.seed,
        verbose=0,
    )
    spent, model = seconds(search)
    chosen = {name: getattr(model.f.getArgs(), name) for name in ("epoch", "lr", "dim", "wordNgrams", "minn", "maxn")}
    figures = {part: accuracy(predict(model, file(f"{part}.txt"))) for part in ("valid", "test")}
    write_result(args.out, {"seconds": spent, "accuracy": figures, "chosen": chosen, "peak_mb": peak_mb()})


if __name__ == "__main__":
    main()
