"""A ranked list of issues against labels whose errors are known."""

from typing import Any, get_args

import numpy as np

from pipeline.issues.ranking import find_issues_ranked
from pipeline.issues.sections import FilterBy, FindIssues, RankedBy


def score_against_truth(flagged_in_order: np.ndarray, is_error: np.ndarray) -> dict[str, float]:
    """Return precision, recall and average precision of a ranked list of issues.

    Args:
        flagged_in_order: positions, the most suspicious first. is_error: (n,) the planted truth.
    """
    hits = is_error[flagged_in_order]
    errors = max(int(is_error.sum()), 1)
    precision_at = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return {
        "precision": float(hits.mean()) if len(hits) else 0.0,
        "recall": float(hits.sum() / errors),
        "average_precision": float((precision_at * hits).sum() / errors),
    }


def score_detection(
    noisy: np.ndarray, pred_probs: np.ndarray, is_error: np.ndarray, options: FindIssues
) -> list[dict[str, Any]]:
    """Return precision, recall, F1 of every filter and average precision of every score.

    Args:
        noisy: (n,) labels with noise. is_error: (n,) the truth. The filters' average precision
            is that of their list ranked by self-confidence.
    """
    rows = []
    for filter_by in get_args(FilterBy):
        chosen = options.model_copy(
            update={"filter_by": filter_by, "return_indices_ranked_by": "self_confidence"}
        )
        found = score_against_truth(find_issues_ranked(noisy, pred_probs, chosen), is_error)
        total = found["precision"] + found["recall"]
        f1 = 2 * found["precision"] * found["recall"] / total if total else 0.0
        rows.append({"filter_by": filter_by, "score": None} | found | {"f1": f1})
    from cleanlab.rank import get_label_quality_scores

    for method in get_args(RankedBy):
        quality = get_label_quality_scores(noisy, pred_probs.astype(np.float64), method=method)
        ranked = score_against_truth(np.argsort(quality, kind="stable"), is_error)
        only = {"precision": None, "recall": None, "f1": None}
        found = {"average_precision": ranked["average_precision"]}
        rows.append({"filter_by": None, "score": method} | only | found)
    return rows
