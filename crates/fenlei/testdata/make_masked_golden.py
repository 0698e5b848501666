"""Writes pretrained/bert-masked/ and pretrained/roberta-masked/: tiny random masked language models, what transformers
computes with them, and how PyTorch trains them.

Needs transformers, torch and tokenizers (made with 5.24.0, 2.15.0 and 0.23.3). Run from any folder:
    python make_masked_golden.py
    python make_masked_golden.py own     writes own.json alone: what transformers makes of folders that fenlei wrote

masked.json holds documents as token ids with hidden places; the logits of the first; the mean loss over all hidden places and
its gradients by the names of the parameters, without dropout; and the losses before each of some steps of AdamW. The
vectors of the kinds of tokens stay as they are in these steps: fenlei has them within its positions.

own-wordpiece/ and own-bpe/ are from fenlei, run in pretrained/:
    for kind in wordpiece bpe; do
        fenlei pretrain own-corpus.txt -o own-$kind --vocabulary $kind --vocabulary-size 330 --layers 1 --width 16 --heads 2 \
            --positions 40 --max-tokens 32 --steps 30 --tokens-per-step 128 --lr 0.01
    done
own.json holds texts, their token ids by AutoTokenizer, and the logits of AutoModelForMaskedLM for the first of them.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    RobertaConfig,
    RobertaForMaskedLM,
)

HERE = Path(__file__).resolve().parent / "pretrained"
PIECES = (
    "[PAD] [UNK] [CLS] [SEP] [MASK] the film was good bad , ! ; really dull not a plot but long and acting act ##ing ##ed "
    "我 们 都 说 这 好 看 电 影 ##s ##ly real"
).split()
# Ids with what is hidden: a place and what stood there. The net reads what the list says.
DOCUMENTS = [
    {"ids": [2, 5, 4, 7, 8, 10, 13, 4, 11, 3], "places": [2, 7, 9], "tokens": [6, 8, 3]},
    {"ids": [2, 14, 3], "places": [1], "tokens": [9]},
    {"ids": [2, 25, 26, 4, 28, 29, 6, 4, 31, 3], "places": [3, 4, 7], "tokens": [27, 28, 30]},
    {"ids": [2, 15, 16, 9, 17, 3], "places": [], "tokens": []},
]
STEPS = 12
LR = 0.01


def tokenizer():
    vocab = {piece: number for number, piece in enumerate(PIECES)}
    made = Tokenizer(models.WordPiece(vocab=vocab, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    made.add_special_tokens(PIECES[:5])
    return made


def randomise(model, seed):
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(model.named_parameters()):
        noise = torch.randn(parameter.shape, generator=generator) * 0.4
        is_scale = parameter.dim() == 1 and name.endswith("weight")
        parameter.data.copy_(noise + 1.0 if is_scale else noise)


def loss_of(model):
    """The mean over the hidden places of all documents, each read by itself: nothing is padded."""
    losses = []
    for document in DOCUMENTS:
        if document["places"]:
            logits = model(input_ids=torch.tensor([document["ids"]])).logits[0, document["places"]]
            losses.append(torch.nn.functional.cross_entropy(logits, torch.tensor(document["tokens"]), reduction="none"))
    return torch.cat(losses).mean()


def write(name, kind, config, seed):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model = kind._from_config(config, attn_implementation="eager").eval()
    randomise(model, seed)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    tokenizer().save(str(folder / "tokenizer.json"), pretty=False)
    rounded = lambda tensor: [float(f"{x:.7g}") for x in tensor.flatten().tolist()]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([DOCUMENTS[0]["ids"]])).logits[0]
    loss = loss_of(model)
    loss.backward()
    grads = {name: rounded(p.grad) for name, p in model.named_parameters() if p.grad is not None}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("token_type_embeddings" not in name)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=LR, weight_decay=0.0)
    curve = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        step_loss = loss_of(model)
        curve.append(step_loss.item())
        step_loss.backward()
        optimizer.step()
    golden = {
        "documents": DOCUMENTS,
        "logits": rounded(logits),
        "loss": loss.item(),
        "grads": grads,
        "lr": LR,
        "curve": curve,
    }
    (folder / "masked.json").write_text(json.dumps(golden) + "\n", encoding="utf-8")
    print(folder.name, sum(file.stat().st_size for file in folder.iterdir()), "bytes")


def own(name):
    """What transformers makes of a folder that fenlei wrote: it loads whole, with nothing missing and nothing left over."""
    folder = HERE / name
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model, told = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True, attn_implementation="eager")
    assert not told["missing_keys"] and not told["unexpected_keys"] and not told["mismatched_keys"], told
    AutoModel.from_pretrained(folder)
    texts = [f"The sailor {tokenizer.mask_token} the wooden boat, 水手在港口。", "Un café à l'école 🎬", "画家 lights it!"]
    ids = [tokenizer(text)["input_ids"] for text in texts]
    with torch.no_grad():
        logits = model.eval()(input_ids=torch.tensor([ids[0]])).logits[0]
    rounded = [float(f"{x:.7g}") for x in logits.flatten().tolist()]
    golden = {"texts": texts, "ids": ids, "logits": rounded}
    (folder / "own.json").write_text(json.dumps(golden, ensure_ascii=False) + "\n", encoding="utf-8")
    print(name, model.__class__.__name__, tokenizer.__class__.__name__, len(tokenizer))


def main():
    transformers.logging.set_verbosity_error()
    if sys.argv[1:] == ["own"]:
        own("own-wordpiece")
        own("own-bpe")
        return
    small = dict(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12, vocab_size=len(PIECES) + 3)
    write("bert-masked", BertForMaskedLM, BertConfig(**small, max_position_embeddings=40), 31)
    roberta = RobertaConfig(**small, max_position_embeddings=44, type_vocab_size=1, pad_token_id=0)
    write("roberta-masked", RobertaForMaskedLM, roberta, 32)


main()
