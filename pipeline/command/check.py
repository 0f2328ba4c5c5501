"""Which labels of a file are wrong, with one command and no config to edit."""

import itertools
import shutil
from pathlib import Path
from typing import Annotated

import typer

from pipeline.config.load import load_config
from pipeline.data.guess import Chosen
from pipeline.frame import artifacts
from pipeline.frame.cli import SetOption, run_command
from pipeline.frame.errors import ConfigError
from pipeline.frame.messages import for_terminal, readable
from pipeline.frame.run import Run
from pipeline.frame.stage import stages
from pipeline.init import (
    DataArgument,
    IdOption,
    LabelOption,
    SplitOption,
    TextOption,
    config_name,
    make_config,
)
from pipeline.run import run_stages

FOLDER = "label-errors"  # beside the data


def check(
    data: DataArgument,
    text: TextOption = None,
    label: LabelOption = None,
    id_column: IdOption = None,
    split: SplitOption = None,
    out: Annotated[
        Path | None, typer.Option(help=f"Folder for config and results; else {FOLDER}/ beside it.")
    ] = None,
    top: Annotated[int, typer.Option(min=0, help="How many of the issues to print.")] = 10,
    set_: SetOption = None,
) -> None:
    """Find the wrong labels of a file: write a config for it, run every stage, print the top.

    A config that is there already is used as it is; columns that are named write it anew.
    """
    folder = out or (data.parent if data.name else data.absolute().parent) / FOLDER
    config = config_for(data, folder, Chosen(text or (), label, id_column, split))
    loaded = load_config(config, set_ or [])
    run_stages(loaded, folder, upto=list(stages())[-1])
    run = Run(folder / loaded.run)
    if top:
        print_top(run, top)
    print(f"all of them  {run.issues('all')}")
    print(f"report       {run.report}")


def config_for(data: Path, folder: Path, chosen: Chosen) -> Path:
    """Return the config for some data; it is written unless it is there.

    Raises:
        ConfigError: the one that is there is for other data.
    """
    path = folder / f"{config_name(data)}.yaml"
    if path.exists() and chosen.options():
        path.replace(path.with_name(f"{path.name}.old"))
        print(f"{path} is written anew; what it was is in {path.name}.old")
    if not path.exists():
        make_config(path, data, chosen)
        print(f"config       {path}")
        return path
    known = getattr(load_config(path).config.dataset, "path", "")
    if Path(known).resolve() != data.resolve():
        raise ConfigError(
            f"{path}: is for {known}, seen from here; start from the folder it was written in, or "
            "choose another with --out"
        )
    print(f"config       {path} (there already; delete it to look at the data afresh)")
    return path


def print_top(run: Run, count: int) -> None:
    """Print the first issues: what is given, what is suggested, and how the text begins."""
    width = shutil.get_terminal_size((100, 24)).columns
    for issue in itertools.islice(artifacts.read_issues(run.issues("all")), count):
        labels = f"{issue['given_label']} → {issue['suggested_label']}"
        confidence = f"given label: {float(issue['self_confidence']):.1%}"
        print(for_terminal(f"{issue['rank']:>4}  {labels}   {confidence}   {issue['id']}"))
        words = " ".join(readable(issue["text"]).split())
        room = width - 6
        print(for_terminal(f"      {words if len(words) <= room else words[: room - 1] + '…'}"))
    print()


if __name__ == "__main__":
    run_command(check)
