"""A command before it can answer for itself, and one that has less than it expects."""

import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.frame import cli, start
from pipeline.frame.cli import exit_code_of
from pipeline.frame.errors import ResourceError
from pipeline.frame.files import atomic_write
from pipeline.frame.run import Run
from tests.disks import files_of_at_most
from tests.tiny import ROOT, SETTINGS, TINY, sets, unmeasured

STATUS = ["status", "--config", str(ROOT / TINY)]
PREPARE = ["prepare", "--config", str(ROOT / TINY), *sets(*SETTINGS)]


def python(
    *arguments: str,
    cwd: Path,
    before: Callable[[], None] | None = None,
    path: Path = ROOT,
    pass_streams: bool = False,
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    streams: dict[str, Any] = {} if pass_streams else {"capture_output": True}
    return subprocess.run(
        [sys.executable, "-m", f"pipeline.{arguments[0]}", *arguments[1:]],
        cwd=cwd,
        env=(environment or dict(os.environ)) | {"PYTHONPATH": f"{path}{os.pathsep}{ROOT}"},
        preexec_fn=before,
        text=True,
        check=False,
        **streams,
    )


# --- closed streams ------------------------------------------------------------------------


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_closed_streams_change_nothing(tmp_path: Path, closed: tuple[int, ...]) -> None:
    def close() -> None:
        for number in closed:
            os.close(number)

    done = python(*PREPARE, cwd=tmp_path, before=close)
    assert done.returncode == 0
    assert ("done in" in done.stdout) == (1 not in closed)
    examples = Run(tmp_path / "results" / TINY.stem).examples
    assert examples.read_bytes()[:4] == b"PAR1"  # nobody's line is in a file
    refused = python("status", "--config", "none.yaml", cwd=tmp_path, before=close)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == (2 not in closed)
    assert not (tmp_path / "pipeline-error.log").exists()


# --- Windows -------------------------------------------------------------------------------

HIDDEN = """
import sys

class Windows:
    def find_spec(self, name, *_):
        if name in ("fcntl", "resource", "pwd", "termios"):
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Windows())
sys.platform = "win32"
"""


@pytest.mark.parametrize(
    "program",
    ["-m", "label-errors", r"C:\env\Scripts\label-errors.exe", r"C:\e\label-errors-script.py"],
)
def test_on_windows_a_command_says_where_it_runs(program: str) -> None:
    code = f"{HIDDEN}\nsys.argv = [{program!r}]\nfrom pipeline.command.group import main\nmain()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {start.WINDOWS}\n"


def test_on_windows_the_library_says_where_it_runs() -> None:
    code = f"{HIDDEN}\nsys.argv = ['mine.py']\nfrom pipeline import find_label_errors"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"ImportError: {start.WINDOWS}"


# --- little memory -------------------------------------------------------------------------


@pytest.mark.parametrize("megabytes", [250, 300])
def test_too_little_address_space_is_a_line(tmp_path: Path, megabytes: int) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

    # unmeasured: what measures coverage ends in its own traceback where there is no memory
    done = python(*PREPARE, cwd=tmp_path, before=limit, environment=unmeasured())
    assert "Traceback" not in done.stderr and "bug:" not in done.stderr
    # 1, SIGABRT, SIGSEGV: a library ended the process itself, in its own words or in none
    assert done.returncode in (0, 1, 7, -signal.SIGABRT, -signal.SIGSEGV)
    words = ("OpenBLAS", "std::bad_alloc", "BadAlloc")
    assert done.stderr.count("\n") <= 1 or any(each in done.stderr for each in words)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(12, "Cannot allocate memory"),
        RuntimeError("can't start new thread"),
        ImportError("libtf.so: failed to map segment from shared object"),
    ],
)
def test_errors_of_memory_are_one_kind(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    assert exit_code_of(fail) == 7
    assert capsys.readouterr().err.startswith("error: out of memory; lower ")
    assert not start.is_of_memory(ImportError("No module named 'x'"))
    assert start.is_of_memory(
        SystemError("<function f> returned NULL without setting an exception")
    )
    assert start.is_of_memory(type("ResourceExhaustedError", (Exception,), {})("OOM"))


# --- Ctrl-C --------------------------------------------------------------------------------

INTERRUPTED = """
import os, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), signal.SIGINT)
            sum(range(1000))  # a moment for the signal to be heard

sys.meta_path.insert(0, Finder())
"""


@pytest.mark.parametrize("name", ["pipeline.frame.run", "typer", "numpy"])
def test_ctrl_c_while_libraries_are_imported(tmp_path: Path, name: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTED.format(name=name))
    done = python(*STATUS, cwd=tmp_path, path=tmp_path)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "error: interrupted\n"


def test_a_program_that_uses_the_package_keeps_its_own_answers(tmp_path: Path) -> None:
    code = (
        "import signal, sys; import pipeline, pipeline.frame.cli; "
        "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler; "
        "assert sys.excepthook is sys.__excepthook__"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0


# --- files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["link", "dangling link", "second name", "nothing"])
def test_the_error_log_is_written_into_no_other_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "precious"
    if kind != "dangling link":
        other.write_text("kept")
    if kind == "second name":
        cli.ERROR_LOG.hardlink_to(other)
    elif kind != "nothing":
        cli.ERROR_LOG.symlink_to(other)

    def fail() -> None:
        raise ValueError("odd")

    assert exit_code_of(fail) == 1
    assert "traceback in pipeline-error.log" in capsys.readouterr().err
    assert "ValueError: odd" in cli.ERROR_LOG.read_text()
    assert other.read_text() == "kept" if other.exists() else kind == "dangling link"
    assert not cli.ERROR_LOG.is_symlink()


@pytest.mark.parametrize("umask", [0o077, 0o002])
def test_files_have_the_rights_that_were_asked_for(tmp_path: Path, umask: int) -> None:
    done = python(*PREPARE, cwd=tmp_path, before=lambda: os.umask(umask) and None)
    assert done.returncode == 0, done.stderr
    files = [path for path in (tmp_path / "results").rglob("*") if path.is_file()]
    assert len(files) > 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o666 & ~umask}


def test_a_file_that_may_not_grow_is_no_bug(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def write() -> None:
        with (tmp_path / "x").open("wb") as file:
            file.write(b"x" * 100_000)

    def save() -> None:
        with atomic_write(tmp_path / "y") as file:
            file.write(b"x" * 100_000)

    with files_of_at_most(1000):
        assert exit_code_of(write) == 7
        with pytest.raises(ResourceError):
            save()
    assert "cannot be written: File too large" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
