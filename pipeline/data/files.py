"""Local files, opened strictly: what is not plain text, or gzip of it, is refused in one line."""

import codecs
import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from pipeline.frame.errors import DataError
from pipeline.frame.messages import short, shown

GZIP = b"\x1f\x8b"
OTHER_FORMATS = {
    b"PAR1": "Parquet; set dataset.source: parquet",
    b"PK\x03\x04": "a zip archive or spreadsheet; unpack it, or save it as CSV",
    b"BZh": "bzip2; unpack it, or pack it with gzip",
    b"\xfd7zXZ": "xz; unpack it, or pack it with gzip",
    b"\x28\xb5\x2f\xfd": "zstd; unpack it, or pack it with gzip",
    b"\x89HDF": "HDF5; save it as Parquet",
    b"SQLi": "an SQLite database; export the table as CSV",
}
LFS = b"version https://git-lfs"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
DECODED = 1 << 20  # bytes at a time
MOST_TIMES, MOST_UNPACKED = (
    100,
    1 << 28,
)  # of the packed size, and bytes that are always let through


def check_file(path: Path) -> None:
    """Stop unless `path` is a file with something in it.

    Raises:
        DataError: missing, a folder, empty, unreadable, or a pointer of Git LFS.
    """
    if path.is_dir():
        raise DataError(f"{short(path)}: is a folder; name a file in dataset.path")
    if not path.exists():
        raise DataError(f"{short(path)}: no such file{_nearest(path)}; correct the path")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(len(LFS))
    except OSError as error:
        raise DataError(f"{short(path)}: cannot be read ({error.strerror}); check it") from None
    if size == 0:
        raise DataError(f"{short(path)}: is empty (0 bytes); name another file")
    if start == LFS:
        raise DataError(
            f"{short(path)}: is a Git LFS pointer, not the data; run `git lfs pull` where it was "
            "cloned"
        )


def _nearest(path: Path) -> str:
    import difflib

    names = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, names, n=1)
    return f" (did you mean {shown(close[0])}?)" if close else ""


class _Unpacked(io.RawIOBase):
    """The bytes of a gzip file, up to many times more than text ever packs.

    Raises:
        DataError: there are more.
    """

    def __init__(self, path: Path) -> None:
        self._file = gzip.open(path)  # noqa: SIM115
        self._path = path
        self._left = max(MOST_UNPACKED, MOST_TIMES * path.stat().st_size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count: int = self._file.readinto(buffer)
        self._left -= count
        if self._left < 0:
            raise DataError(
                f"{short(self._path)}: unpacks to more than {MOST_TIMES} times its size, which "
                "text does not; unpack it yourself if it is what it should be"
            )
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def _unpacked(path: Path) -> IO[bytes]:
    return io.BufferedReader(_Unpacked(path), DECODED)


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Yield the bytes of a file, unpacked if they are gzip (by content, not by name).

    Raises:
        DataError: see check_file; or the gzip data are damaged, or another format.
    """
    check_file(path)
    with path.open("rb") as file:
        start = file.read(8)
    for mark, what in OTHER_FORMATS.items():
        if start.startswith(mark):
            raise DataError(f"{short(path)}: is {what}")
    if path.suffix == ".gz" and not start.startswith(GZIP):
        raise DataError(f"{short(path)}: is not gzip, as its name says; rename it or pack it")
    try:
        with _unpacked(path) if start.startswith(GZIP) else path.open("rb") as opened:
            yield opened  # type: ignore[misc]
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{short(path)}: damaged gzip ({error}); fetch it again") from None


@contextmanager
def open_text(path: Path, encoding: str) -> Iterator[Iterator[str]]:
    """Yield the lines of a file, line ends as they are, without a byte order mark.

    Raises:
        DataError: see open_bytes; or the bytes are not of that encoding.
    """
    with open_bytes(path) as file:
        text = io.TextIOWrapper(file, _exact_encoding(path, encoding), newline="")
        try:
            yield _without_mark(text)
        except UnicodeError:
            check_encoding(path, encoding)
            raise


def _exact_encoding(path: Path, encoding: str) -> str:
    """Return the encoding; UTF-16 without a mark is of this machine's byte order."""
    if encoding != "utf-16":
        return encoding
    with open_bytes(path) as file:
        return encoding if file.read(2) in UTF16_MARKS else f"utf-16-{sys.byteorder[0]}e"


def _without_mark(lines: Iterator[str]) -> Iterator[str]:
    for first in lines:
        yield first.removeprefix("\ufeff")
        yield from lines


def check_encoding(path: Path, encoding: str) -> None:
    """Stop at the first bytes of a file that are not of its encoding.

    Raises:
        DataError: naming the line and the byte.
    """
    decoder = codecs.getincrementaldecoder(_exact_encoding(path, encoding))()
    read, lines = 0, 0  # before the chunk
    with open_bytes(path) as file:
        chunk = None
        while chunk != b"":
            chunk = file.read(DECODED)
            held = decoder.getstate()[0]
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeError as error:
                start = error.start if isinstance(error, UnicodeDecodeError) else 0
                data = held + chunk
                line = 1 + lines + data.count(b"\n", 0, start) - held.count(b"\n")
                at = read - len(held) + start
                raise _not_encoded(
                    path, line, at, data[start : start + 1], encoding, utf16=_has_mark(path)
                ) from None
            read, lines = read + len(chunk), lines + chunk.count(b"\n")


def _has_mark(path: Path) -> bool:
    with open_bytes(path) as file:
        return file.read(2) in UTF16_MARKS


def decode(
    data: bytes, path: Path, encoding: str, *, line: int = 1, can_be_set: bool = True
) -> str:
    """Return `data` as text; `line` is where it begins in the file.

    Args:
        can_be_set: whether the source has a key for its encoding.

    Raises:
        DataError: naming the line and the byte.
    """
    try:
        return data.decode(encoding)
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        at = line + data.count(b"\n", 0, start)
        byte, utf16 = data[start : start + 1], data[:2] in UTF16_MARKS
        raise _not_encoded(
            path, at, start, byte, encoding, utf16=utf16, can_be_set=can_be_set
        ) from None


def _not_encoded(
    path: Path,
    line: int,
    at: int,
    byte: bytes,
    encoding: str,
    *,
    utf16: bool,
    can_be_set: bool = True,
) -> DataError:
    guess = " (perhaps utf-16)" if utf16 else ""
    other = f", or set dataset.encoding{guess}" if can_be_set else ""
    what = f"byte {at} ({shown(byte)}) is not {encoding}"
    return DataError(f"{short(path)}:{line}: {what}; save it as UTF-8{other}")
