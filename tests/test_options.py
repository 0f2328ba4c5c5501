"""Odd values for every option of every command that reads results: taken, or refused in a line."""

import io
from pathlib import Path
from typing import Any

import pytest
import typer

from pipeline.command.group import COMMANDS
from pipeline.frame.cli import command_app, run_command
from pipeline.frame.section import imported
from tests.commands import end_of
from tests.tiny import ROOT, SETTINGS, TINY, sets

ODD = ["it's", ";touch x", "a\nb", "-rf", "é" * 300, "\x1b]0;x\x07", "\udcff"]
READERS = ("show", "review", "export", "import", "predict", "compare", "status", "init", "report")
NEEDED = {
    "review": ["--terminal"],
    "export": ["--format", "csv"],
    "import": ["--format", "csv", "none.csv"],
    "predict": ["a text"],
    "compare": ["none", "none"],
    "init": ["none.csv"],
}
OF_A_RUN = {"show", "review", "export", "import", "status", "report"}


def options_of(name: str) -> list[str]:
    """Return the options of a command that take a value."""
    app: Any = typer.main.get_command(command_app({"": imported(COMMANDS[name].function)}))
    flags = [param for param in app.params if getattr(param, "is_flag", False)]
    taken = [param for param in app.params if param not in flags and param.opts[0][:2] == "--"]
    return [param.opts[0] for param in taken if param.opts[0] != "--help"]


CASES = [(name, option) for name in READERS for option in options_of(name)]


@pytest.mark.parametrize(("name", "option"), CASES)
def test_an_odd_value_is_taken_or_refused_in_a_line(
    name: str,
    option: str,
    tiny_results: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "here" / "deeper").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / "deeper")
    told = ["--config", str(ROOT / TINY), *sets(*SETTINGS), "--results", str(tiny_results)]
    for value in ODD:
        monkeypatch.setattr("sys.stdin", io.StringIO(""))
        given = [*(told if name in OF_A_RUN else []), *NEEDED.get(name, []), option, value]
        function = imported(COMMANDS[name].function)
        code = end_of(lambda f=function: run_command(f), monkeypatch, *given)  # type: ignore[misc]
        said = capsys.readouterr().err
        assert code in (0, 2, 3, 4, 7), (value, said)
        if code:
            errors = [line for line in said.splitlines() if line.startswith("error: ")]
            assert len(errors) == 1, (value, said)
            assert ("bug:" not in said and said.isprintable()) or "\n" in said
        assert not (Path.cwd() / "x").exists()
