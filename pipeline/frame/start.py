"""What a command does until it can answer for itself: while its libraries are imported.

Python would print a traceback. This module imports next to nothing, and does nothing in a program
that uses this package as a library.
"""

import os
import re
import signal
import sys
from types import TracebackType

# The end of sys.argv[0] while the package is imported, of pip's programs on Windows too.
COMMAND = re.compile(r"(.*[\\/])?(-m|label-errors(-script\.pyw?|\.exe)?)", re.DOTALL)
WINDOWS = "this runs on Linux and macOS; on Windows, run it in WSL 2 (README, Where it runs)"
TOO_LITTLE = (
    "cannot allocate",
    "failed to map",
    "can't start new thread",
    "memory allocation",
    "not enough memory",
    "exception set",  # what is said of C modules that did not check an allocation
    "without setting an exception",
)


def guard() -> None:
    """Answer in a line until `let_go`, if this process is a command."""
    if not COMMAND.fullmatch(sys.argv[0] if sys.argv else ""):
        return
    open_streams()
    if sys.platform == "win32":
        os.write(2, f"error: {WINDOWS}\n".encode())
        sys.exit(2)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)
    sys.excepthook = _say


def check_platform() -> None:
    """Stop a program that uses this package as a library where it does not run.

    Raises:
        ImportError: on Windows, instead of one that names a module nobody has heard of.
    """
    if sys.platform == "win32":
        raise ImportError(WINDOWS)


def let_go() -> None:
    """Leave what happens from here on to the command."""
    if signal.getsignal(signal.SIGINT) is _interrupted:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.excepthook = sys.__excepthook__


def open_streams() -> None:
    """Put /dev/null where stdin, stdout or stderr are closed.

    Else the next file that is opened would get their number, and what libraries print.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def is_of_memory(error: BaseException) -> bool:
    """Return whether an error is one of little memory, a GPU's too, or address space."""
    text = str(error).lower()
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return True
    return isinstance(error, ImportError | OSError | RuntimeError | SystemError) and any(
        words in text for words in TOO_LITTLE
    )


def _interrupted(signum: int, frame: object) -> None:
    os.write(2, b"error: interrupted\n")
    os._exit(130)


def _say(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not is_of_memory(error):
        sys.__excepthook__(kind, error, trace)
        return
    os.write(2, b"error: too little memory to start; see `ulimit -v` and what else is running\n")
    os._exit(7)
