"""Measures gensim or fastText learning word vectors from a file of words.

DATA/words.txt holds a document a line, its words separated by spaces, as `fenlei bench embed` exports them, so that
nobody cuts texts here. The vectors are written to DATA/NAME.vec, and all programs' vectors are compared with the
similarity lists by one program.
"""

import sys
from importlib.metadata import version
from pathlib import Path

from harness import base_arguments, peak_mb, seconds, write_result


def main():
    parser = base_arguments(__doc__.splitlines()[0])
    parser.add_argument("--peer", required=True, choices=("gensim", "fasttext"), help="program to measure")
    parser.add_argument("--name", required=True, help="name of the file of vectors")
    parser.add_argument("--cbow", action="store_true", help="CBOW in place of skip-gram")
    parser.add_argument("--subwords", action="store_true", help="n-grams of 3 to 6 characters")
    parser.add_argument("--dim", type=int, default=100, help="size of the vectors")
    parser.add_argument("--window", type=int, default=5, help="words to each side")
    parser.add_argument("--negatives", type=int, default=5, help="wrong answers for each right one")
    parser.add_argument("--min-count", type=int, default=5, help="rarer words are left out")
    parser.add_argument("--sample", type=float, default=1e-4, help="words with a larger share are skipped now and then")
    parser.add_argument("--lr", type=float, default=0.025, help="first step size")
    parser.add_argument("--epochs", type=int, default=1, help="passes over the documents")
    args = parser.parse_args()
    words = str(Path(args.data) / "words.txt")
    vectors = str(Path(args.data) / f"{args.name}.vec")
    measured = (measure_gensim if args.peer == "gensim" else measure_fasttext)(args, words, vectors)
    measured |= {
        "peer": args.peer,
        "version": f"{args.peer} {version(args.peer)}",
        "seed": args.seed,
        "threads": args.threads,
        "peak_mb": peak_mb(),
    }
    write_result(args.out, measured)


def measure_gensim(args, words, vectors):
    """Reading and training, each by the clock; documents come from the file, which is gensim's quickest way."""
    from gensim.models import FastText, Word2Vec

    kind = FastText if args.subwords else Word2Vec
    model = kind(
        sg=0 if args.cbow else 1,
        hs=0,
        negative=args.negatives,
        vector_size=args.dim,
        window=args.window,
        min_count=args.min_count,
        sample=args.sample,
        alpha=args.lr,
        workers=args.threads,
        seed=args.seed,
    )
    reading, _ = seconds(lambda: model.build_vocab(corpus_file=words))
    training, _ = seconds(
        lambda: model.train(
            corpus_file=words,
            total_examples=model.corpus_count,
            total_words=model.corpus_total_words,
            epochs=args.epochs,
        )
    )
    model.wv.save_word2vec_format(vectors, binary=False)
    return {"read_seconds": [reading], "train_seconds": [training], "n_words": len(model.wv)}


def measure_fasttext(args, words, vectors):
    """fastText reads and trains in one call: the same call without an epoch tells how long reading takes."""
    import fasttext

    def train(epochs):
        return fasttext.train_unsupervised(
            words,
            model="cbow" if args.cbow else "skipgram",
            loss="ns",
            dim=args.dim,
            ws=args.window,
            neg=args.negatives,
            minCount=args.min_count,
            t=args.sample,
            lr=args.lr,
            epoch=epochs,
            minn=3 if args.subwords else 0,
            maxn=6 if args.subwords else 0,
            thread=args.threads,
            verbose=0,
        )

    reading, _ = seconds(lambda: train(0))
    both, model = seconds(lambda: train(args.epochs))
    names = model.get_words()
    with open(vectors, "w", encoding="utf-8") as file:
        # The mark at the end of lines is a word to fastText only.
        kept = [name for name in names if name != "</s>"]
        file.write(f"{len(kept)} {args.dim}\n")
        for name in kept:
            file.write(name + " " + " ".join(f"{value:.6g}" for value in model.get_word_vector(name)) + "\n")
    return {"read_seconds": [reading], "train_seconds": [both - reading], "n_words": len(kept)}


if __name__ == "__main__":
    sys.exit(main())
