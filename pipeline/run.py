"""Every stage that is out of date, in order, and then the report: what `make all` runs."""

import contextlib
import functools
import gc
import importlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.config.load import Loaded, load_config
from pipeline.frame.cli import (
    RESULTS,
    ConfigOption,
    ResultsOption,
    SetOption,
    exit_code_of,
    run_command,
)
from pipeline.frame.code import code_of
from pipeline.frame.errors import ConfigError
from pipeline.frame.finished import check_owner
from pipeline.frame.lock import locked
from pipeline.frame.processes import Nursery, nothing, run_forked
from pipeline.frame.run import Run, check_apart
from pipeline.frame.stage import RunState, execute, stages
from pipeline.frame.tensorflow import import_tensorflow
from pipeline.frame.terminal import say
from pipeline.report.current import REPORTED, report_is_current


def run(
    config: ConfigOption,
    set_: SetOption = None,
    results: ResultsOption = RESULTS,
    upto: Annotated[str, typer.Option(help="The last stage that is wanted.")] = "",
) -> None:
    """Run every stage that is out of date, each in a process of its own; then write the report."""
    run_stages(load_config(config, set_ or []), results, upto=upto)


def run_stages(
    loaded: Loaded, results: Path, *, upto: str = "", meanwhile: Callable[[], None] = nothing
) -> None:
    """Run the stages that `upto` takes, or all, where they are out of date; then the report.

    `meanwhile` is called before the first one, while TensorFlow is imported. The process exits
    with the code of a stage that fails.
    """
    folder = Run(results / loaded.run)
    check_owner(loaded.path, folder)
    found = out_of_date(loaded, folder, upto)
    tell_why(found)
    if code := run_in_turn(found, loaded, results, meanwhile):
        sys.exit(code)
    if upto in ("", REPORTED) and not report_is_current(folder):
        from pipeline.report.__main__ import make_report

        with locked(folder):
            make_report(loaded, folder)
    elif not found:
        say(f"{loaded.run}: everything is up to date; the results are in {folder.folder}/")


def out_of_date(loaded: Loaded, folder: Run, wanted: str = "") -> dict[str, str]:
    """Return {stage: why it must run} of those that `wanted` takes, or of all, in order.

    Raises:
        ConfigError: there is no stage of that name.
    """
    if wanted and wanted not in stages():
        raise ConfigError(f"--upto {wanted}: must be one of {', '.join(stages())}")
    state = RunState(loaded.config, folder)
    names = (*stages()[wanted].reads, wanted) if wanted else stages()
    reasons = {name: state.reason(name) for name in names}
    return {name: reason for name, reason in reasons.items() if reason}


def tell_why(found: dict[str, str]) -> None:
    """Say on stderr why stages run again."""
    for name, reason in found.items():
        if is_news(reason):
            say(f"{name:<12} runs again: {reason}", error=True)


def is_news(reason: str) -> bool:
    """Return whether a reason tells more than that a stage was not there, or that another ran."""
    return not reason.endswith("runs again") and reason != "has not been run"


def run_in_turn(
    names: Iterable[str],
    loaded: Loaded,
    results: Path,
    meanwhile: Callable[[], None] = nothing,
) -> int:
    """Run stages in turn, each in a process of its own; return the first exit code that is not 0.

    A fork has imported already what this process has; those that need TensorFlow are forked from a
    process that imports it once for all of them, beside the stages before them. While one trains,
    both import what the stages after it need.
    """
    if sys.platform != "linux":
        meanwhile()
        codes = (in_new_interpreter(name, loaded, results) for name in names)
        return next(filter(None, codes), 0)
    works = {name: functools.partial(work, name, loaded, results) for name in names}
    training = [name for name in works if stages()[name].tensorflow(loaded.config)]
    others = [name for name in works if name not in training]

    def load(names: list[str]) -> None:
        load_code(names, loaded.config)

    def load_next(name: str) -> None:
        load(training[training.index(name) + 1 :][:1])

    def load_rest() -> None:
        load(others)
        if REPORTED in works:
            with contextlib.suppress(Exception):  # said when it is made
                importlib.import_module("pipeline.report.__main__")

    with Nursery(lambda: load(training[:1]), works, load_next) as nursery:
        if training:
            nursery.start()
        meanwhile()
        load(others[:1])
        for name, each in works.items():
            code = nursery.run(name, load_rest) if name in training else run_forked(each)
            if code < 0:
                ended = signal.Signals(-code).name
                say(f"error: {name}: was ended by signal {-code} ({ended})", error=True)
            if code:
                return code if code > 0 else 128 - code
    return 0


def load_code(names: Iterable[str], config: Any) -> None:
    """Import what stages need, and read the code that decides their results.

    What cannot be imported or read is said by the stage that needs it. Code of the user's is left
    to the stage, which says that it runs it.
    """
    for stage in (stages()[name] for name in names):
        with contextlib.suppress(Exception):
            if stage.tensorflow(config):
                import_tensorflow()
            roots = stage.roots(config)
            ours = [root for root in roots if root.startswith(f"{__package__}.")]
            for module in sorted({*(root.partition(":")[0] for root in ours), *stage.imports}):
                importlib.import_module(module)
            if ours == roots:
                code_of(roots)
    gc.freeze()  # else a collection would unshare the memory of what is forked


def in_new_interpreter(name: str, loaded: Loaded, results: Path) -> int:
    arguments = [f"--set={change}" for change in loaded.overrides]
    command = [sys.executable, "-m", f"pipeline.{name}", "--config", str(loaded.path)]
    return subprocess.call([*command, *arguments, "--results", str(results)])


def work(name: str, loaded: Loaded, results: Path) -> int:
    """Run a stage as its command does; return its exit code."""

    def run_stage(**_: object) -> None:
        folder = Run(results / loaded.run)
        check_apart(stages()[name].files(loaded.config, folder), folder)
        with locked(folder):
            execute(stages()[name], loaded, folder)

    options = {"config": loaded.path, "set_": list(loaded.overrides), "results": results}
    return exit_code_of(run_stage, **options)


if __name__ == "__main__":
    run_command(run)
