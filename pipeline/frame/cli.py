"""How every command ends: one line for a user's mistake, a log file for ours, an exit code."""

import atexit
import contextlib
import errno
import functools
import getpass
import io
import os
import re
import shlex
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from pipeline.frame import start
from pipeline.frame.errors import ConfigError, PipelineError, ResourceError
from pipeline.frame.run import SCOPES
from pipeline.frame.terminal import say

ERROR_LOG = Path("pipeline-error.log")
CANNOT_WRITE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR),
)

VARIABLE = "LABEL_ERRORS_"  # of the environment: how the Makefile passes what it was told

CONFIG_HELP = "YAML file of the experiment. A custom model in it is code, which is run."
ConfigOption = Annotated[
    Path, typer.Option("--config", envvar=f"{VARIABLE}CONFIG", help=CONFIG_HELP)
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
    "date, 5 locked by another run, 6 network, 7 out of disk or memory, 9 too many wrong labels "
    "(check), 130 interrupted, 141 broken pipe, 143 terminated."
)

PROGRAM = "label-errors"
# Targets that are a command of the program, the others are stages.
BY_NAME = {name: [name] for name in ("review", "report", "export", "study", "clean")}
BY_NAME |= {"all": ["run"], "track": ["track"], "noise": ["study", "--noise"]}

# Of a run: the others take no CONFIG.
MAKE = re.compile("`make (?!demo`|gpu`|ray`)[a-z_]+`")


class Terminated(BaseException):
    """SIGTERM arrived."""


def run_command(function: Callable[..., None]) -> None:
    """Parse sys.argv for `function`, run it and exit with one of EXIT_CODES."""
    run_app(command_app({"": function}))


def run_commands(functions: Mapping[str, Callable[..., None]]) -> None:
    """Parse sys.argv for one of several functions by name, run it and exit with its code."""
    run_app(command_app(functions))


def command_app(functions: Mapping[str, Callable[..., None]]) -> typer.Typer:
    """Return an app of commands by name; a single one has none."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    for name, function in functions.items():
        app.command(name or None, epilog=EXIT_CODES)(ending_with_code(function))
    return app


def run_app(app: typer.Typer) -> None:
    """Parse sys.argv for an app of commands, run what it says and exit with one of EXIT_CODES."""
    start.let_go()
    start.open_streams()
    signal.signal(signal.SIGTERM, _raise_terminated)
    _write_what_can_be_written()
    for name in NEVER_EMPTY:
        if os.environ.get(f"{VARIABLE}{name}") == "":
            sys.exit(
                _say(f"{name}: is empty; leave it out or name a path", code=ConfigError.exit_code)
            )
    try:
        code = int(app(standalone_mode=False) or 0)
    except TyperException as error:
        code = _say(error.format_message(), code=ConfigError.exit_code)
    # Pools and TensorFlow have threads that must not hold up an exit that is already decided.
    if code in (130, 143):
        _flush()
        os._exit(code)
    # One that is inside a library when Python ends takes the process down with it.
    if any(thread.daemon for thread in threading.enumerate()):
        atexit._run_exitfuncs()
        _flush()
        os._exit(code)
    sys.exit(code)


def _write_what_can_be_written() -> None:
    """Let stdout and stderr write a question mark for what their encoding has not.

    A line that could not be written would undo the stage that says it.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


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
            return _say(*(complete(line, **kwargs) for line in error.lines), code=error.exit_code)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 141
        except KeyboardInterrupt:
            return _say("interrupted; what is finished is kept, the same command goes on", code=130)
        except Terminated:
            return _say("terminated; what is finished is kept, the same command goes on", code=143)
        except Exception as error:  # the one place where a bug becomes a line and a log
            if start.is_of_memory(error):
                hint = "lower vectorize.sequence_length, model.batch_size or compute.workers"
                return _say(f"out of memory; {hint}", code=ResourceError.exit_code)
            if isinstance(error, OSError) and error.errno in CANNOT_WRITE:
                name = f"{error.filename}: " if error.filename else ""
                return _say(
                    f"{name}cannot be written: {error.strerror}", code=ResourceError.exit_code
                )
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
    return MAKE.sub(
        lambda found: f"`{command_line(found[0][6:-1], config, set_ or (), results)}`", message
    )


def command_line(
    target: str,
    config: Path | None = None,
    overrides: Sequence[str] = (),
    results: Path = RESULTS,
) -> str:
    """Return what to type for a target of the Makefile, in the words of the program that runs.

    Whoever typed `label-errors` need not have make, which takes no override with a space.
    """
    elsewhere = results != RESULTS
    if Path(sys.argv[0]).stem == PROGRAM:
        typed = [PROGRAM, *BY_NAME.get(target, ["run", "--upto", target])]
        typed += [] if config is None else ["--config", str(config)]
        typed += [word for change in overrides for word in ("--set", change)]
        return shlex.join(typed + (["--results", str(results)] if elsewhere else []))
    told = {
        "CONFIG": str(config) if config not in (None, CONFIG) else "",
        "SET": "" if any(" " in change for change in overrides) else " ".join(overrides),
        "RESULTS": str(results) if elsewhere else "",
    }
    words = [f"{name}={shlex.quote(value)}" for name, value in told.items() if value]
    return " ".join(["make", target, *words])


def _say_bug(error: Exception) -> int:
    from pipeline.frame.files import atomic_write  # and with it Arrow, which no help needs

    log = str(ERROR_LOG)
    try:
        with atomic_write(ERROR_LOG) as file:  # takes the place of a link, and is not led by it
            file.write(traceback.format_exc().encode("utf-8", "replace"))
    except ResourceError as unwritten:
        log = f"no file: {getattr(unwritten.__cause__, 'strerror', unwritten)}"
    return _say(f"bug: {type(error).__name__}: {error} (traceback in {log})", code=1)


def _raise_terminated(signum: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated


def _say(*lines: str, code: int) -> int:
    for line in lines:
        one_line = line.strip("\n").replace("\n", "\u240a")  # a file's name may hold a line break
        say(f"error: {one_line}", error=True)
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
