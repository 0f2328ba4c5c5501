from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.data.examples import Examples
from tests.review.site import Make, Site, make_examples, serving


@pytest.fixture
def examples() -> Examples:
    return make_examples()


@pytest.fixture
def serve_run(tmp_path: Path) -> Iterator[Make]:
    with serving(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def shut_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One site for all the requests that must change nothing."""
    with serving(tmp_path_factory.mktemp("shut")) as start:
        yield start(make_examples())


@pytest.fixture
def site(serve_run: Make, examples: Examples) -> Site:
    return serve_run(examples)
