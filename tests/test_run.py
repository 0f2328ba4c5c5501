"""One command for a whole run: what is out of date, in order, and then the report."""

import contextlib
import dataclasses
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from pipeline import run as module
from pipeline.frame.cli import Terminated
from pipeline.frame.lock import locked
from pipeline.frame.processes import hear_for
from pipeline.frame.record import RECORD
from pipeline.frame.run import Run
from pipeline.frame.stage import Context, Stage, stages
from pipeline.report.current import report_is_current
from pipeline.run import out_of_date
from pipeline.study.parts import save_part
from tests.guard import PATIENCE
from tests.tiny import (
    ROOT,
    SETTINGS,
    STAGES,
    TINY,
    command,
    imported_in,
    load_tiny,
    sets,
    unmeasured,
)

STUDY = {
    "seeds": [1, 2, 3],
    "arms": {"prune": {"test_accuracy": [0.8, 0.81, 0.82]}},
    "differences": [
        {"arm": "prune", "control": "random_prune", "labels": "given", "mean": 0.01}
        | {"ci95": [0.002, 0.018], "seeds_with_gain": 0.9, "detectable": 0.01}
    ],
    "noise": [],
}


def run(results: Path, *overrides: str, upto: str = "") -> subprocess.CompletedProcess[str]:
    arguments = ["--config", TINY, "--results", results, *sets(*SETTINGS, *overrides)]
    return command("run", *arguments, *(["--upto", upto] if upto else []))


def stages_done(stdout: str) -> list[str]:
    """Return the stages that said that they are done, in order."""
    return re.findall(r"(?m)^(\w+) +done in ", stdout)


def up_to_date(results: Path) -> str:
    return f"sample: everything is up to date; the results are in {results}/sample/\n"


def changes(folder: Path) -> dict[Path, int]:
    """Return when each file of a run was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name != ".lock"}


def test_an_empty_folder_gets_every_stage_and_the_report(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert stages_done(done.stdout) == list(STAGES)
    folder = Run(tmp_path / "sample")
    assert report_is_current(folder)
    assert done.stdout.index(f"report       {folder.report}") > done.stdout.index("evaluate ")
    assert "make review CONFIG=configs/sample.yaml" in done.stdout
    before = changes(folder.folder)
    again = run(tmp_path)
    assert (again.returncode, again.stdout, again.stderr) == (0, up_to_date(tmp_path), "")
    assert changes(folder.folder) == before


def test_what_is_imported_ahead_is_what_a_stage_imports(results_copy: Path) -> None:
    for name, stage in STAGES.items():
        if stage.imports == Stage.imports:
            continue
        (Run(results_copy / "sample").stage(name) / RECORD).unlink()
        arguments = ["--config", TINY, "--results", results_copy, *sets(*SETTINGS)]
        done = command(name, *arguments, env={"PYTHONPROFILEIMPORTTIME": "1"})
        assert done.returncode == 0
        assert set(stage.imports) <= imported_in(done.stderr)


def test_what_cannot_be_imported_ahead_is_said_by_its_stage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = dataclasses.replace(stages()["evaluate"], imports=("json", "no_such_module", "csv"))
    monkeypatch.setattr(module, "stages", lambda: {"evaluate": broken})
    module.load_code(["evaluate"], load_tiny().config)


def test_what_is_out_of_date_runs_and_why_is_said_once(results_copy: Path) -> None:
    done = run(results_copy, "find_issues.frac_noise=0.9", "evaluate.top_rows=3")
    assert done.returncode == 0, done.stderr
    assert stages_done(done.stdout) == ["find_issues", "cleanlearn", "evaluate"]
    assert done.stderr == "find_issues  runs again: find_issues.frac_noise 1.0 -> 0.9\n"
    assert report_is_current(Run(results_copy / "sample"))


def test_a_stage_that_gets_the_same_files_again_does_not_run(run_copy: Run) -> None:
    run_copy.health.unlink()
    done = run(run_copy.folder.parent)
    assert done.returncode == 0, done.stderr
    assert stages_done(done.stdout) == ["find_issues"]
    assert done.stderr == f"find_issues  runs again: {run_copy.health} is missing\n"
    for name in ("cleanlearn", "evaluate"):
        assert f"{name:<12} up to date\n" in done.stdout


def test_only_what_is_wanted_runs_and_makes_no_report(tmp_path: Path) -> None:
    done = run(tmp_path, upto="vectorize")
    assert done.returncode == 0, done.stderr
    assert stages_done(done.stdout) == ["prepare", "vectorize"]
    assert sorted(path.name for path in (tmp_path / "sample").iterdir() if path.is_dir()) == [
        "prepare",
        "vectorize",
    ]
    assert run(tmp_path, upto="prepare").stdout == up_to_date(tmp_path)


@pytest.mark.parametrize("reads", [("prepare",), ("prepare", "vectorize"), tuple(STAGES)])
def test_a_stage_that_no_other_reads_runs_with_all_and_none_goes_for_it(
    run_copy: Run, monkeypatch: pytest.MonkeyPatch, reads: tuple[str, ...]
) -> None:
    """So that a new stage needs no other to name it, and is never taken for the last one."""

    def zero_shot(context: Context) -> None: ...

    more = Stage(does="", work=zero_shot, sections=(), writes=("*",), reads=reads)
    monkeypatch.setitem(stages(), "zero_shot", more)
    assert out_of_date(load_tiny(), run_copy) == {"zero_shot": "has not been run"}
    assert out_of_date(load_tiny(), run_copy, "evaluate") == {}
    shutil.rmtree(run_copy.stage("evaluate"))
    assert set(out_of_date(load_tiny(), run_copy)) == {"evaluate", "zero_shot"}


def test_an_unknown_stage_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    done = run(tmp_path, upto="nowhere")
    assert done.returncode == 2
    assert done.stderr == f"error: --upto nowhere: must be one of {', '.join(STAGES)}\n"
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


# --- what goes wrong -------------------------------------------------------------------------


def test_the_exit_code_of_a_failing_stage_is_the_commands(results_copy: Path) -> None:
    journal = results_copy / "none.jsonl"
    before = Run(results_copy / "sample").metrics.read_bytes()
    done = run(results_copy, f"corrections={journal}")
    assert done.returncode == 3
    news, error = done.stderr.splitlines()
    assert news.startswith("prepare      runs again: corrections null -> ")
    assert error.startswith(f"error: {journal}: is missing")
    assert stages_done(done.stdout) == []
    assert Run(results_copy / "sample").metrics.read_bytes() == before
    assert not Run(results_copy / "sample").report.exists()


def test_a_run_in_use_is_left_alone(run_copy: Run) -> None:
    (run_copy.stage("evaluate") / RECORD).unlink()
    with locked(run_copy):
        done = run(run_copy.folder.parent)
    assert done.returncode == 5
    assert re.fullmatch(rf"error: {run_copy.folder}: in use by process \d+ .*\n", done.stderr)


@pytest.mark.parametrize("which", ["stage", "nursery"])
def test_a_stage_that_is_killed_is_named(tmp_path: Path, which: str) -> None:
    """As the kernel does when the memory is full; with its nursery it ends, too."""
    process = start(tmp_path)
    child = child_at_work(process)
    (child if which == "stage" else child.parent()).kill()
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 137
    assert stderr == "error: crossval: was ended by signal 9 (SIGKILL)\n"
    assert clean_up([child]) == []
    with locked(Run(tmp_path / "sample")):
        pass


# --- signals ---------------------------------------------------------------------------------


def start(results: Path, *overrides: str) -> subprocess.Popen[str]:
    """Start a run, in a group of its own, whose third stage takes long."""
    more = sets(*SETTINGS, "model.epochs=10000", *overrides)
    arguments = ["--config", str(ROOT / TINY), "--results", str(results), *more]
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.run", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=results,
        env=unmeasured() | {"PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )


def child_at_work(process: subprocess.Popen[str]) -> psutil.Process:
    """Wait until the long stage trains, and return its process."""
    assert process.stdout is not None
    assert any("epoch" in line for line in process.stdout)
    (nursery,) = psutil.Process(process.pid).children()
    (child,) = nursery.children()
    return child


def clean_up(children: list[psutil.Process]) -> list[psutil.Process]:
    """Kill those of the processes that do not end, and return them."""
    _, alive = psutil.wait_procs(children, timeout=PATIENCE)
    for child in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    return alive


@pytest.mark.parametrize(
    ("sent", "code", "word", "workers"),
    [(signal.SIGINT, 130, "interrupted", 1), (signal.SIGTERM, 143, "terminated", 2)],
)
def test_a_signal_ends_it_with_one_line_and_leaves_no_process(
    tmp_path: Path, sent: signal.Signals, code: int, word: str, workers: int
) -> None:
    process = start(tmp_path, f"compute.workers={workers}")
    child_at_work(process)
    children = psutil.Process(process.pid).children(recursive=True)
    if sent == signal.SIGINT:  # a terminal sends it to the whole group
        os.killpg(process.pid, sent)
    else:
        process.send_signal(sent)
    _, stderr = process.communicate(timeout=PATIENCE)
    assert stderr == f"error: {word}; what is finished is kept, the same command goes on\n"
    assert process.returncode == code
    assert clean_up(children) == []
    # What was finished is kept: the two stages before are not run again.
    folder = tmp_path / "sample"
    assert [name for name in STAGES if (folder / name / RECORD).exists()] == [
        "prepare",
        "vectorize",
    ]
    with locked(Run(folder)):
        pass


def waiting_for(child: subprocess.Popen[bytes]) -> int:
    return hear_for(child.pid, signal.pthread_sigmask(signal.SIG_BLOCK, []), child.wait)


def test_a_signal_between_two_stages_and_after_the_last_is_answered() -> None:
    """Whoever waited for a child leaves no answer behind that speaks to it when it is gone."""
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert waiting_for(subprocess.Popen(["sh", "-c", "exit 7"])) == 7
    assert {each: signal.getsignal(each) for each in before} == before
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == mask


def test_a_signal_that_came_too_late_for_the_child_ends_the_run() -> None:
    child = subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 1"])  # as one that is done already
    telling = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM))
    telling.start()
    with pytest.raises(Terminated):
        waiting_for(child)
    telling.join()


# --- the report ------------------------------------------------------------------------------


def test_the_report_is_made_again_when_a_study_appears_and_not_otherwise(run_copy: Run) -> None:
    results = run_copy.folder.parent
    assert not run_copy.report.exists()
    first = run(results)
    assert stages_done(first.stdout) == []
    assert f"report       {run_copy.report}\n" in first.stdout
    assert 'id="study"' not in run_copy.report.read_text(encoding="utf-8")

    before = changes(run_copy.folder)
    assert run(results).stdout == up_to_date(results)
    assert changes(run_copy.folder) == before

    save_part(load_tiny().config, run_copy, "study", STUDY)
    again = run(results)
    assert again.returncode == 0, again.stderr
    assert f"report       {run_copy.report}\n" in again.stdout
    assert 'id="study"' in run_copy.report.read_text(encoding="utf-8")
    assert run(results).stdout == up_to_date(results)


def test_the_report_is_made_again_when_it_is_gone(run_copy: Run) -> None:
    run(run_copy.folder.parent)
    page = run_copy.report.read_bytes()
    run_copy.report.unlink()
    assert run(run_copy.folder.parent, upto="evaluate").returncode == 0
    assert run_copy.report.read_bytes() == page


# --- elsewhere than on Linux -----------------------------------------------------------------


def test_where_a_fork_is_not_safe_a_stage_is_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module.sys, "platform", "darwin")
    loaded = load_tiny()
    assert module.run_in_turn(["prepare"], loaded, tmp_path) == 0
    assert stages_done(capfd.readouterr().out) == ["prepare"]
    assert (Run(tmp_path / loaded.run).stage("prepare") / RECORD).exists()


# --- while TensorFlow is imported --------------------------------------------------------------


def test_what_is_done_meanwhile_comes_before_the_first_stage(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    loaded = load_tiny()
    module.run_stages(loaded, tmp_path, upto="prepare", meanwhile=lambda: print("looked at"))
    first, *rest = capfd.readouterr().out.splitlines()
    assert first == "looked at"
    assert stages_done("\n".join(rest)) == ["prepare"]
    module.run_stages(loaded, tmp_path, upto="prepare", meanwhile=lambda: print("looked at"))
    assert "looked at" in capfd.readouterr().out


def test_code_of_the_users_is_not_run_ahead_of_its_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stage says first that it runs it; and what is edited meanwhile is what counts."""
    package = tmp_path / "own_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('was run')")
    (package / "made.py").write_text("def model(): pass")
    monkeypatch.syspath_prepend(tmp_path)
    own = dataclasses.replace(
        stages()["evaluate"], code=lambda config: ["own_package.made:model"], imports=()
    )
    monkeypatch.setattr(module, "stages", lambda: {"evaluate": own})
    module.load_code(["evaluate"], load_tiny().config)
