"""Stage 4: labels + out-of-sample probabilities -> a ranked list of probable label errors."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline.config.command import stage_main
from pipeline.config.schema import Config
from pipeline.data.prepared import Labels, load_class_names, load_examples, load_labels, text_groups
from pipeline.frame import artifacts
from pipeline.frame.run import SCOPES, Run
from pipeline.frame.stage import Context, Stage
from pipeline.issues.data_problems import Problem, find_by_neighbors, find_copies, find_unreadable
from pipeline.issues.gate import check_pred_probs
from pipeline.issues.health import describe_labels
from pipeline.issues.ranking import find_issues_ranked
from pipeline.issues.sections import FindIssues
from pipeline.models.table import inputs_of, kind_of, load_inputs


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


def find_data_problems(run: Run, labels: Labels, config: Config) -> dict[str, Problem]:
    """Return what else is wrong with the data, by kind.

    Near duplicates and outliers only where find_issues.neighbors asks for them and the model
    has document vectors.
    """
    texts = artifacts.iterate_texts(run.examples)
    problems = find_unreadable(texts, load_inputs(inputs_of(run, "all", config.vectorize)))
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
    labels, class_names = load_labels(run), load_class_names(run)
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


STAGE = Stage(
    does="the probable label errors of every scope, ranked; what else is wrong with the data",
    work=find_issues,
    sections=("find_issues",),
    reads=("prepare", "vectorize", "crossval"),
    writes=("issues_{all,train,test}.csv", "data_issues.csv", "health.json"),
    code=lambda config: [kind_of(config.vectorize).load],
)

if __name__ == "__main__":
    stage_main(STAGE)
