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
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from pipeline.artifacts import RECORD, Run
from pipeline.compute import ray_engine
from pipeline.compute.engine import make_engine
from pipeline.compute.local import Workers
from pipeline.compute.ray_engine import check_answer
from pipeline.compute.ray_node import file_fields, with_files
from pipeline.compute.versions import code_hash, find_differences, installed_versions
from pipeline.errors import ConfigError, NetworkError
from pipeline.progress import StageProgress
from pipeline.schema import Compute
from tests.compute.ray_jobs import FileJob, starts
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
ALL_READ = {number: ["some words", False] for number in range(4)}


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


@contextlib.contextmanager
def server(answer: bytes | None) -> Iterator[str]:
    """Yield the address of a server that answers with these bytes, or never."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listening.accept()
                with connection:
                    connection.recv(100)
                    if answer is None:
                        connection.recv(100)
                    else:
                        connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            listening.close()
            thread.join()


@pytest.mark.parametrize(
    ("answer", "why"),
    [(None, "timed out"), (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is not Ray"), (b"", "is not Ray")],
)
def test_an_address_where_no_ray_answers_is_refused(
    monkeypatch: pytest.MonkeyPatch, answer: bytes | None, why: str
) -> None:
    monkeypatch.setattr(ray_engine, "ANSWER_SECONDS", 0.3)
    with (
        server(answer) as address,
        pytest.raises(NetworkError, match=f"no Ray cluster at {address}: .*{why}"),
    ):
        check_answer(address)


def test_what_speaks_http2_passes_as_ray() -> None:
    with server(bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])) as address:
        check_answer(address)


def test_every_difference_of_versions_names_both() -> None:
    own = installed_versions(["numpy", "no-such-library"])
    assert list(own) == ["python", "the pipeline's code", "numpy", "no-such-library"]
    assert own["no-such-library"] == "none"
    assert own["the pipeline's code"] == code_hash()
    assert find_differences(own, [("10.0.0.2", dict(own))]) == []
    (line,) = find_differences(own, [("10.0.0.1", own), ("10.0.0.2", own | {"numpy": "1.0"})])
    assert f"node 10.0.0.2 has numpy 1.0 and this machine has {own['numpy']}" in line


def test_the_files_of_a_task_change_their_folder_and_nothing_else(tmp_path: Path) -> None:
    job = FileJob(3, "x", Path("words.txt"))
    assert file_fields(job) == {"file": Path("words.txt")}
    assert with_files(job, tmp_path) == FileJob(3, "x", tmp_path / "words.txt")


# --- with Ray ------------------------------------------------------------------------------


def drive(work: str, folder: Path, address: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.compute.ray_jobs", work, str(folder), address],
        cwd=ROOT,
        env=os.environ | (LOOPBACK if address else {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def results_of(driver: subprocess.Popen[str]) -> dict[int, list[object]]:
    output, errors = driver.communicate(timeout=200)
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
    end = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def leftovers() -> set[str]:
    folder = Path(tempfile.gettempdir())
    return {str(path) for name in ("label-errors-*", "ray-*") for path in folder.glob(name)}


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
def test_a_killed_worker_costs_its_own_task_and_no_other(tmp_path: Path) -> None:
    assert results_of(drive("die_once", tmp_path)) == ALL_READ
    assert [len(starts(tmp_path, number)) for number in range(4)] == [1, 2, 1, 1]


@needs_ray
@pytest.mark.parametrize(
    ("work", "code", "words"),
    [("die", 7, "its worker was lost 4 times, probably for memory"), ("fail", 7, "out of memory")],
)
def test_a_task_that_cannot_succeed_ends_the_run(
    tmp_path: Path, work: str, code: int, words: str
) -> None:
    driver = drive(work, tmp_path)
    _, errors = driver.communicate(timeout=200)
    assert driver.returncode == code
    assert words in errors
    assert errors.count("\n") == 1


@needs_ray
def test_a_lost_node_costs_its_own_task_and_no_other(tmp_path: Path) -> None:
    with cluster_of(2) as cluster:
        driver = drive("wait_for_go", tmp_path, cluster.address)
        wait_until(lambda: len(list(tmp_path.glob("job_*"))) == 3)  # one done, one on each node
        working = {pid for number in range(1, 4) for pid in starts(tmp_path, number)}
        cluster.kill_node()
        wait_until(lambda: not all(map(is_running, working)))
        (tmp_path / "go").touch()
        assert results_of(driver) == ALL_READ
        begun = [len(starts(tmp_path, number)) for number in range(4)]
        assert begun[0] == 1
        assert sorted(begun) == [1, 1, 1, 2]


@needs_ray
def test_a_node_with_another_library_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other" / "numpy-1.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\n")
    with cluster_of(1, PYTHONPATH=str(other.parent)) as cluster:
        driver = drive("read", tmp_path, cluster.address)
        _, errors = driver.communicate(timeout=200)
    assert driver.returncode == 2
    assert "has numpy 1.0 and this machine has " in errors
    assert errors.count("\n") == 1
    assert not list(tmp_path.glob("job_*"))


def test_no_cluster_at_the_address_ends_in_seconds(run_copy: Run) -> None:
    (run_copy.stage("crossval") / RECORD).unlink()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
    settings = sets(*SETTINGS, "compute.engine=ray", f"compute.address={address}")
    start = time.monotonic()
    done = command("crossval", "--config", TINY, "--results", run_copy.folder.parent, *settings)
    assert time.monotonic() - start < 15
    assert done.returncode == 6
    assert done.stderr.startswith(f"error: compute.address: no Ray cluster at {address}: ")
    assert done.stderr.count("\n") == 1


@needs_ray
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_ends_ray_in_seconds(
    tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    before = leftovers()
    driver = drive("wait_for_go", tmp_path)
    wait_until(lambda: len(list(tmp_path.glob("job_*"))) == 3)
    family = psutil.Process(driver.pid).children(recursive=True)
    assert family
    start = time.monotonic()
    driver.send_signal(sent)
    _, errors = driver.communicate(timeout=60)
    assert driver.returncode == code
    assert errors.count("\n") == 1
    _, alive = psutil.wait_procs(family, timeout=max(0.1, start + 5 - time.monotonic()))
    assert alive == []
    assert leftovers() == before
