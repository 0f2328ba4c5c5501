"""Status: what the Makefile asks, and what a reader is told."""

from pathlib import Path

import pytest

from pipeline.frame.run import Run
from pipeline.status import status
from tests.tiny import SETTINGS, STAGES, TINY


def test_nothing_has_been_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status(TINY, list(SETTINGS), tmp_path)
    captured = capsys.readouterr()
    assert captured.out.split() == list(STAGES)
    assert captured.err == ""
    assert list(tmp_path.iterdir()) == []


def test_all_is_up_to_date(tiny_results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status(TINY, list(SETTINGS), tiny_results)
    assert capsys.readouterr() == ("\n", "")


def test_why_a_stage_runs_again_is_said_once(
    run_copy: Run, results_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_copy.health.unlink()
    status(TINY, [*SETTINGS, "evaluate.top_rows=3"], results_copy)
    captured = capsys.readouterr()
    assert captured.out.split() == ["find_issues", "cleanlearn", "evaluate"]
    assert captured.err == f"find_issues  runs again: {run_copy.health} is missing\n"


def test_only_what_is_wanted_is_told(
    run_copy: Run, results_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = [*SETTINGS, "model.epochs=3"]
    status(TINY, changed, results_copy, upto="vectorize")
    assert capsys.readouterr() == ("\n", "")
    status(TINY, changed, results_copy, upto="crossval")
    captured = capsys.readouterr()
    assert captured.out == "crossval\n"
    assert "model.epochs 4 -> 3" in captured.err
