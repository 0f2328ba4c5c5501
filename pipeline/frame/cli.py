"""How every command ends: one line for a user's mistake, a log file for ours, an exit code."""

import contextlib
import errno
import functools
import getpass
import os
import re
import shlex
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from pipeline.frame.errors import ConfigError, PipelineError, ResourceError
from pipeline.frame.messages import for_terminal
from pipeline.frame.run import SCOPES

ERROR_LOG = Path("pipeline-error.log")
CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENAMETOOLONG)

VARIABLE = "LABEL_ERRORS_"  # of the environment: how the Makefile passes what it was told

ConfigOption = Annotated[
    Path, typer.Option("--config", envvar=f"{VARIABLE}CONFIG", help="YAML file of the experiment.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        envvar=f"{VARIABLE}SET",
        help="Override one key; may be repeated.",
    ),
]
ResultsOption = Annotated[
    Path,
    typer.Option("--results", envvar=f"{VARIABLE}RESULTS", help="Folder that holds the runs."),
]
ScopeOption = Annotated[
    str,
    typer.Option("--scope", envvar=f"{VARIABLE}SCOPE", help=f"One of {', '.join(SCOPES)}."),
]
RESULTS = Path("results")
CONFIG = Path("configs/imdb.yaml")  # what make takes when it is told none
NEVER_EMPTY = ("CONFIG", "RESULTS")


EXIT_CODES = (
    "Exit codes: 0 ok, 1 our bug, 2 usage or config, 3 data, 4 artifact missing, damaged or out of "
    "date, 5 locked by another run, 6 network, 7 out of disk or memory, 130 interrupted, "
    "141 broken pipe, 143 terminated."
)

# Of a run: the others take no CONFIG.
MAKE = re.compile("`make (?!demo`|gpu`|ray`)[a-z_]+`")


class Terminated(BaseException):
    """SIGTERM arrived."""


def run_command(function: Callable[..., None]) -> None:
    """Parse sys.argv for `function`, run it and exit with one of EXIT_CODES."""
    signal.signal(signal.SIGTERM, _raise_terminated)
    for name in NEVER_EMPTY:
        if os.environ.get(f"{VARIABLE}{name}") == "":
            sys.exit(_say(f"{name}: is empty; leave it out or name a path", ConfigError.exit_code))
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(epilog=EXIT_CODES)(ending_with_code(function))
    try:
        code = int(app(standalone_mode=False) or 0)
    except TyperException as error:
        code = _say(error.format_message(), ConfigError.exit_code)
    # Pools and TensorFlow have threads that must not hold up an exit that is already decided.
    if code in (130, 143):
        _flush()
        os._exit(code)
    sys.exit(code)


def ending_with_code(function: Callable[..., None]) -> Callable[..., int]:
    """Return `function` with what it raises as an exit code, before Typer sees it.

    Typer has its own words and codes for Ctrl-C and a broken pipe.
    """

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> int:
        try:
            function(*args, **kwargs)
            sys.stdout.flush()
            return 0
        except PipelineError as error:
            return _say(complete(str(error), **kwargs), error.exit_code)
        except MemoryError:
            hint = "lower vectorize.sequence_length, model.batch_size or compute.workers"
            return _say(f"out of memory; {hint}", ResourceError.exit_code)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 141
        except KeyboardInterrupt:
            return _say("interrupted; what is finished is kept, the same command goes on", 130)
        except Terminated:
            return _say("terminated; what is finished is kept, the same command goes on", 143)
        except OSError as error:
            if error.errno not in CANNOT_WRITE:
                return _say_bug(error)
            name = f"{error.filename}: " if error.filename else ""
            return _say(f"{name}cannot be written: {error.strerror}", ResourceError.exit_code)
        except Exception as error:  # the one place where a bug becomes a line and a log
            return _say_bug(error)

    return wrapped


def exit_code_of(function: Callable[..., None], **options: Any) -> int:
    """Run `function` as a command with these options and return its exit code."""
    return ending_with_code(function)(**options)


def complete(
    message: str,
    config: Path | None = None,
    set_: list[str] | None = None,
    results: Path = RESULTS,
    **_: Any,
) -> str:
    """Return a message whose "`make STAGE`" can be pasted: with what this command was told."""
    told = ""
    if config is not None and config != CONFIG:
        told += f" CONFIG={config}"
    if set_ and not any(" " in change for change in set_):
        told += f" SET={shlex.quote(' '.join(set_))}"
    if results != RESULTS:
        told += f" RESULTS={results}"
    return MAKE.sub(lambda found: f"{found[0][:-1]}{told}`", message)


def _say_bug(error: Exception) -> int:
    log = str(ERROR_LOG)
    try:
        ERROR_LOG.write_text(traceback.format_exc(), encoding="utf-8")
    except OSError as unwritten:
        log = f"no file: {unwritten.strerror}"
    return _say(f"bug: {type(error).__name__}: {error} (traceback in {log})", 1)


def _raise_terminated(signum: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated


def _say(message: str, code: int) -> int:
    for line in for_terminal(message).splitlines():
        print(f"error: {line}", file=sys.stderr)
    return code


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()


def account_name() -> str:
    """Return the name of the account that runs this, "reviewer" where it has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "reviewer"
