"""What several test files share: one finished run of the six stages on a tiny corpus."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.frame.cli import VARIABLE
from pipeline.frame.run import Run
from pipeline.frame.tensorflow import ENVIRONMENT
from tests.tiny import TINY, load_tiny, run_stages

ROOT = Path(__file__).parent.parent

for name, value in ENVIRONMENT.items():
    os.environ.setdefault(name, value)
for name in [name for name in os.environ if name.startswith(VARIABLE)]:
    del os.environ[name]  # `make test` exports what its commands read


@pytest.fixture(scope="session", autouse=True)
def coverage_is_written() -> Iterator[None]:
    """Wait for multiprocessing's helpers: they save their coverage after their parents ended."""
    yield
    helpers = [
        process
        for process in psutil.process_iter(["cmdline", "ppid"])
        if "multiprocessing.resource_tracker" in " ".join(process.info["cmdline"] or [])
        and process.info["ppid"] == 1
    ]
    psutil.wait_procs(helpers, timeout=10)


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """Configs are named relative to the checkout; error logs must not be written into it."""
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="session")
def tiny_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results folder of a finished run; read it, copy it, do not change it."""
    results = tmp_path_factory.mktemp("results with a space")
    os.chdir(ROOT)
    run_stages(load_tiny(), results)
    return results


@pytest.fixture(scope="session")
def tiny_run(tiny_results: Path) -> Run:
    return Run(tiny_results / TINY.stem)


@pytest.fixture
def results_copy(tiny_results: Path, tmp_path: Path) -> Path:
    """A copy of the finished run's results folder, to be damaged at will."""
    return Path(shutil.copytree(tiny_results, tmp_path / "results"))


@pytest.fixture
def run_copy(results_copy: Path) -> Run:
    return Run(results_copy / TINY.stem)
