"""Writes cluster_golden.json: clusters with scikit-learn's figures about them, and steps of its topic models.

Needs scikit-learn (made with 1.9.1) and numpy (2.4.6). Run from any folder; the same versions write the same bytes:
    python make_cluster_golden.py
"""

import json
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from sklearn import metrics
from sklearn.cluster import KMeans
from sklearn.decomposition import NMF, LatentDirichletAllocation

rng = np.random.default_rng(20260711)


def agreement(name, clusters, labels):
    clusters, labels = np.asarray(clusters), np.asarray(labels)
    table = metrics.cluster.contingency_matrix(labels, clusters).T
    # numbers from 0 without gaps, so that the rows of the table are the clusters
    clusters = np.unique(clusters, return_inverse=True)[1]
    labels = np.unique(labels, return_inverse=True)[1]
    return {
        "name": name,
        "clusters": clusters.tolist(),
        "labels": labels.tolist(),
        "nmi": float(metrics.normalized_mutual_info_score(labels, clusters)),
        "ari": float(metrics.adjusted_rand_score(labels, clusters)),
        "purity": float(table.max(axis=1).sum() / table.sum()),
        "homogeneity": float(metrics.homogeneity_score(labels, clusters)),
        "completeness": float(metrics.completeness_score(labels, clusters)),
        "contingency": table.tolist(),
    }


def silhouette(n_docs, n_columns, k):
    vectors = (rng.random((n_docs, n_columns)) * (rng.random((n_docs, n_columns)) < 0.4)).round(3)
    vectors[:, 0] += 0.01  # no document is empty
    vectors = vectors.astype(np.float32)
    clusters = rng.integers(0, k, n_docs)
    clusters[:k] = np.arange(k)
    unit = vectors.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    centroids = np.array([unit[clusters == c].mean(axis=0) for c in range(k)])
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    distance = 1 - unit @ centroids.T
    own = distance[np.arange(n_docs), clusters]
    distance[np.arange(n_docs), clusters] = np.inf
    other = distance.min(axis=1)
    return {
        "vectors": vectors.tolist(),
        "clusters": clusters.tolist(),
        "exact": float(metrics.silhouette_score(unit, clusters, metric="cosine")),
        "simplified": float(((other - own) / np.maximum(own, other)).mean()),
    }


def documents(n_docs, n_columns, k, counts):
    """Documents that are each mostly about one of k topics; the matrix as rows of pairs (column, value)."""
    topics = rng.dirichlet(np.full(n_columns, 0.1), k)
    rows = np.array([rng.multinomial(rng.integers(4, 12), topics[i % k]) for i in range(n_docs)], dtype=np.float64)
    if not counts:
        rows *= rng.random(n_columns).round(2) + 0.5
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        rows = rows.astype(np.float32).astype(np.float64)
    return rows


def pairs(matrix):
    return [[[int(j), float(row[j])] for j in np.flatnonzero(row)] for row in matrix]


def nmf(n_docs, n_columns, k, passes):
    matrix = documents(n_docs, n_columns, k, counts=False)
    weights, topics = rng.random((n_docs, k)).round(3), rng.random((k, n_columns)).round(3)
    model = NMF(k, init="custom", solver="cd", max_iter=passes, tol=0, shuffle=False)
    found = model.fit_transform(csr_matrix(matrix), W=weights.copy(), H=topics.copy())
    return {
        "rows": pairs(matrix),
        "n_columns": n_columns,
        "k": k,
        "passes": passes,
        "first_weights": weights.tolist(),
        "first_topics": topics.T.tolist(),
        "weights": found.tolist(),
        "topics": model.components_.T.tolist(),
    }


def lda(n_docs, n_columns, k, batch, passes):
    """Online variational Bayes with documents started evenly, which scikit-learn does only where it transforms."""
    matrix = documents(n_docs, n_columns, k, counts=True)
    model = LatentDirichletAllocation(
        k, learning_method="online", learning_decay=0.7, learning_offset=10.0, batch_size=batch, random_state=0
    )
    model._init_latent_vars(n_columns, dtype=np.float64)
    first = model.components_.copy()
    for _ in range(passes):
        for start in range(0, n_docs, batch):
            part = csr_matrix(matrix[start : start + batch])
            _, statistics = model._e_step(part, cal_sstats=True, random_init=False)
            weight = (model.learning_offset + model.n_batch_iter_) ** -model.learning_decay
            scale = n_docs / part.shape[0]
            model.components_ *= 1 - weight
            model.components_ += weight * (model.topic_word_prior_ + scale * statistics)
            model.exp_dirichlet_component_ = np.exp(
                _expectation(model.components_)
            )
            model.n_batch_iter_ += 1
    return {
        "rows": pairs(matrix),
        "n_columns": n_columns,
        "k": k,
        "batch": batch,
        "passes": passes,
        "first_topics": first.T.tolist(),
        "topics": model.components_.T.tolist(),
        "documents": model.transform(csr_matrix(matrix)).tolist(),
    }


def _expectation(components):
    from scipy.special import digamma

    return digamma(components) - digamma(components.sum(axis=1))[:, np.newaxis]


def kmeans(n_docs, n_columns, k):
    """Plain k-means from given centroids. Where all centroids have about one length, spherical k-means agrees."""
    matrix = documents(n_docs, n_columns, k, counts=False)
    first = matrix[:k]
    found = KMeans(k, init=first, n_init=1, algorithm="lloyd").fit(matrix)
    return {
        "rows": pairs(matrix),
        "n_columns": n_columns,
        "k": k,
        "clusters": found.labels_.tolist(),
    }


def main():
    n = 60
    truth = rng.integers(0, 4, n)
    mixed = np.where(rng.random(n) < 0.7, truth, rng.integers(0, 5, n))
    golden = {
        "agreement": [
            agreement("mixed", mixed, truth),
            agreement("the same", truth, truth),
            agreement("renamed", 3 - truth, truth),
            agreement("at random", rng.integers(0, 3, n), truth),
            agreement("one cluster", np.zeros(n, int), truth),
            agreement("each alone", np.arange(n), truth),
            agreement("one of both", np.zeros(n, int), np.zeros(n, int)),
            agreement("one document", [0], [0]),
        ],
        "silhouette": [silhouette(30, 8, 3), silhouette(50, 20, 7), silhouette(12, 4, 9)],
        "nmf": [nmf(30, 25, 3, 5), nmf(40, 30, 4, 30)],
        "lda": [lda(30, 25, 3, 10, 3), lda(41, 30, 4, 16, 5)],
        "kmeans": [kmeans(60, 40, 3), kmeans(90, 60, 5)],
    }
    path = Path(__file__).with_name("cluster_golden.json")
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{path}: {path.stat().st_size} bytes")


main()
