#!/usr/bin/env python3
"""Compares what `fenlei data convert --dedup near` drops with what the exact Jaccard similarity drops.

    near_duplicates.py FENLEI texts.jsonl...     (rows with "text"; `fenlei data convert` makes them)

Exact: documents in order; one is dropped if its Jaccard similarity with a kept one reaches the threshold. Pairs are
found over the shingles that stand in at most 200 kept documents: a pair above the threshold shares some of those unless
all its shingles are more common.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict

HAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
WORD = re.compile(f"[{HAN}]|[^\\W_{HAN}]+")


def shingles(text):
    words = WORD.findall(text.lower())
    if len(words) < 3:
        return {tuple(words)} if words else set()
    return set(zip(words, words[1:], words[2:]))


def exact(texts, threshold):
    """The documents that are dropped, and for each document its similarity with the nearest kept one."""
    kept, places, dropped, nearest = [], defaultdict(list), set(), []
    for i, text in enumerate(texts):
        own = shingles(text)
        counts = Counter()
        for shingle in own:
            found = places.get(shingle, ())
            if len(found) <= 200:
                counts.update(found)
        best = 0.0
        for j, _ in counts.most_common(20):
            shared = len(own & kept[j])
            best = max(best, shared / (len(own) + len(kept[j]) - shared))
        nearest.append(best)
        if own and best >= threshold:
            dropped.add(i)
        else:
            for shingle in own:
                places[shingle].append(len(kept))
            kept.append(own)
    return dropped, nearest


def by_fenlei(fenlei, texts, threshold):
    with tempfile.TemporaryDirectory() as folder:
        given, out = f"{folder}/in.jsonl", f"{folder}/out.jsonl"
        with open(given, "w", encoding="utf-8") as file:
            for i, text in enumerate(texts):
                file.write(json.dumps({"text": text, "label": str(i)}, ensure_ascii=False) + "\n")
        flags = ["--dedup", "near", "--similarity", str(threshold)]
        subprocess.run([fenlei, "data", "convert", given, out, *flags], check=True, capture_output=True)
        with open(out, encoding="utf-8") as file:
            kept = {int(json.loads(line)["label"]) for line in file}
    return set(range(len(texts))) - kept


def main():
    fenlei, *files = sys.argv[1:]
    for name in files:
        with open(name, encoding="utf-8") as file:
            texts = [json.loads(line)["text"] for line in file]
        for threshold in (0.8, 0.5):
            dropped, nearest = exact(texts, threshold)
            found = by_fenlei(fenlei, texts, threshold)
            right = len(dropped & found)
            off = [abs(nearest[i] - threshold) for i in dropped ^ found]
            print(
                f"{name}, {len(texts)} documents, threshold {threshold}: exact {len(dropped)}, fenlei {len(found)}, "
                f"precision {right / max(len(found), 1):.4f}, recall {right / max(len(dropped), 1):.4f}, "
                f"farthest from the threshold where they differ {max(off, default=0):.3f}"
            )


if __name__ == "__main__":
    main()
