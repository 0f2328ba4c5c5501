"""What people use instead to find label errors: one finder on one CSV, in a process of its own.

Usage: python -m benchmarks.detect_peers NAME FILE.csv SEED OUT.npz. Writes `score` (n,), the higher
the more suspect, and `flagged` (n,).
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import Normalizer

FOLDS = 5
COMPONENTS = 100
Verdict = tuple[np.ndarray, np.ndarray]  # score, flagged


def words_lr() -> Pipeline:
    return make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=1000))


def characters_lr() -> Pipeline:
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=2)
    return make_pipeline(vectorizer, LogisticRegression(max_iter=1000))


def naive_bayes() -> Pipeline:
    return make_pipeline(CountVectorizer(), MultinomialNB())


MODELS: dict[str, Callable[[], Pipeline]] = {
    "words_lr": words_lr,
    "characters_lr": characters_lr,
    "naive_bayes": naive_bayes,
}
PEERS = (*MODELS, "datalab")


def judge_by_model(name: str, texts: np.ndarray, labels: np.ndarray, seed: int) -> Verdict:
    """Return what cleanlab makes of a model's out-of-sample probabilities."""
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    pred_probs = cross_val_predict(MODELS[name](), texts, labels, cv=folds, method="predict_proba")
    flagged = find_label_issues(labels, pred_probs, filter_by="prune_by_noise_rate", n_jobs=1)
    return 1 - pred_probs[np.arange(len(labels)), labels], flagged


def judge_by_datalab(texts: np.ndarray, labels: np.ndarray, seed: int) -> Verdict:
    """Return Datalab's default on features: the neighbours of each text in an SVD of TF-IDF."""
    from cleanlab import Datalab

    vectors = TfidfVectorizer().fit_transform(texts)
    components = min(COMPONENTS, min(vectors.shape) - 1)
    reduced = make_pipeline(TruncatedSVD(components, random_state=seed), Normalizer())
    lab = Datalab({"label": labels.tolist()}, label_name="label", verbosity=0)
    lab.find_issues(features=reduced.fit_transform(vectors), issue_types={"label": {}})
    issues = lab.get_issues("label")
    return 1 - issues["label_score"].to_numpy(), issues["is_label_issue"].to_numpy()


def main() -> None:
    name, path, seed, output = sys.argv[1:]
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    texts = table["text"].to_numpy(object)
    labels = np.unique(table["label"].to_numpy(object), return_inverse=True)[1]
    if name == "datalab":
        score, flagged = judge_by_datalab(texts, labels, int(seed))
    else:
        score, flagged = judge_by_model(name, texts, labels, int(seed))
    np.savez(Path(output), score=score, flagged=flagged)


if __name__ == "__main__":
    main()
