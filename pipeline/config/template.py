"""A config as commented YAML: every key, with what the schema says of it."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from pipeline.config.problems import members_of
from pipeline.config.schema import Config

PLAIN = re.compile(r"[A-Za-z/_][A-Za-z0-9/_.-]*")
NOT_TEXTS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
COMMENT_COLUMN = 30
LONGEST_LIST = 100  # characters; a longer one is written an item a line
Notes = Mapping[tuple[str, ...], str]  # key -> lines that stand above it


def commented_yaml(values: Mapping[str, Any], notes: Notes) -> str:
    """Return a config with these values as YAML; a blank line between its sections."""
    sections = [
        "\n".join(_lines(Config, {name: values[name]}, (), notes)) for name in Config.model_fields
    ]
    return "\n\n".join(sections) + "\n"


def _lines(
    section: type[BaseModel], values: Mapping[str, Any], at: tuple[str, ...], notes: Notes
) -> Iterator[str]:
    indent = "  " * len(at)
    for name, value in values.items():
        key, info = (*at, name), section.model_fields[name]
        for line in notes.get(key, "").splitlines():
            yield f"{indent}# {line}"
        if isinstance(value, Mapping) and (chosen := _section_of(info.annotation, value)):
            yield _commented(f"{indent}{name}:", info.description)
            yield from _lines(chosen, value, key, notes)
        elif isinstance(value, list) and _is_long(value):
            yield _commented(f"{indent}{name}:", info.description)
            yield from (f"{indent}  - {as_yaml(each)}" for each in value)
        else:
            about = info.description or _alternatives(section, name, at)
            yield _commented(f"{indent}{name}: {as_yaml(value)}", about)


def _is_long(values: list[Any]) -> bool:
    sections = bool(values) and isinstance(values[0], Mapping)
    return sections or len(as_yaml(values)) > LONGEST_LIST


def _commented(line: str, description: str | None) -> str:
    return f"{line:<{COMMENT_COLUMN - 1}} # {description}" if description else line


def _section_of(annotation: Any, values: Mapping[str, Any]) -> type[BaseModel] | None:
    """Return the section that values with these keys are of."""
    found = [member for member in members_of(annotation) if _says(member, values)]
    return next(iter(found), None)


def _says(section: type[BaseModel], values: Mapping[str, Any]) -> bool:
    """Return whether a section has these keys, and the values of those that choose it."""
    fields = section.model_fields
    fixed = {
        name: get_args(info.annotation)
        for name, info in fields.items()
        if len(get_args(info.annotation)) == 1 and isinstance(get_args(info.annotation)[0], str)
    }
    return set(values) == set(fields) and all(values[name] in fixed[name] for name in fixed)


def _alternatives(section: type[BaseModel], name: str, at: tuple[str, ...]) -> str | None:
    """Return what else a key that chooses its section could say."""
    if len(at) != 1:
        return None
    others = members_of(Config.model_fields[at[0]].annotation)
    choices = [get_args(o.model_fields[name].annotation) for o in others if name in o.model_fields]
    names = [str(each[0]) for each in choices if len(each) == 1]
    return " | ".join(names) if len(others) > 1 and len(names) == len(others) else None


def as_yaml(value: Any) -> str:
    """Return a value as YAML on one line: a plain word where that is one, else JSON."""
    if isinstance(value, list):
        return f"[{', '.join(map(as_yaml, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{as_yaml(str(k))}: {as_yaml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in NOT_TEXTS:
        return value
    return json.dumps(value, ensure_ascii=True)
