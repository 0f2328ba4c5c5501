"""Which labels of a file are wrong, with one command and no config to edit."""

import functools
import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from pipeline.command import outputs
from pipeline.command.outputs import Place, PlaceOf
from pipeline.command.verdict import (
    Found,
    Part,
    Verdict,
    find_issues,
    judge_new,
    judge_share,
    load_baseline,
    percentage,
    save_baseline,
)
from pipeline.config.load import Loaded, config_name, load_config
from pipeline.data.guess import NOTHING, Chosen
from pipeline.data.sources import read_examples
from pipeline.frame import artifacts
from pipeline.frame.cli import SetOption, run_command
from pipeline.frame.errors import CheckError, ConfigError
from pipeline.frame.messages import readable
from pipeline.frame.run import Run
from pipeline.frame.terminal import say
from pipeline.init import (
    ClassesOption,
    DataArgument,
    IdOption,
    LabelOption,
    SplitOption,
    TextOption,
    VectorsOption,
    write_new_config,
)
from pipeline.run import run_stages

FOLDER = "label-errors"  # beside the data
OutputOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="What was found, as a file.")
]


def check(
    data: DataArgument,
    text: TextOption = None,
    label: LabelOption = None,
    id_column: IdOption = None,
    split: SplitOption = None,
    vectors: VectorsOption = None,
    classes: ClassesOption = None,
    out: Annotated[
        Path | None, typer.Option(help=f"Folder for config and results; else {FOLDER}/ beside it.")
    ] = None,
    top: Annotated[int, typer.Option(min=0, help="How many of the issues to print.")] = 10,
    max_wrong: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="Fail (exit code 9) when more are wrong: 2% or 0.02."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(help="A baseline; fail when a row that is new or changed looks wrong."),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="Write the rows and issues there are, for --against.")
    ] = None,
    junit: OutputOption = None,
    sarif: OutputOption = None,
    summary: OutputOption = None,
    set_: SetOption = None,
) -> None:
    """Find the wrong labels of a file: write a config for it, run every stage, print the top.

    A config that is there already is used as it is; columns that are named write it anew. --junit,
    --sarif and --summary (Markdown) write what was found for a build: docs/ci.md.
    """
    limit = None if max_wrong is None else percentage(max_wrong)
    known = None if against is None else load_baseline(against)
    folder = out or (data.parent if data.name else data.absolute().parent) / FOLDER
    chosen = Chosen(text or (), label, id_column, split, classes or ())
    config, tell = config_for(data, folder, chosen, vectors)
    loaded = load_config(config, set_ or [])
    run_stages(loaded, folder, meanwhile=tell)
    run = Run(folder / loaded.run)
    if top:
        print_top(run, top)
    say(f"all of them  {run.issues('all')}")
    say(f"report       {run.report}")
    issues = find_issues(run, known)
    if baseline is not None:
        save_baseline(baseline, run, issues)
    verdict = Verdict(judge_parts(run, issues, limit, judge_rows=known is not None), issues)
    write_outputs(verdict, places(loaded, data), data.name, junit, sarif, summary)
    for part in verdict.parts:
        say(f"{part.outcome:<12} {part.asked}: {part.why}")
    if verdict.failed:
        raise CheckError("\n".join(f"{part.asked}: {part.why}" for part in verdict.failed))


def judge_parts(
    run: Run, issues: list[Found], limit: float | None, *, judge_rows: bool
) -> list[Part]:
    """Return the answers to what was asked: the share against a limit, rows against a baseline."""
    parts = []
    if limit is not None:
        parts.append(judge_share(artifacts.load_json(run.metrics), limit))
    return [*parts, judge_new(issues)] if judge_rows else parts


def write_outputs(
    verdict: Verdict,
    place_of: PlaceOf,
    name: str,
    junit: Path | None,
    sarif: Path | None,
    summary: Path | None,
) -> None:
    """Write the files that were asked for."""
    if junit is not None:
        outputs.write(junit, outputs.junit(verdict, place_of, name))
    if sarif is not None:
        outputs.write(sarif, outputs.sarif(verdict, place_of))
    if summary is not None:
        outputs.write(summary, outputs.markdown(verdict, place_of, name))


def places(loaded: Loaded, data: Path) -> PlaceOf:
    """Return where in the file each issue is; the dataset is read again for that."""
    examples = read_examples(loaded.config.dataset, seed=loaded.config.seed)
    row_of = {id_: row for row, id_ in enumerate(examples.ids)}

    def place_of(issue: Found) -> Place:
        said = examples.place(row_of[issue.id]) if examples.place else ""
        line = outputs.LINE.search(said)
        return Place(str(data), int(line[1]) if line else 0)

    return place_of


def config_for(
    data: Path, folder: Path, chosen: Chosen, vectors: Path | None = None
) -> tuple[Path, Callable[[], None]]:
    """Return the config for some data, written unless it is there, and what tells of it.

    Raises:
        ConfigError: the one that is there is for other data.
    """
    path = folder / f"{config_name(data)}.yaml"
    if path.exists() and (chosen != NOTHING or vectors):
        path.replace(path.with_name(f"{path.name}.old"))
        say(f"{path} is written anew; what it was is in {path.name}.old")
    if not path.exists():
        tell_found = write_new_config(path, data, chosen, vectors)

        def tell() -> None:
            tell_found()
            say(f"config       {path}")

        return path, tell
    known = getattr(load_config(path).config.dataset, "path", "")
    if Path(known).resolve() != data.resolve():
        raise ConfigError(
            f"{path}: is for {known}, seen from here; start from the folder it was written in, or "
            "choose another with --out"
        )
    there = f"config       {path} (there already; delete it to look at the data afresh)"
    return path, functools.partial(say, there)


def print_top(run: Run, count: int) -> None:
    """Print the first issues: what is given, what is suggested, and how the text begins."""
    width = shutil.get_terminal_size((100, 24)).columns
    for issue in itertools.islice(artifacts.read_issues(run.issues("all")), count):
        labels = f"{issue['given_label']} → {issue['suggested_label']}"
        calibrated = issue["probability_wrong"]
        wrong = f"   wrong: {float(calibrated):.0%}, calibrated" if calibrated else ""
        say(f"{issue['rank']:>4}  {labels}{wrong}   {issue['id']}")
        words = " ".join(readable(issue["text"]).split())
        room = width - 6
        say(f"      {words if len(words) <= room else words[: room - 1] + '…'}")
    say()


if __name__ == "__main__":
    run_command(check)
