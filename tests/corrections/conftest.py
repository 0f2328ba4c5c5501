import pytest

from pipeline.corrections.apply import source_of
from pipeline.corrections.decision import Source
from pipeline.data.examples import Examples, fingerprint
from tests.review.site import make_examples


@pytest.fixture
def examples() -> Examples:
    return make_examples()


@pytest.fixture
def source(examples: Examples) -> Source:
    return source_of(examples, fingerprint(examples))
