"""The formats that issues and decisions are handed over in: each says of itself what it is."""

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.corrections.decision import Decision
from pipeline.corrections.queue import Queue

HERE = Path(__file__).parent
Read = Callable[..., list[Decision]]


@dataclass(frozen=True)
class Format:
    """All there is to know of one format, declared as FORMAT in its own file.

    does: one line. export: (queue, folder) -> the files it wrote. read: (path, source,
    reviewer=) -> the decisions in a file, None for a format without any. whole: whether it holds
    every example, so that no scope can be chosen. push: (folder, name) -> address of what was
    uploaded.
    """

    does: str
    export: Callable[[Queue, Path], list[Path]]
    read: Read | None
    whole: bool = False
    push: Callable[[Path, str], str] | None = None


@functools.cache
def formats() -> dict[str, Format]:
    """Return every format: the modules of this room with a FORMAT."""
    found: dict[str, Any] = {
        path.stem: importlib.import_module(f"pipeline.exchange.{path.stem}").FORMAT
        for path in sorted(HERE.glob("*.py"))
        if "\nFORMAT = Format(" in path.read_text(encoding="utf-8")
    }
    return found
