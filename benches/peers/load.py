"""Reads the documents that `fenlei bench peers` exports: token ids, already fenlei's own.

A folder holds `meta.json` and, for `train` and `test`,
`*.ids.u32` (the ids of all documents in a row; 0 is padding and never occurs, 1 is unknown),
`*.starts.u64` (where each document starts, and the end of the last) and `*.labels.u32`.
All numbers are little-endian.
"""

import json
from pathlib import Path

import numpy as np


def load(folder, split, max_len, vocab, sample=None):
    """Returns (ids, labels) of "train" or "test": int32 of documents × max_len, and float32.

    Documents keep their first max_len ids and are filled up with 0 at the end.
    `sample` takes the first so many documents only.
    """
    folder = Path(folder)
    meta_file = folder / "meta.json"
    if not meta_file.is_file():
        raise SystemExit(f"{meta_file} is not there; --data must be a folder that `fenlei bench peers` exported")
    count = json.loads(meta_file.read_text())[f"n_{split}"]

    ids = _numbers(folder / f"{split}.ids.u32", "<u4")
    starts = _numbers(folder / f"{split}.starts.u64", "<u8").astype(np.int64)
    labels = _numbers(folder / f"{split}.labels.u32", "<u4")
    if len(labels) != count or len(starts) != count + 1 or starts[-1] != len(ids):
        raise SystemExit(
            f"{folder}: {split} has {len(labels)} labels, {len(starts)} starts and {len(ids)} ids, "
            f"which does not fit {count} documents in meta.json; export the data again"
        )
    if len(ids) and (ids.min() == 0 or ids.max() >= vocab):
        raise SystemExit(
            f"{folder}: ids of {split} run from {ids.min()} to {ids.max()}, expected 1 to {vocab - 1}; "
            f"give the --vocab that the data was exported with"
        )
    if count == 0 or labels.max() > 1:
        raise SystemExit(f"{folder}: {split} must have documents with labels 0 and 1; these networks have one output")

    count = min(count, sample or count)
    padded = np.zeros((count, max_len), dtype=np.int32)
    for row, start, end in zip(padded, starts, starts[1:]):
        document = ids[start : min(end, start + max_len)]
        row[: len(document)] = document
    return padded, labels[:count].astype(np.float32)


def _numbers(file, kind):
    try:
        return np.fromfile(file, dtype=kind)
    except FileNotFoundError:
        raise SystemExit(f"{file} is not there; export the data again with `fenlei bench peers`") from None
