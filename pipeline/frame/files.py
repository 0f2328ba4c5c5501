"""Files that appear whole or not at all, and what an unreadable one is called."""

import contextlib
import csv
import hashlib
import os
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pyarrow as pa

from pipeline.frame.errors import ArtifactError, DataError, ResourceError

TEMPORARY = ".tmp-"
UMASK = os.umask(0o077)  # can be read only by setting it, which other threads must not meet
os.umask(UMASK)


# --- writing and reading -------------------------------------------------------------------


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file that becomes `path` only when all of it is on disk.

    Raises:
        ResourceError: no space left, or the folder cannot be written.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f"{TEMPORARY}{path.name}-", delete=False
        ) as file:
            temporary = Path(file.name)
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~UMASK)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        _remove(temporary)
        raise ResourceError(f"{path}: cannot be written: {error.strerror or error}") from error
    except BaseException:
        _remove(temporary)
        raise


def write_all(file: IO[bytes], data: bytes | memoryview) -> None:
    """Write all of `data` to an unbuffered file: a disk that runs full writes a part and says so.

    Raises:
        OSError: no space left; a part may have been written.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _remove(path: Path | None) -> None:
    if path is not None:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make a rename or a new file in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep_temporary(folder: Path) -> None:
    """Remove what a killed run left half-written under `folder`."""
    for path in folder.rglob(f"{TEMPORARY}*"):
        path.unlink(missing_ok=True)


def sha256_file(path: Path) -> str:
    """Return "sha256:<hex>" of the bytes of `path`."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def hash_of(path: Path) -> str:
    """Return the hash of a file, of a folder by the names and contents in it, or "missing".

    Linked folders count like others.

    Raises:
        DataError: one of them may not be read.
    """
    try:
        if path.is_file():
            return sha256_file(path)
        if not path.is_dir():
            return "missing"
        digest = hashlib.sha256()
        for file in sorted(_files_under(path)):
            name, sha = os.fsencode(file.relative_to(path)), sha256_file(file)
            digest.update(b"%s %s\n" % (name, sha.encode()))
    except OSError as error:
        what = f"{error.filename or path}: cannot be read: {error.strerror}"
        raise DataError(f"{what}; correct its rights, or name another") from None
    return f"sha256:{digest.hexdigest()}"


def _files_under(folder: Path, above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[Path]:
    about = folder.stat()
    place = (about.st_dev, about.st_ino)
    if place in above:
        return  # a link to a folder that holds it
    for path in folder.iterdir():
        if path.is_dir():
            yield from _files_under(path, above | {place})
        elif path.is_file():
            yield path


# Found by flipping bytes: NumPy parses a header as Python, zipfile knows encryption.
UNREADABLE = (
    OSError, ValueError, TypeError, EOFError, KeyError, SyntaxError, RuntimeError,
    tokenize.TokenError, zlib.error, zipfile.BadZipFile, pa.ArrowException, csv.Error,
)  # fmt: skip


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise ArtifactError(f"{path}: is missing; run `make {path.parent.name}`") from None
    except UNREADABLE:
        raise ArtifactError(
            f"{path}: cannot be read, it is damaged; delete it and run the same command again"
        ) from None
