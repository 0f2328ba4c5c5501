"""Which stages of a run are out of date, and why: the Makefile asks this."""

import sys
from typing import Annotated

import typer

from pipeline.artifacts import Run
from pipeline.cli import RESULTS, ConfigOption, ResultsOption, SetOption, run_command
from pipeline.config import load_config
from pipeline.stage import STAGES, Checked


def status(
    config: ConfigOption,
    set_: SetOption = None,
    results: ResultsOption = RESULTS,
    upto: Annotated[str, typer.Option(help="The stage that is wanted.")] = "evaluate",
) -> None:
    """Print the stages that must run for the one that is wanted, in order; why, on stderr."""
    loaded = load_config(config, set_ or [])
    checked = Checked(loaded.config, Run(results / loaded.run))
    reasons = {name: checked.reason(name) for name in (*STAGES[upto].reads, upto)}
    for name, reason in reasons.items():
        if reason and not reason.endswith("runs again") and reason != "has not been run":
            print(f"{name:<12} runs again: {reason}", file=sys.stderr)
    print(*[name for name, reason in reasons.items() if reason])


if __name__ == "__main__":
    run_command(status)
