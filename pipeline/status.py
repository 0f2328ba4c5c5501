"""Which stages of a run are out of date, and why."""

from typing import Annotated

import typer

from pipeline.config.load import load_config
from pipeline.frame.cli import RESULTS, ConfigOption, ResultsOption, SetOption, run_command
from pipeline.frame.run import Run
from pipeline.frame.terminal import say
from pipeline.run import out_of_date, tell_why


def status(
    config: ConfigOption,
    set_: SetOption = None,
    results: ResultsOption = RESULTS,
    upto: Annotated[str, typer.Option(help="The last stage that is wanted.")] = "",
) -> None:
    """Print the stages that must run for the one that is wanted, in order; why, on stderr."""
    loaded = load_config(config, set_ or [])
    found = out_of_date(loaded, Run(results / loaded.run), upto)
    tell_why(found)
    say(*found)


if __name__ == "__main__":
    run_command(status)
