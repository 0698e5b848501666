"""What the peer scripts share: arguments, the choice of the scoring batch, timing, and the result file."""

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path

SCORE_BATCHES = (32, 64, 128, 256)
LOAD_AT_START = os.getloadavg()[0]


def base_arguments(description):
    """Returns a parser with the arguments of every script."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--data", required=True, help="folder with the data")
    parser.add_argument("--out", required=True, help="JSON file to write")
    parser.add_argument("--seed", type=int, default=1, help="seed of weights, order and dropout")
    parser.add_argument("--threads", type=int, default=2, help="threads to compute with")
    return parser


def cnn_arguments(description):
    """Returns the parsed arguments of the scripts that train a network on exported ids."""
    parser = base_arguments(description)
    parser.add_argument("--net", required=True, choices=("appendix-c", "chapter-8"), help="network to train")
    parser.add_argument("--epochs", type=int, default=2, help="passes over the training documents")
    parser.add_argument("--batch", type=int, default=32, help="documents in a training batch")
    parser.add_argument("--max-len", type=int, default=500, help="tokens of a document, cut or padded at its end")
    parser.add_argument("--vocab", type=int, default=20000, help="rows of the embedding, padding and unknown included")
    parser.add_argument(
        "--score-batch", type=int, help=f"documents in a scoring batch; without it, the quickest of {SCORE_BATCHES}"
    )
    parser.add_argument("--sample", type=int, metavar="N", help="use only the first N documents, for a trial run")
    return parser.parse_args()


def seconds(action):
    """Returns how long `action()` took, and what it returned."""
    start = time.perf_counter()
    value = action()
    return time.perf_counter() - start, value


def choose_batch(score, documents, given):
    """Returns the given scoring batch, or the quickest on a part of the documents; warms up either way."""
    part = documents[: 4 * max(SCORE_BATCHES)]

    def best_time(batch):
        score(part, batch)  # the first call may build something
        return min(seconds(lambda: score(part, batch))[0] for _ in range(2))

    return min((given,) if given else SCORE_BATCHES, key=best_time)


def peak_mb():
    """Returns the most memory this process has held, in MB of 2^20 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def write_result(file, result):
    """Writes the result as one JSON object, with how busy the machine was before the script began."""
    result = {**result, "load_at_start": round(LOAD_AT_START, 2)}
    file = Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(result, ensure_ascii=False))
