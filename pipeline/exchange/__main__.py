"""Hand the label issues over to another tool, or take its decisions back."""

from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from pipeline.artifacts import Run
from pipeline.cli import RESULTS, ConfigOption, ResultsOption, SetOption, run_command
from pipeline.config import load_config
from pipeline.errors import ConfigError
from pipeline.exchange import argilla, dataset, huggingface, label_studio, spreadsheet
from pipeline.exchange.decisions import take_back
from pipeline.review.__main__ import ScopeOption, account_name
from pipeline.review.queue import load_queue


class Action(StrEnum):
    EXPORT = "export"
    IMPORT = "import"


class Format(StrEnum):
    CSV = "csv"
    LABEL_STUDIO = "label_studio"
    ARGILLA = "argilla"
    HUGGINGFACE = "huggingface"
    DATASET = "dataset"


MODULES: dict[Format, ModuleType] = {
    Format.CSV: spreadsheet,
    Format.LABEL_STUDIO: label_studio,
    Format.ARGILLA: argilla,
    Format.HUGGINGFACE: huggingface,
    Format.DATASET: dataset,
}
WHOLE = (Format.HUGGINGFACE, Format.DATASET)


def exchange(
    action: Annotated[Action, typer.Argument(help="export, or import FILE.")],
    config: ConfigOption,
    format_: Annotated[Format, typer.Option("--format", help="Whose format.")],
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
        str | None, typer.Option(metavar="USER/NAME", help="huggingface: upload to the Hub too.")
    ] = None,
    reviewer: Annotated[
        str | None, typer.Option(help="import: for decisions without a name; else the account's.")
    ] = None,
) -> None:
    """Export the issues with their decisions, or import the decisions another tool made.

    Imported decisions go to the run's journal: all of them, or, after an error, none.
    """
    if (file is not None) != (action is Action.IMPORT):
        raise ConfigError("write `export` without a file, or `import FILE`")
    if push and (format_ is not Format.HUGGINGFACE or action is not Action.EXPORT):
        raise ConfigError("--push goes with export --format huggingface")
    if scope != "all" and (format_ in WHOLE or action is Action.IMPORT):
        raise ConfigError(f"--scope goes with export; {' and '.join(WHOLE)} hold every example")
    if format_ is Format.DATASET and action is Action.IMPORT:
        raise ConfigError("--format dataset goes with export; it holds no decisions to import")
    loaded = load_config(config, set_ or [])
    queue = load_queue(loaded, Run(results / loaded.run), scope)
    module = MODULES[format_]
    if file is not None:
        decisions = module.read(file, queue.source, reviewer=reviewer or account_name())
        done = take_back(queue.journal, decisions)
        print(
            f"{done.added:,} decisions added to {queue.journal.path}, {done.known:,} known before"
        )
        if done.replaced:
            print(f"{done.replaced:,} were replaced by a later one of the same reviewer")
        return
    name = format_.value if scope == "all" else f"{format_.value}_{scope}"
    folder = out or queue.folder / "exchange" / name
    for path in module.export(queue, folder):
        print(path)
    if push:
        print(f"uploaded to {huggingface.push(folder, push)}")


if __name__ == "__main__":
    run_command(exchange)
