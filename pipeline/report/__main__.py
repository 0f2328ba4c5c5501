"""The report, made from finished files: `python -m pipeline.report`."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.config.load import Loaded, load_config
from pipeline.frame import artifacts
from pipeline.frame.cli import (
    RESULTS,
    VARIABLE,
    ConfigOption,
    ResultsOption,
    SetOption,
    command_line,
    run_command,
)
from pipeline.frame.finished import check_finished, check_made_from, tell_since
from pipeline.frame.lock import locked
from pipeline.frame.run import Run
from pipeline.frame.terminal import say
from pipeline.report.comparison import compare_runs
from pipeline.report.current import REPORTED, made_from
from pipeline.report.page import write_report
from pipeline.report.summary import print_summary
from pipeline.study.parts import join_parts, tell_others

BeforeOption = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN",
        envvar=f"{VARIABLE}BEFORE",
        help="results/NAME of another finished run, to say what changed since: before corrections.",
    ),
]


def report(
    config: ConfigOption,
    set_: SetOption = None,
    results: ResultsOption = RESULTS,
    before: BeforeOption = None,
) -> None:
    """Write report/report.html and its figures from finished files; print the comparison."""
    loaded = load_config(config, set_ or [])
    run = Run(results / loaded.run)
    check_made_from(run, REPORTED)  # or the lock would make the folder of a misspelt name
    with locked(run):
        make_report(loaded, run, None if before is None else Run(before))


def make_report(loaded: Loaded, run: Run, before: Run | None = None) -> None:
    """Write the report of a run, and say what was found and what to do next.

    Args:
        before: another run, with which it is compared.

    Raises:
        ArtifactError: the stages have not been run, not together, or with another config.
    """
    tell_since(check_finished(loaded.config, run, REPORTED))
    for line in tell_others(join_parts(loaded.config, run)[1]):
        say(f"note: {line}", error=True)
    metrics = artifacts.load_json(run.metrics)
    compared = None if before is None else compare_runs(before, run)
    write_report(loaded, run, metrics, compared)
    artifacts.save_json(run.report_made_from, made_from(run))
    print_summary(metrics)
    say(f"report       {run.report}")
    if metrics["issues"]["all"]["count"]:
        typed = command_line("review", loaded.path, results=run.folder.parent)
        say(f"next         look at them and correct them: {typed}")


if __name__ == "__main__":
    run_command(report)
