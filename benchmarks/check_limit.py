"""Does a build's check decide as it should? Planted errors below and above a limit, many seeds.

`python -m benchmarks.check_limit`: generated tickets of twelve classes, the linear members of what
`init` writes, and the verdict of `label-errors check --max-wrong` on what they say. The network is
left out, which takes nine tenths of the time; --command asks the whole command too, for some seeds.
Writes check_limit.json.
"""

import csv
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import typer

from benchmarks.coverage import SAMPLES, judge
from benchmarks.measure import measure, python
from benchmarks.planted import Row, tickets
from pipeline.command.verdict import judge_share, percentage
from pipeline.frame import artifacts
from pipeline.frame.cli import run_command
from pipeline.frame.run import Run
from pipeline.frame.terminal import say
from pipeline.issues.estimate import estimate_errors
from pipeline.issues.fitness import judge_fitness

ROWS = 1500
Record = dict[str, Any]


def check_limit(
    output: Annotated[Path, typer.Option(help="Folder for the results.")] = Path(
        "results/check_limit"
    ),
    seeds: Annotated[int, typer.Option(min=1, help="How many.")] = 50,
    rates: Annotated[str, typer.Option(help="Shares of wrong labels.")] = "1% 5%",
    limit: Annotated[str, typer.Option(help="As of --max-wrong.")] = "3%",
    command: Annotated[int, typer.Option(min=0, help="Seeds of the whole command.")] = 1,
) -> None:
    """Count how often files below a limit pass, and files above it fail."""
    output.mkdir(parents=True, exist_ok=True)
    records: list[Record] = []
    for seed in range(1, seeds + 1):
        for rate in rates.split():
            rows = tickets(ROWS, wrong=percentage(rate), seed=seed)
            found = {"rate": rate, "limit": limit, "seed": seed} | said_of(rows, limit, seed)
            found |= {"command": said_by_command(rows, limit)} if seed <= command else {}
            records.append(found)
            (output / "check_limit.json").write_text(json.dumps(records, indent=1))
    say(table_of(records))


def said_of(rows: list[Row], limit: str, seed: int) -> Record:
    """Return the verdict on a file by the linear members, and the range it is made from."""
    names = sorted({row.label for row in rows})
    labels = np.array([names.index(row.label) for row in rows])
    texts = pa.array([row.text for row in rows], pa.large_string())
    probs = judge(texts, labels, len(names), seed)
    fitness = judge_fitness(probs, labels, unknown=0.0, curves=[])
    stated = estimate_errors(labels, probs, samples=SAMPLES, seed=0, is_fit=fitness.is_fit)
    metrics = {"fitness": fitness.as_json(), "dataset": {"num_examples": len(rows)},
               "issues": {"all": {"estimated_errors": stated}}}  # fmt: skip
    outcome = judge_share(metrics, percentage(limit)).outcome
    return {"outcome": outcome, "range95": stated["range95"]}


def said_by_command(rows: list[Row], limit: str) -> Record:
    """Return the same of the whole command, network included."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tickets.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            lines = [(row.text, row.label) for row in rows]
            csv.writer(file).writerows([("text", "label"), *lines])
        measure([python(), "-m", "pipeline", "check", str(path)], {})
        metrics = artifacts.load_json(Run(Path(folder) / "label-errors" / "tickets").metrics)
        outcome = judge_share(metrics, percentage(limit)).outcome
        stated = metrics["issues"]["all"]["estimated_errors"]["range95"]
        return {"outcome": outcome, "range95": stated}


def table_of(records: list[Record]) -> str:
    """Return the Markdown table of docs/ci.md."""
    lines = ["| planted | passed | cannot tell | failed | range95, mean |", "|---|---|---|---|---|"]
    for rate in dict.fromkeys(record["rate"] for record in records):
        runs = [record for record in records if record["rate"] == rate]
        counts = Counter(run["outcome"] for run in runs)
        ends = np.mean([run["range95"] for run in runs if run["range95"]], axis=0) / ROWS
        cells = [str(counts[outcome]) for outcome in ("passed", "cannot tell", "failed")]
        lines.append(f"| {rate} | {' | '.join(cells)} | {ends[0]:.1%} to {ends[1]:.1%} |")
    return "\n".join(lines)


if __name__ == "__main__":
    run_command(check_limit)
