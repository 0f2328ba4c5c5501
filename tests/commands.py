"""Commands of the pipeline run in this process: what they print, and the code they end with."""

import atexit
import os
import signal
import sys
from collections.abc import Callable

import pytest

from pipeline.config.command import stage_main
from pipeline.frame.cli import run_command
from pipeline.prepare import STAGE


class ExitedHard(BaseException):
    pass


def code_of(function: Callable[..., None], monkeypatch: pytest.MonkeyPatch, *argv: str) -> int:
    """Return the code `function` exits with as a command."""
    return end_of(lambda: run_command(function), monkeypatch, *argv)


def end_of(main: Callable[[], None], monkeypatch: pytest.MonkeyPatch, *argv: str) -> int:
    """Return the code `main`, which reads sys.argv, exits with."""
    before = signal.getsignal(signal.SIGTERM)

    def hard(code: int) -> None:
        raise ExitedHard(code)

    monkeypatch.setattr(os, "_exit", hard)
    monkeypatch.setattr(atexit, "_run_exitfuncs", lambda: None)  # those of the tests' own process
    monkeypatch.setattr(sys, "argv", ["program", *argv])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    except ExitedHard as end:
        return int(end.args[0])
    finally:
        signal.signal(signal.SIGTERM, before)
    raise AssertionError("did not exit")


def refusal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int, *argv: str
) -> str:
    """Return the one line with which the first stage refuses what it is given.

    Checks what every refusal promises: the exit code, one printable line of at most 300
    characters on stderr, nothing else.
    """
    assert end_of(lambda: stage_main(STAGE), monkeypatch, *argv) == code
    said = capsys.readouterr()
    assert said.out == ""
    line = said.err.removesuffix("\n")
    assert len(line.splitlines()) == 1
    assert line.isprintable()
    assert line.startswith("error: ")
    assert not line.startswith("error: bug")
    assert len(line) <= 300, len(line)
    return line
