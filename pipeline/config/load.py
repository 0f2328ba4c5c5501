"""Typed configuration: one complete YAML file per experiment.

Every problem of a file is found in one pass and reported as `file:line:column: key: what`.
There are no defaults: a value that a run used can be read in its YAML.
"""

import copy
import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.config.problems import DISCRIMINATORS, describe_problem, each_once, members_of
from pipeline.config.schema import Config, find_contradictions
from pipeline.config.yaml_file import Key, load_yaml, plain, read_document
from pipeline.frame.errors import ConfigError
from pipeline.frame.messages import short

RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
OTHER_KEYS = ("extra_forbidden", "missing")  # what is wrong where a section is of another kind


@dataclass(frozen=True)
class Loaded:
    """A validated config with the run it names and where it came from."""

    config: Config
    run: str
    path: Path
    overrides: tuple[str, ...] = ()

    @property
    def arguments(self) -> str:
        """The command-line arguments that give this config again."""
        sets = "".join(f" --set {override}" for override in self.overrides)
        return f"--config {self.path}{sets}"


def load_config(path: Path, overrides: list[str] | tuple[str, ...] = ()) -> Loaded:
    """Return the validated config in `path` with `overrides` ("model.epochs=3") applied.

    Raises:
        ConfigError: with every problem found, one a line.
    """
    run = run_name(path)
    values, positions, problems = read_document(path)
    written = copy.deepcopy(values)
    sources = _apply_overrides(values, overrides, problems)

    def where(key: Key) -> str:
        parts = [key[:length] for length in range(len(key), 0, -1)]
        if given := next((part for part in parts if part in sources), None):
            return f"--set {sources[given][:80]}"
        line, column = next((positions[part] for part in parts if part in positions), (1, 1))
        return f"{path}:{line}:{column}"

    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        found = list(each_once(error.errors()))
        foreign = [each for each in found if each["type"] in OTHER_KEYS]
        among = {each["loc"][0] for each in foreign}
        changed = _changed_kinds(sources, written, values, among)
        known = {key[0] for key in changed}
        told = (e for e in found if not (e in foreign and e["loc"][0] in known))
        problems += _hints(changed) + [describe_problem(problem, where) for problem in told]
        raise ConfigError(problems) from None
    problems += [
        f"{where(key)}: {'.'.join(key)}: {what}" for key, what in find_contradictions(config)
    ]
    if problems:
        raise ConfigError(problems)
    return Loaded(config, run, path, tuple(overrides))


def run_name(path: Path) -> str:
    """Return the name of the run that a config names: that of its file.

    Raises:
        ConfigError: it cannot name a folder.
    """
    run = path.name.removesuffix(".yaml").removesuffix(".yml")
    if not RUN_NAME.fullmatch(run) or path.suffix not in (".yaml", ".yml"):
        raise ConfigError(
            f"{short(path)}: a config is named NAME.yaml, and NAME names its results folder: "
            "letters, digits, '.', '_', '-', at most 64 of them, starting with a letter or digit"
        )
    return run


def config_name(data: Path) -> str:
    """Return the name of the run: that of the file, with what a run name cannot hold replaced.

    A link is not followed, and the name of a snapshot in the cache of Hugging Face is that of its
    set: both would name the run after a hash.
    """
    path = data.resolve() if data.name in ("", "..") else data.absolute()
    set_name = next((part for part in path.parts if part.startswith("datasets--")), "")
    is_hash = re.fullmatch("[0-9a-f]{32,64}", path.name)
    last = set_name.rpartition("--")[2] if is_hash and set_name else path.name
    stem = last.split(".")[0] or "data"
    name = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in stem)[:64]
    return name if RUN_NAME.fullmatch(name) else f"data{name}"[:64]


def _apply_overrides(
    values: dict[str, Any], overrides: list[str] | tuple[str, ...], problems: list[str]
) -> dict[Key, str]:
    sources: dict[Key, str] = {}
    for override in overrides:
        name, equals, text = override.partition("=")
        key = tuple(name.strip().split("."))
        if not equals or not all(key):
            problems.append(f"--set {override}: write it as section.key=value")
            continue
        section = values
        for part in key[:-1]:
            section = section.get(part) if isinstance(section, dict) else None  # type: ignore[assignment]
        if not isinstance(section, dict) or (key[-1] not in section and not _is_optional(key)):
            close = difflib.get_close_matches(name, list(_leaves(values)), n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            problems.append(f"--set {override}: {name}: unknown key{hint}")
            continue
        try:
            section[key[-1]] = plain(load_yaml(text, f"--set {override}")[0])
        except ConfigError:
            problems.append(f"--set {override}: the value is not plain YAML")
        sources[key] = override
    return sources


def _is_optional(key: Key) -> bool:
    """Return whether a config need not have the key, so that an override may add it."""
    if len(key) != 2 or key[0] not in Config.model_fields:
        return False
    sections = members_of(Config.model_fields[str(key[0])].annotation)
    fields = [getattr(section, "model_fields", {}).get(key[1]) for section in sections]
    return any(field is not None and not field.is_required() for field in fields)


def _changed_kinds(
    sources: Mapping[Key, str],
    written: Mapping[str, Any],
    values: Mapping[str, Any],
    among: Collection[Any],
) -> dict[Key, str]:
    """Return the overrides that turn a section, or a part of it, into one of another kind.

    Args:
        written: as the file has it. values: as overridden. among: sections that are asked about.
    """
    return {
        key: source
        for key, source in sources.items()
        if len(key) > 1
        and DISCRIMINATORS.get(str(key[-2])) == key[-1]
        and key[0] in among
        and _value_at(written, key) != _value_at(values, key)
    }


def _value_at(values: Any, key: Key) -> Any:
    for part in key:
        values = values.get(part) if isinstance(values, Mapping) else None
    return values


def _hints(changed: Mapping[Key, str]) -> list[str]:
    """Return what to write instead of overrides that turn a section into one of another kind."""
    return [
        f"--set {source}: a section with another {key[-1]} has other keys; give the whole "
        f"section, {'.'.join(map(str, key[:-1]))}={{{key[-1]}: {source.partition('=')[2]}, ...}}, "
        "or write a config of your own; docs/config.md has the keys of each"
        for key, source in changed.items()
    ]


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
