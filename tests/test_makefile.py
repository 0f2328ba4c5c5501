"""The Makefile: the picture of the data flow, and the truth about what will run."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.stage import STAGES
from tests.tiny import ROOT, SETTINGS, TINY

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")

needs_environment = pytest.mark.skipif(
    not (ROOT / ".venv" / "bin" / "python").exists() or shutil.which("make") is None,
    reason="needs make and the environment it makes",
)


@pytest.mark.parametrize("name", STAGES)
def test_the_prerequisites_are_what_the_stage_reads(name: str) -> None:
    rule = re.search(rf"(?m)^\$\(R\)/{name}/stage\.json:(.*)\n\t(.*)$", MAKEFILE)
    assert rule is not None
    prerequisites = re.findall(r"\$\(R\)/(\w+)/stage\.json", rule[1])
    assert tuple(prerequisites) == STAGES[name].reads
    assert rule[2] == f"$(PY) -m pipeline.{name} $(ARGS)"


def test_the_stages_are_in_their_order() -> None:
    line = re.search(r"(?m)^STAGES +:= (.*)$", MAKEFILE)
    assert line is not None
    assert line[1].split() == list(STAGES)


@pytest.fixture
def checkout(tmp_path: Path, tiny_results: Path) -> Path:
    """A checkout whose environment is ready and whose results hold the finished run."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("Makefile", "configs", "pipeline"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / name)
    for requirements in ROOT.glob("requirements*.txt"):
        (folder / requirements.name).touch()
    (folder / ".venv" / "bin").mkdir(parents=True)
    # A link to the interpreter alone would lose the environment's packages.
    wrapper = folder / ".venv" / "bin" / "python"
    wrapper.write_text(f'#!/bin/sh\nexec "{ROOT}/.venv/bin/python" "$@"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    for name in ("ready", "ready-dev"):
        (folder / ".venv" / name).touch()
    shutil.copytree(tiny_results, folder / "results")
    return folder


def make(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", f"CONFIG={TINY}", *arguments],
        cwd=checkout,
        env=environment | {"PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )


def commands(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the stages whose command make printed."""
    return re.findall(r"(?m)^\.venv/bin/python -m pipeline\.(\w+) --config", done.stdout)


def sets(*more: str) -> str:
    return "SET=" + " ".join([*SETTINGS, *more])


@needs_environment
def test_a_finished_run_does_nothing_and_says_so(checkout: Path) -> None:
    for target in ("all", "evaluate"):
        done = make(checkout, target, sets())
        assert done.returncode == 0, done.stderr
        assert (
            done.stdout == "sample: everything is up to date; the results are in results/sample/\n"
        )


@needs_environment
def test_what_would_run_is_what_runs(checkout: Path) -> None:
    changed = sets("evaluate.top_rows=3", "find_issues.frac_noise=0.9")
    planned = make(checkout, "-n", "all", changed)
    assert planned.returncode == 0, planned.stderr
    assert commands(planned) == ["find_issues", "cleanlearn", "evaluate"]
    assert "find_issues.frac_noise 1.0 -> 0.9" in planned.stderr
    assert commands(make(checkout, "-n", "all", changed)) == commands(planned)
    done = make(checkout, "all", changed)
    assert done.returncode == 0, done.stderr
    assert commands(done) == commands(planned)
    assert commands(make(checkout, "-n", "all", changed)) == []
    assert "everything is up to date" in make(checkout, "all", changed).stdout


@needs_environment
@pytest.mark.parametrize(
    "given",
    ["CONFIG=", "CONFIG=configs/", "CONFIG=..", "CONFIG=my x.yaml", "RESULTS=", "RESULTS=a b"],
)
def test_clean_deletes_a_run_and_nothing_else(checkout: Path, given: str) -> None:
    done = make(checkout, "clean", given)
    assert done.returncode != 0
    assert given.split("=")[0] in done.stderr
    assert "no run is there" in make(checkout, "clean", "CONFIG=configs/no_run.yaml").stdout
    assert "no run is there" in make(checkout, "clean", "CONFIG=...yaml").stdout
    assert (checkout / "results" / TINY.stem / "prepare").exists()
    (checkout / "results" / "README.md").write_text("kept")
    (checkout / "results" / TINY.stem / ".lock").touch()
    assert "deleted results/sample" in make(checkout, "clean").stdout
    assert [path.name for path in (checkout / "results").iterdir()] == ["README.md"]


@needs_environment
def test_no_part_of_set_reaches_the_shell(checkout: Path) -> None:
    done = make(checkout, "all", "SET=dataset.x=;touch${IFS}here crossval.y='$(touch here)'")
    assert "dataset.x: unknown key" in done.stderr
    assert "crossval.y: unknown key" in done.stderr
    assert not (checkout / "here").exists()
    done = make(checkout, "all", "SET=study.seeds=[1, 2]")
    assert "SET: '2]' is no key=value; leave out the spaces" in done.stderr


@needs_environment
@pytest.mark.parametrize(
    ("target", "stages"),
    [
        ("all", list(STAGES)),
        ("crossval", ["prepare", "vectorize", "crossval"]),
        ("prepare", ["prepare"]),
    ],
)
def test_an_empty_folder_needs_every_stage_up_to_the_target(
    checkout: Path, target: str, stages: list[str]
) -> None:
    shutil.rmtree(checkout / "results")
    assert commands(make(checkout, "-n", target, sets())) == stages


@needs_environment
def test_a_damaged_file_runs_again_from_its_stage(checkout: Path) -> None:
    (checkout / "results" / "sample" / "evaluate" / "report.html").write_text("")
    planned = make(checkout, "-n", "all", sets())
    assert commands(planned) == ["evaluate"]
    assert "report.html is damaged" in planned.stderr


@needs_environment
def test_a_refused_config_stops_make_with_its_lines(checkout: Path) -> None:
    done = make(checkout, "all", sets("model.epocs=3"))
    assert done.returncode == 2
    assert "error: --set model.epocs=3: model.epocs: unknown key" in done.stderr
    assert commands(done) == []


@needs_environment
def test_make_alone_prints_the_targets(checkout: Path) -> None:
    done = make(checkout)
    for target in ("make demo", "make all", "make test", "make check", "make clean"):
        assert target in done.stdout
    assert commands(done) == []
