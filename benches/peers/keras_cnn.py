"""Trains and times the article's convolutional networks with Keras on TensorFlow."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import time

import keras
import tensorflow as tf
from keras import layers

from harness import choose_batch, cnn_arguments, peak_mb, seconds, write_result
from load import load


class EpochClock(keras.callbacks.Callback):
    """Notes the seconds of each epoch."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.start)


def network(net, vocab, max_len):
    """Builds the network of that name."""
    convolutions = {
        "appendix-c": [layers.Conv1D(128, 5, activation="relu")],
        "chapter-8": [
            layers.Conv1D(128, 5, activation="relu"),
            layers.MaxPooling1D(5),
            layers.Conv1D(128, 5, activation="relu"),
            layers.MaxPooling1D(5),
        ],
    }
    return keras.Sequential(
        [
            keras.Input((max_len,), dtype="int32"),
            layers.Embedding(vocab, 128),
            *convolutions[net],
            layers.GlobalMaxPooling1D(),
            layers.Dense(128, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def main():
    args = cnn_arguments(__doc__)
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    keras.utils.set_random_seed(args.seed)

    train, train_labels = load(args.data, "train", args.max_len, args.vocab, args.sample)
    test, test_labels = load(args.data, "test", args.max_len, args.vocab, args.sample)
    model = network(args.net, args.vocab, args.max_len)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="binary_crossentropy")

    clock = EpochClock()
    model.fit(
        train, train_labels, batch_size=args.batch, epochs=args.epochs, shuffle=True, callbacks=[clock], verbose=0
    )

    def score(documents, batch):
        return model.predict(documents, batch_size=batch, verbose=0)[:, 0]

    batch = choose_batch(score, test, args.score_batch)
    runs = [seconds(lambda: score(test, batch)) for _ in range(3)]
    accuracy = float(((runs[-1][1] > 0.5) == (test_labels > 0.5)).mean())

    write_result(
        args.out,
        {
            "peer": "keras",
            "version": f"keras {keras.__version__}, tensorflow {tf.__version__}",
            "net": args.net,
            "seed": args.seed,
            "threads": args.threads,
            "batch": args.batch,
            "epoch_seconds": clock.seconds,
            "score_seconds": [run[0] for run in runs],
            "docs_train": len(train),
            "docs_test": len(test),
            "test_accuracy": accuracy,
            "peak_mb": peak_mb(),
            "batch_score": batch,
        },
    )


if __name__ == "__main__":
    main()
