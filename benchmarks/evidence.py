"""`make evidence`: makes again what the documents say was measured, and writes it into them.

Every part is a few commands of this project. A finished part is kept under results/evidence and
not made again (delete its file for that); an unfinished one goes on where it was stopped. Then
docs/evidence.json has the figures of all parts, the tables of the documents are written from it,
and tests/test_evidence.py holds every other number of them to it. Hours, on two cores.
"""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.evidence_page import write_tables
from benchmarks.evidence_parts import PARTS, Needs, Part, Places
from benchmarks.measure import python
from pipeline.frame.cli import VARIABLE, run_command
from pipeline.frame.errors import ConfigError
from pipeline.frame.messages import some
from pipeline.frame.terminal import say

DOCUMENT = Path("docs/evidence.json")


def evidence(
    data: Annotated[
        Path | None,
        typer.Option(
            envvar=f"{VARIABLE}DATA",
            help=f"Folder that has {', '.join(need.value for need in Needs)}.",
        ),
    ] = None,
    only: Annotated[str, typer.Option(help=f"Of {' '.join(PARTS)}.")] = "",
    results: Annotated[Path, typer.Option(help="Folder for the results.")] = Path(
        "results/evidence"
    ),
) -> None:
    """Run the parts whose data are there, and write their figures into the documents."""
    chosen = only.split() or list(PARTS)
    if unknown := [name for name in chosen if name not in PARTS]:
        raise ConfigError(f"--only {unknown[0]}: no such part; of {some(list(PARTS))}")
    given = {need: data.resolve() / need.value for need in Needs} if data is not None else {}
    places = {need: path for need, path in given.items() if path.exists()}
    for name in chosen:
        if missing := [need for need in PARTS[name].needs if need not in places]:
            say(f"{name}: left out, no {missing[0].value} in the folder of --data (make: DATA)")
        else:
            make_part(name, PARTS[name], places, results)
    parts = {name: kept(name, results) for name in PARTS if (results / f"{name}.json").exists()}
    content = json.loads(DOCUMENT.read_text(encoding="utf-8")) if DOCUMENT.exists() else {}
    content["parts"] = content.get("parts", {}) | parts
    DOCUMENT.write_text(as_json(content), encoding="utf-8")
    for path in write_tables(content["parts"]):
        say(f"{path}: its tables are new")
    say(f"{DOCUMENT}: {len(content['parts'])} of {len(PARTS)} parts")


def make_part(name: str, part: Part, places: Places, results: Path) -> None:
    """Run the commands of a part and keep its figures; nothing where they are kept already.

    Raises:
        ConfigError: a command failed.
    """
    if (results / f"{name}.json").exists():
        return
    folder = results / name
    folder.mkdir(parents=True, exist_ok=True)
    commands = part.commands(folder, places)
    for command in commands:
        say(f"{name}: {' '.join(command)}")
        if subprocess.run([python(), "-m", *command], check=False).returncode != 0:
            raise ConfigError(f"{name}: `python -m {' '.join(command)}` failed, see above")
    shown = [_without_places(" ".join(command), folder, places) for command in commands]
    record = {
        "made": time.strftime("%Y-%m-%d"),
        "cores": os.cpu_count(),
        "commands": shown,
        "figures": rounded(part.figures(folder, places)),
    }
    (results / f"{name}.json").write_text(as_json(record), encoding="utf-8")


def kept(name: str, results: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((results / f"{name}.json").read_text(encoding="utf-8"))
    return record


def _without_places(command: str, folder: Path, places: Places) -> str:
    """Return the command as it is written down: what lies outside the project by its name."""
    for need, path in places.items():
        command = command.replace(str(path), need.name)
    return command.replace(str(folder), "RESULTS")


def rounded(value: Any) -> Any:
    """Return the figures with six significant digits, which is more than is stated anywhere."""
    if isinstance(value, dict):
        return {str(key): rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(inner) for inner in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def as_json(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    run_command(evidence)
