"""The article's server: Flask, Keras, one text a request. Needs flask, keras, tensorflow-cpu.

    serve_flask.py PORT

The network is appendix C with random weights: an answer takes as long as with trained ones. Words get their numbers
from a hash, which is no slower than a dictionary.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import re
import sys
import zlib

import keras
import numpy as np
from flask import Flask, jsonify, request
from keras import layers

VOCAB, MAX_LEN = 20000, 500
WORD = re.compile(r"\w+")

app = Flask(__name__)
model = keras.Sequential(
    [
        keras.Input((MAX_LEN,), dtype="int32"),
        layers.Embedding(VOCAB, 128),
        layers.Conv1D(128, 5, activation="relu"),
        layers.GlobalMaxPooling1D(),
        layers.Dense(128, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ]
)


def encode(text):
    ids = [zlib.crc32(word.encode()) % (VOCAB - 1) + 1 for word in WORD.findall(text.lower())][-MAX_LEN:]
    return np.array([[0] * (MAX_LEN - len(ids)) + ids], dtype="int32")


@app.route("/predict", methods=["POST"])
def predict():
    data = request.get_json(force=True)
    prediction = model.predict(encode(data["input"]), verbose=0)
    return jsonify(prediction.tolist())


if __name__ == "__main__":
    model.predict(encode("warm up"), verbose=0)
    app.run(port=int(sys.argv[1]))
