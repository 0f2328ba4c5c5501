"""The Makefile: it says which command to run, and hands over what it was told as data."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from pipeline.clean import clean
from pipeline.exchange.__main__ import export
from pipeline.exchange.formats import formats
from pipeline.frame.cli import run_command
from pipeline.report.__main__ import report
from pipeline.review.__main__ import given_to_make, review
from pipeline.status import status
from tests.commands import end_of
from tests.tiny import ROOT, SETTINGS, STAGES, TINY, command

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
NASTY = [
    "'", '"', "`touch x`", ";touch x", "$(shell touch x)", "$$(touch x)", "$(touch x)", "a\nb",
    "-rf", "--help", "🙂", "é" * 200, "configs/z;touch x;.yaml", "R&D/a.yaml", "it's.yaml",
    "a(b).yaml", "a|touch x", "#", "%", "a\\", "$", "$(CONFIG)", "two  words ", "*", "~", "a=b",
]  # fmt: skip


def short_name(value: str) -> str:
    return ascii(value)[1:-1][:20]


OPTIONS = ("CONFIG", "SET", "RESULTS", "FORMAT", "PUSH", "SCOPE", "REVIEW", "AUDIT", "BEFORE",
           "SIZE", "DATA", "PLANT")  # fmt: skip
# The command of each target that takes any of them.
TARGETS = {
    "all": ["-m", "pipeline.run"],
    "crossval": ["-m", "pipeline.run", "--upto", "crossval"],
    "report": ["-m", "pipeline.report"],
    "track": ["-m", "pipeline.report.tracking"],
    "review": ["-m", "pipeline.review"],
    "export": ["-m", "pipeline.exchange", "export"],
    "clean": ["-m", "pipeline.clean"],
    "scale": ["-m", "benchmarks.scale"],
    "detect": ["-m", "benchmarks.detect"],
    "evidence": ["-m", "benchmarks.evidence"],
}
RECORDER = """#!/bin/sh
env -0 > environment
printf '%s\\0' "$@" > arguments
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose environment is ready; its Python writes down what it is told."""
    folder = tmp_path / "checkout"
    (folder / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copytree(ROOT / "pipeline", folder / "pipeline")
    for requirements in ROOT.glob("requirements*.txt"):
        (folder / requirements.name).touch()
    for name in ("ready", "ready-dev", "ready-bench"):
        (folder / ".venv" / name).touch()
    write_program(folder / ".venv" / "bin" / "python", RECORDER)
    return folder


def write_program(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def make(
    checkout: Path, *arguments: str, env: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "LABEL_"))}
    return subprocess.run(
        ["make", *arguments],
        cwd=checkout,
        env=kept | {"PYTHONPATH": str(checkout)} | dict(env),
        capture_output=True,
        text=True,
        check=False,
    )


def told(checkout: Path) -> dict[str, str]:
    """Return the options that the last command found in its environment."""
    pairs = (checkout / "environment").read_text(encoding="utf-8").split("\0")
    values = dict(pair.split("=", 1) for pair in pairs if pair)
    mark = "LABEL_ERRORS_"
    return {name[len(mark) :]: value for name, value in values.items() if name.startswith(mark)}


def arguments(checkout: Path) -> list[str]:
    return (checkout / "arguments").read_text(encoding="utf-8").split("\0")[:-1]


# --- what it runs --------------------------------------------------------------------------


@needs_make
@pytest.mark.parametrize("target", TARGETS)
def test_a_target_runs_its_command(checkout: Path, target: str) -> None:
    done = make(checkout, target)
    assert done.returncode == 0, done.stderr
    assert arguments(checkout) == TARGETS[target]
    expected = {"CONFIG": "configs/imdb.yaml", "RESULTS": "results", "FORMAT": "csv"}
    assert {name: told(checkout)[name] for name in expected} == expected


@needs_make
def test_the_demo_is_of_its_config_whatever_else_is_told(checkout: Path) -> None:
    done = make(checkout, "demo", "CONFIG=configs/other.yaml", "SET=seed=1")
    assert done.returncode == 0, done.stderr
    assert arguments(checkout) == ["-m", "pipeline.run"]
    assert (told(checkout)["CONFIG"], told(checkout)["SET"]) == (str(TINY), "seed=1")


@needs_make
def test_it_finds_the_stages_and_the_formats_by_what_they_say_of_themselves(
    checkout: Path,
) -> None:
    for name in STAGES:
        assert make(checkout, name).returncode == 0
        assert arguments(checkout)[-1] == name
    said = make(checkout, "help").stdout
    listed = re.search(r"up to one of: (.*)", said)
    offered = re.search(r"hand them over: (.*)", said)
    assert listed is not None and set(listed[1].split()) == set(STAGES)
    assert offered is not None and set(offered[1].split()) == set(formats())


@needs_make
def test_make_alone_prints_the_targets(checkout: Path) -> None:
    done = make(checkout)
    for target in ("make demo", "make all", "make test", "make check", "make clean"):
        assert target in done.stdout
    assert not (checkout / "arguments").exists()


@needs_make
def test_a_command_that_fails_stops_make(checkout: Path) -> None:
    write_program(checkout / ".venv" / "bin" / "python", "#!/bin/sh\necho error: no >&2\nexit 3\n")
    for target in ("all", "study", "clean"):
        done = make(checkout, target)
        assert done.returncode == 2
        assert done.stderr.splitlines()[0] == "error: no"


@needs_make
@pytest.mark.parametrize("target", ["all", "demo", "test", "check"])
def test_an_intel_mac_is_told_in_one_line(checkout: Path, tmp_path: Path, target: str) -> None:
    (checkout / ".venv" / "ready").unlink()
    (tmp_path / "bin").mkdir()
    write_program(tmp_path / "bin" / "uname", "#!/bin/sh\necho Darwin x86_64\n")
    done = make(
        checkout, target, env={"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: TensorFlow has no package for Intel Macs")
    assert not (checkout / "arguments").exists()


def test_nothing_in_the_makefile_is_newer_than_the_make_of_macos() -> None:
    """3.81: what later versions brought is ignored there, or read as something else."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    later = r"!=|::=|\.SHELLSTATUS|\.ONESHELL|\.SHELLFLAGS|\$\(file |\$\(guile |^undefine|^private"
    later += r"|^define .*="
    later += r"|&:|\$\(intcmp |\$\(let |^load |\.EXTRA_PREREQS|\.NOTINTERMEDIATE"
    assert re.findall(later, text, re.MULTILINE) == []


# --- values are data -----------------------------------------------------------------------


@needs_make
@pytest.mark.parametrize("value", NASTY, ids=short_name)
def test_a_value_reaches_the_command_as_it_is_and_is_never_run(checkout: Path, value: str) -> None:
    """Given to make or in its environment: no shell and no make looks into it."""
    values = dict.fromkeys(OPTIONS, value)
    before = sorted(path.name for path in checkout.iterdir())
    for target in TARGETS:
        given = [f"{name}={text}" for name, text in values.items()]
        for told_by in ((given, {}), ([], values)):
            done = make(checkout, target, *told_by[0], env=told_by[1])
            assert done.returncode == 0, done.stderr
            assert arguments(checkout) == TARGETS[target]
            assert told(checkout) == values
            for name in ("arguments", "environment"):
                (checkout / name).unlink()
    assert sorted(path.name for path in checkout.iterdir()) == before


def of_make(name: str) -> tuple[Callable[..., None], list[str]]:
    """Return a command that reads option `name`, with its arguments."""
    return {
        "CONFIG": (status, []),
        "RESULTS": (status, []),
        "SET": (status, []),
        "SCOPE": (review, []),
        "REVIEW": (review, given_to_make()),
        "AUDIT": (review, []),
        "BEFORE": (report, []),
        "FORMAT": (export, []),
        "PUSH": (export, []),
    }[name]


@pytest.mark.parametrize(
    "name", ["CONFIG", "RESULTS", "SET", "SCOPE", "REVIEW", "AUDIT", "BEFORE", "FORMAT", "PUSH"]
)
@pytest.mark.parametrize("value", NASTY, ids=short_name)
def test_a_value_is_taken_or_refused_in_a_line(
    name: str,
    value: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = ROOT / TINY
    monkeypatch.chdir(tmp_path)
    defaults = {"CONFIG": str(config), "RESULTS": "results", "FORMAT": "csv"}
    for option, text in (defaults | {name: value}).items():
        monkeypatch.setenv(f"LABEL_ERRORS_{option}", text)
    function, argv = of_make(name)
    code = end_of(lambda: run_command(function), monkeypatch, *argv)
    said = capsys.readouterr().err
    assert code in ((0,) if not said else (2, 4, 7))
    assert all(line.startswith("error: ") and line.isprintable() for line in said.splitlines())
    assert len(said.splitlines()) <= (len(value.split()) if name == "SET" else 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["CONFIG", "RESULTS"])
def test_an_empty_value_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It must not mean the folder it would be joined to: `make clean RESULTS=`."""
    for option, text in {"CONFIG": str(TINY), "RESULTS": "results", name: ""}.items():
        monkeypatch.setenv(f"LABEL_ERRORS_{option}", text)
    assert end_of(lambda: run_command(clean), monkeypatch) == 2
    assert capsys.readouterr().err == f"error: {name}: is empty; leave it out or name a path\n"


# --- the commands behind it ----------------------------------------------------------------


def told_tiny(results: Path, *more: str) -> dict[str, str]:
    """Return the environment in which make starts the commands of a tiny run."""
    values = {"CONFIG": str(TINY), "RESULTS": str(results), "SET": " ".join([*SETTINGS, *more])}
    return {f"LABEL_ERRORS_{name}": value for name, value in values.items()}


def test_a_finished_run_does_nothing_and_says_so(results_copy: Path) -> None:
    first = command("run", env=told_tiny(results_copy))
    assert first.returncode == 0, first.stderr
    assert "report " in first.stdout
    done = command("run", env=told_tiny(results_copy))
    where = results_copy / TINY.stem
    words = f"sample: everything is up to date; the results are in {where}/\n"
    assert (done.stdout, done.stderr) == (words, "")


def test_what_would_run_is_what_runs(results_copy: Path) -> None:
    env = told_tiny(results_copy, "evaluate.top_rows=3", "find_issues.frac_noise=0.9")
    planned = command("status", env=env)
    assert planned.stdout.split() == ["find_issues", "cleanlearn", "evaluate"]
    assert "find_issues.frac_noise 1.0 -> 0.9" in planned.stderr
    done = command("run", env=env)
    assert done.returncode == 0, done.stderr
    assert done.stderr == planned.stderr
    assert re.findall(r"(?m)^(\w+) +done in", done.stdout) == planned.stdout.split()
    assert command("status", env=env).stdout.split() == []


def test_only_what_is_wanted_runs(results_copy: Path) -> None:
    env = told_tiny(results_copy, "find_issues.frac_noise=0.9")
    done = command("run", "--upto", "find_issues", env=env)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"(?m)^(\w+) +done in", done.stdout) == ["find_issues"]
    assert command("status", env=env).stdout.split() == ["cleanlearn", "evaluate"]
    for name in ("run", "status"):
        refused = command(name, "--upto", "nonsense", env=env)
        assert refused.returncode == 2
        assert refused.stderr.startswith("error: --upto nonsense: must be one of prepare, ")


def test_a_stage_that_fails_ends_the_run_with_its_code(results_copy: Path) -> None:
    """And the stages after it do not start."""
    env = told_tiny(results_copy, "cleanlearn.max_pruned_fraction=0.001")
    done = command("run", env=env)
    assert done.returncode == 3
    assert len([line for line in done.stderr.splitlines() if line.startswith("error: ")]) == 1
    assert "evaluate" not in done.stdout


def test_a_refused_config_stops_the_run_with_its_lines(tmp_path: Path) -> None:
    done = command("run", env=told_tiny(tmp_path, "model.epocs=3"))
    assert done.returncode == 2
    assert done.stderr.startswith("error: --set model.epocs=3: model.epocs: unknown key")
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_value_with_spaces_is_several_words_of_set(tmp_path: Path) -> None:
    done = command("status", env=told_tiny(tmp_path, "study.seeds=[1, 2]"))
    assert done.returncode == 2
    assert "error: --set 2]: write it as section.key=value" in done.stderr


@pytest.mark.parametrize("given", ["configs/", "..", "my x.yaml", "/", ".", "configs/sample.txt"])
def test_clean_refuses_what_names_no_run(
    results_copy: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    argv = ["--config", given, "--results", str(results_copy)]
    assert end_of(lambda: run_command(clean), monkeypatch, *argv) == 2
    assert (results_copy / TINY.stem / "prepare").exists()


def test_clean_deletes_a_run_and_nothing_else(
    results_copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (results_copy / "README.md").write_text("kept")
    shutil.copytree(results_copy / TINY.stem, results_copy / "other")
    corrections = results_copy.parent / "corrections"
    corrections.mkdir()

    def cleaned(config: str) -> str:
        argv = ["--config", config, "--results", str(results_copy)]
        assert end_of(lambda: run_command(clean), monkeypatch, *argv) == 0
        return capsys.readouterr().out

    assert "no run is there" in cleaned("configs/no_run.yaml")
    assert "no run is there" in cleaned(str(TINY))  # a folder that no run has locked
    (results_copy / TINY.stem / ".lock").touch()
    assert cleaned(str(TINY)) == f"deleted {results_copy / TINY.stem}\n"
    assert sorted(path.name for path in results_copy.iterdir()) == ["README.md", "other"]
    assert corrections.exists()
