"""Every stage that is out of date, in order, and then the report: what `make all` runs."""

import contextlib
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from pipeline.config.load import Loaded, load_config
from pipeline.frame.cli import (
    RESULTS,
    ConfigOption,
    ResultsOption,
    SetOption,
    Terminated,
    exit_code_of,
    run_command,
)
from pipeline.frame.errors import ConfigError
from pipeline.frame.finished import check_owner
from pipeline.frame.lock import locked
from pipeline.frame.run import Run
from pipeline.frame.stage import RunState, Stage, execute, stages
from pipeline.frame.terminal import say
from pipeline.report.current import report_is_current


def run(
    config: ConfigOption,
    set_: SetOption = None,
    results: ResultsOption = RESULTS,
    upto: Annotated[str, typer.Option(help="The last stage that is wanted.")] = "",
) -> None:
    """Run every stage that is out of date, each in a process of its own; then write the report."""
    run_stages(load_config(config, set_ or []), results, upto=upto or list(stages())[-1])


def run_stages(loaded: Loaded, results: Path, *, upto: str) -> None:
    """Run the stages that `upto` takes and that are out of date; after the last one, the report.

    The process exits with the code of a stage that fails.
    """
    folder = Run(results / loaded.run)
    check_owner(loaded.path, folder)
    found = out_of_date(loaded, folder, upto)
    tell_why(found)
    for name in found:
        if code := in_own_process(stages()[name], loaded, results):
            sys.exit(code)
    if upto == list(stages())[-1] and not report_is_current(folder):
        from pipeline.report.__main__ import make_report

        with locked(folder):
            make_report(loaded, folder)
    elif not found:
        say(f"{loaded.run}: everything is up to date; the results are in {folder.folder}/")


def out_of_date(loaded: Loaded, folder: Run, wanted: str) -> dict[str, str]:
    """Return {stage: why it must run} of those that `wanted` takes, in order.

    Raises:
        ConfigError: there is no stage of that name.
    """
    if wanted not in stages():
        raise ConfigError(f"--upto {wanted}: must be one of {', '.join(stages())}")
    state = RunState(loaded.config, folder)
    reasons = {name: state.reason(name) for name in (*stages()[wanted].reads, wanted)}
    return {name: reason for name, reason in reasons.items() if reason}


def tell_why(found: dict[str, str]) -> None:
    """Say on stderr why stages run again."""
    for name, reason in found.items():
        if is_news(reason):
            say(f"{name:<12} runs again: {reason}", error=True)


def is_news(reason: str) -> bool:
    """Return whether a reason tells more than that a stage was not there, or that another ran."""
    return not reason.endswith("runs again") and reason != "has not been run"


def in_own_process(stage: Stage, loaded: Loaded, results: Path) -> int:
    """Run a stage in a process that takes its memory with it; return its exit code.

    A fork has imported already what this process has; elsewhere than on Linux it is not safe.
    """
    options = {"config": loaded.path, "set_": list(loaded.overrides), "results": results}
    if sys.platform != "linux":
        arguments = [f"--set={change}" for change in loaded.overrides]
        command = [sys.executable, "-m", f"pipeline.{stage.name}", "--config", str(loaded.path)]
        return subprocess.call([*command, *arguments, "--results", str(results)])

    # Neither process shall hear a signal before it has an answer of its own.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))

    def work(**_: object) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        folder = Run(results / loaded.run)
        with locked(folder):
            execute(stage, loaded, folder)

    sys.stdout.flush()
    with warnings.catch_warnings():
        # Python 3.12 warns of any thread; those here are of NumPy and Arrow, which expect a fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        code = 1
        try:
            code = exit_code_of(work, **options)
            sys.stdout.flush()
        finally:
            os._exit(code)
    code = wait_for(child, mask)
    if code < 0:
        name = signal.Signals(-code).name
        say(f"error: {stage.name}: was ended by signal {-code} ({name})", error=True)
    return code if code >= 0 else 128 - code


def wait_for(child: int, mask: Iterable[int]) -> int:
    """Return the exit code of a child, minus the signal that ended it; hear signals as in `mask`.

    The terminal tells the child too of Ctrl-C; of SIGTERM this process alone may know.

    Raises:
        Terminated: SIGTERM came too late for the child.
    """
    told = []

    def tell(signum: int, frame: object) -> None:
        told.append(signum)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signum)

    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, tell),
    }
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    _, status = os.waitpid(child, 0)
    for each, answer in before.items():
        signal.signal(each, answer)
    code = os.waitstatus_to_exitcode(status)
    if told and code == 0:
        raise Terminated
    return code


if __name__ == "__main__":
    run_command(run)
