"""Progress: a live line on a terminal, a few plain ones in a pipe."""

import io
import sys

import pytest

from pipeline.frame import progress
from pipeline.frame.progress import StageProgress


def test_in_a_pipe_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([100.0, 101.0, 110.0, 111.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with StageProgress("crossval") as line:
        line.update(1, 10, "too soon")
        line.update(2, 10, "all fold 1, epoch 2, loss 0.310")
        line.update(3, 10, "too soon again")
        line.say("kept")
    captured = capsys.readouterr()
    assert captured.out == (
        "crossval      20%  all fold 1, epoch 2, loss 0.310, 72 s left\ncrossval     kept\n"
    )
    assert captured.err == ""


def test_the_time_left_counts_from_the_first_step_that_was_seen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was there before, and the start of TensorFlow, are not taken for the pace."""
    clock = iter([0.0, 60.0, 66.0, 106.0, 112.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    line = StageProgress("crossval")
    line.update(50, 100, "kept")
    line.update(60, 100, "fold 7")
    line.restart()
    line.update(60, 100, "another part")
    line.update(70, 100, "fold 8")
    assert capsys.readouterr().out.splitlines() == [
        "crossval      50%  kept",
        "crossval      60%  fold 7, 24 s left",
        "crossval      60%  another part",
        "crossval      70%  fold 8, 18 s left",
    ]


def test_on_a_terminal_one_live_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with StageProgress("crossval") as line:
        line.update(1, 4, "fold 1")
        line.say("a [bold]lasting[/bold] line")
    shown = terminal.getvalue()
    assert "25%" in shown
    assert "fold 1" in shown
    assert "a [bold]lasting[/bold] line\n" in shown
