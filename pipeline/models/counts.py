"""scikit-learn classifiers of word counts, and what they learned as plain arrays."""

import json
import signal
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB

from pipeline.data.prepared import load_class_names
from pipeline.frame import artifacts
from pipeline.frame.errors import DataError
from pipeline.frame.run import Run
from pipeline.models.sections import Counts
from pipeline.models.table import LogisticRegressionModel, MultinomialNbModel

PATIENCE = 10.0  # CPU seconds for a text, and more for a long one
SLOWEST = 1e6  # characters a second


class NotConvergedError(ArithmeticError):
    """The solver stopped before it arrived."""


def make_naive_bayes(model: MultinomialNbModel, *, seed: int, **_: Any) -> "CountsClassifier":
    """Return an unfitted naive Bayes with the settings of the config's `model` section."""
    return CountsClassifier(MultinomialNB(alpha=model.alpha))


def make_logistic_regression(
    model: LogisticRegressionModel, *, seed: int, **_: Any
) -> "CountsClassifier":
    """Return an unfitted logistic regression on TF-IDF, likewise."""
    solver = LogisticRegression(C=model.C, max_iter=model.max_iter, random_state=seed)
    return CountsClassifier(solver, tfidf=True)


class PatientVectorizer(CountVectorizer):
    """sklearn's CountVectorizer, for patterns that may need for ever to find the words of a text.

    Raises:
        DataError: a text took longer than any pattern that does not go back again and again.
    """

    def build_tokenizer(self) -> Callable[[str], list[str]]:
        find = super().build_tokenizer()
        if threading.current_thread() is not threading.main_thread():
            return find  # type: ignore[no-any-return]

        def tokenize(text: str) -> list[str]:
            before = signal.signal(signal.SIGVTALRM, _give_up)
            signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE + len(text) / SLOWEST)
            try:
                found: list[str] = find(text)
                return found
            finally:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
                signal.signal(signal.SIGVTALRM, before)

        return tokenize


def _give_up(signum: int, frame: object) -> None:
    raise DataError(
        "vectorize.token_pattern: needs too long to find the words of a text, as nested repeats "
        "like (a+)+ do; write a simpler one"
    )


def make_vectorizer(options: Counts, vocabulary: list[str] | None = None) -> CountVectorizer:
    """Return sklearn's CountVectorizer with the settings of the config's `vectorize` section."""
    return PatientVectorizer(
        lowercase=options.lowercase,
        token_pattern=options.token_pattern,
        ngram_range=(1, options.max_ngram),
        min_df=options.min_df if vocabulary is None else 1,
        max_features=options.max_features if vocabulary is None else None,
        vocabulary=vocabulary,
        dtype=np.int32,
    )


class CountsClassifier(ClassifierMixin, BaseEstimator):
    """A linear classifier of sparse word counts that knows only the words of its own texts.

    Words that occur in no training text are dropped in `fit`, so a fold gets what a
    CountVectorizer fit on that fold alone would give it.
    """

    def __init__(self, estimator: Any, *, tfidf: bool = False) -> None:
        self.estimator = estimator
        self.tfidf = tfidf

    def fit(self, X: Any, y: np.ndarray, sample_weight: np.ndarray | None = None) -> Any:
        """Fit on (texts, words) counts and (texts,) labels.

        Raises:
            NotConvergedError: the solver needs more iterations.
        """
        from sklearn.base import clone

        self.words_ = np.flatnonzero(X.getnnz(axis=0))
        known = X[:, self.words_]
        self.weighting_ = TfidfTransformer().fit(known) if self.tfidf else None
        self.fitted_ = clone(self.estimator)
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            try:
                self.fitted_.fit(self._weighted(known), y, sample_weight=sample_weight)
            except ConvergenceWarning:
                raise NotConvergedError("the solver did not converge") from None
        self.classes_ = self.fitted_.classes_
        return self

    def _weighted(self, known: Any) -> Any:
        return known if self.weighting_ is None else self.weighting_.transform(known)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return (texts, classes) probabilities."""
        pred_probs: np.ndarray = self.fitted_.predict_proba(self._weighted(X[:, self.words_]))
        return pred_probs

    def predict(self, X: Any) -> np.ndarray:
        """Return (texts,) the most probable class of each."""
        predicted: np.ndarray = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return predicted

    def arrays(self) -> dict[str, np.ndarray]:
        """Return words (columns of X), coef (classes, words), intercept (classes,) and idf.

        Probabilities are the softmax of weighted counts @ coef.T + intercept; idf is empty
        where counts are not weighted.
        """
        if isinstance(self.fitted_, MultinomialNB):
            coef, intercept = self.fitted_.feature_log_prob_, self.fitted_.class_log_prior_
        else:
            coef, intercept = self.fitted_.coef_, self.fitted_.intercept_
        if len(coef) == 1:  # sklearn keeps one row for two classes; softmax wants both
            coef, intercept = np.vstack([0 * coef, coef]), np.concatenate([[0.0], intercept])
        idf = np.empty(0) if self.weighting_ is None else self.weighting_.idf_
        return {"words": self.words_, "coef": coef, "intercept": intercept, "idf": idf}


def deployable_arrays(
    learned: dict[str, np.ndarray], vocabulary: list[str], class_names: list[str], options: Counts
) -> dict[str, np.ndarray]:
    """Return what `predict_texts` needs and the class names, as arrays without Python objects."""
    words = [vocabulary[word] for word in learned["words"]]
    described = {
        "vocabulary": json.dumps(words),
        "vectorize": options.model_dump_json(),
        "class_names": json.dumps(class_names),
    }
    texts = {name: np.frombuffer(text.encode(), np.uint8) for name, text in described.items()}
    return {key: learned[key] for key in ("coef", "intercept", "idf")} | texts


def deploy_linear(
    run: Run, name: str, learned: dict[str, np.ndarray], classifier: Any, options: Counts
) -> None:
    """Write cleanlearn/<name>.npz, which labels raw texts."""
    if "words" in learned:
        vocabulary = artifacts.load_json(run.vocabulary("train"))
        arrays = deployable_arrays(learned, vocabulary, load_class_names(run), options)
        artifacts.save_arrays(run.linear_model(name), arrays)


def predict_texts(arrays: dict[str, np.ndarray], texts: list[str]) -> np.ndarray:
    """Return (texts, classes) probabilities from what `deployable_arrays` made."""
    from scipy.special import softmax
    from sklearn.preprocessing import normalize

    options = Counts.model_validate_json(arrays["vectorize"].tobytes())
    vocabulary = json.loads(arrays["vocabulary"].tobytes())
    counts = make_vectorizer(options, vocabulary).transform(texts)
    if arrays["idf"].size:
        counts = normalize(counts.multiply(arrays["idf"]).tocsr())
    pred_probs: np.ndarray = softmax(counts @ arrays["coef"].T + arrays["intercept"], axis=1)
    return pred_probs
