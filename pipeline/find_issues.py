"""Stage 4: labels + out-of-sample probabilities -> a ranked list of probable label errors."""

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline import artifacts
from pipeline.artifacts import SCOPES, Labels, Run
from pipeline.crossval import check_pred_probs, text_groups
from pipeline.data.problems import Problem, find_by_neighbors, find_copies, find_unreadable
from pipeline.health import describe_labels
from pipeline.models.registry import load_inputs
from pipeline.schema import Config, FindIssues
from pipeline.scratch import StoredTexts
from pipeline.stage import Context, stage_main


def find_issues_ranked(
    labels: np.ndarray, pred_probs: np.ndarray, options: FindIssues
) -> np.ndarray:
    """Return the positions of the probable label errors, the most probable first.

    Args:
        labels: (n,) given class indices. pred_probs: (n, classes), out of sample.
        options: passed to cleanlab.filter.find_label_issues (Northcutt et al. 2021); more than
            batch_size examples go to cleanlab.experimental.label_issues_batched.
    """
    if options.is_batched(len(labels)):
        return _find_in_batches(labels, pred_probs, options)
    from cleanlab.filter import find_label_issues

    positions: np.ndarray = find_label_issues(
        labels,
        pred_probs.astype(np.float64),
        return_indices_ranked_by=options.return_indices_ranked_by,
        n_jobs=1,
        **options.filter_options(),
    )
    return positions.astype(np.int64)


def _find_in_batches(labels: np.ndarray, pred_probs: np.ndarray, options: FindIssues) -> np.ndarray:
    from cleanlab.experimental.label_issues_batched import find_label_issues_batched
    from cleanlab.rank import get_label_quality_scores

    found: np.ndarray = find_label_issues_batched(
        labels,
        pred_probs,
        batch_size=options.batch_size,
        n_jobs=1,
        verbose=False,
        quality_score_kwargs={"method": options.filter_by.removeprefix("low_")},
    )
    if not len(found):
        return np.empty(0, np.int64)
    method = options.return_indices_ranked_by
    probs = pred_probs[found].astype(np.float64)
    scores = get_label_quality_scores(labels[found], probs, method=method)
    ranked: np.ndarray = found[np.argsort(scores)]
    return ranked.astype(np.int64)


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
        )


class Example(NamedTuple):
    """What a list of examples says of one."""

    id: str
    split: str
    text: str


def load_examples(run: Run, rows: np.ndarray) -> Iterator[Example]:
    """Yield the examples at these rows of examples.parquet, in this order, any of them again.

    The file is read once, a row group at a time, and what was asked for kept as scratch.
    """
    wanted, place = np.unique(rows, return_inverse=True)
    kept = [StoredTexts() for _ in Example._fields]
    first = 0
    for batch in artifacts.table_batches(run.examples, [*Example._fields]):
        low, high = np.searchsorted(wanted, [first, first + len(batch)])
        chosen = batch.take(pa.array(wanted[low:high] - first))
        for column, texts in zip(chosen.columns, kept, strict=True):
            texts.extend(column.to_pylist())
        first += len(batch)
    ids, splits, texts = kept
    for number in place.tolist():
        yield Example(ids[number], splits[number], texts[number])


def find_data_problems(run: Run, labels: Labels, config: Config) -> dict[str, Problem]:
    """Return what else is wrong with the data, by kind.

    Near duplicates and outliers only where find_issues.neighbors asks for them and the model
    has document vectors.
    """
    texts = artifacts.iterate_texts(run.examples)
    problems = find_unreadable(texts, load_inputs(run.inputs("all", config.vectorize.kind)))
    problems |= find_copies(text_groups(run), labels.given, labels.is_train)
    if config.find_issues.neighbors and run.document_vectors.exists():
        problems |= find_by_neighbors(artifacts.load_array(run.document_vectors))
    return problems


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


def find_issues(context: Context) -> None:
    """Rank the probable label errors of all, train and test; list what else is wrong."""
    run, config = context.run, context.config
    labels, class_names = artifacts.load_labels(run), artifacts.load_class_names(run)
    health: dict[str, Any] = {}
    for scope in SCOPES:
        health[scope] = _find_in_scope(run, scope, labels, class_names, config.find_issues)
        counts = health[scope]
        context.progress.say(f"{scope}: {counts['count']:,} issues, {counts['fraction']:.1%}")
    problems = find_data_problems(run, labels, config)
    lines = data_issue_rows(run, labels, problems, class_names)
    artifacts.save_issues(run.data_issues, lines, artifacts.DATA_ISSUE_COLUMNS)
    counts = {
        kind: {"examples": len(problem.rows), "groups": len(np.unique(problem.groups))}
        for kind, problem in problems.items()
    }
    health["data"] = counts | {"copies": artifacts.load_json(run.crossval_metrics)["copies"]}
    artifacts.save_json(run.health, health)
    found = [f"{counts[kind]['examples']:,} {kind}" for kind in counts if counts[kind]["examples"]]
    context.progress.say(f"data: {', '.join(found) or 'nothing else'}")


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
    return describe_labels(given, pred_probs, issues, class_names, options)


if __name__ == "__main__":
    stage_main("find_issues", find_issues)
