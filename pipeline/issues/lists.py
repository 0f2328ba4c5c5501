"""What is said of labels, line by line: the issues, all scores, other problems of the data."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.data.prepared import Labels, load_examples
from pipeline.frame import artifacts
from pipeline.frame.run import Run
from pipeline.issues.calibration import WrongProbability
from pipeline.issues.data_problems import Problem

SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")


def issue_rows(
    run: Run,
    rows: np.ndarray,
    labels: np.ndarray,
    pred_probs: np.ndarray,
    issues: np.ndarray,
    class_names: list[str],
    wrong: WrongProbability | None,
) -> Iterator[tuple[Any, ...]]:
    """Yield the lines of issues_<scope>.csv; suggested is the most probable class.

    Args:
        wrong: the calibrated probability that a label is wrong; None leaves the column empty.
    """
    from cleanlab.rank import get_label_quality_scores

    if not len(issues):  # cleanlab does not score none
        return
    given, probs = labels[issues], pred_probs[issues].astype(np.float64)
    confidence = get_label_quality_scores(given, probs, method="self_confidence")
    margin = get_label_quality_scores(given, probs, method="normalized_margin")
    suggested = probs.argmax(axis=1)
    for rank, example in enumerate(load_examples(run, rows[issues])):
        yield (
            rank + 1,
            int(rows[issues[rank]]),
            example.id,
            example.split,
            class_names[given[rank]],
            class_names[suggested[rank]],
            float(confidence[rank]),
            float(margin[rank]),
            example.text,
            "" if wrong is None else round(float(wrong.of(confidence[rank])), 4),
        )


def score_batches(
    run: Run,
    labels: np.ndarray,
    pred_probs: np.ndarray,
    class_names: list[str],
    wrong: WrongProbability | None,
    members: Mapping[str, np.ndarray],
) -> Iterator[pa.RecordBatch]:
    """Yield the lines of scores_all.parquet: one for every example, in row order.

    Args:
        labels: (n,) given class indices. pred_probs: (n, classes).
        members: {member: (n, classes)}, whose self-confidence is written too.
    """
    from cleanlab.rank import get_label_quality_scores

    names = pa.array(class_names)
    first = 0
    for batch in artifacts.table_batches(run.examples, ["row", "id"]):
        some = slice(first, first + len(batch))
        given, probs = labels[some], pred_probs[some].astype(np.float64)
        places = np.arange(len(given))
        columns: dict[str, Any] = {
            "row": batch.column("row"),
            "id": batch.column("id"),
            "given": names.take(pa.array(given)),
            "suggested": names.take(pa.array(probs.argmax(axis=1))),
        }
        columns |= {m: get_label_quality_scores(given, probs, method=m) for m in SCORES}
        own = probs[places, given]
        calibrated = pa.nulls(len(given), pa.float64()) if wrong is None else wrong.of(own)
        columns["probability_wrong"] = pa.array(calibrated, pa.float64())
        columns |= {name: member[some][places, given] for name, member in members.items()}
        yield pa.record_batch({name: pa.array(values) for name, values in columns.items()})
        first += len(batch)


def data_issue_rows(
    run: Run, labels: Labels, problems: dict[str, Problem], class_names: list[str]
) -> Iterator[tuple[Any, ...]]:
    """Yield the lines of data_issues.csv; groups are numbered from 1 within each kind."""
    examples = load_examples(run, np.concatenate([problem.rows for problem in problems.values()]))
    for kind, problem in problems.items():
        _, numbers = np.unique(problem.groups, return_inverse=True)
        for place, example in enumerate(itertools.islice(examples, len(problem.rows))):
            yield (
                kind,
                int(numbers[place]) + 1,
                int(problem.rows[place]),
                example.id,
                example.split,
                class_names[labels.given[problem.rows[place]]],
                float(problem.scores[place]) if len(problem.scores) else "",
                example.text,
            )
