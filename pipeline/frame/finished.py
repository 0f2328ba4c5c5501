"""Whether finished files are what they are taken for: whole, of this config, made from each other.

Whoever shows or hands over results asks this first.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from pipeline.frame.errors import ArtifactError, ConfigError
from pipeline.frame.messages import short
from pipeline.frame.record import Record, changed_keys, damage, load_record, record_problem
from pipeline.frame.run import Run
from pipeline.frame.stage import RunState, some_of, stages
from pipeline.frame.terminal import say


def check_owner(config_file: Path, run: Run) -> None:
    """Stop when the results are of another config file that has the same name.

    One that is not there any more was moved or renamed.

    Raises:
        ConfigError: naming both.
    """
    folders = [run.stage(name) for name in stages()]
    known = (load_record(folder) for folder in folders if not record_problem(folder))
    names = (made["config_file"] for made in known if "config_file" in made)
    owner = next((run.folder.resolve() / name for name in names), None)
    if owner and owner.is_file() and config_file.is_file() and not owner.samefile(config_file):
        raise ConfigError(
            f"{short(config_file)}: {run.folder} holds the results of {short(owner.resolve())}, a "
            "config of the same name; give this one another name, or other --results"
        )


def check_finished(config: Any, run: Run, name: str, *, but: Collection[str] = ()) -> str:
    """Stop unless the files of stage `name`, and of those it reads, are whole and of this config.

    Returns what changed since they were made, "" for nothing: the code, versions of libraries,
    files that were read.

    Args:
        but: sections of the config that may differ, and the file that such a section names.

    Raises:
        ArtifactError: naming the stage to run again.
    """
    since, state = "", RunState(config, run)
    check_made_from(run, name)
    for each in (*stages()[name].reads, name):
        folder, record = run.stage(each), load_record(run.stage(each))
        new = state.made_from(each, known=record)
        if changes := changed_keys(*(_without(but, made)["config"] for made in (record, new))):
            raise ArtifactError(
                f"{folder}: was made with another config ({some_of(changes)}); run `make {name}` "
                "first, or name the config it was made with"
            )
        if problem := damage(folder, record["outputs"]):
            raise ArtifactError(f"{problem}; run `make {each}`")
        since = since or _what_changed(each, _without(but, record), _without(but, new))
    return since


def tell_since(since: str) -> None:
    """Say on stderr what `check_finished` found to have changed since."""
    if since:
        say(f"note: these are the results of the last run; since then {since}", error=True)


def check_made_from(run: Run, name: str) -> None:
    """Stop unless stage `name` was made from the files that the stages above it have now.

    Only records are compared.

    Raises:
        ArtifactError: naming the stage to run again.
    """
    inputs = load_record(run.stage(name))["inputs"]
    for upstream in stages()[name].reads:
        outputs = load_record(run.stage(upstream))["outputs"]
        now = stages()[name].inputs_from(upstream, outputs)
        if now != {file: sha for file, sha in inputs.items() if file.startswith(f"{upstream}/")}:
            raise ArtifactError(
                f"{run.stage(name)}: was made from another {upstream}; run `make {name}` first"
            )


def _without(but: Collection[str], made: Record) -> Record:
    """Return what a stage was made from without some sections, and without what they name."""
    named = [made["config"][section] for section in but if section in made["config"]]
    config = {key: value for key, value in made["config"].items() if key not in but}
    inputs = {path: sha for path, sha in made["inputs"].items() if path not in named}
    return made | {"config": config, "inputs": inputs}


def _what_changed(name: str, record: Record, new: Record) -> str:
    if record["code"] != new["code"]:
        return f"the code of {name} changed"
    if changes := changed_keys(record["versions"], new["versions"]):
        return f"{name}: {some_of(changes)}".replace('"', "")
    changed = [
        path
        for path in (record["inputs"] | new["inputs"])
        if record["inputs"].get(path) != new["inputs"].get(path)
    ]
    return f"{short(changed[0])} changed" if changed else ""
