"""Which words drove naive Bayes or logistic regression on counts. Exact: both are linear in them.

The logit of class k is the sum over the words of a text of count * weight * coef[k, word], plus an
intercept; the weight is 1, or with TF-IDF idf / length of the whole row. So each occurrence adds
its own part to the difference of two logits, an n-gram the same part to each of its words.
"""

import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import softmax

from pipeline.data.prepared import load_labels
from pipeline.frame import artifacts
from pipeline.frame.artifacts import Arrays
from pipeline.frame.run import Run
from pipeline.models.explanation import Piece
from pipeline.models.sections import Counts
from pipeline.models.table import inputs_of, load_inputs, make_classifier, row_of

LEARNED = ("words", "coef", "intercept", "idf")
NEAR = 1e-3  # how far from what the fold said probabilities may be


def is_explained(config: Any) -> bool:
    """Return whether the model of a config is linear in counts of words."""
    return row_of(config.model).is_linear_in_counts


def split_counted(text: str, options: Counts) -> list[Piece]:
    """Return the text in order, cut where sklearn's CountVectorizer finds its words.

    Joined together the pieces are the text again; of a text whose letters change their number in
    lower case it is one piece.
    """
    searched = text.lower() if options.lowercase else text
    if len(searched) != len(text):
        return [Piece(text, None)]
    pattern, pieces, end = re.compile(options.token_pattern), [], 0
    for number, match in enumerate(pattern.finditer(searched)):
        start, stop = match.span(pattern.groups)
        if start > end:
            pieces.append(Piece(text[end:start], None))
        pieces.append(Piece(text[start:stop], number))
        end = stop
    return [*pieces, Piece(text[end:], None)] if end < len(text) else pieces


def explain_counted(
    words: list[str],
    row: sparse.csr_matrix,
    learned: Arrays,
    column_of: dict[str, int],
    *,
    longest: int,
    towards: int,
    away: int,
) -> np.ndarray | None:
    """Return (words,) what each adds to logit[towards] - logit[away]; None if they are others.

    Args:
        words: of the text, as they are counted. row: (1, columns) its counts.
        learned: see CountsClassifier.arrays. column_of: of each n-gram. longest: of them, in words.
    """
    weight, _ = weighted(row, learned)
    delta = np.zeros(row.shape[1])
    delta[learned["words"]] = learned["coef"][towards] - learned["coef"][away]
    parts, counted = np.zeros(len(words)), np.zeros(row.shape[1])
    for length in range(1, longest + 1):
        for first in range(len(words) - length + 1):
            column = column_of.get(" ".join(words[first : first + length]))
            if column is not None:
                counted[column] += 1
                parts[first : first + length] += delta[column] * weight[column] / length
    return parts if np.array_equal(counted, row.toarray()[0]) else None


def weighted(row: sparse.csr_matrix, learned: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """Return (columns,) what one occurrence weighs, and (classes,) the logits of a row."""
    weight = np.zeros(row.shape[1])
    weight[learned["words"]] = learned["idf"] if learned["idf"].size else 1.0
    values = row.toarray()[0] * weight
    length = np.linalg.norm(values) if learned["idf"].size else 1.0
    weight = weight / (length or 1.0)
    known = (row.toarray()[0] * weight)[learned["words"]]
    return weight, learned["coef"] @ known + learned["intercept"]


class CountsExplainer:
    """Explains the texts of a scope, each with the model that has not seen it.

    Of a cross-validation only what its folds said is kept, so their models are fitted once more,
    beside whoever asks; nothing is explained before, nor what does not add up to what was said.
    """

    def __init__(self, run: Run, scope: str, config: Any) -> None:
        self.options: Counts = config.vectorize
        self.model = config.model
        self._counts = load_inputs(inputs_of(run, scope, self.options))
        self._pred_probs = artifacts.load_array(run.pred_probs(scope))
        self._fold_of = np.full(self._counts.shape[0], -1)
        self._learned: dict[int, Arrays] = {}
        vocabulary = artifacts.load_json(run.vocabulary("all" if scope == "all" else "train"))
        self._column_of = {word: column for column, word in enumerate(vocabulary)}
        paths = sorted(run.fold(scope, 0).parent.glob("fold_*.npz"))
        self._thread = threading.Thread(target=self._learn, args=(run, scope, paths), daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Return when every model is there."""
        self._thread.join()

    def _learn(self, run: Run, scope: str, paths: list[Path]) -> None:
        labels = load_labels(run).fitted(scope)
        for number, path in enumerate(paths):
            fold = artifacts.load_arrays(path)
            learned = {name: fold[name] for name in LEARNED if name in fold}
            if not learned:
                kept = np.delete(np.arange(len(labels)), fold["held_out"])
                classifier = make_classifier(self.model, vocabulary_size=0, seed=0)
                learned = classifier.fit(self._counts[kept], labels[kept]).arrays()
            self._learned[number] = learned
            self._fold_of[fold["held_out"]] = number

    def pieces_and_parts(
        self, position: int, text: str, *, towards: int, away: int
    ) -> tuple[list[Piece], np.ndarray] | None:
        """Return the text in pieces and what each word adds; None while or where it is unknown."""
        learned = self._learned.get(int(self._fold_of[position]))
        if learned is None:
            return None
        row = self._counts[[position]]
        if not np.allclose(
            softmax(weighted(row, learned)[1]), self._pred_probs[position], atol=NEAR
        ):
            return None
        pieces = split_counted(text, self.options)
        spelled = str.lower if self.options.lowercase else str
        parts = explain_counted(
            [spelled(piece.text) for piece in pieces if piece.position is not None],
            row,
            learned,
            self._column_of,
            longest=self.options.max_ngram,
            towards=towards,
            away=away,
        )
        return None if parts is None else (pieces, parts)
