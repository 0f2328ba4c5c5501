"""`label-errors`: the list of commands, and each of them found, explained and completed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import __version__
from pipeline.command.group import COMMANDS, main
from pipeline.frame.cli import command_line, complete
from pipeline.frame.section import imported
from tests.commands import end_of
from tests.tiny import ROOT, SETTINGS, TINY, command, imported_in, sets


def test_every_command_is_a_function_with_a_docstring() -> None:
    for row in COMMANDS.values():
        assert imported(row.function).__doc__


@pytest.mark.parametrize("argv", [[], ["--help"]])
def test_the_list_names_every_command_and_stage(
    argv: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert end_of(main, monkeypatch, *argv) == 0
    said = capsys.readouterr().out
    for name, row in COMMANDS.items():
        assert name in said
        assert row.does[:20] in said
    assert "find_issues" in said


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert end_of(main, monkeypatch, name, "--help") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"{name} " in said
    assert "Exit codes: 0 ok" in said


def test_the_version_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert end_of(main, monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"label-errors {__version__}\n"


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        (["chek", "x.csv"], "Did you mean 'check'?"),
        (["--verison"], "--ver"),
        (["show"], "--config"),
    ],
)
def test_wrong_usage_is_one_line(
    argv: list[str],
    hint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert end_of(main, monkeypatch, *argv) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ") and said.err.count("\n") == 1
    assert hint in said.err


def test_the_code_of_a_command_is_the_programs(tmp_path: Path) -> None:
    done = command("__main__", "check", tmp_path / "none.csv", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.startswith("error: ") and "no such file" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_shell_completes_commands_and_options() -> None:
    def completed(words: str) -> list[str]:
        environment = {
            "_LABEL_ERRORS_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split(" ")) - 1),
            "PYTHONPATH": str(ROOT),
        }
        source = "import sys; sys.argv = ['label-errors']; "
        source += "from pipeline.command.group import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", source],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.split()

    assert completed("label-errors re") == ["review", "report"]
    assert {"--row", "--top"} < set(completed("label-errors show --"))


def test_a_list_of_commands_imports_none_of_them() -> None:
    source = (
        "import sys\n"
        "from pipeline.command.group import CommandGroup\n"
        "group = CommandGroup(name='x')\n"
        "assert all(group.get_command(None, name).help for name in group.list_commands(None))\n"
        "assert not [name for name in sys.modules if name.startswith('pipeline.review')]\n"
        "assert 'numpy' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", source], cwd=ROOT, check=False)
    assert done.returncode == 0


LIGHT = {
    "a list of commands": ["--help"],
    "status": ["status"],
    "show": ["show", "--top", "2"],
    "clean": ["clean", "--help"],
    "init": ["init", "--help"],
    "check": ["check", "--help"],
    "export": ["export", "--help"],
}


@pytest.mark.parametrize("name", LIGHT)
def test_what_computes_nothing_imports_nothing_that_computes(name: str, tiny_results: Path) -> None:
    """SciPy takes a second of CPU to import, and a list of commands took it, too."""
    words, rest = LIGHT[name], []
    heavy = {"scipy", "sklearn", "pandas", "joblib", "cleanlab", "tensorflow", "keras"}
    if name in ("status", "show"):
        rest = ["--config", TINY, "--results", tiny_results, *sets(*SETTINGS)]
    if name == "show":
        heavy.remove("pandas")  # Arrow imports it to convert a column
    done = command("__main__", *words, *rest, env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert done.returncode == 0, done.stderr
    assert not imported_in(done.stderr) & heavy


# --- what to type next, in the words of the program that was typed ---------------------------


def test_a_remedy_is_a_command_of_label_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/x/bin/label-errors", "show"])
    config = Path("my.yaml")
    assert complete("run `make crossval` first", config=config, set_=["seed=1"]) == (
        "run `label-errors run --upto crossval --config my.yaml --set seed=1` first"
    )
    assert command_line("review", config, results=Path("a b")) == (
        "label-errors review --config my.yaml --results 'a b'"
    )
    assert complete("run `make all`, or") == "run `label-errors run`, or"
    assert complete("with `make demo`") == "with `make demo`"
    monkeypatch.setattr(sys, "argv", ["/x/pipeline/show.py"])
    assert command_line("review", config) == "make review CONFIG=my.yaml"
