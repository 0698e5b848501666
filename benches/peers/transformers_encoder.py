"""Fine-tunes a pretrained encoder, or predicts with it, by transformers and PyTorch, and times it.

The head is that of the recipe `encoder`: the mean of the states, dropout, a linear layer. Documents come as
`train.tsv` and `test.tsv` of `class number<TAB>text`. Tokenizing for training happens before the clock starts; a
prediction goes from text to class, by PyTorch or, exported, by ONNX Runtime. With `--grouped`, documents of like length stand in a batch, as transformers' own
`group_by_length` puts them.
"""

import math
import time
from pathlib import Path

import torch
import transformers
from torch import nn
from transformers import AutoModel, AutoTokenizer

from harness import base_arguments, peak_mb, write_result

WARM_UP_STEPS = 2


class Classifier(nn.Module):
    """The mean of the states, then a linear layer."""

    def __init__(self, encoder, n_classes):
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(0.1)
        self.output = nn.Linear(encoder.config.hidden_size, n_classes)

    def forward(self, batch):
        states = self.encoder(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1).to(states.dtype)
        return self.output(self.dropout((states * mask).sum(1) / mask.sum(1)))


def read(path, n):
    """Returns the first `n` texts with their classes."""
    lines = path.read_text(encoding="utf-8").splitlines()[:n]
    pairs = [line.split("\t", 1) for line in lines]
    return [text for _, text in pairs], [int(label) for label, _ in pairs]


def orders(lengths, batch, grouped, generator):
    """Returns the batches of an epoch as lists of document numbers."""
    order = torch.randperm(len(lengths), generator=generator).tolist()
    if grouped:
        stretch = 50 * batch
        order = [
            doc
            for first in range(0, len(order), stretch)
            for doc in sorted(order[first : first + stretch], key=lambda doc: -lengths[doc])
        ]
    return [order[first : first + batch] for first in range(0, len(order), batch)]


class Exported(nn.Module):
    """The classifier with the inputs of the encoder as arguments, in their order."""

    def __init__(self, classifier, names):
        super().__init__()
        self.classifier, self.names = classifier, names

    def forward(self, *inputs):
        return self.classifier(dict(zip(self.names, inputs, strict=True)))


def onnx_session(model, batch, folder, int8, threads):
    """Exports a classifier and returns a function from a batch to its logits."""
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    names, path = list(batch), Path(folder) / "encoder.onnx"
    axes = {name: {0: "documents", 1: "tokens"} for name in names}
    torch.onnx.export(
        Exported(model, names), tuple(batch.values()), str(path), input_names=names, output_names=["logits"],
        dynamic_axes=axes, opset_version=17, dynamo=False,
    )
    if int8:
        quantize_dynamic(path, path.with_suffix(".int8.onnx"), weight_type=QuantType.QInt8)
        path = path.with_suffix(".int8.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda batch: session.run(None, {name: batch[name].numpy() for name in names})[0]


def main():
    parser = base_arguments(__doc__)
    parser.add_argument("--model", required=True, help="folder of the pretrained model")
    parser.add_argument("--task", required=True, choices=("train", "predict"))
    parser.add_argument("--batch", type=int, default=32, help="documents in a batch")
    parser.add_argument("--max-tokens", type=int, default=256, help="pieces of a document, special ones included")
    parser.add_argument("--attention", default="sdpa", choices=("sdpa", "eager"), help="how attention is computed")
    parser.add_argument("--grouped", action="store_true", help="batches of documents of like length")
    parser.add_argument("--engine", default="torch", choices=("torch", "onnx", "onnx-int8"), help="what predicts")
    parser.add_argument("--bf16", action="store_true", help="autocast to bfloat16")
    parser.add_argument("--sample", type=int, metavar="N", help="use only the first N documents")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed)

    texts, labels = read(Path(args.data) / ("train.tsv" if args.task == "train" else "test.tsv"), args.sample)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = Classifier(AutoModel.from_pretrained(args.model, attn_implementation=args.attention), max(labels) + 1)
    tokenized = lambda some: tokenizer(some, truncation=True, max_length=args.max_tokens)
    cast = lambda: torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.bf16)

    def padded(encoded, docs):
        return tokenizer.pad({key: [encoded[key][doc] for doc in docs] for key in encoded}, return_tensors="pt")

    seconds, n_docs, losses = 0.0, 0, []
    if args.task == "train":
        encoded = tokenized(texts)
        batches = orders([len(ids) for ids in encoded["input_ids"]], args.batch, args.grouped, generator)
        optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=0.01, fused=True)
        schedule = transformers.get_linear_schedule_with_warmup(optimizer, math.ceil(0.1 * len(batches)), len(batches))
        targets = torch.tensor(labels)
        model.train()
        for step, docs in enumerate(batches):
            start = time.perf_counter()
            with cast():
                loss = nn.functional.cross_entropy(model(padded(encoded, docs)).float(), targets[docs])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            if step >= WARM_UP_STEPS:
                seconds += time.perf_counter() - start
                n_docs += len(docs)
    else:
        model.eval()
        logits = model
        if args.engine != "torch":
            logits = onnx_session(model, padded(tokenized(texts), [0, 1]), args.data, "int8" in args.engine, args.threads)

        @torch.inference_mode()
        def predict(some):
            encoded = tokenized(some)
            order = range(len(some))
            if args.grouped:
                order = sorted(order, key=lambda doc: -len(encoded["input_ids"][doc]))
            for first in range(0, len(some), args.batch):
                with cast():
                    logits(padded(encoded, order[first : first + args.batch])).argmax(1)

        predict(texts[: args.batch])
        start = time.perf_counter()
        predict(texts)
        seconds, n_docs = time.perf_counter() - start, len(texts)

    write_result(
        args.out,
        {
            "peer": "transformers",
            "version": f"transformers {transformers.__version__}, torch {torch.__version__}",
            "task": args.task,
            "attention": args.attention,
            "grouped": args.grouped,
            "engine": args.engine,
            "bf16": args.bf16,
            "threads": args.threads,
            "batch": args.batch,
            "docs_per_second": n_docs / seconds,
            "docs_train": n_docs,
            "losses": losses,
            "peak_mb": peak_mb(),
        },
    )


if __name__ == "__main__":
    main()
