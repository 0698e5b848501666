"""A careful Python server: FastAPI on uvicorn, ONNX Runtime on one thread, one text a request.
Needs fastapi, uvicorn, httptools, uvloop, onnx, onnxruntime.

    serve_fastapi.py PORT

The same network as in serve_flask.py, written as an ONNX graph with random weights.
"""

import re
import sys
import zlib

import numpy as np
import onnx
import onnxruntime
import uvicorn
from fastapi import FastAPI
from onnx import TensorProto, helper, numpy_helper
from pydantic import BaseModel

VOCAB, MAX_LEN, DIM, FILTERS, WIDTH = 20000, 500, 128, 128, 5
WORD = re.compile(r"\w+")


def network():
    rng = np.random.default_rng(1)
    weights = {
        "embedding": (VOCAB, DIM),
        "filters": (FILTERS, DIM, WIDTH),
        "bias": (FILTERS,),
        "w1": (FILTERS, 128),
        "b1": (128,),
        "w2": (128, 1),
        "b2": (1,),
    }
    tensors = [numpy_helper.from_array(rng.normal(0, 0.05, shape).astype("float32"), name) for name, shape in weights.items()]
    nodes = [
        helper.make_node("Gather", ["embedding", "ids"], ["rows"]),
        helper.make_node("Transpose", ["rows"], ["columns"], perm=[0, 2, 1]),
        helper.make_node("Conv", ["columns", "filters", "bias"], ["convolved"]),
        helper.make_node("Relu", ["convolved"], ["positive"]),
        helper.make_node("GlobalMaxPool", ["positive"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w1", "b1"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("Gemm", ["active", "w2", "b2"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probability"]),
    ]
    graph = helper.make_graph(
        nodes,
        "appendix-c",
        [helper.make_tensor_value_info("ids", TensorProto.INT32, [None, MAX_LEN])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None, 1])],
        tensors,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(network().SerializeToString(), options, providers=["CPUExecutionProvider"])
app = FastAPI()


class Question(BaseModel):
    input: str


def encode(text):
    ids = [zlib.crc32(word.encode()) % (VOCAB - 1) + 1 for word in WORD.findall(text.lower())][-MAX_LEN:]
    return np.array([[0] * (MAX_LEN - len(ids)) + ids], dtype="int32")


@app.post("/predict")
async def predict(question: Question):
    return session.run(None, {"ids": encode(question.input)})[0].tolist()


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False)
