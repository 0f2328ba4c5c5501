"""One process at a time in a results folder, and locks on any other file."""

import fcntl
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum
from pathlib import Path
from typing import IO

from pipeline.frame.errors import ConfigError, LockedError, ResourceError
from pipeline.frame.run import Run

LOCK = ".lock"


class Hold(IntEnum):
    """How a file is locked: with other readers, alone, or alone and now or never."""

    SHARED = fcntl.LOCK_SH
    ALONE = fcntl.LOCK_EX
    NOW = fcntl.LOCK_EX | fcntl.LOCK_NB


def hold(file: IO[bytes], how: Hold, path: Path) -> None:
    """Lock an open file until it is closed; the kernel gives it back if the process dies.

    Raises:
        BlockingIOError: NOW, and another process holds it. ResourceError: a file system without
            locks, as NFS may be.
    """
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        raise
    except OSError as error:
        reason = error.strerror or error
        raise ResourceError(
            f"{path}: its file system gives no locks ({reason}); use a folder on a local disk"
        ) from error


@contextmanager
def locked(run: Run) -> Iterator[None]:
    """Hold the lock of a results folder.

    Raises:
        LockedError: another process holds it. ResourceError: see `hold`.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    path = run.folder / LOCK
    with _open_own(path) as file:
        try:
            hold(file, Hold.NOW, path)
        except BlockingIOError:
            holder = file.read(300).decode(errors="replace") or "another run"
            raise LockedError(f"{run.folder}: in use by {holder}") from None
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        note = f"process {os.getpid()} on {socket.gethostname()} since {since}"
        with suppress(OSError):  # a full disk must not keep `make clean` from making room
            file.truncate(0)
            file.write(note.encode())
        yield


def _open_own(path: Path) -> IO[bytes]:
    """Return a lock file open for reading and writing, which is not a door to another file.

    Raises:
        ConfigError: it is a link.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    refused = ConfigError(f"{path}: is a link or not a plain file, and would be written; delete it")
    if path.is_symlink():
        raise refused
    file = open(os.open(path, flags, 0o666), "r+b", buffering=0)  # noqa: SIM115, PTH123
    about = os.fstat(file.fileno())
    if not stat.S_ISREG(about.st_mode) or about.st_nlink > 1:
        file.close()
        raise refused
    return file
