"""Linear classifiers of counts, one for each fold, trained side by side.

What one model learns never reaches another one; only the reading of the features is shared.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.special import log_softmax

from pipeline.models.calibration import calibrate, log_loss
from pipeline.models.ngrams import mixed

MANY = 20_000  # texts times classes; above, one fold chooses the penalty
MOST_WEIGHTS = 6_000_000  # of models that are trained at once
MOST_COMPARED = 5_000_000  # numbers in a matrix; in larger ones hardly two columns are alike
ITERATIONS, HISTORY, TOLERANCE = 30, 6, 1e-2
Step = tuple[np.ndarray, np.ndarray, np.ndarray]


def training_masks(folds: np.ndarray) -> np.ndarray:
    """Return (texts, folds) whether a fold's model learns a text. folds: (texts,), -1: in none."""
    inside = folds[:, None] >= 0
    return np.asarray(inside & (folds[:, None] != np.arange(folds.max() + 1)))


class Features(NamedTuple):
    """(texts, columns), and how many columns that are alike each stands for."""

    columns: sparse.csr_matrix
    times: np.ndarray


def distinct_features(features: sparse.csr_matrix, learned: np.ndarray) -> Features:
    """Return features without columns that are alike in all texts learned from.

    A linear model with a quadratic penalty gives such columns the same weight, at every step of
    its solver; so one column, the larger by the root of their number, is as good as all of them.
    Of short texts most runs of characters are like another one.
    """
    everything = Features(features, np.ones(features.shape[1], np.float32))
    if features.nnz > MOST_COMPARED:
        return everything
    draws = np.random.default_rng(0).integers(2**64, size=len(learned), dtype=np.uint64) * learned
    bits = mixed(features.data.view(np.uint32).astype(np.uint64))
    numbers = sparse.csr_matrix((bits, features.indices, features.indptr), shape=features.shape)
    _, first, group, times = np.unique(
        numbers.T @ draws, return_index=True, return_inverse=True, return_counts=True
    )
    if len(first) == features.shape[1]:
        return everything
    order = np.argsort(first)  # as they appear
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    times = times[order].astype(np.float32)
    indices = place[group][features.indices]
    arrays = (features.data / np.sqrt(times)[indices], indices, features.indptr.copy())
    merged = sparse.csr_matrix(arrays, shape=(features.shape[0], len(times)))
    merged.sum_duplicates()
    return Features(merged, times)


def fit_logistic(
    features: sparse.csr_matrix | Features,
    labels: np.ndarray,
    training: np.ndarray,
    *,
    num_classes: int,
    C: float | np.ndarray,
) -> np.ndarray:
    """Return (texts, models, classes) log probabilities of one logistic regression per mask.

    The objective is that of scikit-learn's LogisticRegression (multinomial, or binary for two
    classes), the solver L-BFGS (Liu & Nocedal 1989), which reads the features once for all models.
    A looser TOLERANCE has a lower log loss and finds fewer label errors.

    Args:
        features: (texts, columns), or what `distinct_features` made of them.
        labels: (texts,) class indices. training: (texts, models) which texts each model learns.
        C: the inverse of the penalty, one for all models or one each.
    """
    columns = 1 if num_classes == 2 else num_classes
    if not isinstance(features, Features):
        features = Features(features, np.ones(features.shape[1], np.float32))
    at_once = max(1, MOST_WEIGHTS // (columns * (features.columns.shape[1] + 1)))
    transposed = features.columns.T.tocsr()
    strengths = np.broadcast_to(np.asarray(C, np.float32), training.shape[1])
    parts = []
    for start in range(0, training.shape[1], at_once):
        some = slice(start, start + at_once)
        fit = _Fit(features, transposed, labels, training[:, some], num_classes, strengths[some])
        parts.append(fit.run())
    return np.concatenate(parts, axis=1)


class Strength(NamedTuple):
    """The inverse of a penalty, and what its models say: (texts, folds, classes), or nothing."""

    C: float
    said: np.ndarray | None


def choose_strength(
    features: sparse.csr_matrix | Features,
    labels: np.ndarray,
    training: np.ndarray,
    *,
    learned: np.ndarray,
    num_classes: int,
    candidates: Sequence[float],
) -> Strength:
    """Return the C with the least log loss, each at its own temperature.

    On many texts one fold says it; on few, all folds do, and need not be trained again.

    Args:
        training: (texts, folds) which texts each fold learns. learned: (texts,) those of the
            scope; the labels of others are not looked at.
    """
    models = training[:, :1] if len(labels) * num_classes > MANY else training
    masks = np.tile(models, (1, len(candidates)))
    strengths = np.repeat(candidates, models.shape[1])
    fitted = fit_logistic(features, labels, masks, num_classes=num_classes, C=strengths)
    by_strength = fitted.reshape(len(labels), len(candidates), models.shape[1], num_classes)
    rows, folds = np.nonzero(~models & learned[:, None])
    losses = [
        log_loss(calibrate(by_strength[rows, place, folds], labels[rows]), labels[rows])
        for place in range(len(candidates))
    ]
    best = int(np.argmin(losses))
    said = by_strength[:, best] if models.shape == training.shape else None
    return Strength(candidates[best], said)


class _Fit:
    """Models with one mask each, and what L-BFGS knows of them.

    Weights are scaled (w = scale * at), so that the objective curves alike along all of them.
    at, slope: (columns of the features + 1, models * columns), the last row is the intercept.
    """

    def __init__(
        self,
        features: Features,
        transposed: sparse.csr_matrix,
        labels: np.ndarray,
        training: np.ndarray,
        num_classes: int,
        C: np.ndarray,
    ) -> None:
        self.features, self.transposed = features.columns, transposed
        self.texts, self.models = training.shape
        self.columns = 1 if num_classes == 2 else num_classes
        self.wanted = np.eye(num_classes, dtype=np.float32)[labels][:, None, -self.columns :]
        self.used = training.astype(np.float32)[:, :, None] * C[None, :, None]
        learned = training.any(axis=1)
        squares = self.features.power(2).T @ learned.astype(np.float32) / learned.sum()
        squares = squares / features.times  # of each of the columns that are alike
        curvature = (num_classes - 1) / num_classes**2 * self.used.sum(axis=(0, 2))
        curvature = np.repeat(curvature, self.columns)
        scale = np.vstack([np.outer(squares, curvature) + 1, curvature[None]])
        self.scale = np.sqrt(1 / np.maximum(scale, 1e-12)).astype(np.float32)
        self.penalty = np.append(np.ones(self.features.shape[1]), 0).astype(np.float32)[:, None]

    def run(self) -> np.ndarray:
        """Return (texts, models, classes) log probabilities."""
        at = np.zeros((self.features.shape[1] + 1, self.models * self.columns), np.float32)
        logits = np.zeros((self.texts, self.models, self.columns), np.float32)
        slope, loss = self.gradient(logits, at), self.losses(logits)
        enough = TOLERANCE * np.sqrt(self.dots(slope, slope))
        running = np.ones(self.models, bool)  # a model that has arrived stays as it is
        steps: list[Step] = []
        for _ in range(ITERATIONS):
            direction = self.direction(slope, steps)
            falls = self.dots(slope, direction)
            moves = self.spread(running & (falls < 0)) > 0
            direction = np.where(moves, direction, np.float32(0))
            length, logits, loss = self.search(direction, falls, running, at, logits, loss)
            step = self.spread(length) * direction
            at += step
            before, slope = slope, self.gradient(logits, at)
            change = slope - before
            product = self.dots(step, change)
            product = np.where(product > 1e-20, product, np.inf)
            steps = [*steps[-(HISTORY - 1) :], (step, change, product)]
            running &= (np.sqrt(self.dots(slope, slope)) > enough) & (length > 0)
            if not running.any():
                break
        if self.columns == 1:
            logits = np.concatenate([np.zeros_like(logits), logits], axis=2)
        return np.asarray(log_softmax(logits, axis=2), np.float32)

    def direction(self, slope: np.ndarray, steps: Sequence[Step]) -> np.ndarray:
        """Return where L-BFGS goes: the two loops over the steps it remembers."""
        direction = -slope
        shares = []
        for step, change, product in reversed(steps):
            shares.append(self.dots(step, direction) / product)
            direction -= self.spread(shares[-1]) * change
        if steps:
            change, product = steps[-1][1:]
            curved = np.where(np.isfinite(product), product, 1)
            direction *= self.spread(curved / np.maximum(self.dots(change, change), 1e-20))
        for (step, change, product), share in zip(steps, reversed(shares), strict=True):
            direction += self.spread(share - self.dots(change, direction) / product) * step
        return direction

    def search(
        self,
        direction: np.ndarray,
        falls: np.ndarray,
        running: np.ndarray,
        at: np.ndarray,
        logits: np.ndarray,
        loss: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return how far each model goes, and the logits and losses there (Armijo's rule).

        Logits are linear in the step, so trying one reads no features.
        """
        moved = self.scale * direction
        along = (self.features @ moved[:-1] + moved[-1]).reshape(logits.shape)
        linear = self.dots(self.penalty * self.scale * at, moved)
        square = self.dots(self.penalty * moved, moved)
        length = running.astype(np.float32)
        for attempt in range(10):
            tried = logits + length[None, :, None] * along
            after = self.losses(tried)
            rise = after - loss + length * linear + length**2 * square / 2
            too_far = running & (rise > 1e-4 * length * falls + 1e-7 * np.abs(loss))
            if not too_far.any():
                break
            length[too_far] *= 0.4 if attempt < 8 else 0
        return length, tried, after

    def losses(self, logits: np.ndarray) -> np.ndarray:
        """Return (models,) the weighted cross-entropy of each, without the penalty."""
        if self.columns == 1:
            each = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits))) - self.wanted * logits
        else:
            top = logits.max(axis=2, keepdims=True)
            each = np.log(np.exp(logits - top).sum(axis=2, keepdims=True)) + top
            each -= (self.wanted * logits).sum(axis=2, keepdims=True)
        return np.asarray((each * self.used).sum(axis=(0, 2), dtype=np.float64))

    def gradient(self, logits: np.ndarray, at: np.ndarray) -> np.ndarray:
        if self.columns == 1:
            probabilities = 1 / (1 + np.exp(-logits))
        else:
            powers = np.exp(logits - logits.max(axis=2, keepdims=True))
            probabilities = powers / powers.sum(axis=2, keepdims=True)
        residuals = (self.used * (probabilities - self.wanted)).reshape(self.texts, -1)
        found = np.empty(at.shape, np.float32)
        found[:-1] = self.transposed @ residuals
        found[-1] = residuals.sum(axis=0)
        return np.asarray(self.scale * (found + self.penalty * self.scale * at))

    def dots(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return (models,) the products of two directions, model by model."""
        each = np.einsum("ij,ij->j", a, b)
        return np.asarray(each.reshape(self.models, self.columns).sum(axis=1))

    def spread(self, values: np.ndarray) -> np.ndarray:
        return np.repeat(values, self.columns).astype(np.float32)


def fit_naive_bayes(
    counts: sparse.csr_matrix,
    labels: np.ndarray,
    training: np.ndarray,
    *,
    num_classes: int,
    alpha: float,
) -> np.ndarray:
    """Return (texts, models, classes) log probabilities of one multinomial naive Bayes per mask."""
    texts, models = training.shape
    used = np.eye(num_classes, dtype=np.float32)[labels][:, None, :] * training[:, :, None]
    in_class = np.asarray(counts.T @ used.reshape(texts, -1), np.float64)
    in_class = in_class.reshape(-1, models, num_classes)
    known = in_class.sum(axis=2, keepdims=True) > 0  # a fold knows only its own words
    smoothed = in_class + alpha
    share = np.log(smoothed / (smoothed * known).sum(axis=0, keepdims=True)) * known
    sizes = used.sum(axis=0)
    logits = counts @ share.reshape(-1, models * num_classes).astype(np.float32)
    logits = logits.reshape(texts, models, num_classes)
    logits = logits + np.log(np.maximum(sizes, 1e-9) / sizes.sum(axis=1, keepdims=True))
    return np.asarray(log_softmax(logits, axis=2), np.float32)
