"""Two finished runs side by side, before and after corrections for example."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from pipeline.frame import artifacts
from pipeline.frame.cli import run_command
from pipeline.frame.finished import check_made_from
from pipeline.frame.record import changed_keys, check_output, load_record
from pipeline.frame.run import Run
from pipeline.frame.stage import stages
from pipeline.frame.terminal import Terminal
from pipeline.report.summary import figure_text

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
RunFolder = Annotated[Path, typer.Argument(help="results/NAME of a finished run.")]


def compare(first: RunFolder, second: RunFolder) -> None:
    """Print the figures of two finished runs, and which label issues went and came."""
    runs = [Run(first), Run(second)]
    for run in runs:
        check_made_from(run, "evaluate")
        check_output(run.metrics)
        check_output(run.issues("all"))
    metrics = [artifacts.load_json(run.metrics) for run in runs]
    table = Table("figure", str(first), str(second), "difference")
    for words, key in FIGURES.items():
        before, after = (at(each, key) for each in metrics)
        table.add_row(words, figure_text(before), figure_text(after), change_text(before, after))
    console = Terminal()
    console.print(table)
    for line in other_settings(*runs):
        console.print(line)
    gone, new = changed_issues(*runs)
    console.print(f"Label issues: {gone:,} of the first are gone, {new:,} are new.")


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


def at(metrics: dict[str, Any], key: str) -> float:
    """Return the figure at "section.name"."""
    value: Any = metrics
    for part in key.split("."):
        value = value[part]
    return float(value)


def change_text(before: float, after: float) -> str:
    """Return the difference as its figures are written: "-1,234" of counts, else "+0.0123"."""
    is_count = before.is_integer() and after.is_integer()
    return f"{after - before:+,.0f}" if is_count else f"{after - before:+.4f}"


def changed_issues(first: Run, second: Run) -> tuple[int, int]:
    """Return how many issues of scope all only the first run has, and only the second, by id."""
    before, after = (
        {issue["id"] for issue in artifacts.read_issues(run.issues("all"))}
        for run in (first, second)
    )
    return len(before - after), len(after - before)


if __name__ == "__main__":
    run_command(compare)
