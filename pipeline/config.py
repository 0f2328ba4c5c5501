"""Typed configuration: one complete YAML file per experiment.

Every problem of a file is found in one pass and reported as `file:line:column: key: what`.
There are no defaults: a value that a run used can be read in its YAML.
"""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from pipeline.config_file import Key, load_yaml, plain, read_document
from pipeline.errors import ConfigError
from pipeline.schema import Config, find_contradictions

RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


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
    run = _run_name(path)
    values, positions, problems = read_document(path)
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
        problems += [_describe(problem, where) for problem in _each_once(error.errors())]
        problems += _hints(sources)
        raise ConfigError(problems) from None
    problems += [
        f"{where(key)}: {'.'.join(key)}: {what}" for key, what in find_contradictions(config)
    ]
    if problems:
        raise ConfigError(problems)
    return Loaded(config, run, path, tuple(overrides))


def stage_slice(config: Config, sections: tuple[str, ...]) -> dict[str, Any]:
    """Return the part of `config` in `sections` as plain JSON values: what a stage depends on."""
    return {name: config.model_dump(mode="json")[name] for name in sections}


def changed_keys(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return one line `key old -> new` for each leaf that differs between two slices."""
    lines = []
    for key in dict.fromkeys([*old, *new]):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            lines += changed_keys(before, after, f"{prefix}{key}.")
        elif before != after:
            lines.append(f"{prefix}{key} {_shown(before)} -> {_shown(after)}")
    return lines


def _run_name(path: Path) -> str:
    run = path.name.removesuffix(".yaml").removesuffix(".yml")
    if not RUN_NAME.fullmatch(run) or path.suffix not in (".yaml", ".yml"):
        raise ConfigError(
            f"{path}: a config is named NAME.yaml, and NAME names its results folder: letters, "
            "digits, '.', '_', '-', at most 64 of them, starting with a letter or digit"
        )
    return run


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
        if not isinstance(section, dict) or key[-1] not in section:
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


def _hints(sources: Mapping[Key, str]) -> list[str]:
    """Return what to write instead of an override that turns a section into one of another kind."""
    return [
        f"--set {sources[key]}: a section with another {key[-1]} has other keys; give the whole "
        f"section, {'.'.join(map(str, key[:-1]))}={{{key[-1]}: ..., ...}}, or write a config of "
        "your own; configs/ag_news.yaml shows the keys of each"
        for key in sources
        if len(key) > 1 and _DISCRIMINATORS.get(str(key[-2])) == key[-1]
    ]


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")


# What pydantic calls a problem -> our words; everything else keeps its own message.
_WORDS = {
    "missing": "is missing",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "model_type": "must be a section with keys",
    "model_attributes_type": "must be a section with keys",
    "finite_number": "must be a finite number",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "too_short": "must have at least {min_length} item(s)",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "union_tag_invalid": "must be one of {expected_tags}",
    "union_tag_not_found": "is missing",
    "value_error": "{error}",
}
# pydantic names the member of a union in the location; the user's file does not.
_DISCRIMINATORS = {"dataset": "source", "split": "by", "vectorize": "kind", "model": "name"}
_UNION_MEMBERS = {"literal['auto']", "constrained-int", "int"}


def _each_once(problems: Iterable[Any]) -> Iterator[Any]:
    """Yield the problems without the second that pydantic has for `auto` or a number."""
    return (problem for problem in problems if problem["loc"][-1] != "literal['auto']")


def _describe(problem: Any, where: Any) -> str:
    location = [part for part in problem["loc"] if part not in _UNION_MEMBERS]
    key: Key = tuple(part for _, part, is_tag in _steps(location) if not is_tag)
    context, got = problem.get("ctx", {}), problem["input"]
    if problem["type"].startswith("union_tag"):
        key, got = (*key, _DISCRIMINATORS[str(key[-1])]), context.get("tag")
    name = ".".join(map(str, key))
    if problem["type"] == "extra_forbidden":
        return f"{where(key)}: {name}: unknown key{_did_you_mean(location)}"
    words = _WORDS.get(problem["type"], problem["msg"]).format_map(context)
    if problem["loc"][-1] in _UNION_MEMBERS:
        words = words.replace("must be", "must be auto or", 1)
    shown = "" if "missing" in words else f" (got {_shown(got)})"
    return f"{where(key)}: {name}: {words}{shown}"


def _steps(location: list[Any]) -> Iterator[tuple[Any, Any, bool]]:
    """Yield (schema around, part, whether the part is a union's tag) along a location."""
    around: Any = [Config]
    for index, part in enumerate(location):
        is_tag = bool(index) and location[index - 1] in _DISCRIMINATORS and len(around) > 1
        yield around, part, is_tag
        if is_tag:
            field = _DISCRIMINATORS[location[index - 1]]
            around = [m for m in around if part in get_args(m.model_fields[field].annotation)]
        elif not isinstance(part, int):
            fields = [m.model_fields[part] for m in around if part in m.model_fields]
            around = [member for field in fields for member in _members(field.annotation)]


def _members(annotation: Any) -> list[Any]:
    """Return the sections an annotation is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [member for part in get_args(annotation) for member in _members(part)]


def _did_you_mean(location: list[Any]) -> str:
    around = [schema for schema, _, _ in _steps(location)][-1]
    names = [name for schema in around for name in schema.model_fields]
    close = difflib.get_close_matches(str(location[-1]), names, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=True)
    except (TypeError, ValueError):
        text = ascii(value)
    return text if len(text) <= 80 else text[:77] + "..."
