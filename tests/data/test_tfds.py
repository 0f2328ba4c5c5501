"""Texts of TFDS: read as UTF-8, or refused with the row."""

from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.data.tfds import _decoded, _labels
from pipeline.frame.errors import DataError

SET: Any = SimpleNamespace(name="my_set", label_key="label")


@pytest.mark.parametrize("bad", [b"caf\xe9", b"\xff\xfea", b"\xed\xa0\x80", b"cut \xf0\x9f"])
def test_a_text_that_is_not_utf8_is_named(bad: bytes) -> None:
    with pytest.raises(DataError, match=r"my_set row 11, 'text': byte \d+ .* is not UTF-8"):
        list(_decoded([b"good", bad], SET, "text", 10))
    assert list(_decoded(["é".encode(), b"b\x00"], SET, "text", 0)) == ["é", "b\x00"]


@pytest.mark.parametrize("value", [1, 2.5, [b"a"]])
def test_a_key_that_holds_no_texts_is_named(value: Any) -> None:
    with pytest.raises(DataError, match=r"row 0, 'text': is .*, not a text; name another key"):
        list(_decoded([value], SET, "text", 0))


def test_names_without_rows_are_no_classes() -> None:
    features = {"label": SimpleNamespace(names=["neg", "never", "pos"])}
    names, labels = _labels([0, 2, 0], features, SET)
    assert (names, labels.tolist()) == (["neg", "pos"], [0, 1, 0])
    with pytest.raises(DataError, match="has no label"):
        _labels([0, 2, -1], features, SET)
