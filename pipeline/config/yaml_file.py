"""The YAML of a config file as plain values, with the place of every key.

Nothing a config does not need is constructed: no tags, anchors or aliases, no deep nesting.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.tag import Tag

from pipeline.frame.errors import ConfigError

MAX_BYTES = 256 * 1024  # names of classes by the thousand; reading them takes 3 seconds
MAX_DEPTH = 20

Key = tuple[str | int, ...]


def read_document(path: Path) -> tuple[dict[str, Any], dict[Key, tuple[int, int]], list[str]]:
    """Return the values in `path`, (line, column) of each key, and a line per duplicate key.

    Raises:
        ConfigError: unreadable, not UTF-8, too large, or not YAML with keys at the top.
    """
    document, problems = load_yaml(_read(path), str(path))
    if document is None:
        raise ConfigError(f"{path}:1:1: is empty; copy configs/imdb.yaml to start from")
    if not isinstance(document, CommentedMap):
        raise ConfigError(f"{path}:1:1: must hold `key: value` lines at the top")
    return plain(document), dict(_positions(document, ())), problems


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such config file{_nearest_file(path)}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{path}: is {len(raw)} bytes; a config has at most {MAX_BYTES}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}:1: is not UTF-8 (byte {error.start})") from None


def _nearest_file(path: Path) -> str:
    names = [str(p) for p in sorted(path.parent.glob("*.yaml"))] if path.parent.is_dir() else []
    close = difflib.get_close_matches(str(path), names, n=1)
    return f"; did you mean {close[0]}?" if close else ""


class _Constructor(RoundTripConstructor):
    """Takes every key as it is written: 1.0, 01 and true are names of keys, no values.

    Keeps duplicate keys for the report instead of stopping at the first.
    """

    def construct_mapping(  # type: ignore[override]
        self, node: Any, maptyp: Any, deep: bool = False
    ) -> Any:
        for key_node, _ in node.value:
            if isinstance(key_node, ScalarNode):
                key_node.ctag = Tag(suffix="tag:yaml.org,2002:str")
        return super().construct_mapping(node, maptyp, deep=deep)

    def check_mapping_key(
        self, node: Any, key_node: Any, mapping: Any, key: Any, value: Any
    ) -> bool:
        if key in mapping:
            self.duplicates = [*getattr(self, "duplicates", []), (key, key_node.start_mark)]
        return key not in mapping


def load_yaml(text: str, name: str) -> tuple[Any, list[str]]:
    """Return what `text` holds, and a line for each duplicate key in it."""
    try:
        _refuse_machinery(text, name)
        yaml = YAML(typ="rt", pure=True)
        yaml.Constructor = _Constructor
        document = yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = _place(name, mark) if mark else f"{name}:1:1"
        problem = " ".join((error.problem or error.context or "is not YAML").split())
        raise ConfigError(f"{place}: {problem}") from None
    except NotImplementedError as error:  # ruamel: a comment and a block scalar meet
        found = re.search(r"line: (\d+)", str(error))
        line = int(found[1]) + 1 if found else 1
        problem = "the value under this line cannot be read together with its comment"
        raise ConfigError(f"{name}:{line}:1: {problem}; delete one of them") from None
    except (YAMLError, ValueError) as error:
        raise ConfigError(f"{name}:1:1: is not YAML: {' '.join(str(error).split())}") from None
    duplicates = getattr(yaml.constructor, "duplicates", [])
    return document, [f"{_place(name, m)}: found duplicate key {k}" for k, m in duplicates]


def _place(name: str, mark: Any) -> str:
    return f"{name}:{mark.line + 1}:{mark.column + 1}"


def _refuse_machinery(text: str, name: str) -> None:
    """Stop on what YAML can do and a config does not need, before anything is constructed."""
    depth = 0
    for event in YAML(typ="rt", pure=True).parse(text):
        depth += {"MappingStart": 1, "SequenceStart": 1, "MappingEnd": -1, "SequenceEnd": -1}.get(
            type(event).__name__.removesuffix("Event"), 0
        )
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            refused = "anchors and aliases are not used in configs"
        elif getattr(event, "tag", None):
            refused = "tags are not used in configs"
        elif depth > MAX_DEPTH:
            refused = "is nested too deeply"
        else:
            continue
        raise ConfigError(f"{_place(name, event.start_mark)}: {refused}")


def plain(node: Any) -> Any:
    """Return ruamel's containers and scalars as Python's own."""
    if isinstance(node, Mapping):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    if isinstance(node, bool) or node is None:
        return node
    for kind in (str, int, float):
        if isinstance(node, kind):
            return kind(node)
    return node


def _positions(node: Any, key: Key) -> Iterator[tuple[Key, tuple[int, int]]]:
    if isinstance(node, CommentedMap):
        for name in node:
            line, column = node.lc.key(name)
            yield (*key, str(name)), (line + 1, column + 1)
            yield from _positions(node[name], (*key, str(name)))
    elif isinstance(node, CommentedSeq):
        for index, value in enumerate(node):
            line, column = node.lc.item(index)
            yield (*key, index), (line + 1, column + 1)
            yield from _positions(value, (*key, index))
