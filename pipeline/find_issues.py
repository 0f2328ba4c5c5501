"""Stage 4: labels + out-of-sample probabilities -> a ranked list of probable label errors."""

from typing import Any

import numpy as np

from pipeline.config.command import stage_main
from pipeline.config.schema import Config
from pipeline.data.prepared import Labels, load_class_names, load_labels, text_groups
from pipeline.frame import artifacts
from pipeline.frame.run import SCOPES, Run
from pipeline.frame.stage import Context, Stage
from pipeline.issues.calibration import WrongProbability, fit_wrong_probability
from pipeline.issues.data_problems import Problem, find_by_neighbors, find_copies, find_unreadable
from pipeline.issues.fitness import judge_fitness
from pipeline.issues.gate import check_pred_probs
from pipeline.issues.health import describe_labels
from pipeline.issues.lists import data_issue_rows, issue_rows, score_batches
from pipeline.issues.ranking import find_issues_ranked
from pipeline.issues.sections import FindIssues
from pipeline.models.members import finder_of
from pipeline.models.table import inputs_of, kind_of, load_inputs


def find_data_problems(run: Run, labels: Labels, config: Config) -> dict[str, Problem]:
    """Return what else is wrong with the data, by kind.

    Near duplicates and outliers only where find_issues.neighbors asks for them and there are
    vectors of the texts: the user's, or those of the model.
    """
    texts = artifacts.iterate_texts(run.examples)
    inputs = load_inputs(inputs_of(run, "all", config.vectorize))
    problems = find_unreadable(texts, inputs)
    problems |= find_copies(text_groups(run), labels.given, labels.is_train)
    if config.find_issues.neighbors:
        if kind_of(config.vectorize).are_vectors:
            problems |= find_by_neighbors(np.asarray(inputs))
        elif run.document_vectors.exists():
            problems |= find_by_neighbors(artifacts.load_array(run.document_vectors))
    return problems


def find_issues(context: Context) -> None:
    """Rank the probable label errors of all, train and test; list what else is wrong."""
    run, config = context.run, context.config
    labels, class_names = load_labels(run), load_class_names(run)
    truth, options = load_truth(run), config.find_issues
    health: dict[str, Any] = {}
    problems = find_data_problems(run, labels, config)
    counts = {
        kind: {"examples": len(problem.rows), "groups": len(np.unique(problem.groups))}
        for kind, problem in problems.items()
    }
    fitness = tell_fitness(run, labels, class_names, counts, config)
    for scope in SCOPES:
        found = _find_in_scope(
            run, scope, labels, class_names, options, truth, is_fit=fitness["is_fit"]
        )
        health[scope] = found
        context.progress.say(f"{scope}: {found['count']:,} issues, {found['fraction']:.1%}")
    lines = data_issue_rows(run, labels, problems, class_names)
    artifacts.save_issues(run.data_issues, lines, artifacts.DATA_ISSUE_COLUMNS)
    health["data"] = counts | {"copies": artifacts.load_json(run.crossval_metrics)["copies"]}
    write_scores(run, labels, class_names, truth)
    health["fitness"] = fitness
    artifacts.save_json(run.health, health)
    for reason in health["fitness"]["reasons"]:
        why, remedy = reason["why"], reason["remedy"]
        context.progress.say(f"not fit to judge these labels: {why}; {remedy}")
    others = [f"{counts[kind]['examples']:,} {kind}" for kind in counts if counts[kind]["examples"]]
    context.progress.say(f"data: {', '.join(others) or 'nothing else'}")


def _find_in_scope(
    run: Run,
    scope: str,
    labels: Labels,
    class_names: list[str],
    options: FindIssues,
    truth: np.ndarray | None,
    *,
    is_fit: bool,
) -> dict[str, Any]:
    rows = labels.rows(scope)
    given = labels.given[rows]
    pred_probs = load_pred_probs(run, scope, labels, class_names)
    issues = find_issues_ranked(given, pred_probs, options)
    wrong = calibrate_wrong(given, pred_probs, None if truth is None else truth[rows])
    lines = issue_rows(run, rows, given, pred_probs, issues, class_names, wrong)
    artifacts.save_issues(run.issues(scope), lines)
    return describe_labels(given, pred_probs, issues, class_names, options, is_fit=is_fit)


def load_pred_probs(run: Run, scope: str, labels: Labels, class_names: list[str]) -> np.ndarray:
    """Return the (n, classes) probabilities of a scope, checked before anything believes them."""
    path = run.pred_probs(scope)
    pred_probs, given = artifacts.load_array(path), labels.given[labels.rows(scope)]
    check_pred_probs(pred_probs, given, num_classes=len(class_names), name=str(path))
    return pred_probs


def load_truth(run: Run) -> np.ndarray | None:
    """Return (n,) true class indices where errors were planted, else None."""
    if not run.truth.exists():
        return None
    truth: np.ndarray = artifacts.load_table(run.truth, ["true_label"]).column(0).to_numpy()
    return truth


def calibrate_wrong(
    given: np.ndarray, pred_probs: np.ndarray, truth: np.ndarray | None
) -> WrongProbability | None:
    """Return the probability that a label is wrong, fitted where the truth is known, else None."""
    if truth is None:
        return None
    confidence = pred_probs[np.arange(len(given)), given].astype(np.float64)
    return fit_wrong_probability(confidence, given != truth)


def write_scores(
    run: Run, labels: Labels, class_names: list[str], truth: np.ndarray | None
) -> None:
    """Write scores_all.parquet: what is said of every label, listed as an issue or not."""
    pred_probs = artifacts.load_array(run.pred_probs("all"))
    names = artifacts.load_json(run.crossval_metrics).get("members", {})
    members = {n: artifacts.load_array(run.member_pred_probs(n, "all"), mapped=True) for n in names}
    wrong = calibrate_wrong(labels.given, pred_probs, truth)
    batches = score_batches(run, labels.given, pred_probs, class_names, wrong, members)
    first = next(batches)
    with artifacts.table_writer(run.scores, first.schema) as writer:
        for batch in (first, *batches):
            writer.write_batch(batch)


def tell_fitness(
    run: Run,
    labels: Labels,
    class_names: list[str],
    problems: dict[str, dict[str, int]],
    config: Config,
) -> dict[str, Any]:
    """Return health.json's "fitness": whether the finder is fit to judge, and why not.

    Learning curves and known words are those of the model, and count where it is the finder.
    """
    folds = artifacts.load_json(run.crossval_metrics)["all"]["folds"]
    is_model = finder_of(config.finder).is_the_model
    curves = [fold.get("training", {}).get("accuracy", []) for fold in folds]
    unknown = problems["no_known_word"]["examples"] / len(labels.given)
    fitness = judge_fitness(
        load_pred_probs(run, "all", labels, class_names),
        labels.given,
        unknown=unknown if is_model else 0.0,
        curves=[curve for curve in curves if curve] if is_model else [],
    )
    return fitness.as_json()


STAGE = Stage(
    does="the probable label errors of every scope, ranked; what else is wrong with the data",
    work=find_issues,
    sections=("finder", "find_issues"),
    reads=("prepare", "vectorize", "crossval"),
    writes=("issues_{all,train,test}.csv", "scores_all.parquet", "data_issues.csv", "health.json"),
    code=lambda config: [kind_of(config.vectorize).load],
    imports=("cleanlab.filter", "pyarrow.dataset", "scipy.stats", "sklearn.neighbors"),
)

if __name__ == "__main__":
    stage_main(STAGE)
