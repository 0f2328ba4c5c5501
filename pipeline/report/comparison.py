"""Two finished runs compared: before and after corrections, or another finder, for example."""

from typing import Any

import numpy as np

from pipeline.data.prepared import load_class_names, load_examples, load_labels
from pipeline.frame import artifacts
from pipeline.frame.finished import check_made_from
from pipeline.frame.record import changed_keys, check_output, load_record
from pipeline.frame.run import Run
from pipeline.frame.stage import stages
from pipeline.issues.comparison import compare_accuracy
from pipeline.report.current import REPORTED
from pipeline.report.summary import FEW_DISCORDANT, figure_text

FIGURES = {
    "cross-validated log loss": "crossval.log_loss",
    "cross-validated accuracy": "crossval.accuracy",
    "label issues, all": "issues.all.count",
    "label issues, train": "issues.train.count",
    "label issues, test": "issues.test.count",
    "test accuracy, baseline": "test_accuracy.baseline",
    "test accuracy, CleanLearning": "test_accuracy.cleanlearning",
    "test log loss, baseline": "test_log_loss.baseline",
    "test log loss, CleanLearning": "test_log_loss.cleanlearning",
}
MODELS = {"baseline": "Baseline", "cleanlearning": "CleanLearning"}
SAMPLES = 2000  # of the bootstrap
Metrics = dict[str, Any]
Comparison = dict[str, Any]


def compare_runs(first: Run, second: Run) -> Comparison:
    """Return the figures of two finished runs, and which label issues went, came and moved.

    first, second: their folders. figures: see compare_figures. paired: see compare_on_test. other:
    see other_settings. issues: see changed_issues.

    Raises:
        ArtifactError: one is not finished, or damaged.
    """
    runs = (first, second)
    for run in runs:
        check_made_from(run, REPORTED)
        for path in (run.metrics, run.issues("all"), run.examples, run.test_pred_probs):
            check_output(path)
    return {
        "first": str(first.folder),
        "second": str(second.folder),
        "figures": compare_figures(*(artifacts.load_json(run.metrics) for run in runs)),
        "paired": compare_on_test(*runs),
        "other": other_settings(*runs),
        "issues": changed_issues(*runs),
    }


def compare_figures(first: Metrics, second: Metrics) -> dict[str, list[float]]:
    """Return {figure in words: [of the first run, of the second]}."""
    return {words: [at(first, key), at(second, key)] for words, key in FIGURES.items()}


def at(metrics: dict[str, Any], key: str) -> float:
    """Return the figure at "section.name"."""
    value: Any = metrics
    for part in key.split("."):
        value = value[part]
    return float(value)


def figure_rows(figures: dict[str, list[float]]) -> list[list[str]]:
    """Return [figure, of the first run, of the second, difference] in words."""
    return [
        [words, figure_text(before), figure_text(after), change_text(before, after)]
        for words, (before, after) in figures.items()
    ]


def change_text(before: float, after: float) -> str:
    """Return the difference as its figures are written: "-1,234" of counts, else "+0.0123"."""
    is_count = before.is_integer() and after.is_integer()
    return f"{after - before:+z,.0f}" if is_count else f"{after - before:+z.4f}"


def compare_on_test(first: Run, second: Run) -> dict[str, Any]:
    """Return for each model the difference of the two runs on the test examples they share.

    Shared are those with the same id, text and label; empty where none is. See compare_accuracy
    for the interval and McNemar's p; `baseline` there is the first run.
    """
    right = [right_on_test(run) for run in (first, second)]
    shared = [key for key in right[0] if key in right[1]]
    if not shared:
        return {}
    before, after = (np.array([each[key] for key in shared], bool) for each in right)
    found: dict[str, Any] = {"examples": len(shared)}
    for place, model in enumerate(MODELS):
        compared = compare_accuracy(
            before[:, place], after[:, place], samples=SAMPLES, seed=len(shared)
        )
        found[model] = {key: compared[key] for key in ("difference", "ci95", "mcnemar_p")}
        found[model] |= {"gained": compared["gained"], "lost": compared["lost"]}
    return found


def right_on_test(run: Run) -> dict[tuple[str, str, str], list[bool]]:
    """Return for each test example, by id, text and label, whether each model is right."""
    labels, names = load_labels(run), load_class_names(run)
    rows = labels.rows("test")
    given = labels.given[rows]
    probs = artifacts.load_arrays(run.test_pred_probs)
    right = np.array([probs[model].argmax(axis=1) == given for model in MODELS]).T.tolist()
    examples = load_examples(run, rows)
    return {
        (example.id, example.text, names[label]): each
        for example, label, each in zip(examples, given, right, strict=True)
    }


def paired_lines(paired: dict[str, Any]) -> list[str]:
    """Return how the accuracy of either model differs on the shared test examples, a line each."""
    if not paired:
        return ["No test example is in both: the accuracies are of different questions."]
    return [paired_text(MODELS[model], paired[model], paired["examples"]) for model in MODELS]


def paired_text(model: str, compared: dict[str, Any], count: int) -> str:
    """Return how the accuracy of a model differs on the shared test examples, in a line."""
    low, high = compared["ci95"]
    line = f"{model}, the same {count:,} test examples: {compared['difference']:+z.4f} in accuracy"
    if compared["gained"] + compared["lost"] < FEW_DISCORDANT:
        return f"{line}; too few differ to say more."
    return f"{line} [{low:+z.4f}, {high:+z.4f}], McNemar p = {compared['mcnemar_p']:.2g}."


def other_settings(first: Run, second: Run) -> list[str]:
    """Return what else differs between two runs: settings, the data read, code and versions.

    Before and after corrections only `corrections` does.
    """
    records = [[load_record(run.stage(name)) for run in (first, second)] for name in stages()]
    changes = [line for pair in records for line in changed_keys(*(r["config"] for r in pair))]
    lines = [f"Another setting: {line}." for line in dict.fromkeys(changes)]
    fingerprints = [source_fingerprint(run) for run in (first, second)]
    if fingerprints[0] != fingerprints[1]:
        lines.append("Another dataset: labels before any correction, texts, ids or splits differ.")
    for what in ("code", "versions"):
        if any(before[what] != after[what] for before, after in records):
            lines.append(f"Other {what}: the two were not made by the same program.")
    return lines


def source_fingerprint(run: Run) -> str:
    """Return the fingerprint of the dataset before corrections."""
    dataset = artifacts.load_json(run.dataset)
    found: str = dataset.get("corrections", {}).get("source_fingerprint", dataset["fingerprint"])
    return found


def changed_issues(first: Run, second: Run) -> dict[str, list[dict[str, Any]]]:
    """Return the issues of scope all that are gone, new and moved, by id, in rank order.

    ranks: in the first run and in the second, None where it is not listed. Gone ones are told as
    the first run has them, the others as the second has. Moved: by more than a
    tenth of the longer list, or the suggested label is another.
    """
    before, after = ({i["id"]: i for i in artifacts.read_issues(run.issues("all"))}
                     for run in (first, second))  # fmt: skip
    far = max(len(before), len(after)) / 10

    def told(issue: dict[str, Any]) -> dict[str, Any]:
        ranks = [int(each[issue["id"]]["rank"]) if issue["id"] in each else None
                 for each in (before, after)]  # fmt: skip
        keys = {"given": "given_label", "suggested": "suggested_label", "text": "text"}
        return {"id": issue["id"], "ranks": ranks} | {k: issue[key] for k, key in keys.items()}

    def has_moved(id_: str) -> bool:
        old, new = before[id_], after[id_]
        step = abs(int(old["rank"]) - int(new["rank"]))
        return step > far or old["suggested_label"] != new["suggested_label"]

    return {
        "gone": [told(issue) for id_, issue in before.items() if id_ not in after],
        "new": [told(issue) for id_, issue in after.items() if id_ not in before],
        "moved": [told(i) for id_, i in after.items() if id_ in before and has_moved(id_)],
    }


def issues_line(issues: dict[str, list[dict[str, Any]]]) -> str:
    """Return how many issues are gone, new and moved."""
    gone, new, moved = (len(issues[kind]) for kind in ("gone", "new", "moved"))
    return (
        f"Label issues: {gone:,} of the first are gone, {new:,} are new, {moved:,} moved by more "
        "than a tenth of the list or have another suggestion."
    )
