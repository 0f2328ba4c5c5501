"""Labels that people checked: which of our issues they confirm, and the corrected test set."""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.data.prepared import load_class_names, load_labels
from pipeline.data.records import read_csv
from pipeline.frame import artifacts
from pipeline.frame.errors import DataError
from pipeline.frame.run import Run
from pipeline.issues.calibration import estimate_by_calibration
from pipeline.issues.estimate import estimate_by_confident_learning
from pipeline.issues.sections import Evaluate

COLUMNS = [
    "test_index",
    "given_label",
    "guessed_label",
    "votes_given",
    "votes_guessed",
    "text_sha256",
]
MAJORITY = 3  # of five votes
RANKS = (10, 50, 100, 500)
BY_MAJORITY = "other >= 3 votes"
DEFINITIONS = ("given < 3 votes", BY_MAJORITY, "other > given votes")


class Verified(NamedTuple):
    """Votes on some test labels. positions: (m,) places among the rows of scope test.

    given, guessed: (m,) votes for the given and for the other label. other: (m,) that label.
    """

    positions: np.ndarray
    given: np.ndarray
    guessed: np.ndarray
    other: np.ndarray

    def confirmed(self) -> dict[str, np.ndarray]:
        """Return, for each definition of a label error, whether people confirm it: (m,)."""
        conditions = (
            self.given < MAJORITY,
            self.guessed >= MAJORITY,
            self.guessed > self.given,
        )
        return dict(zip(DEFINITIONS, conditions, strict=True))


def load_verified(path: Path, run: Run) -> Verified:
    """Return the votes in `path`, matched to the test rows by the hash of the text.

    Raises:
        DataError: a hash, label or vote does not match the data; naming the line.
    """
    labels, class_names = load_labels(run), load_class_names(run)
    rows = labels.rows("test")
    test = artifacts.load_table(run.examples, ["id", "text"]).take(rows)
    place_of = {id_: position for position, id_ in enumerate(test.column("id").to_pylist())}
    texts, given = test.column("text").to_pylist(), labels.given[rows]
    records = read_csv(path, COLUMNS, columns=None, delimiter=",", encoding="utf-8")
    found: dict[int, tuple[int, ...]] = {}
    for number in range(len(records)):
        record = {column: values[number] for column, values in records.columns.items()}
        position = place_of.get(f"test/{record['test_index']}")
        problem = _problem(record, position, found, texts, given, class_names)
        if problem or position is None:
            raise DataError(f"{records.place(number)}: {problem}")
        votes = (int(record["votes_given"]), int(record["votes_guessed"]))
        found[position] = (*votes, class_names.index(record["guessed_label"]))
    columns = np.array(list(found.values()), dtype=np.int64).T
    return Verified(np.array(list(found), dtype=np.int64), *columns)


def _problem(
    record: dict[str, str],
    position: int | None,
    found: dict[int, tuple[int, ...]],
    texts: list[str],
    given: np.ndarray,
    class_names: list[str],
) -> str:
    index = record["test_index"]
    if position is None:
        return f"test_index {index!r} is not a row of the test split"
    if position in found:
        return f"test_index {index!r} occurs twice; keep one"
    if hashlib.sha256(texts[position].encode()).hexdigest() != record["text_sha256"]:
        return (
            f"text_sha256 is not that of test/{index}; the file belongs to another dataset "
            "or version"
        )
    if record["given_label"] != class_names[given[position]]:
        labelled = class_names[given[position]]
        return f"given_label {record['given_label']!r} is not that of test/{index} ({labelled!r})"
    if record["guessed_label"] not in class_names:
        return f"guessed_label {record['guessed_label']!r} is not a class"
    for key in ("votes_given", "votes_guessed"):
        if not record[key].isdecimal():
            return f"{key} {record[key]!r} is not a count of votes"
    return ""


def apply_votes(labels: np.ndarray, verified: Verified) -> tuple[np.ndarray, np.ndarray]:
    """Return the test labels with majority flips applied, and which rows count.

    Args:
        labels: (n,) given labels of scope test.

    Returns:
        labels: (n,). counts: (n,) False where people were shown the row and no label has a
        majority of three votes.
    """
    corrected, counts = labels.copy(), np.ones(len(labels), bool)
    flipped = verified.guessed >= MAJORITY
    corrected[verified.positions[flipped]] = verified.other[flipped]
    counts[verified.positions[~flipped & (verified.given < MAJORITY)]] = False
    return corrected, counts


def score_issues(
    ranked: np.ndarray, confidence: np.ndarray, verified: Verified, *, samples: int, seed: int
) -> dict[str, Any]:
    """Return how far people confirm the ranked issues among the test labels.

    Args:
        ranked: positions in scope test, the most suspicious first. confidence: (n,) self-confidence
            of every test row. samples: bootstrap samples over the judged rows.

    Returns:
        shown, unjudged: issues people were and were not shown. For each definition of an error:
        base_rate: its share of the judged rows, which a random order of them would confirm;
        confirmed; precision_at {k: share confirmed of the first k issues that were judged};
        precision_band {k: [low, high]} of the first k issues, judged or not, all of the unjudged
        ones right, or all wrong; auroc of 1 - self-confidence among the judged rows, and
        average_precision {value, ci95}, likewise. Recall cannot be known: people were shown only
        rows another model had suspected.
    """
    from sklearn.metrics import roc_auc_score

    row_of = {int(position): row for row, position in enumerate(verified.positions)}
    rows = np.array([row_of.get(p, -1) for p in ranked.tolist()], dtype=int)
    judged = rows[rows >= 0]
    suspicion = 1 - confidence[verified.positions]
    scores = {}
    for name, confirmed in verified.confirmed().items():
        hits = confirmed[judged]
        both = confirmed.any() and not confirmed.all()
        wrong = np.where(rows >= 0, confirmed[rows], False)
        scores[name] = {
            "base_rate": float(confirmed.mean()),
            "confirmed": int(hits.sum()),
            "precision_at": {str(k): float(hits[:k].mean()) for k in RANKS if 0 < k <= len(hits)},
            "precision_band": {
                str(k): [float(wrong[:k].mean()), float((wrong | (rows < 0))[:k].mean())]
                for k in RANKS
                if 0 < k <= len(rows)
            },
            "auroc": float(roc_auc_score(confirmed, suspicion)) if both else None,
            "average_precision": average_precision(
                confirmed, suspicion, samples=samples, seed=seed
            ),
        }
    return {
        "judged_rows": len(verified.positions),
        "issues": len(ranked),
        "shown": len(judged),
        "unjudged": len(ranked) - len(judged),
        "definitions": scores,
    }


def average_precision(
    is_wrong: np.ndarray, suspicion: np.ndarray, *, samples: int, seed: int
) -> dict[str, Any] | None:
    """Return value and ci95 of the ranking by suspicion; None without errors.

    The interval is a bootstrap over the judged rows, whatever suspicion they have.
    """
    from sklearn.metrics import average_precision_score

    if not is_wrong.any():
        return None
    rng, values = np.random.default_rng(seed), []
    for _ in range(samples):
        drawn = rng.integers(0, len(is_wrong), len(is_wrong))
        if is_wrong[drawn].any():
            values.append(float(average_precision_score(is_wrong[drawn], suspicion[drawn])))
    low, high = np.percentile(values, [2.5, 97.5])
    value = float(average_precision_score(is_wrong, suspicion))
    return {"value": value, "ci95": [float(low), float(high)]}


def estimate_checked_errors(
    given: np.ndarray, pred_probs: np.ndarray, verified: Verified, *, samples: int, seed: int
) -> dict[str, Any]:
    """Return how many labels of scope test are wrong, from two sides, and how far these differ.

    confident_learning: as the finder estimates it. calibrated: the sum of the probabilities that
    a label is wrong, fitted on what people confirm; None where they checked too few.
    """
    by_joint = estimate_by_confident_learning(given, pred_probs, samples=samples, seed=seed)
    confidence = pred_probs[np.arange(len(given)), given]
    wrong = verified.confirmed()[BY_MAJORITY]
    by_people = estimate_by_calibration(confidence, verified.positions, wrong, seed=seed)
    times = by_people and by_joint["count"] and by_people["count"] / by_joint["count"]
    return {"confident_learning": by_joint, "calibrated": by_people, "times": times or None}


def check_issues(
    run: Run, given: np.ndarray, test: artifacts.Arrays, options: Evaluate, *, seed: int
) -> dict[str, Any]:
    """Return what people say of our test issues, and both accuracies on corrected labels.

    Args:
        given: (n,) labels of scope test. test: {model: (n, classes)} probabilities.
    """
    verified = load_verified(Path(str(options.verified_labels)), run)
    rows = load_labels(run).rows("test")
    listed = artifacts.load_issue_rows(run.issues("test"))
    ranked = np.searchsorted(rows, np.array(listed, np.int64))
    pred_probs = artifacts.load_array(run.pred_probs("test")).astype(np.float64)
    confidence = pred_probs[np.arange(len(given)), given]
    corrected, counts = apply_votes(given, verified)
    found = score_issues(
        ranked, confidence, verified, samples=min(200, options.bootstrap_samples), seed=seed
    )
    return found | {
        "flipped_by_people": int((corrected != given).sum()),
        "left_out_without_majority": int((~counts).sum()),
        "estimated_errors": estimate_checked_errors(
            given, pred_probs, verified, samples=options.estimate_samples, seed=seed
        ),
        "test_accuracy_corrected": {
            model: float((probs.argmax(axis=1) == corrected)[counts].mean())
            for model, probs in test.items()
        },
    }
