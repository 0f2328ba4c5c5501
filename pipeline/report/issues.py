"""The top issues of a scope as a person reads them: with text, probabilities and words."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.data.prepared import Labels
from pipeline.frame import artifacts
from pipeline.frame.run import Run
from pipeline.models.explanation import Explainer, Piece, WordEvidence


@dataclass(frozen=True)
class Issue:
    """One line of issues_<scope>.csv.

    probability: of the suggested label, as the model says. wrong: calibrated probability that the
    label is wrong, None where nothing is calibrated. words: None without an exact explanation.
    """

    scope: str
    rank: int
    row: int
    id: str
    split: str
    given: str
    suggested: str
    self_confidence: float
    probability: float
    wrong: float | None
    text: str
    pieces: list[Piece]
    words: WordEvidence | None


def load_issues(
    run: Run,
    labels: Labels,
    scope: str,
    *,
    limit: int | None = None,
    row: int | None = None,
) -> list[Issue]:
    """Return the first `limit` issues of a scope, the most probable first, or that of `row`."""
    found = itertools.islice(artifacts.read_issues(run.issues(scope)), limit)
    issues = [issue for issue in found if row is None or int(issue["row"]) == row]
    explainer = Explainer(run, scope)
    pred_probs = artifacts.load_array(run.pred_probs(scope), mapped=True)
    rows = labels.rows(scope)
    return [
        _issue(issue, scope, int(np.searchsorted(rows, int(issue["row"]))), pred_probs, explainer)
        for issue in issues
    ]


def _issue(
    issue: dict[str, Any], scope: str, position: int, pred_probs: np.ndarray, explainer: Explainer
) -> Issue:
    given, suggested = (
        explainer.class_names.index(issue[key]) for key in ("given_label", "suggested_label")
    )
    probabilities = np.asarray(pred_probs[position])
    towards = suggested
    if suggested == given:  # flagged although the model agrees: compare with the runner-up
        towards = int(np.argsort(-probabilities, kind="stable")[1])
    pieces, words = explainer.explain(position, issue["text"], towards=towards, away=given)
    return Issue(
        scope=scope,
        rank=int(issue["rank"]),
        row=int(issue["row"]),
        id=issue["id"],
        split=issue["split"],
        given=issue["given_label"],
        suggested=issue["suggested_label"],
        self_confidence=float(issue["self_confidence"]),
        probability=float(probabilities[suggested]),
        wrong=float(issue["probability_wrong"]) if issue["probability_wrong"] else None,
        text=issue["text"],
        pieces=pieces,
        words=words,
    )
