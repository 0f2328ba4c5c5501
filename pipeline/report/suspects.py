"""The top issues of a scope as a person reads them: with text, probabilities and words."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline import artifacts
from pipeline.artifacts import Labels, Run
from pipeline.report.words import (
    Explanation,
    LinearWeights,
    Piece,
    WordSum,
    explain,
    fits,
    linear_weights,
    split_pieces,
    strongest_words,
)
from pipeline.schema import Config

NAMED_WORDS = 5  # in each direction
VECTORS = ("train_vectors", "test_vectors")  # of a fold, not needed to explain


@dataclass(frozen=True)
class Words:
    """Why the network prefers class `towards` to class `away`, word by word.

    adding, taking: the strongest words for and against. num_unread: words after the last position.
    """

    towards: str
    away: str
    explanation: Explanation
    adding: list[WordSum]
    taking: list[WordSum]
    num_unknown: int
    num_unread: int


@dataclass(frozen=True)
class Suspect:
    """One line of issues_<scope>.csv. words: None when the classifier has no exact explanation."""

    scope: str
    rank: int
    row: int
    id: str
    split: str
    given: str
    suggested: str
    self_confidence: float
    probability: float
    text: str
    pieces: list[Piece]
    words: Words | None


class Explainer:
    """Explains the examples of a scope, each with the model that has not seen it.

    Without weights of the linear network every explanation is None.
    """

    def __init__(self, run: Run, config: Config, scope: str) -> None:
        self.class_names = artifacts.load_class_names(run)
        self.tokens: np.ndarray | None = None
        self.models: list[LinearWeights] = []
        if config.model.name != "fasttext":
            return
        folds = 1 if scope == "test" else getattr(config.crossval, scope).folds
        self.tokens = artifacts.load_array(run.tokens(scope), mapped=True)
        self.model_of = np.zeros(len(self.tokens), int)
        for fold in range(folds):
            arrays = artifacts.load_arrays(run.fold(scope, fold), without=VECTORS)
            weights = linear_weights(arrays)
            if weights is None:
                self.tokens = None
                return
            self.model_of[arrays["held_out"]] = fold
            self.models.append(weights)
        self.vocabulary = artifacts.load_json(run.vocabulary("all" if scope == "all" else "train"))
        self.token_of = {word: token for token, word in enumerate(self.vocabulary) if token > 1}

    def explain(
        self, position: int, pieces: list[Piece], *, towards: int, away: int
    ) -> Words | None:
        """Return the words of the example at `position` of the scope, or None."""
        if self.tokens is None:
            return None
        tokens = np.asarray(self.tokens[position])
        if not fits(pieces, tokens, self.token_of):
            return None
        model = self.models[self.model_of[position]]
        explanation = explain(tokens, model, towards=towards, away=away)
        adding, taking = strongest_words(tokens, explanation, self.vocabulary, limit=NAMED_WORDS)
        num_words = sum(piece.position is not None for piece in pieces)
        return Words(
            towards=self.class_names[towards],
            away=self.class_names[away],
            explanation=explanation,
            adding=adding,
            taking=taking,
            num_unknown=int((tokens == 1).sum()),
            num_unread=max(num_words - len(tokens), 0),
        )


def load_suspects(
    run: Run,
    config: Config,
    labels: Labels,
    scope: str,
    *,
    limit: int | None = None,
    row: int | None = None,
) -> list[Suspect]:
    """Return the first `limit` issues of a scope, the most probable first, or that of `row`."""
    found = itertools.islice(artifacts.read_issues(run.issues(scope)), limit)
    issues = [issue for issue in found if row is None or int(issue["row"]) == row]
    explainer = Explainer(run, config, scope)
    pred_probs = artifacts.load_array(run.pred_probs(scope), mapped=True)
    rows = labels.rows(scope)
    return [
        _suspect(issue, scope, int(np.searchsorted(rows, int(issue["row"]))), pred_probs, explainer)
        for issue in issues
    ]


def _suspect(
    issue: dict[str, Any], scope: str, position: int, pred_probs: np.ndarray, explainer: Explainer
) -> Suspect:
    given, suggested = (
        explainer.class_names.index(issue[key]) for key in ("given_label", "suggested_label")
    )
    probabilities = np.asarray(pred_probs[position])
    pieces = split_pieces(issue["text"])
    towards = suggested
    if suggested == given:  # flagged although the model agrees: compare with the runner-up
        towards = int(np.argsort(-probabilities, kind="stable")[1])
    return Suspect(
        scope=scope,
        rank=int(issue["rank"]),
        row=int(issue["row"]),
        id=issue["id"],
        split=issue["split"],
        given=issue["given_label"],
        suggested=issue["suggested_label"],
        self_confidence=float(issue["self_confidence"]),
        probability=float(probabilities[suggested]),
        text=issue["text"],
        pieces=pieces,
        words=explainer.explain(position, pieces, towards=towards, away=given),
    )
