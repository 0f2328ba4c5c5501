"""The JSON Schema of a config, for editors, and the page of its keys: both from the types.

`python -m pipeline.config.json_schema` writes pipeline/config/config.schema.json and
docs/config.md again.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline.config.problems import members_of
from pipeline.config.schema import Config
from pipeline.frame.files import atomic_write

SCHEMA = Path(__file__).with_name("config.schema.json")
PAGE = Path("docs/config.md")
BESIDE = "label-errors.schema.json"
HINT = "# yaml-language-server: $schema="


def config_schema() -> str:
    """Return the JSON Schema of a config."""
    schema = Config.model_json_schema()
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "label-errors config",
        "description": "One experiment: where the texts are, who judges the labels, who learns.",
    }
    return json.dumps(head | without_titles(schema), indent=1, ensure_ascii=False) + "\n"


def without_titles(node: Any) -> Any:
    """Return a schema without the titles that pydantic makes of names."""
    if isinstance(node, dict):
        made_up = isinstance(node.get("title"), str)
        kept = {key: value for key, value in node.items() if not (made_up and key == "title")}
        return {key: without_titles(value) for key, value in kept.items()}
    return [without_titles(each) for each in node] if isinstance(node, list) else node


def place_schema(folder: Path) -> str:
    """Return the first line of a config in `folder`, which tells an editor its schema.

    Where the config and this package are not of one checkout, the schema is written beside the
    config: where a package is installed is another place on each machine.
    """
    if all(path.is_relative_to(Path.cwd()) for path in (SCHEMA, folder.resolve())):
        return f"{HINT}{Path(os.path.relpath(SCHEMA, folder.absolute())).as_posix()}"
    with atomic_write(folder / BESIDE) as file:
        file.write(SCHEMA.read_bytes())
    return f"{HINT}{BESIDE}"


def config_page() -> str:
    """Return docs/config.md: every key with what it means and what it can be."""
    lines = [
        "# Every key of a config",
        "",
        "Made from the types by `python -m pipeline.config.json_schema`; the comments that `init`",
        "writes, and what an editor shows, are the same words. The first line of each config names",
        "the schema, so an editor with YAML support completes keys and marks mistakes.",
        "",
        *key_table(Config.model_fields, "Config"),
    ]
    for name, info in Config.model_fields.items():
        for section in every_section(info.annotation):
            about = " ".join((section.__doc__ or "").split())
            lines += ["", f"## {name}: {section.__name__}", "", about, ""]
            lines += key_table(section.model_fields, section.__name__)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def every_section(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the sections an annotation is made of, each before those inside it."""
    for section in members_of(annotation):
        yield section
        for info in section.model_fields.values():
            yield from every_section(info.annotation)


def key_table(fields: dict[str, Any], section: str) -> list[str]:
    """Return the lines of a table of keys."""
    schema = Config.model_json_schema()
    node = schema if section == "Config" else schema["$defs"][section]
    rows = ["| key | | values |", "|---|---|---|"]
    for name, info in fields.items():
        values = values_of(node["properties"][name]).replace("|", "\\|")
        about = (info.description or "").replace("|", "\\|")
        rows.append(f"| `{name}` | {about} | {values} |")
    return rows


def values_of(node: dict[str, Any]) -> str:
    """Return in words what a key can be."""
    if "const" in node:
        return f"`{node['const']}`"
    if "enum" in node:
        return ", ".join(f"`{json.dumps(value)[1:-1]}`" for value in node["enum"])
    if "anyOf" in node:
        return " or ".join(values_of(each) for each in node["anyOf"])
    if "$ref" in node or "oneOf" in node or "properties" in node:
        return "a section, below"
    kind = {"integer": "a whole number", "number": "a number", "string": "a text"}
    kind |= {"boolean": "true, false", "array": "a list", "object": "a map", "null": "null"}
    words = kind.get(str(node.get("type")), "as said")
    limits = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most"}
    limits |= {"exclusiveMaximum": "below"}
    told = [f"{word} {node[key]}" for key, word in limits.items() if key in node]
    return ", ".join([words, *told])


if __name__ == "__main__":
    SCHEMA.write_text(config_schema(), encoding="utf-8")
    PAGE.write_text(config_page(), encoding="utf-8")
