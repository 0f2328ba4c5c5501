"""What many people would use instead: TF-IDF + logistic regression + find_label_issues.

Usage: python benchmarks/tfidf_peer.py RUN_FOLDER. Prints one JSON line.
"""

import json
import sys
from pathlib import Path

import numpy as np
from cleanlab.filter import find_label_issues
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline

from pipeline.data.prepared import load_labels
from pipeline.frame.artifacts import load_table
from pipeline.frame.run import Run


def new_model() -> Pipeline:
    return make_pipeline(TfidfVectorizer(max_features=10000), LogisticRegression(max_iter=1000))


def issues_of(labels: np.ndarray, texts: np.ndarray, folds: int) -> tuple[np.ndarray, np.ndarray]:
    pred_probs = cross_val_predict(new_model(), texts, labels, cv=folds, method="predict_proba")
    issues = find_label_issues(
        labels, pred_probs, return_indices_ranked_by="self_confidence", n_jobs=1
    )
    return pred_probs, issues


def main() -> None:
    run = Run(Path(sys.argv[1]))
    labels = load_labels(run)
    texts = np.array(load_table(run.examples, ["text"]).column("text").to_pylist(), dtype=object)
    pred_probs, issues = issues_of(labels.given, texts, 3)
    train, test = labels.rows("train"), labels.rows("test")
    _, train_issues = issues_of(labels.given[train], texts[train], 5)
    accuracies = {}
    for name, rows in (("baseline", train), ("cleanlearning", np.delete(train, train_issues))):
        model = new_model().fit(texts[rows], labels.given[rows])
        accuracies[name] = float((model.predict(texts[test]) == labels.given[test]).mean())
    print(
        json.dumps(
            {
                "log_loss": float(log_loss(labels.given, pred_probs)),
                "issues": len(issues),
                "baseline_accuracy": accuracies["baseline"],
                "cleanlearning_accuracy": accuracies["cleanlearning"],
            }
        )
    )


if __name__ == "__main__":
    main()
