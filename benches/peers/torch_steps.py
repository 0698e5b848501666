"""Times training steps of nets over sequences in PyTorch, with padding as is usual: an encoder of the size of MiniLM,
an LSTM and a GRU. The same sizes and document lengths as in crates/fenlei-nn/benches/sequence_step.rs.

    python benches/peers/torch_steps.py [--threads 2] [minilm lstm gru]

Each line: what, median milliseconds of a step.
"""

import argparse
import time

import torch
import torch.nn.functional as F
from torch import nn

LENS = [26 + (i * 102 + 7) // 15 for i in range(16)]


class Block(nn.Module):
    """A block of BERT, norms behind, as transformers runs it with SDPA."""

    def __init__(self, width, heads, inner):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.output = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, 1e-12)
        self.units_in, self.units_out = nn.Linear(width, inner), nn.Linear(inner, width)
        self.units_norm = nn.LayerNorm(width, 1e-12)

    def forward(self, x, seen):
        n, length, width = x.shape
        q, k, v = (
            part(x).view(n, length, self.heads, -1).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        context = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        x = self.norm(x + self.output(context.transpose(1, 2).reshape(n, length, width)))
        return self.units_norm(x + self.units_out(F.gelu(self.units_in(x))))


class Encoder(nn.Module):
    def __init__(self, vocab=30522, width=384, layers=6, heads=12, inner=1536):
        super().__init__()
        self.words, self.positions = nn.Embedding(vocab, width), nn.Embedding(512, width)
        self.norm = nn.LayerNorm(width, 1e-12)
        self.blocks = nn.ModuleList(Block(width, heads, inner) for _ in range(layers))
        self.head = nn.Linear(width, 2)

    def forward(self, ids, mask):
        x = self.norm(self.words(ids) + self.positions.weight[: ids.shape[1]])
        seen = mask[:, None, None, :].expand(-1, 1, ids.shape[1], -1)
        for block in self.blocks:
            x = block(x, seen)
        weights = mask[..., None].to(x.dtype)
        return self.head((x * weights).sum(1) / weights.sum(1))


class Recurrent(nn.Module):
    def __init__(self, kind, vocab=20000, width=128, units=128):
        super().__init__()
        self.words = nn.Embedding(vocab, width)
        self.layer = kind(width, units, batch_first=True)
        self.head = nn.Linear(units, 2)

    def forward(self, ids, mask):
        return self.head(self.layer(self.words(ids))[0].max(dim=1).values)


def batch(lens, vocab):
    mask = torch.arange(max(lens)) < torch.tensor(lens)[:, None]
    ids = torch.randint(1, vocab, mask.shape) * mask
    return ids, mask, torch.arange(len(lens)) % 2


def step_time(net, ids, mask, labels, n_steps=15, autocast=False):
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-5, weight_decay=0.01)
    times = []
    for _ in range(n_steps + 2):
        start = time.perf_counter()
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            logits = net(ids, mask)
        F.cross_entropy(logits.float(), labels).backward()
        optimizer.step()
        times.append(time.perf_counter() - start)
    times = sorted(times[2:])
    return times[len(times) // 2] * 1e3, times[0] * 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["minilm", "minilm-bf16", "lstm", "gru"])
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    for name in args.names:
        if name.startswith("minilm"):
            net, data = Encoder(), batch(LENS, 30522)
        else:
            net, data = Recurrent({"lstm": nn.LSTM, "gru": nn.GRU}[name]), batch([200] * 32, 20000)
        median, best = step_time(net, *data, autocast=name.endswith("bf16"))
        print(f"{name:12} {median:8.1f} ms (best {best:.1f})")


if __name__ == "__main__":
    main()
