"""Clusters exported documents with scikit-learn: KMeans, MiniBatchKMeans, NMF and LatentDirichletAllocation.

The folder is what `fenlei bench cluster` exports: two matrices of the same documents, `tfidf` (each row of length 1) and
`counts`, each as NAME.starts.u64 (documents + 1), NAME.columns.u32 and NAME.values.f32, little-endian, and meta.json with
the number of columns of each. The cluster of each document is written to METHOD-SEED.u32 in the same folder, so that
fenlei measures all programs alike.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.decomposition import NMF, LatentDirichletAllocation

from harness import base_arguments, peak_mb, seconds, write_result

METHODS = {
    "kmeans-1": ("tfidf", lambda k, seed: KMeans(k, n_init=1, random_state=seed)),
    "kmeans-10": ("tfidf", lambda k, seed: KMeans(k, n_init=10, random_state=seed)),
    "minibatch": ("tfidf", lambda k, seed: MiniBatchKMeans(k, random_state=seed)),
    "minibatch-10": ("tfidf", lambda k, seed: MiniBatchKMeans(k, n_init=10, batch_size=4096, random_state=seed)),
    "nmf": ("tfidf", lambda k, seed: NMF(k, random_state=seed)),
    "lda": ("counts", lambda k, seed: LatentDirichletAllocation(k, random_state=seed)),
    "lda-online": (
        "counts",
        lambda k, seed: LatentDirichletAllocation(k, learning_method="online", batch_size=2048, random_state=seed),
    ),
}


def load(folder, name, n_columns):
    """Returns a matrix as scikit-learn wants it."""
    starts = np.fromfile(folder / f"{name}.starts.u64", dtype="<u8").astype(np.int64)
    columns = np.fromfile(folder / f"{name}.columns.u32", dtype="<u4").astype(np.int32)
    values = np.fromfile(folder / f"{name}.values.f32", dtype="<f4").astype(np.float64)
    return csr_matrix((values, columns, starts), shape=(len(starts) - 1, n_columns))


def cluster(model, matrix):
    """Returns the cluster of each document."""
    if hasattr(model, "fit_predict"):
        return model.fit_predict(matrix)
    return model.fit_transform(matrix).argmax(axis=1)


def main():
    parser = base_arguments(__doc__.splitlines()[0])
    parser.add_argument("--k", type=int, required=True, help="how many clusters")
    parser.add_argument("--method", required=True, choices=METHODS, help="how they are found")
    args = parser.parse_args()
    folder = Path(args.data)
    matrix_name, build = METHODS[args.method]
    meta = json.loads((folder / "meta.json").read_text())
    matrix = load(folder, matrix_name, meta[f"n_{matrix_name}"])
    model = build(args.k, args.seed)
    if args.method.startswith("lda"):
        model.set_params(n_jobs=args.threads)
    spent, clusters = seconds(lambda: cluster(model, matrix))
    clusters.astype("<u4").tofile(folder / f"{args.method}-{args.seed}.u32")
    result = {
        "peer": "scikit-learn",
        "version": version("scikit-learn"),
        "method": args.method,
        "k": args.k,
        "seed": args.seed,
        "threads": args.threads,
        "seconds": round(spent, 3),
        "passes": int(getattr(model, "n_iter_", 0)),
        "peak_mb": peak_mb(),
    }
    write_result(args.out, result)


main()
