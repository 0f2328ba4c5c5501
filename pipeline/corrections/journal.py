"""The journal: every decision of a reviewer, one JSON line each, appended and never rewritten."""

import json
import os
import secrets
import threading
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from pipeline.corrections.decision import Decision, Source, validated
from pipeline.corrections.votes import Standing
from pipeline.frame.errors import DataError, ResourceError
from pipeline.frame.files import sync_folder, write_all
from pipeline.frame.lock import Hold, hold

ANY_CONFIG = "--config …"
MAX_ARGUMENTS = 80  # characters: an error is one line


class StaleError(Exception):
    """The reviewer decided on this example somewhere else in the meantime."""


def parse_line(line: bytes) -> Decision:
    """Return the decision in one line.

    Raises:
        DataError: the line is not a decision.
    """
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        raise DataError("is not a line of JSON in UTF-8") from None
    return validated(values)


def encode_line(decision: Decision) -> bytes:
    values = decision.model_dump(exclude_defaults=True)  # of how and lot: the others have none
    return json.dumps(values, ensure_ascii=False).encode() + b"\n"


def as_lot(decisions: list[Decision]) -> list[Decision]:
    """Return decisions that stand or fall together: a journal holds all of them, or none."""
    lot = {"lot": secrets.token_hex(8), "lot_size": len(decisions)}
    return [each.model_copy(update=lot) for each in decisions] if len(decisions) > 1 else decisions


def as_single(decision: Decision) -> Decision:
    """Return a decision that is in no lot, for a journal that may not get the rest of it."""
    return decision.model_copy(update={"lot": None, "lot_size": None})


def unfinished_lot(lines: list[bytes]) -> int:
    """Return how many of the last lines are of a lot that is not all there: a crash cut it off."""
    last = lot_of(lines[-1]) if lines else None
    if last is None:
        return 0
    name, size = last
    count = 0
    for line in reversed(lines):
        if lot_of(line) != (name, size):
            break
        count += 1
    return count if count < size else 0


def lot_of(line: bytes) -> tuple[str, int] | None:
    """Return name and size of the lot that a line is in, None for a decision alone."""
    if b'"lot"' not in line:
        return None
    try:
        decision = parse_line(line)
    except DataError:
        return None
    return (decision.lot, decision.lot_size or 0) if decision.lot else None


class Journal:
    """A journal on disk, read and checked against its dataset; `append` writes to it.

    Reading never changes the file. Other processes may append at the same time.

    notes: what was found that a person should know (a torn last line).
    """

    def __init__(self, path: Path, source: Source, *, arguments: str = ANY_CONFIG) -> None:
        """Read all of `path`; a file that is missing is an empty journal.

        arguments: those of the config, for the command that an error names.

        Raises:
            DataError: naming file and line, when any whole line is not a valid decision.
        """
        self.path = path
        self.source = source
        self.arguments = arguments
        self.notes: list[str] = []
        self._thread_lock = threading.RLock()
        self._forget()
        self.refresh()

    def _forget(self) -> None:
        self.standing = Standing()
        self.lines = 0
        self._offset = 0
        self._inode: int | None = None

    def refresh(self) -> None:
        """Read what other processes appended since the last time."""
        with self._thread_lock:
            try:
                file = self.path.open("rb")
            except FileNotFoundError:
                self._forget()
                return
            except OSError as error:
                raise DataError(f"{self.path}: cannot be read: {error.strerror}") from None
            with file:
                hold(file, Hold.SHARED, self.path)
                torn = self._read_new(file)
            if torn:
                self._note(f"the end is incomplete ({len(torn)} bytes) and is not used")

    def append(self, decisions: list[Decision], *, seen: Sequence[int] | None = None) -> None:
        """Write decisions and return when they are on disk: all of them, or none.

        A crash may leave the first few of them, except of a lot.

        seen: for each, the version of its example and reviewer the caller knows; None: any.

        Raises:
            StaleError: there is a later version. ResourceError: the disk is full.
        """
        with self._thread_lock, self._open_for_writing() as file:
            torn = self._read_new(file)
            if torn:
                self._repair(file, torn)
            versions = [self.standing.versions[d.id, d.reviewer] for d in decisions]
            if seen is not None and versions != list(seen):
                raise StaleError
            data = b"".join(map(encode_line, decisions))
            self._write(file, data)
            for decision in decisions:
                self.standing.add(decision)
            self.lines += len(decisions)
            self._offset += len(data)

    def undo(self, reviewer: str, among: Container[str] | None = None) -> list[str]:
        """Take back the last standing decision of `reviewer`, or the lot it is in; return its ids.

        among: ids of which one must be; None: any.
        """
        with self._thread_lock:
            self.refresh()
            ids = self.standing.last_ids(reviewer, among)
            if ids:
                undone = [self.source.decide(id_, "undo", None, reviewer=reviewer) for id_ in ids]
                seen = [self.standing.versions[id_, reviewer] for id_ in ids]
                self.append(as_lot(undone), seen=seen)
            return ids

    def _write(self, file: IO[bytes], data: bytes) -> None:
        """Put `data` on disk at the end, or leave the file as it was.

        Raises:
            ResourceError: the disk is full.
        """
        end = file.seek(0, os.SEEK_END)
        try:
            write_all(file, data)
            os.fsync(file.fileno())
        except OSError as error:
            with suppress(OSError):  # else the next append cuts off what has no end of line
                file.truncate(end)
            reason = error.strerror or error
            raise ResourceError(f"{self.path}: cannot be written: {reason}") from error

    @contextmanager
    def _open_for_writing(self) -> Iterator[IO[bytes]]:
        try:
            is_new, folder_is_new = not self.path.exists(), not self.path.parent.exists()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = self.path.open("a+b", buffering=0)
        except OSError as error:
            raise ResourceError(f"{self.path}: cannot be written: {error.strerror}") from error
        with file:
            hold(file, Hold.ALONE, self.path)
            if is_new:
                sync_folder(self.path.parent)
            if folder_is_new:
                sync_folder(self.path.parent.parent)
            yield file

    def _read_new(self, file: IO[bytes]) -> bytes:
        """Take in the lines after the last known one; return what a crash left half-written."""
        state = os.fstat(file.fileno())
        if state.st_ino != self._inode or state.st_size < self._offset:
            self._forget()
            self._inode = state.st_ino
        file.seek(self._offset)
        data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        lines = whole.splitlines(keepends=True)
        lines = lines[: len(lines) - unfinished_lot(lines)]
        for line in lines:
            self._take(line)
        return data[sum(map(len, lines)) :]

    def _take(self, line: bytes) -> None:
        hint = ""
        try:
            decision = parse_line(line)
            if problem := self.source.problem(decision):
                hint = self._way_on(decision)
                raise DataError(problem)
            self.standing.add(decision)
        except DataError as error:
            where = f"{self.path}:{self.lines + 1}"
            raise DataError(f"{where}: {error}; nothing is applied{hint}") from None
        self.lines += 1
        self._offset += len(line)

    def _way_on(self, decision: Decision) -> str:
        if decision.dataset == self.source.fingerprint:
            return ""
        arguments = self.arguments if len(self.arguments) <= MAX_ARGUMENTS else ANY_CONFIG
        command = f"python -m pipeline.review {arguments} --carry-over {self.path}"
        return f"; `{command}` keeps what still fits"

    def _repair(self, file: IO[bytes], torn: bytes) -> None:
        """Finish a last line that only lacks its newline; cut off what a crash broke."""
        ended = torn if torn.endswith(b"\n") else torn + b"\n"
        lines = ended.splitlines(keepends=True)
        try:
            for line in lines:
                parse_line(line)
        except DataError:
            lines = []
        if not lines or unfinished_lot(lines):
            file.truncate(self._offset)
            self._note(f"an incomplete end ({len(torn)} bytes, never saved) was cut off")
            return
        self._write(file, b"\n")
        for line in lines:
            self._take(line)

    def _note(self, text: str) -> None:
        line = f"{self.path}: {text}"
        if line not in self.notes:
            self.notes.append(line)
