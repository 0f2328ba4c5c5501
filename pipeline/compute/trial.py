"""Which members to ask, by the size of the data, and what each is worth on a part of it."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.models.calibration import LEAST, calibrate, log_loss
from pipeline.models.folds import plan_folds
from pipeline.models.members import MODEL, EnsembleFinder, named

MANY = 20_000  # texts times classes; above, rare runs of characters are left out
MOST_CHARACTERS = 15_000_000  # of all texts; above, single words stand for runs of characters
MOST_TRIED = 5_000  # texts
TRIAL_FOLDS = 5


class Tried(NamedTuple):
    """What a member is worth on held-out texts, against the given labels."""

    name: str
    log_loss: float
    accuracy: float


def suggest_finder(count: int, num_classes: int, characters: int) -> dict[str, Any]:
    """Return the `finder` section for so many texts, classes and characters in all texts.

    Chosen on the sets of docs/detection.md; the penalty is left to held-out texts.
    """
    many = count * num_classes > MANY
    strengths = [1.0, 3.0, 10.0]
    words = {"member": "words", "longest": 2, "min_df": 2, "max_features": 300_000, "C": strengths}
    second: dict[str, Any] = words | {"longest": 1}
    if characters <= MOST_CHARACTERS:
        second = {
            "member": "characters",
            "shortest": 2,
            "longest": 5,
            "min_df": 5 if many else 2,
            "max_features": 500_000,
            "C": strengths,
        }
    bayes = {
        "member": "naive_bayes",
        "longest": 2,
        "min_df": 2 if many else 1,
        "max_features": 300_000,
        "alpha": 0.3,
    }
    repeats = 3 if count <= 20_000 else 2 if count <= 200_000 else 1
    members = [words, second, bayes, {"member": "model"}]
    return {"by": "ensemble", "repeats": repeats, "members": members}


def try_members(
    finder: EnsembleFinder,
    texts: pa.Array,
    labels: np.ndarray,
    *,
    vectors: np.ndarray | None = None,
    num_classes: int,
    seed: int,
) -> list[Tried]:
    """Return what each member besides the model is worth on (a part of) the texts.

    Of classes that are all smaller than the usual folds there are as many as the largest has texts.

    Args:
        labels: (texts,) class indices. vectors: (texts, dim) of the user's, None for none.
    """
    from pipeline.models.judges import Corpus, ask_member

    chosen = np.arange(len(labels))
    if len(labels) > MOST_TRIED:
        chosen = np.sort(np.random.default_rng(seed).permutation(len(labels))[:MOST_TRIED])
    part, given = texts.take(pa.array(chosen)), labels[chosen]
    known = None if vectors is None else vectors[chosen]
    corpus = Corpus(lambda: part, None if known is None else lambda _: known)
    folds = min(TRIAL_FOLDS, int(np.bincount(given).max()))
    if folds < 2:  # of each class one text, in this part
        return []
    plan = plan_folds(given, folds=folds, shuffle=True, seed=seed)
    learned, found = np.ones(len(given), bool), []
    for name, member in named(finder.members):
        if member.member == MODEL:
            continue
        try:
            said, _ = ask_member(member, corpus, given, learned, [plan], num_classes=num_classes)
        except ValueError:  # no word or run of characters occurs often enough
            continue
        probs = np.exp(calibrate(said[0], given))
        loss = log_loss(np.log(np.maximum(probs, LEAST)), given)
        found.append(Tried(name, loss, float((probs.argmax(axis=1) == given).mean())))
    return found
