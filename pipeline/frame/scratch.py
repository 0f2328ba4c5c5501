"""Data on disk for as long as a process needs them: what would not fit into memory.

Scratch files have no name, so the kernel deletes them with the process, however it ends.
"""

import itertools
import os
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np

from pipeline.frame.errors import ResourceError

BUFFER = 1 << 20
_folder: ContextVar[Path | None] = ContextVar("scratch_folder", default=None)


@contextmanager
def scratch_in(folder: Path) -> Iterator[None]:
    """Put the scratch files opened in this block on the disk of `folder`, not in TMPDIR."""
    token = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(token)


@contextmanager
def writing(folder: Path | None) -> Iterator[None]:
    """Say what went wrong when scratch cannot be written in this block.

    Raises:
        ResourceError: naming the folder.
    """
    try:
        yield
    except OSError as error:
        where, reason = folder or tempfile.gettempdir(), error.strerror or error
        raise ResourceError(f"{where}: scratch files cannot be written: {reason}") from error


class _File:
    """Bytes on disk at places of one's choice; closed, and so deleted, with the object.

    Raises:
        ResourceError: no space left, or no room for scratch files.
    """

    def __init__(self) -> None:
        self.folder = _folder.get()
        with writing(self.folder), tempfile.TemporaryFile(dir=self.folder) as file:
            self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)  # also while Python ends

    def write(self, at: int, data: memoryview) -> None:
        with writing(self.folder):
            while data:
                written = os.pwrite(self._descriptor, data, at)
                data, at = data[written:], at + written

    def read(self, at: int, into: memoryview) -> int:
        """Fill `into` as far as the file goes; return the number of bytes."""
        total = 0
        while count := os.preadv(self._descriptor, [into[total:]], at + total):
            total += count
        return total


class Encoded(NamedTuple):
    """Texts as UTF-8, end to end: text i is data[ends[i]:ends[i + 1]]. ends: int64, from 0."""

    data: bytes | memoryview
    ends: np.ndarray


def each_encoded(texts: Iterable[str]) -> Iterator[bytes]:
    """Yield texts as UTF-8, one by one; what is on disk is not decoded for it."""
    if isinstance(texts, StoredTexts):
        yield from texts.each_encoded()
    else:
        for text in texts:
            yield text.encode()


def encoded(texts: Iterable[str], size: int) -> Iterator[Encoded]:
    """Yield `size` texts at a time; what is on disk is not decoded for it."""
    if isinstance(texts, StoredTexts):
        yield from texts.encoded(size)
        return
    iterator = iter(texts)
    while part := [text.encode() for text in itertools.islice(iterator, size)]:
        yield Encoded(b"".join(part), np.cumsum([0, *map(len, part)]))


class StoredTexts(Sequence[str]):
    """Texts on disk: in memory is only where each begins, and the last of them.

    Raises:
        ResourceError: no space left.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._file = _File()
        self._ends = array("q", [0])
        self._held = bytearray()  # the end of the texts, not written yet
        self.extend(texts)

    def append(self, text: str) -> None:
        data = text.encode()
        self._held += data
        self._ends.append(self._ends[-1] + len(data))
        if len(self._held) >= BUFFER:
            self._flush()

    def extend(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.append(text)

    def extend_encoded(self, part: Encoded) -> None:
        self._held += part.data
        self._ends.frombytes((part.ends[1:] + self._ends[-1]).astype(np.int64).tobytes())
        if len(self._held) >= BUFFER:
            self._flush()

    def encoded(self, size: int) -> Iterator[Encoded]:
        """Yield `size` texts at a time, as they are on disk."""
        self._flush()
        for first in range(0, len(self), size):
            ends = np.array(self._ends[first : first + size + 1])
            yield Encoded(self._bytes(int(ends[0]), int(ends[-1] - ends[0])), ends - ends[0])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __iter__(self) -> Iterator[str]:
        return (text.decode() for text in self.each_encoded())

    def each_encoded(self) -> Iterator[bytes]:
        self._flush()
        held, start = b"", 0  # the bytes from `start` on, read and not given out yet
        first = 0
        for last in itertools.islice(self._ends, 1, None):
            if last - start > len(held):
                held, start = self._bytes(first, max(BUFFER, last - first)), first
            yield held[first - start : last - start]
            first = last

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        self._flush()
        first, last = self._ends[place], self._ends[place + 1]
        return self._bytes(first, last - first).decode()

    def __eq__(self, other: object) -> bool:
        """Return whether the other sequence holds the same texts."""
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def _bytes(self, at: int, size: int) -> bytes:
        data = bytearray(size)
        view = memoryview(data)
        return bytes(view[: self._file.read(at, view)])

    def _flush(self) -> None:
        if self._held:
            self._file.write(self._ends[-1] - len(self._held), memoryview(self._held))
            self._held = bytearray()


class StoredArray:
    """Numbers of one type on disk, end to end, written and read in pieces.

    Raises:
        ResourceError: no space left.
    """

    def __init__(self, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)
        self._file = _File()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def append(self, piece: np.ndarray) -> None:
        self.write(self._size, piece)

    def write(self, at: int, piece: np.ndarray) -> None:
        """Put `piece` at position `at`; what is not written yet in between is zero."""
        data = np.ascontiguousarray(piece, self.dtype).ravel().view(np.uint8)
        self._file.write(at * self.dtype.itemsize, data.data)
        self._size = max(self._size, at + len(piece))

    def read(self, first: int = 0, last: int | None = None) -> np.ndarray:
        """Return the numbers from `first` up to and without `last`."""
        piece = np.empty((self._size if last is None else last) - first, self.dtype)
        self._file.read(first * self.dtype.itemsize, piece.view(np.uint8).data)
        return piece
