"""Stage 4: labels + out-of-sample probabilities -> a ranked list of probable label errors."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline import artifacts
from pipeline.artifacts import SCOPES, Labels, Run
from pipeline.crossval import check_pred_probs
from pipeline.schema import FindIssues
from pipeline.stage import Context, stage_main


def find_issues_ranked(
    labels: np.ndarray, pred_probs: np.ndarray, options: FindIssues
) -> np.ndarray:
    """Return the positions of the probable label errors, the most probable first.

    Args:
        labels: (n,) given class indices. pred_probs: (n, classes), out of sample.
        options: passed to cleanlab.filter.find_label_issues (Northcutt et al. 2021).
    """
    from cleanlab.filter import find_label_issues

    positions: np.ndarray = find_label_issues(
        labels, pred_probs.astype(np.float64), n_jobs=1, **options.model_dump()
    )
    return positions


def describe_labels(
    labels: np.ndarray, pred_probs: np.ndarray, issues: np.ndarray, class_names: list[str]
) -> dict[str, Any]:
    """Return the health of a scope: confident joint, noise rates, quality of each class.

    confident_joint[i][j]: examples given class i and confidently of class j, scaled to the
    class counts. noise_rate: estimated share of the examples given a class that is not of it.
    """
    from cleanlab.count import compute_confident_joint, estimate_latent

    joint = compute_confident_joint(labels, pred_probs, calibrate=True)
    _, noise_matrix, inverse_noise_matrix = estimate_latent(joint, labels)
    flagged = np.bincount(labels[issues], minlength=len(class_names))
    sizes = np.bincount(labels, minlength=len(class_names))
    return {
        "count": len(issues),
        "fraction": len(issues) / len(labels),
        "confident_joint": joint.tolist(),
        "classes": [
            {
                "name": name,
                "examples": int(sizes[k]),
                "issues": int(flagged[k]),
                "noise_rate": float(1 - inverse_noise_matrix[k, k]),
                "inverse_noise_rate": float(1 - noise_matrix[k, k]),
            }
            for k, name in enumerate(class_names)
        ],
    }


def issue_rows(
    run: Run,
    rows: np.ndarray,
    labels: np.ndarray,
    pred_probs: np.ndarray,
    issues: np.ndarray,
    class_names: list[str],
) -> Iterator[tuple[Any, ...]]:
    """Yield the lines of issues_<scope>.csv; suggested is the most probable class."""
    from cleanlab.rank import get_label_quality_scores

    given, probs = labels[issues], pred_probs[issues].astype(np.float64)
    confidence = get_label_quality_scores(given, probs, method="self_confidence")
    margin = get_label_quality_scores(given, probs, method="normalized_margin")
    suggested = probs.argmax(axis=1)
    table = artifacts.load_table(run.examples, ["id", "split", "text"]).take(rows[issues])
    for rank, example in enumerate(table.to_pylist()):
        yield (
            rank + 1,
            int(rows[issues[rank]]),
            example["id"],
            example["split"],
            class_names[given[rank]],
            class_names[suggested[rank]],
            float(confidence[rank]),
            float(margin[rank]),
            example["text"],
        )


def find_issues(context: Context) -> None:
    """Rank the probable label errors of all, train and test."""
    run = context.run
    labels, class_names = artifacts.load_labels(run), artifacts.load_class_names(run)
    health = {}
    for scope in SCOPES:
        health[scope] = _find_in_scope(run, scope, labels, class_names, context.config.find_issues)
        counts = health[scope]
        context.progress.say(f"{scope}: {counts['count']:,} issues, {counts['fraction']:.1%}")
    artifacts.save_json(run.health, health)


def _find_in_scope(
    run: Run, scope: str, labels: Labels, class_names: list[str], options: FindIssues
) -> dict[str, Any]:
    rows = labels.rows(scope)
    given = labels.given[rows]
    pred_probs = artifacts.load_array(run.pred_probs(scope))
    name = str(run.pred_probs(scope))
    check_pred_probs(pred_probs, given, num_classes=len(class_names), name=name)
    issues = find_issues_ranked(given, pred_probs, options)
    lines = issue_rows(run, rows, given, pred_probs, issues, class_names)
    artifacts.save_issues(run.issues(scope), lines)
    return describe_labels(given, pred_probs, issues, class_names)


if __name__ == "__main__":
    stage_main("find_issues", find_issues)
