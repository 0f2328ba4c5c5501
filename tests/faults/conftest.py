"""Short versions in `make test`; `make test-faults` sets FAULTS=all for the long ones."""

import os

import pytest

LONG = os.environ.get("FAULTS") == "all"


@pytest.fixture(scope="session")
def long() -> bool:
    return LONG
