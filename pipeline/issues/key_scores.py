"""What people confirm of our issues, by each answer key, and where keys differ."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.data.prepared import Labels
from pipeline.frame import artifacts
from pipeline.frame.artifacts import Arrays
from pipeline.frame.run import Run
from pipeline.issues.answer_keys import Verified, apply_votes
from pipeline.issues.calibration import estimate_by_calibration
from pipeline.issues.estimate import estimate_by_confident_learning
from pipeline.issues.sections import Evaluate

RANKS = (10, 50, 100, 500)
SAMPLES = 200

Judged = Mapping[str, Verified]


def check_issues(
    run: Run, labels: Labels, test: Arrays, keys: Judged, options: Evaluate, *, seed: int
) -> dict[str, Any]:
    """Return what people say of our test issues by the first key, and by each where there are more.

    Args:
        test: {model: (test texts, classes)} probabilities.
    """
    rows = labels.rows("test")
    listed = np.array(artifacts.load_issue_rows(run.issues("test")), np.int64)
    ranked = np.searchsorted(rows, listed)
    pred_probs = artifacts.load_array(run.pred_probs("test")).astype(np.float64)
    found = {
        name: check_key(labels.given[rows], ranked, pred_probs, test, verified, options, seed=seed)
        for name, verified in keys.items()
    }
    first = next(iter(found.values()))
    if len(keys) == 1:
        return first
    return first | {"keys": found, "agreement": compare_keys(keys)}


def check_key(
    given: np.ndarray,
    ranked: np.ndarray,
    pred_probs: np.ndarray,
    test: Arrays,
    verified: Verified,
    options: Evaluate,
    *,
    seed: int,
) -> dict[str, Any]:
    """Return what one key says of the issues and of the corrected test set.

    Args:
        ranked: places of the issues in scope test. pred_probs: (n, classes), out of sample.
    """
    confidence = pred_probs[np.arange(len(given)), given]
    corrected, counts = apply_votes(given, verified)
    samples = min(SAMPLES, options.bootstrap_samples)
    found = score_issues(ranked, confidence, verified, samples=samples, seed=seed)
    estimate = estimate_checked_errors(
        given, pred_probs, verified, samples=options.estimate_samples, seed=seed
    )
    return found | {
        "flipped_by_people": int((corrected != given).sum()),
        "left_out_without_majority": int((~counts).sum()),
        "estimated_errors": estimate,
        "test_accuracy_corrected": {
            model: float((probs.argmax(axis=1) == corrected)[counts].mean())
            for model, probs in test.items()
        },
    }


def score_issues(
    ranked: np.ndarray, confidence: np.ndarray, verified: Verified, *, samples: int, seed: int
) -> dict[str, Any]:
    """Return how far people confirm the ranked issues among the test labels.

    Args:
        ranked: positions in scope test, the most suspicious first. confidence: (n,) self-confidence
            of every test row. samples: bootstrap samples over the judged rows.

    Returns:
        shown, unjudged: issues people were and were not shown. votes: the least and the most of a
        row. categories: of what has the majority, how many judged rows and how many of the shown
        issues. For each definition of an error:
        base_rate: its share of the judged rows, which a random order of them would confirm;
        confirmed; precision_at {k: share confirmed of the first k issues that were judged};
        precision_ci95: its interval over reviews; precision_band {k: [low, high]} of the first k
        issues, judged or not, all of the unjudged ones right, or all wrong; auroc of 1 -
        self-confidence among the judged rows, and average_precision {value, ci95}, likewise.
        graded: the same with the share of votes against the given label in place of yes or no.
        Recall cannot be known: people were shown only rows another model had suspected.
    """
    row_of = {int(position): row for row, position in enumerate(verified.positions)}
    rows = np.array([row_of.get(p, -1) for p in ranked.tolist()], dtype=int)
    judged = rows[rows >= 0]
    suspicion = 1 - confidence[verified.positions]
    scores = {}
    for name, confirmed in verified.confirmed().items():
        both = confirmed.any() and not confirmed.all()
        scores[name] = {
            "base_rate": float(confirmed.mean()),
            "confirmed": int(confirmed[judged].sum()),
            **precision_by_rank(confirmed, rows, samples=samples, seed=seed),
            "auroc": auroc(confirmed, suspicion) if both else None,
            "average_precision": average_precision(
                confirmed, suspicion, samples=samples, seed=seed
            ),
        }
    return {
        "judged_rows": len(verified.positions),
        "rows_in_train": verified.in_train,
        "votes": [int(verified.votes.min()), int(verified.votes.max())],
        "issues": len(ranked),
        "shown": len(judged),
        "unjudged": len(ranked) - len(judged),
        "categories": {
            name: {"judged": int(of.sum()), "shown": int(of[judged].sum())}
            for name, of in verified.categories().items()
        },
        "definitions": scores,
        "graded": {
            "base_rate": float(verified.against.mean()),
            **precision_by_rank(verified.against, rows, samples=samples, seed=seed),
            "average_precision": average_precision(
                verified.against, suspicion, samples=samples, seed=seed
            ),
        },
    }


def precision_by_rank(
    wrong: np.ndarray, rows: np.ndarray, *, samples: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Return precision_at, precision_ci95 and precision_band, each by rank.

    Args:
        wrong: (m,) of the judged rows, yes or no or a share. rows: (issues,) which judged row an
            issue is, the most suspicious first; -1 for none.

    The interval is a bootstrap over the issues that were judged, which keep their order.
    """
    hits = wrong[rows[rows >= 0]].astype(float)
    known = np.where(rows >= 0, wrong[rows], 0).astype(float)
    drawn = np.random.default_rng(seed).integers(0, len(hits) or 1, (samples, len(hits)))
    again = hits[np.sort(drawn, axis=1)]
    ranks = [k for k in RANKS if 0 < k <= len(hits)]
    ends = {k: np.percentile(again[:, :k].mean(axis=1), [2.5, 97.5]) for k in ranks}
    return {
        "precision_at": {str(k): float(hits[:k].mean()) for k in ranks},
        "precision_ci95": {str(k): [float(end) for end in ends[k]] for k in ranks},
        "precision_band": {
            str(k): [float(known[:k].mean()), float((known + (rows < 0))[:k].mean())]
            for k in RANKS
            if 0 < k <= len(rows)
        },
    }


def auroc(wrong: np.ndarray, suspicion: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(wrong, suspicion))


def average_precision(
    wrong: np.ndarray, suspicion: np.ndarray, *, samples: int, seed: int
) -> dict[str, Any] | None:
    """Return value and ci95 of the ranking by suspicion; None without errors.

    The interval is a bootstrap over the judged rows, whatever suspicion they have.

    Args:
        wrong: (m,) whether a label is wrong, or how much: the share of the votes against it.
    """
    if not wrong.any():
        return None
    order = np.argsort(-suspicion, kind="stable")
    wrong = wrong[order].astype(float)
    steps = np.append(np.diff(suspicion[order]) != 0, True)
    rng, values = np.random.default_rng(seed), []
    place = np.empty(len(order), int)
    place[order] = np.arange(len(order))
    for _ in range(samples):
        drawn = place[rng.integers(0, len(wrong), len(wrong))]
        weights = np.bincount(drawn, minlength=len(wrong))
        if weights @ wrong > 0:
            values.append(_average_precision(wrong, weights, steps))
    low, high = np.percentile(values, [2.5, 97.5])
    value = _average_precision(wrong, np.ones(len(wrong)), steps)
    return {"value": value, "ci95": [float(low), float(high)]}


def _average_precision(wrong: np.ndarray, weights: np.ndarray, steps: np.ndarray) -> float:
    """Return sum of (R_n - R_n-1) P_n over the places where the suspicion changes.

    As scikit-learn's average_precision_score, which takes no shares. All (m,) in falling order of
    suspicion. wrong: from 0 to 1. weights: how often each row counts. steps: where a run of equal
    suspicion ends.
    """
    hits, seen = np.cumsum(weights * wrong)[steps], np.cumsum(weights)[steps]
    new = np.diff(seen, prepend=0) > 0
    hits, seen = hits[new], seen[new]
    recall = np.append(hits[::-1] / hits[-1], 0)
    return -float(np.sum(np.diff(recall) * (hits / seen)[::-1]))


def estimate_checked_errors(
    given: np.ndarray, pred_probs: np.ndarray, verified: Verified, *, samples: int, seed: int
) -> dict[str, Any]:
    """Return how many labels of scope test are wrong, from two sides, and how far these differ.

    confident_learning: as the finder estimates it. calibrated: the sum of the probabilities that
    another label is right, fitted on what people confirm; None where they checked too few, or
    where which label they would give is not known.
    """
    by_joint = estimate_by_confident_learning(given, pred_probs, samples=samples, seed=seed)
    confidence = pred_probs[np.arange(len(given)), given]
    by_people = None
    if not verified.is_share:
        by_people = estimate_by_calibration(
            confidence, verified.positions, verified.is_flipped, seed=seed
        )
    times = by_people and by_joint["count"] and by_people["count"] / by_joint["count"]
    return {"confident_learning": by_joint, "calibrated": by_people, "times": times or None}


def compare_keys(keys: Judged) -> list[dict[str, Any]]:
    """Return, for each two keys, how far they say the same of the rows that both judged.

    rows: that both judged. doubted, flipped: {both, first, second}: labels without a majority, and
    those for which another has one, by both keys or by one of them alone.
    """
    names, found = list(keys), []
    for j, second in enumerate(names):
        for first in names[:j]:
            a, b = keys[first], keys[second]
            _, i, k = np.intersect1d(a.positions, b.positions, return_indices=True)
            pairs = {
                "doubted": (a.is_doubted[i], b.is_doubted[k]),
                "flipped": (a.is_flipped[i], b.is_flipped[k]),
            }
            if a.is_share or b.is_share:
                del pairs["flipped"]
            counts = {
                what: {
                    "both": int((x & y).sum()),
                    "first": int((x & ~y).sum()),
                    "second": int((y & ~x).sum()),
                }
                for what, (x, y) in pairs.items()
            }
            found.append({"first": first, "second": second, "rows": len(i)} | counts)
    return found
