"""A process that dies at its N-th step on disk, or whose disk is full from there on. Nothing of
this is in the product: the functions it calls are replaced from outside.

A step is a write to a temporary file (half of it arrives), or a call of one of OPERATIONS.
Keras opens the files it saves by itself, through `zipfile`: their writes are steps, too.
"""

import errno
import functools
import io
import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

Fault = Literal["kill", "full"]
OPERATIONS = ("fsync", "replace", "chmod", "unlink", "rmdir", "mkdir")
NEED_NO_SPACE = {"unlink", "rmdir", "chmod"}


class Steps:
    """Counts the steps of this process; the fault comes with step `at`, from 1; 0: never."""

    def __init__(self, fault: Fault, at: int) -> None:
        self.fault = fault
        self.at = at
        self.names: list[str] = []

    def install(self) -> None:
        for name in OPERATIONS:
            setattr(os, name, self._counted(getattr(os, name), name))
        tempfile.NamedTemporaryFile = self._file_maker(tempfile.NamedTemporaryFile)  # type: ignore[misc, assignment]
        io.open = self._opener(io.open)  # type: ignore[assignment]

    def _reached(self, name: str, *args: Any) -> bool:
        if self.fault == "full" and (name in NEED_NO_SPACE or _exists(name, *args)):
            return False
        self.names.append(name)
        # A killed process takes no further step.
        return 0 < self.at <= len(self.names)

    def _strike(self) -> None:
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _counted(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Any:
            if self._reached(name, *args):
                self._strike()
            return function(*args, **kwargs)

        return counted

    def _file_maker(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def make(*args: Any, **kwargs: Any) -> Any:
            if self._reached("open"):
                self._strike()
            file = function(*args, **kwargs)
            file.write = self._counted_write(file.file)
            return file

        return make

    def _opener(self, function: Callable[..., Any]) -> Callable[..., Any]:
        from pipeline.frame.files import TEMPORARY

        @functools.wraps(function)
        def opened(name: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            if "w" not in mode or TEMPORARY not in str(name):
                return function(name, mode, *args, **kwargs)
            if self._reached("open"):
                self._strike()
            file = function(name, mode, *args, **kwargs)
            file.write = self._counted_write(file)
            return file

        return opened

    def _counted_write(self, file: Any) -> Callable[[Any], Any]:
        write = file.write

        def counted(data: Any) -> Any:
            if self._reached("write"):
                view = memoryview(data).cast("B")
                write(view[: len(view) // 2])
                file.flush()
                self._strike()
            return write(data)

        return counted


def _exists(name: str, *args: Any) -> bool:
    """Return whether this makes a folder that is there; the kernel says so before all else."""
    return name == "mkdir" and Path(args[0]).exists()


def leftovers(folder: Path) -> list[str]:
    """Return the temporary files under `folder`, by the mark their names have."""
    from pipeline.frame.files import TEMPORARY

    return [str(path) for path in folder.rglob("*") if TEMPORARY in path.name]
