"""Hand the label issues over to another tool, or take its decisions back."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.config.load import load_config
from pipeline.corrections.merge import take_back
from pipeline.corrections.queue import load_queue
from pipeline.exchange.formats import Format, formats
from pipeline.frame.cli import (
    RESULTS,
    VARIABLE,
    ConfigOption,
    ResultsOption,
    ScopeOption,
    SetOption,
    account_name,
    run_command,
)
from pipeline.frame.errors import ConfigError
from pipeline.frame.messages import for_terminal, shown
from pipeline.frame.run import Run


class Action(StrEnum):
    EXPORT = "export"
    IMPORT = "import"


def exchange(
    action: Annotated[Action, typer.Argument(help="export, or import FILE.")],
    config: ConfigOption,
    format_: Annotated[
        str,
        typer.Option(
            "--format", envvar=f"{VARIABLE}FORMAT", help=f"One of {', '.join(formats())}."
        ),
    ],
    file: Annotated[
        Path | None, typer.Argument(help="import: the file (huggingface: the folder) to read.")
    ] = None,
    set_: SetOption = None,
    results: ResultsOption = RESULTS,
    scope: ScopeOption = "all",
    out: Annotated[
        Path | None, typer.Option(help="export: folder; else results/<run>/exchange/<format>.")
    ] = None,
    push: Annotated[
        str | None,
        typer.Option(
            metavar="USER/NAME",
            envvar=f"{VARIABLE}PUSH",
            help="huggingface: upload to the Hub too.",
        ),
    ] = None,
    reviewer: Annotated[
        str | None, typer.Option(help="import: for decisions without a name; else the account's.")
    ] = None,
) -> None:
    """Export the issues with their decisions, or import the decisions another tool made.

    Imported decisions go to the run's journal: all of them, or, after an error, none.
    """
    chosen = formats().get(format_)
    if chosen is None:
        raise ConfigError(f"--format {shown(format_)}: must be one of {', '.join(formats())}")
    check_options(action, format_, chosen, file=file, push=push, scope=scope)
    loaded = load_config(config, set_ or [])
    queue = load_queue(loaded, Run(results / loaded.run), scope)
    if chosen.read is not None and file is not None:
        decisions = chosen.read(file, queue.source, reviewer=reviewer or account_name())
        done = take_back(queue.journal, decisions)
        print(
            f"{done.added:,} decisions added to {queue.journal.path}, {done.known:,} known before"
        )
        if done.replaced:
            print(f"{done.replaced:,} were replaced by a later one of the same reviewer")
        return
    name = format_ if scope == "all" else f"{format_}_{scope}"
    folder = out or queue.folder / "exchange" / name
    for path in chosen.export(queue, folder):
        print(path)
    if push and chosen.push is not None:
        print(f"uploaded to {for_terminal(chosen.push(folder, push))}")


def check_options(
    action: Action, name: str, chosen: Format, *, file: Path | None, push: str | None, scope: str
) -> None:
    """Stop on options that do not go together.

    Raises:
        ConfigError: saying which.
    """
    is_import = action is Action.IMPORT
    if (file is not None) != is_import:
        raise ConfigError("write `export` without a file, or `import FILE`")
    if push and (chosen.push is None or is_import):
        able = ", ".join(other for other, row in formats().items() if row.push)
        raise ConfigError(f"--push goes with export --format {able}")
    if scope != "all" and (chosen.whole or is_import):
        whole = " and ".join(other for other, row in formats().items() if row.whole)
        raise ConfigError(f"--scope goes with export; {whole} hold every example")
    if chosen.read is None and is_import:
        raise ConfigError(f"--format {name} goes with export; it holds no decisions to import")


if __name__ == "__main__":
    run_command(exchange)
