"""Issues in the terminal: right ones, and nothing a terminal would obey."""

from pathlib import Path

import pytest

from pipeline.frame.errors import ConfigError
from pipeline.show import show

from .conftest import MakeToy, texts_of

OVERRIDES = ["crossval.all.folds=2", "crossval.train.folds=2"]
CONFIG = Path("configs/sample.yaml")
ESCAPES = "\x1b[2J\x1b]0;owned\x07 \x9b31m \x90q \u202edlrow \u2066x \x08\x7f \r gone"


@pytest.fixture
def results(make_toy: MakeToy, tmp_path: Path) -> Path:
    make_toy("sample", texts=[*texts_of(30), *[f"{ESCAPES} awful film"] * 10])
    return tmp_path / "results"


def test_an_issue_is_a_line_in_rank_order(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    show(CONFIG, OVERRIDES, results, top=12)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [str(rank) for rank in range(1, 13)]
    assert all(" → " in line and len(line) <= 100 for line in lines)
    assert not any("Log-odds" in line for line in lines)


def test_full_shows_whole_texts_and_why(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show(CONFIG, OVERRIDES, results, top=3, full=True)
    out = capsys.readouterr().out
    ranks = [line.split()[0] for line in out.splitlines() if " → " in line]
    assert ranks == ["1", "2", "3"]
    assert out.count("Log-odds") == 3


def test_one_row(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pipeline.frame import artifacts
    from pipeline.frame.run import Run

    issue = artifacts.load_issues(Run(results / "sample").issues("all"))[4]
    show(CONFIG, OVERRIDES, results, row=int(issue["row"]))
    out = capsys.readouterr().out
    assert f"row {issue['row']}" in out
    assert "Log-odds" in out
    assert out.count(" → ") == 1


def test_an_unknown_row_or_scope_is_refused(results: Path) -> None:
    with pytest.raises(ConfigError, match="--row 12345: is not among the issues"):
        show(CONFIG, OVERRIDES, results, row=12345)
    with pytest.raises(ConfigError, match="--scope 'nowhere'"):
        show(CONFIG, OVERRIDES, results, scope="nowhere")


@pytest.mark.parametrize("full", [False, True])
def test_nothing_reaches_the_terminal_that_it_would_obey(
    results: Path, capsys: pytest.CaptureFixture[str], full: bool
) -> None:
    show(CONFIG, OVERRIDES, results, top=40, full=full)
    out = capsys.readouterr().out
    assert "owned" in out
    obeyed = {c for c in out if (ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0}
    assert obeyed == set()
    assert not set("\u202e\u2066") & set(out)
