"""Writes pretrained/: tiny random models of every family that the library reads, and what transformers makes of documents.

Needs transformers, torch and tokenizers (made with 5.24.0, 2.15.0 and 0.23.3). Run from any folder:
    python make_pretrained_golden.py
    python make_pretrained_golden.py FOLDER_OF_ALL_MINILM_L6_V2     also writes minilm-golden.json, its sentence vectors

Each folder holds a model as transformers saves it and golden.json: documents, their pieces, and of the states of the last
layer the first, the last, the mean and the largest. All numbers are random, those too that a fresh model has at 0 or 1.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    AlbertConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    DistilBertConfig,
    ElectraConfig,
    GPT2Config,
    LlamaConfig,
    ModernBertConfig,
    Qwen2Config,
    RobertaConfig,
    XLMRobertaConfig,
)

HERE = Path(__file__).resolve().parent / "pretrained"
TEXTS = [
    "The film was good, really good!",
    "dull",
    "我们 都 说 这 film 好看",
    "Not a bad plot, but a long and long and long and dull film; the acting was not good!",
]

PIECES = (
    "[PAD] [UNK] [CLS] [SEP] [MASK] the film was good bad , ! ; really dull not a plot but long and acting act ##ing ##ed "
    "我 们 都 说 这 好 看 电 影 ##s ##ly real"
).split()

MERGES = "t h|th e|Ġ th|Ġ a|Ġ f|i l|il m|Ġf ilm|o o|oo d|Ġ g|Ġg ood|Ġa n|Ġan d|l l|Ġ n|o t|Ġn ot|Ġ w|a s|Ġw as".split("|")


def bytes_of_letters():
    """The signs of byte-level BPE that the documents need, and few more."""
    signs = sorted(set("abcdefghijklmnopqrstuvwxyzABTDN,!;Ġ"))
    tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    for text in ["我们都说这好看"]:
        signs += sorted({sign for piece, _ in tokenizer.pre_tokenize_str(text) for sign in piece} - set(signs))
    return signs


def byte_level(special, unknown=None):
    """A tokenizer as those of GPT-2, RoBERTa and Llama."""
    tokens = special + bytes_of_letters() + [merge.replace(" ", "") for merge in MERGES]
    vocab = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    merges = [tuple(merge.split(" ")) for merge in MERGES if all(part in vocab for part in merge.split(" "))]
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token=unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    return tokenizer


def word_pieces():
    """A tokenizer as that of BERT."""
    vocab = {piece: number for number, piece in enumerate(PIECES)}
    tokenizer = Tokenizer(models.WordPiece(vocab=vocab, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.add_special_tokens(PIECES[:5])
    return tokenizer


def roberta_tokenizer():
    tokenizer = byte_level(["<s>", "<pad>", "</s>", "<unk>", "<mask>"], "<unk>")
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return tokenizer


def randomise(model, seed):
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(model.named_parameters()):
        noise = torch.randn(parameter.shape, generator=generator) * 0.4
        is_scale = parameter.dim() == 1 and name.endswith("weight")
        parameter.data = noise + 1.0 if is_scale else noise


def write(name, config, tokenizer, seed, head=False, form="safetensors"):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config.vocab_size = tokenizer.get_vocab_size() + 3
    for key in ["pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"]:
        if getattr(config, key, None) is not None and getattr(config, key) >= config.vocab_size:
            setattr(config, key, None)
    kind = AutoModelForSequenceClassification if head else AutoModel
    whole = kind.from_config(config, attn_implementation="eager").eval()
    randomise(whole, seed)
    encoder = getattr(whole, whole.base_model_prefix) if head else whole
    cases = []
    for text in TEXTS:
        encoding = tokenizer.encode(text)
        with torch.no_grad():
            states = encoder(input_ids=torch.tensor([encoding.ids])).last_hidden_state[0]
        rounded = lambda row: [round(x, 6) for x in row.tolist()]
        cases.append({
            "text": text,
            "pieces": encoding.tokens,
            "first": rounded(states[0]),
            "last": rounded(states[-1]),
            "average": rounded(states.mean(0)),
            "max": rounded(states.max(0).values),
        })
    if form == "torch":
        config.save_pretrained(folder)
        torch.save(whole.state_dict(), folder / "pytorch_model.bin")
    else:
        whole.save_pretrained(folder, max_shard_size="6KB" if form == "shards" else "1GB")
        (folder / "generation_config.json").unlink(missing_ok=True)
    if form == "torch":
        # The tokenizer as it was before there was a tokenizer.json.
        (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
        (folder / "tokenizer_config.json").write_text('{"do_lower_case": true}\n', encoding="utf-8")
    else:
        tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "golden.json").write_text(json.dumps(cases, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    print(name, sum(file.stat().st_size for file in folder.iterdir()), "bytes")


def minilm(folder):
    """The mean states of a real model."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    cases = []
    for text in [*TEXTS[:3], TEXTS[3] * 20]:
        ids = tokenizer(text, truncation=True, max_length=256)["input_ids"]
        with torch.no_grad():
            mean = model(input_ids=torch.tensor([ids])).last_hidden_state[0].mean(0)
        pieces = tokenizer.convert_ids_to_tokens(ids)
        average = [round(x, 5) for x in mean.tolist()]
        cases.append({"text": text, "pieces": pieces, "first": [], "last": [], "average": average, "max": []})
    file = HERE / "minilm-golden.json"
    file.write_text(json.dumps(cases, ensure_ascii=False) + "\n", encoding="utf-8")


def main():
    transformers.logging.set_verbosity_error()
    if len(sys.argv) > 1:
        minilm(sys.argv[1])
    small = dict(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12)
    bert = word_pieces()
    bytes_only = byte_level(["<|endoftext|>"])
    write("bert", BertConfig(**small, max_position_embeddings=40), bert, 1)
    write("bert-shards", BertConfig(**small, max_position_embeddings=40), bert, 2, head=True, form="shards")
    write("bert-torch", BertConfig(**small, max_position_embeddings=40), bert, 3, head=True, form="torch")
    write("roberta", RobertaConfig(**small, max_position_embeddings=90, type_vocab_size=1), roberta_tokenizer(), 4, head=True)
    write("xlm-roberta", XLMRobertaConfig(**small, max_position_embeddings=90, type_vocab_size=1), roberta_tokenizer(), 5)
    write("electra", ElectraConfig(**small, embedding_size=6, max_position_embeddings=40), bert, 6, head=True)
    write("distilbert", DistilBertConfig(dim=8, n_layers=2, n_heads=2, hidden_dim=12, max_position_embeddings=40), bert, 7)
    write("albert", AlbertConfig(**small, embedding_size=6, max_position_embeddings=40), bert, 8)
    modern = ModernBertConfig(**(small | {"num_hidden_layers": 4}), max_position_embeddings=40, local_attention=6)
    write("modernbert", modern, bert, 9, head=True)
    write("gpt2", GPT2Config(n_embd=8, n_layer=2, n_head=2, n_positions=90), bytes_only, 10, head=True)
    llama = LlamaConfig(**(small | {"num_attention_heads": 4}), num_key_value_heads=2, max_position_embeddings=90)
    write("llama", llama, bytes_only, 11)
    qwen = Qwen2Config(**(small | {"num_attention_heads": 4}), num_key_value_heads=2, max_position_embeddings=90)
    write("qwen2", qwen, bytes_only, 12)


main()
