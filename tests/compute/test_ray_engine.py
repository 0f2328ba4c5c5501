"""Ray as the engine: the same bytes, nothing lost with a worker or a node, clear refusals.

Ray is an optional extra (`make ray`): without it only the tests that start no cluster run.
"""

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from pipeline.compute.engine import make_engine
from pipeline.compute.local import Workers
from pipeline.compute.ray_engine import SHORT_FOLDERS, cluster_at, folder_for_sockets
from pipeline.compute.ray_node import files_of, find_differences, find_unreadable
from pipeline.compute.sections import Compute
from pipeline.frame.errors import ConfigError, NetworkError
from pipeline.frame.progress import StageProgress
from pipeline.frame.record import RECORD
from pipeline.frame.run import Run
from pipeline.frame.versions import versions
from tests.compute.ray_jobs import FileJob, starts
from tests.guard import PATIENCE
from tests.tiny import ROOT, SETTINGS, TINY, command, sets

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed; add it with `make ray`"
)
LOOPBACK = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "7" * 64,
    "RAY_USAGE_STATS_ENABLED": "0",
}
ALL_READ = {number: ["some words", True] for number in range(4)}


# --- without Ray ---------------------------------------------------------------------------


def test_the_config_names_the_engine() -> None:
    compute = Compute(workers=1, device="cpu", engine="local", address=None)
    assert isinstance(make_engine(compute, StageProgress("test")), Workers)


def test_without_ray_the_user_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    for name in LOOPBACK:
        monkeypatch.setenv(name, "")
    compute = Compute(workers=1, device="cpu", engine="ray", address=None)
    with pytest.raises(ConfigError, match="ray is not installed; add it with `make ray`") as caught:
        make_engine(compute, StageProgress("test"))
    assert caught.value.exit_code == 2


@pytest.fixture
def no_address() -> Iterator[str]:
    """Yield a HOST:PORT where nothing answers."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{unheard.getsockname()[1]}"


def test_an_address_where_nothing_answers_is_refused(no_address: str) -> None:
    with pytest.raises(NetworkError, match=f"no Ray cluster at {no_address}: Connection refused"):
        cluster_at(no_address)


def test_what_answers_is_joined_with_this_code() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        options = cluster_at(address)
    assert options["address"] == address
    assert options["runtime_env"]["py_modules"] == [str(ROOT / "pipeline")]


def test_every_difference_of_versions_names_both() -> None:
    own = versions(["numpy", "scipy", "no-such-library"])
    assert own["no-such-library"] == "none"
    assert find_differences(own) == []
    (line,) = find_differences(own | {"numpy": "1.0"})
    assert f"has numpy {own['numpy']} and this machine has 1.0" in line


def test_only_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    jobs = [FileJob(number, tmp_path / name) for number, name in enumerate(("there", "gone"))]
    assert find_unreadable(jobs[:1]) == []
    (line,) = find_unreadable([*jobs, *jobs])
    assert line.startswith(f"cannot read {tmp_path / 'gone'}; ")


def test_the_files_of_a_task_are_named_for_any_working_directory() -> None:
    assert files_of(FileJob(3, Path("words.txt"))) == {"file": Path.cwd() / "words.txt"}


# --- with Ray ------------------------------------------------------------------------------


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_text("some words")
    return path


def drive(work: str, file: Path, address: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.compute.ray_jobs", work, str(file), address],
        cwd=ROOT,
        env=os.environ | (LOOPBACK if address else {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def results_of(driver: subprocess.Popen[str]) -> dict[int, list[object]]:
    output, errors = driver.communicate(timeout=PATIENCE)
    assert (driver.returncode, errors) == (0, "")
    return dict(json.loads(line) for line in output.splitlines() if line.startswith("["))


@dataclass
class Cluster:
    process: subprocess.Popen[str]
    address: str

    def kill_node(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("kill\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "killed\n"


@contextlib.contextmanager
def cluster_of(nodes: int, **environment: str) -> Iterator[Cluster]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.compute.ray_cluster", str(nodes)],
        cwd=ROOT,
        env=os.environ | LOOPBACK | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield Cluster(process, process.stdout.readline().strip())


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def leftovers() -> set[str]:
    return set(map(str, Path(tempfile.gettempdir()).glob("ray-*")))


@needs_ray
def test_the_folds_are_those_of_local_processes_bit_for_bit(run_copy: Run, tiny_run: Run) -> None:
    (run_copy.stage("crossval") / RECORD).unlink()
    for path in run_copy.stage("crossval").rglob("*.np?"):
        path.unlink()
    before = leftovers()
    arguments = sets(*SETTINGS, "compute.engine=ray", "compute.workers=2")
    done = command("crossval", "--config", TINY, "--results", run_copy.folder.parent, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    files = [path for path in tiny_run.stage("crossval").rglob("*") if path.is_file()]
    compared = [path for path in files if path.name != RECORD]
    assert len(compared) >= 9
    for path in compared:
        copy = run_copy.folder / path.relative_to(tiny_run.folder)
        assert copy.read_bytes() == path.read_bytes(), path.name
    assert leftovers() == before


@needs_ray
def test_a_killed_worker_costs_its_own_task_and_no_other(words: Path) -> None:
    assert results_of(drive("die_once", words)) == ALL_READ
    assert [len(starts(words.parent, number)) for number in range(4)] == [1, 2, 1, 1]


@needs_ray
@pytest.mark.parametrize(
    ("work", "name", "code", "reason"),
    [
        ("die", "words.txt", 7, "its worker was lost 4 times, probably for memory"),
        ("fail", "words.txt", 7, "out of memory"),
        ("read", "gone.txt", 2, "gone.txt; put --results on a folder that every node shares"),
    ],
)
def test_a_task_that_cannot_succeed_ends_the_run(
    words: Path, work: str, name: str, code: int, reason: str
) -> None:
    driver = drive(work, words.with_name(name))
    _, errors = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == code
    assert reason in errors
    assert errors.count("\n") == 1


@needs_ray
def test_a_lost_node_costs_its_own_task_and_no_other(words: Path) -> None:
    folder = words.parent
    with cluster_of(2) as cluster:
        driver = drive("wait_for_go", words, cluster.address)
        wait_until(lambda: len(list(folder.glob("job_*"))) == 3)  # one done, one on each node
        working = {pid for number in range(1, 4) for pid in starts(folder, number)}
        cluster.kill_node()
        wait_until(lambda: not all(map(is_running, working)))
        (folder / "go").touch()
        assert results_of(driver) == ALL_READ
        begun = [len(starts(folder, number)) for number in range(4)]
        assert begun[0] == 1
        assert sorted(begun) == [1, 1, 1, 2]


@needs_ray
@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        (
            "numpy-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\n",
            "Ray node 127.0.0.1 has numpy 1.0 and this machine has ",
        ),
        ("typer.py", "raise ImportError('no typer')", "no typer; install the same requirements"),
    ],
)
def test_a_node_with_other_libraries_is_refused(
    words: Path, file: str, text: str, reason: str
) -> None:
    other = words.parent / "other" / file
    other.parent.mkdir(parents=True)
    other.write_text(text)
    with cluster_of(1, PYTHONPATH=str(words.parent / "other")) as cluster:
        driver = drive("read", words, cluster.address)
        _, errors = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 2
    assert reason in errors
    assert errors.count("\n") == 1
    assert not list(words.parent.glob("job_*"))


@needs_ray
def test_no_cluster_at_the_address_is_said(words: Path, no_address: str) -> None:
    driver = drive("read", words, no_address)
    _, errors = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 6
    assert errors.startswith(f"error: compute.address: no Ray cluster at {no_address}: ")
    assert errors.count("\n") == 1


@needs_ray
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_ends_ray(words: Path, sent: signal.Signals, code: int) -> None:
    before = leftovers()
    driver = drive("wait_for_go", words)
    wait_until(lambda: len(list(words.parent.glob("job_*"))) == 3)
    family = psutil.Process(driver.pid).children(recursive=True)
    assert family
    driver.send_signal(sent)
    _, errors = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == code
    assert errors.count("\n") == 1
    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert alive == []
    assert leftovers() == before


@pytest.mark.parametrize("length", [10, 27, 45, 60, 200])
def test_sockets_lie_in_a_folder_with_a_short_name(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """macOS' TMPDIR has 49 characters; with what Ray puts below it a socket has at most 103."""
    folder = "/" + "x" * (length - 1)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: folder)
    monkeypatch.setattr(os, "access", lambda path, mode: True)
    chosen = folder_for_sockets()
    assert chosen == (folder if length == 10 else SHORT_FOLDERS[0])
    session = "/ray-xxxxxxxx/session_2026-01-31_23-59-59_999999_1234567/sockets/plasma_store"
    assert len(chosen + session) <= 103
    monkeypatch.setattr(os, "access", lambda path, mode: path == folder)
    if length > 26:
        with pytest.raises(ConfigError, match="set TMPDIR"):
            folder_for_sockets()
