"""Writes seeds/weights from the tiny models in crates/fenlei/testdata/pretrained, in the form that fuzz_targets/weights.rs reads.

Run from any folder: python make_weight_seeds.py
"""

import json
import struct
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODELS = HERE.parent / "crates/fenlei/testdata/pretrained"


def write(name, control, config, tokenizer, weights, listed=b""):
    lengths = struct.pack("<HHH", len(config), len(tokenizer), len(listed))
    target = HERE / "seeds/weights"
    target.mkdir(parents=True, exist_ok=True)
    (target / name).write_bytes(bytes([control]) + lengths + config + tokenizer + listed + weights)


def compact(path):
    return json.dumps(json.loads(path.read_text()), separators=(",", ":")).encode()


def model(name, control, tokenizer, weights, seed, listed=False):
    folder = MODELS / name
    numbers = (folder / weights).read_bytes()
    index = b""
    if listed:
        length = struct.unpack("<Q", numbers[:8])[0]
        names = [key for key in json.loads(numbers[8 : 8 + length]) if key != "__metadata__"]
        index = json.dumps({"weight_map": dict.fromkeys(names, "a.safetensors")}, separators=(",", ":")).encode()
    own = folder / tokenizer
    words = compact(own) if tokenizer.endswith(".json") else own.read_bytes()
    write(seed, control, compact(folder / "config.json"), words, numbers, index)


model("bert", 0, "tokenizer.json", "model.safetensors", "bert")
model("bert-torch", 1 | 4, "vocab.txt", "pytorch_model.bin", "bert-torch")
model("bert", 2, "tokenizer.json", "model.safetensors", "bert-listed", listed=True)
model("albert", 0, "tokenizer.json", "model.safetensors", "albert")
model("modernbert", 0, "tokenizer.json", "model.safetensors", "modernbert")
model("gpt2", 0, "tokenizer.json", "model.safetensors", "gpt2")
model("llama", 0, "tokenizer.json", "model.safetensors", "llama")
