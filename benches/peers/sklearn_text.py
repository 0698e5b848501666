"""Trains and times scikit-learn's classical models on raw text.

The folder has train.txt and test.txt, one document a line: `__label__x text`. Timed from the file to features, from
features to a model, and from the file of the test documents to their labels. Settings are those of fenlei's recipes, so
that both do the same work; features are scikit-learn's own words.
"""

import numpy as np
import sklearn
from scipy.sparse import diags
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.svm import LinearSVC

from fasttext_peer import read
from harness import base_arguments, peak_mb, seconds, write_result


def counts(longest):
    return CountVectorizer(ngram_range=(1, longest), min_df=2, binary=True, dtype=np.float32)


class NbSvm:
    """Logistic regression over features times the log ratio of their shares (Mesnil et al. 2015), for two labels."""

    def fit(self, x, y):
        positive = np.asarray(y) == sorted(set(y))[1]
        p = 1 + np.asarray(x[positive].sum(axis=0))[0]
        q = 1 + np.asarray(x[~positive].sum(axis=0))[0]
        self.ratio = diags(np.log((p / p.sum()) / (q / q.sum())))
        self.model = LogisticRegression(C=1.0, solver="liblinear").fit(x @ self.ratio, y)
        return self

    def predict(self, x):
        return self.model.predict(x @ self.ratio)


def tf_idf():
    return TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32)


MODELS = {
    "linear": lambda: (tf_idf(), LogisticRegression(C=20, max_iter=1000)),
    "svm": lambda: (tf_idf(), LinearSVC(C=1.0)),
    "nb": lambda: (counts(2), MultinomialNB()),
    "nb-svm-2": lambda: (counts(2), NbSvm()),
    "nb-svm-3": lambda: (counts(3), NbSvm()),
}


def main():
    parser = base_arguments(__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, choices=MODELS, help="features and model")
    args = parser.parse_args()

    def load(split):
        return read(f"{args.data}/{split}.txt")

    vectorizer, model = MODELS[args.model]()

    def vectorise():
        labels, texts = load("train")
        return labels, vectorizer.fit_transform(texts)

    vectorise_seconds, (labels, x) = seconds(vectorise)
    fit_seconds, _ = seconds(lambda: model.fit(x, labels))

    def predict():
        truth, texts = load("test")
        return truth, model.predict(vectorizer.transform(texts))

    score_seconds, (truth, predicted) = seconds(predict)
    write_result(
        args.out,
        {
            "peer": "scikit-learn",
            "version": f"scikit-learn {sklearn.__version__}",
            "net": args.model,
            "threads": args.threads,
            "vectorise_seconds": vectorise_seconds,
            "fit_seconds": fit_seconds,
            "train_seconds": [vectorise_seconds + fit_seconds],
            "score_seconds": [score_seconds],
            "n_features": x.shape[1],
            "docs_train": len(labels),
            "docs_test": len(truth),
            "test_accuracy": sum(a == b for a, b in zip(truth, predicted)) / len(truth),
            "peak_mb": peak_mb(),
        },
    )


if __name__ == "__main__":
    main()
