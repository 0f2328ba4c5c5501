"""Two finished runs side by side, before and after corrections for example."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from pipeline.frame.cli import run_command
from pipeline.frame.run import Run
from pipeline.frame.terminal import Terminal, say
from pipeline.report.comparison import (
    Comparison,
    compare_runs,
    figure_rows,
    issues_line,
    paired_lines,
)

SHOWN = 5  # issues of a kind in the terminal
RunFolder = Annotated[Path, typer.Argument(help="results/NAME of a finished run.")]


def compare(
    first: RunFolder,
    second: RunFolder,
    as_json: Annotated[
        bool, typer.Option("--json", help="Everything as JSON, each issue with its ranks.")
    ] = False,
) -> None:
    """Print the figures of two finished runs, and which label issues went, came and moved.

    Where the test examples are the same, the difference of the accuracies has a paired interval.
    As a section of the report: `report --before`.
    """
    compared = compare_runs(Run(first), Run(second))
    if as_json:
        say(json.dumps(compared, indent=1))
    else:
        print_comparison(compared)


def print_comparison(compared: Comparison) -> None:
    """Print what `compare` found."""
    console = Terminal()
    table = Table("figure", compared["first"], compared["second"], "difference")
    for row in figure_rows(compared["figures"]):
        table.add_row(*row)
    console.print(table)
    issues = compared["issues"]
    for line in (*paired_lines(compared["paired"]), *compared["other"], issues_line(issues)):
        console.print(line)
    for kind in ("gone", "new"):
        for issue in issues[kind][:SHOWN]:
            rank = issue["ranks"][kind == "new"]
            console.print(f"  {kind:<5} {rank:>5}  {issue['given']} → {issue['suggested']}  "
                          f"{issue['id']}")  # fmt: skip


if __name__ == "__main__":
    run_command(compare)
