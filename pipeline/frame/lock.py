"""One process at a time in a results folder."""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.frame.errors import LockedError
from pipeline.frame.run import Run

# --- one run at a time ---------------------------------------------------------------------

LOCK = ".lock"


@contextmanager
def locked(run: Run) -> Iterator[None]:
    """Hold the lock of a results folder; the kernel gives it back if the process dies.

    Raises:
        LockedError: another process holds it.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    with (run.folder / LOCK).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise LockedError(f"{run.folder}: in use by {file.read() or 'another run'}") from None
        file.truncate(0)
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        file.write(f"process {os.getpid()} on {socket.gethostname()} since {since}")
        file.flush()
        yield
