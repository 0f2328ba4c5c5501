"""The lists of find_issues, each label with the probability that it is wrong, by the decisions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.corrections.precision import Fit, wrong_probabilities
from pipeline.corrections.queue import Queue
from pipeline.exchange.formats import Format
from pipeline.frame import artifacts
from pipeline.frame.run import Run

PLANTED, DECISIONS = "planted errors", "decisions"
MORE = ("probability_wrong_low", "probability_wrong_high", "calibrated_by")


def export(queue: Queue, folder: Path) -> list[Path]:
    """Write issues_<scope>.csv and, for scope all, scores_all.parquet, as find_issues does.

    At their end stand MORE: a 95 % interval of probability_wrong, and by what it was calibrated:
    the decisions on the list where there are enough of them, else planted errors, else nothing.
    """
    run, fit = Run(queue.folder), queue.listed().fit
    paths = [folder / f"issues_{queue.scope}.csv"]
    columns = (*artifacts.ISSUE_COLUMNS, *MORE)
    artifacts.save_issues(paths[0], issue_lines(run.issues(queue.scope), fit), columns)
    if queue.scope == "all":
        paths.append(folder / "scores_all.parquet")
        batches = score_batches(run.scores, fit)
        first = next(batches)
        with artifacts.table_writer(paths[1], first.schema) as writer:
            for batch in (first, *batches):
                writer.write_batch(batch)
    return paths


def issue_lines(path: Path, fit: Fit | None) -> Iterator[tuple[Any, ...]]:
    """Yield the issues of a file with what is known of their probabilities."""
    issues = list(artifacts.read_issues(path))
    if fit is None:
        for issue in issues:
            yield (*issue.values(), "", "", PLANTED if issue["probability_wrong"] else "")
        return
    known = wrong_probabilities(fit, np.array([float(i["self_confidence"]) for i in issues]))
    for issue, (value, low, high) in zip(issues, known.tolist(), strict=True):
        yield (*(issue | {"probability_wrong": value}).values(), low, high, DECISIONS)


def score_batches(path: Path, fit: Fit | None) -> Iterator[pa.RecordBatch]:
    """Yield scores_all.parquet with what is known of the probabilities of every label."""
    for batch in artifacts.table_batches(path):
        columns = {name: batch.column(name) for name in batch.schema.names}
        if fit is None:
            planted = columns["probability_wrong"].is_valid()
            columns |= {name: pa.nulls(len(batch), pa.float64()) for name in MORE[:2]}
            named = [PLANTED if each else None for each in planted.to_pylist()]
        else:
            known = wrong_probabilities(fit, columns["self_confidence"].to_numpy())
            names = ("probability_wrong", *MORE[:2])
            columns |= {name: pa.array(known[:, place]) for place, name in enumerate(names)}
            named = [DECISIONS] * len(batch)
        columns[MORE[2]] = pa.array(named, pa.string())
        yield pa.record_batch(columns)


FORMAT = Format("the issues with probabilities that the decisions so far bear out", export, None)
