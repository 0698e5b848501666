"""Writes container-v1.fenlei from the description of the format, independently of the Rust code.

The file must load in every later version: never write it again, but add a container-v2 beside it.
    python make_container_golden.py
"""

import json
import struct
import zlib
from pathlib import Path

MANIFEST = json.dumps({"labels": ["负面", "正面"], "note": "committed example"}, ensure_ascii=False).encode()

# name, type, bytes a number, struct letter, shape, numbers
TENSORS = [
    ("ids", "I64", 8, "q", [1], [-(2**40)]),
    ("classes", "U32", 4, "I", [4], [1, 2, 3, 2**32 - 1]),
    ("embedding.weight", "F32", 4, "f", [2, 3], [0.0, -1.5, 2.25, 1e-3, 1e30, -0.0]),
    ("empty", "F32", 4, "f", [0, 4], []),
    ("scale", "F32", 4, "f", [], [0.125]),
    ("bias", "F16", 2, "e", [2], [0.5, -65504.0]),
    ("mask", "U8", 1, "B", [3], [0, 1, 255]),
]


def main():
    infos, data = {}, b""
    for name, dtype, _, letter, shape, numbers in sorted(TENSORS, key=lambda t: (-t[2], t[0])):
        start = len(data)
        data += struct.pack(f"<{len(numbers)}{letter}", *numbers)
        infos[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, len(data)]}
    listed = json.dumps(infos, separators=(",", ":")).encode()
    listed += b" " * (-(8 + len(listed)) % 64)
    block = struct.pack("<Q", len(listed)) + listed + data
    header = b"\x89FENLEI\r\n\x1a\n\0" + struct.pack(
        "<IQQII20x", 1, len(MANIFEST), len(block), zlib.crc32(MANIFEST), zlib.crc32(block)
    )
    header += struct.pack("<I", zlib.crc32(header))
    padding = bytes(-(len(header) + len(MANIFEST)) % 64)
    Path(__file__).with_name("container-v1.fenlei").write_bytes(header + MANIFEST + padding + block)


if __name__ == "__main__":
    main()
