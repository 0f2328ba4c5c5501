"""How commands end: one line and one code for each way to end."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pipeline.frame import cli, errors
from pipeline.frame.cli import ConfigOption, complete
from tests.commands import code_of
from tests.guard import PATIENCE
from tests.tiny import ROOT, SETTINGS, TINY, command, sets, unmeasured

ENDS = [
    (None, 0, ""),
    (ValueError("odd"), 1, "bug: ValueError: odd (traceback in pipeline-error.log)"),
    (errors.ConfigError("x.yaml:1:1: wrong"), 2, "x.yaml:1:1: wrong"),
    (errors.DataError("bad row"), 3, "bad row"),
    (errors.ArtifactError("damaged"), 4, "damaged"),
    (errors.LockedError("in use"), 5, "in use"),
    (errors.NetworkError("offline"), 6, "offline"),
    (errors.ResourceError("disk full"), 7, "disk full"),
    (OSError(28, "No space left on device", "results/x"), 7, "results/x: cannot be written: No sp"),
    (OSError(5, "Input/output error"), 1, "bug: OSError: [Errno 5] Input/output error (traceback"),
    (errors.CheckError("5% are wrong"), 9, "5% are wrong"),
    (MemoryError(), 7, "out of memory; lower vectorize.sequence_length"),
    (KeyboardInterrupt(), 130, "interrupted; what is finished is kept"),
    (cli.Terminated(), 143, "terminated; what is finished is kept"),
]


def test_what_to_make_can_be_pasted(tmp_path: Path) -> None:
    message = "prepare: has not been run; run `make prepare` first"
    assert complete(message) == message
    assert complete(message, config=Path("configs/imdb.yaml")) == message
    told = {"config": Path("my.yaml"), "set_": ["a.b=1", "c=[1,2]"], "results": Path("out")}
    assert "run `make prepare CONFIG=my.yaml SET='a.b=1 c=[1,2]' RESULTS=out` first" in complete(
        message, **told
    )
    for other in ("with `make gpu`", "with `make ray`", "with `make demo`"):
        assert complete(other, config=Path("my.yaml")) == other
    done = command("find_issues", "--config", TINY, "--results", tmp_path)
    assert f"`make prepare CONFIG=configs/sample.yaml RESULTS={tmp_path}` first" in done.stderr


def test_help_names_the_exit_codes() -> None:
    said = " ".join(command("crossval", "--help").stdout.split())
    for code in {code for _, code, _ in ENDS}:
        assert f"{code} " in said[said.index("Exit codes:") :]


@pytest.mark.parametrize(("error", "code", "line"), ENDS, ids=[str(code) for _, code, _ in ENDS])
def test_every_end_has_its_code_and_one_line(
    error: BaseException | None,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def work() -> None:
        if error is not None:
            raise error

    monkeypatch.chdir(tmp_path)
    assert code_of(work, monkeypatch) == code
    err = capsys.readouterr().err
    assert err.startswith(f"error: {line}" if line else "")
    assert err.count("\n") == (code != 0)
    log = tmp_path / "pipeline-error.log"
    assert log.exists() == (code == 1)
    if code == 1:
        assert "Traceback" in log.read_text(encoding="utf-8")


def test_a_bug_is_one_line_even_where_its_log_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> None:
        raise ValueError("odd")

    monkeypatch.setattr(cli, "ERROR_LOG", tmp_path)
    assert code_of(work, monkeypatch) == 1
    line = "error: bug: ValueError: odd (traceback in no file: Is a directory)\n"
    assert capsys.readouterr().err == line


def test_each_problem_has_its_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> None:
        raise errors.ConfigError(["first", "second"])

    assert code_of(work, monkeypatch) == 2
    assert capsys.readouterr().err == "error: first\nerror: second\n"


@pytest.mark.parametrize("argv", [[], ["--confg", "x"], ["--config"], ["--config", "x", "more"]])
def test_wrong_usage_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    def work(config: ConfigOption) -> None:
        raise AssertionError("ran")

    assert code_of(work, monkeypatch, *argv) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_help_exits_0(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def work(config: ConfigOption) -> None:
        """Do the work."""

    assert code_of(work, monkeypatch, "--help") == 0
    assert "Do the work." in capsys.readouterr().out


def test_a_reader_that_leaves_is_no_error() -> None:
    """`predict … | head -1`: the pipe breaks while there is more to print."""
    source = (
        "from pipeline.frame.cli import run_command\n"
        "def work() -> None:\n"
        "    for _ in range(100_000): print('line')\n"
        "run_command(work)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    stderr = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 141
    assert stderr == b""


LONG = ("model.epochs=10000", "compute.workers=2")


@pytest.mark.parametrize(
    ("sent", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_running_crossval_ends_at_once_and_leaves_no_process(
    run_copy: object, results_copy: Path, sent: signal.Signals, code: int, word: str
) -> None:
    arguments = ["--config", TINY, "--results", results_copy, *sets(*SETTINGS, *LONG)]
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.crossval", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=unmeasured(),
        start_new_session=True,
    )
    assert process.stdout is not None
    assert any("epoch" in line for line in process.stdout)
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2 or os.cpu_count() == 1
    if sent == signal.SIGINT:  # a terminal sends it to the whole group
        os.killpg(process.pid, sent)
    else:
        process.send_signal(sent)
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    assert stderr == f"error: {word}; what is finished is kept, the same command goes on\n"
    _, alive = psutil.wait_procs(children, timeout=PATIENCE)
    for child in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    assert alive == []


# --- without data --------------------------------------------------------------------------


def test_without_data_and_network_the_ways_to_get_it_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    closed = "http://127.0.0.1:9"
    environment = {
        "TFDS_DATA_DIR": str(tmp_path / "empty"),
        "HOME": str(tmp_path),
        "PYTHONPATH": f"{make_offline(tmp_path)}{os.pathsep}{ROOT}",
        "HTTP_PROXY": closed,
        "HTTPS_PROXY": closed,
    }
    arguments = ["--config", ROOT / "configs" / "imdb.yaml", "--results", tmp_path / "results"]
    done = command("prepare", *arguments, cwd=tmp_path, env=environment)
    assert done.returncode == 6, done.stderr
    assert done.stderr.count("\n") == 1
    for way in ("(1)", "(2)", "TFDS_DATA_DIR", "(3)", "~/tensorflow_datasets", "make demo"):
        assert way in done.stderr
    assert not (tmp_path / "results" / "imdb" / "prepare" / "examples.parquet").exists()


def make_offline(folder: Path) -> Path:
    """Return a folder for PYTHONPATH in which connections to other machines fail."""
    site = folder / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import socket\n"
        "def refuse(*args, **kwargs):\n"
        "    raise OSError(101, 'Network is unreachable')\n"
        "socket.create_connection = refuse\n"
        "socket.getaddrinfo = refuse\n",
        encoding="utf-8",
    )
    return site


BUSY = """
import atexit, threading
from pipeline.frame.cli import run_command

class Last:
    def __del__(self) -> None:
        print("Python takes itself down")

last = Last()

def work() -> None:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    atexit.register(print, "tidied up")

run_command(work)
"""


def test_python_is_not_taken_down_under_a_running_thread() -> None:
    """Inside a library it would take the process with it: the code of a crash instead of 0."""
    done = subprocess.run(
        [sys.executable, "-c", BUSY], cwd=ROOT, env=unmeasured(),
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "tidied up\n", "")
