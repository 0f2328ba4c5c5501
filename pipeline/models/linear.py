"""A linear classifier of vectors that somebody else made of the texts."""

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from pipeline.models.counts import NotConvergedError
from pipeline.models.table import LinearModel
from pipeline.models.vectors import of_length_one


def make_linear(model: LinearModel, *, seed: int, **_: Any) -> "VectorsClassifier":
    """Return an unfitted classifier with the settings of the config's `model` section."""
    return VectorsClassifier(C=model.C, max_iter=model.max_iter, random_state=seed)


class VectorsClassifier(ClassifierMixin, BaseEstimator):
    """scikit-learn's LogisticRegression on vectors of length 1."""

    def __init__(self, *, C: float, max_iter: int, random_state: int) -> None:
        self.C = C
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(self, X: Any, y: np.ndarray, sample_weight: np.ndarray | None = None) -> Any:
        """Fit on (texts, dim) vectors and (texts,) labels.

        Raises:
            NotConvergedError: the solver needs more iterations.
        """
        solver = LogisticRegression(
            C=self.C, max_iter=self.max_iter, random_state=self.random_state
        )
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            try:
                self.fitted_ = solver.fit(of_length_one(np.asarray(X)), y, sample_weight)
            except ConvergenceWarning:
                raise NotConvergedError("the solver did not converge") from None
        self.classes_ = self.fitted_.classes_
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return (texts, classes) probabilities."""
        pred_probs: np.ndarray = self.fitted_.predict_proba(of_length_one(np.asarray(X)))
        return pred_probs

    def predict(self, X: Any) -> np.ndarray:
        """Return (texts,) the most probable class of each."""
        predicted: np.ndarray = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return predicted
