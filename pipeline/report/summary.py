"""What `evaluate` found, in a sentence and in the tables of the terminal."""

import sys
from typing import Any

from rich.table import Table

from pipeline.frame.terminal import Terminal
from pipeline.issues.arms import ARMS, PRUNE
from pipeline.report.numbers import span
from pipeline.report.reviewed import review_sentences

Metrics = dict[str, Any]


FEW_DISCORDANT = 10  # below, neither a bootstrap nor McNemar's test can tell two models apart


def sentence(metrics: Metrics) -> str:
    """Return the answer in one sentence, with its interval."""
    if not metrics["fitness"]["is_fit"]:
        return unfit(metrics["fitness"])
    accuracy, count = metrics["test_accuracy"], metrics["issues"]["all"]["count"]
    low, high = accuracy["ci95"]
    found = (
        f"{count:,} of {metrics['dataset']['num_examples']:,} labels look wrong "
        f"({metrics['issues']['all']['fraction']:.1%}); "
    )
    estimated = metrics["issues"]["all"].get("estimated_errors") or {}
    if estimated.get("range95"):
        found += f"by two estimates {span(*estimated['range95'])} are (95% range); "
    doing = ARMS[arm_of(metrics)].doing
    if few := too_few(accuracy):
        return f"{found}whether {doing} helps, this test set cannot tell: {few}."
    if low > 0:
        verdict = "better in this run"
    elif high < 0:
        verdict = "worse in this run"
    else:
        verdict = "neither better nor worse, as far as this test set can tell"
    return (
        f"{found}{doing} is {verdict}: "
        f"{accuracy['difference']:+z.4f} in test accuracy "
        f"(95% interval {low:+z.4f} to {high:+z.4f}, McNemar p = {accuracy['mcnemar_p']:.2g})."
    )


def arm_of(metrics: Metrics) -> str:
    """Return how the cleaned model was trained; runs of an earlier version knew one way."""
    return str((metrics.get("training") or {}).get("arm", PRUNE))


def name_of_cleaned(metrics: Metrics) -> str:
    """Return what a column calls the cleaned model."""
    arm = arm_of(metrics)
    return ARMS[arm].words if ARMS[arm].is_cleanlearning else arm


def unfit(fitness: dict[str, Any]) -> str:
    """Return why the list means nothing, and what to do."""
    reasons = "; ".join(reason["why"] for reason in fitness["reasons"])
    remedies = "; ".join(dict.fromkeys(reason["remedy"] for reason in fitness["reasons"]))
    return (
        f"This model is not fit to judge these labels, because {reasons}. Its list means little. "
        f"What to do: {remedies}."
    )


def too_few(accuracy: dict[str, Any]) -> str:
    """Return that hardly any test example tells the two models apart, "" if enough do."""
    discordant = accuracy["gained"] + accuracy["lost"]
    if discordant >= FEW_DISCORDANT:
        return ""
    n = f"{accuracy['num_examples']:,}"
    if not discordant:
        return f"both models are right on exactly the same of its {n} examples"
    return (
        f"on only {discordant} of its {n} examples is one of the models right and the other wrong"
    )


def print_summary(metrics: Metrics) -> None:
    """Print the comparison a reader wants."""
    console = Terminal(width=None if sys.stdout.isatty() else 100)
    console.print()
    accuracy = metrics["test_accuracy"]
    cleaned = name_of_cleaned(metrics)
    table = Table("test set", "baseline", cleaned, "difference", "95% interval")
    table.add_row(
        "accuracy",
        f"{accuracy['baseline']:.4f}",
        f"{accuracy['cleanlearning']:.4f}",
        f"{accuracy['difference']:+z.4f}",
        "too few" if too_few(accuracy) else "{:+z.4f} to {:+z.4f}".format(*accuracy["ci95"]),
    )
    losses = metrics["test_log_loss"]
    change = losses["cleanlearning"] - losses["baseline"]
    values = (f"{losses['baseline']:.4f}", f"{losses['cleanlearning']:.4f}", f"{change:+z.4f}")
    table.add_row("log loss", *values, "")
    console.print(table)
    if metrics["published"]:
        console.print(published_table(metrics["published"]))
        outside = [row["figure"] for row in metrics["published"] if not row["within"]]
        if outside:
            console.print(f"Outside the tolerance: {'; '.join(outside)}.")
        else:
            console.print("Every published figure is reproduced within its tolerance.")
    if planted := metrics.get("planted"):
        console.print(
            f"Planted errors: {planted['recall']:.1%} found, precision {planted['precision']:.1%}, "
            f"average precision {planted['average_precision']:.3f}."
        )
    for line in review_sentences(metrics):
        console.print(line)
    console.print(sentence(metrics))
    console.print()


def published_table(rows: list[dict[str, Any]]) -> Table:
    table = Table("figure", "published", "obtained", "tolerance", "within")
    for row in rows:
        numbers = [figure_text(row[key]) for key in ("published", "obtained", "tolerance")]
        table.add_row(row["figure"], *numbers, "yes" if row["within"] else "NO")
    return table


def figure_text(value: float) -> str:
    """Return a count as "2,588" and any other figure with four decimals."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4f}"
