"""Short versions in `make test`; `make test-faults` sets FAULTS=all for the long ones."""

import os

import pytest

from pipeline.config.load import Loaded, load_config
from pipeline.frame.run import Run
from tests.faults.matrix import SETTINGS
from tests.tiny import ROOT, TINY, run_stages


@pytest.fixture(scope="session")
def long() -> bool:
    return os.environ.get("FAULTS") == "all"


@pytest.fixture(scope="session")
def loaded() -> Loaded:
    os.chdir(ROOT)
    return load_config(TINY, SETTINGS)


@pytest.fixture(scope="session")
def counts_run(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of a model of word counts; what a test changes in it, it puts back."""
    results = tmp_path_factory.mktemp("counts")
    run_stages(loaded, results)
    return Run(results / loaded.run)
