"""Hand the label issues over to another tool, or take its decisions back."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.config.load import load_config
from pipeline.corrections.load import load_queue
from pipeline.corrections.merge import take_back
from pipeline.exchange.formats import Format, formats
from pipeline.frame.cli import (
    RESULTS,
    VARIABLE,
    ConfigOption,
    ResultsOption,
    ScopeOption,
    SetOption,
    account_name,
    run_commands,
)
from pipeline.frame.errors import ConfigError
from pipeline.frame.finished import tell_since
from pipeline.frame.messages import for_terminal, shown
from pipeline.frame.run import Run
from pipeline.frame.terminal import say

FormatOption = Annotated[
    str,
    typer.Option("--format", envvar=f"{VARIABLE}FORMAT", help=f"One of {', '.join(formats())}."),
]


def export(
    config: ConfigOption,
    format_: FormatOption,
    set_: SetOption = None,
    results: ResultsOption = RESULTS,
    scope: ScopeOption = "all",
    out: Annotated[
        Path | None, typer.Option(help="Folder; else results/<run>/exchange/<format>.")
    ] = None,
    push: Annotated[
        str | None,
        typer.Option(
            metavar="USER/NAME",
            envvar=f"{VARIABLE}PUSH",
            help="huggingface: upload to the Hub too.",
        ),
    ] = None,
) -> None:
    """Write the label issues of a run, with their decisions, as another tool reads them."""
    chosen = format_named(format_)
    if push and chosen.push is None:
        able = ", ".join(other for other, row in formats().items() if row.push)
        raise ConfigError(f"--push goes with --format {able}")
    if scope != "all" and chosen.whole:
        whole = " and ".join(other for other, row in formats().items() if row.whole)
        raise ConfigError(f"--scope goes with other formats; {whole} hold every example")
    loaded = load_config(config, set_ or [])
    queue = load_queue(loaded, Run(results / loaded.run), scope)
    tell_since(queue.since)
    name = format_ if scope == "all" else f"{format_}_{scope}"
    folder = out or queue.folder / "exchange" / name
    for path in chosen.export(queue, folder):
        say(path)
    if push and chosen.push is not None:
        say(f"uploaded to {for_terminal(chosen.push(folder, push))}")


def import_(
    file: Annotated[Path, typer.Argument(help="The file (huggingface: the folder) to read.")],
    config: ConfigOption,
    format_: FormatOption,
    set_: SetOption = None,
    results: ResultsOption = RESULTS,
    reviewer: Annotated[
        str | None, typer.Option(help="For decisions without a name; else the account's.")
    ] = None,
) -> None:
    """Take back the decisions that another tool made: all of them or, after an error, none.

    They go to the run's journal.
    """
    chosen = format_named(format_)
    if chosen.read is None:
        raise ConfigError(f"--format {format_} goes with export; it holds no decisions to import")
    loaded = load_config(config, set_ or [])
    queue = load_queue(loaded, Run(results / loaded.run), "all")
    tell_since(queue.since)
    decisions = chosen.read(file, queue.source, reviewer=reviewer or account_name())
    done = take_back(queue.journal, decisions)
    say(f"{done.added:,} decisions added to {queue.journal.path}, {done.known:,} known before")
    if done.replaced:
        say(f"{done.replaced:,} were replaced by a later one of the same reviewer")


def format_named(name: str) -> Format:
    """Return the format of this name.

    Raises:
        ConfigError: there is none.
    """
    if name not in formats():
        raise ConfigError(f"--format {shown(name)}: must be one of {', '.join(formats())}")
    return formats()[name]


if __name__ == "__main__":
    run_commands({"export": export, "import": import_})
