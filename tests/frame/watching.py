"""What the stages call and open while they work: seen from outside, in this process."""

import contextlib
import dataclasses
import functools
import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import pipeline
from pipeline.config.load import Loaded
from pipeline.frame.run import Run
from pipeline.frame.stage import Context
from tests.tiny import ROOT, STAGES, run_work

IS_FUNCTION = 0x1  # CO_OPTIMIZED: neither the body of a class nor that of a module
PACKAGE = ROOT / "pipeline"
OPENERS = (  # those that no audit hook tells of, as C++ opens the file
    *((pq, "ParquetFile"), (pq, "read_table"), (pa, "memory_map"), (np, "load")),
)


@dataclass
class Watched:
    """What happened while one stage worked: (module, name) called, paths opened, sections read."""

    called: set[tuple[str, str]] = field(default_factory=set)
    opened: set[Path] = field(default_factory=set)
    sections: set[str] = field(default_factory=set)


class TellingConfig:
    """A config that tells which of its sections are read."""

    def __init__(self, config: Any, read: set[str]) -> None:
        self._config = config
        self._read = read

    def __getattr__(self, name: str) -> Any:
        self._read.add(name)
        return getattr(self._config, name)


def watch_stages(loaded: Loaded, results: Path) -> dict[str, Watched]:
    """Run every stage and return what happened while it worked."""
    import_all()
    found: dict[str, Watched] = {}
    for name, stage in STAGES.items():
        found[name] = Watched()
        work = functools.partial(_watched, stage.work, found[name])
        run_work(name, work, loaded, Run(results / loaded.run))
    return found


def _watched(work: Callable[[Context], None], watched: Watched, context: Context) -> None:
    config = TellingConfig(context.config, watched.sections)
    context.loaded = dataclasses.replace(context.loaded, config=config)
    with calls(watched.called), opens(watched.opened):
        work(context)


def import_all() -> None:
    """Import every module first, so that what an import calls is not taken for work."""
    for module in pkgutil.walk_packages(pipeline.__path__, "pipeline."):
        if not module.name.endswith("__main__"):
            with contextlib.suppress(ImportError):  # Ray is not everywhere
                importlib.import_module(module.name)


@contextlib.contextmanager
def calls(found: set[tuple[str, str]]) -> Iterator[None]:
    seen: set[CodeType] = set()

    def see(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and code not in seen:
            seen.add(code)
            path = Path(code.co_filename)
            if code.co_flags & IS_FUNCTION and path.is_relative_to(PACKAGE):
                parts = path.relative_to(ROOT).with_suffix("").parts
                found.add((".".join(parts), code.co_qualname.partition(".<locals>")[0]))

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        yield
    finally:
        sys.setprofile(before)


_listening: list[set[Path]] = []


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _listening and isinstance(arguments[0], str | bytes | Path):
        _heard(arguments[0])


def _heard(path: Any) -> None:
    for found in _listening:
        found.add(Path(path if not isinstance(path, bytes) else path.decode()).absolute())


@functools.cache
def _add_hook() -> None:
    sys.addaudithook(_listen)  # there is no way to take one away


@contextlib.contextmanager
def opens(found: set[Path]) -> Iterator[None]:
    _add_hook()
    kept = [(owner, name, getattr(owner, name)) for owner, name in OPENERS]
    for owner, name, opener in kept:
        setattr(owner, name, _telling(opener))
    _listening.append(found)
    try:
        yield
    finally:
        _listening.remove(found)
        for owner, name, opener in kept:
            setattr(owner, name, opener)


def _telling(opener: Any) -> Any:
    @functools.wraps(opener)
    def telling(source: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(source, str | Path):
            _heard(source)
        return opener(source, *args, **kwargs)

    return telling
