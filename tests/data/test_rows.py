"""Rows of an array on disk are those of the array."""

import io
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.rows import TokenRows, array_writer
from pipeline.frame import artifacts

TOKENS = np.random.default_rng(0).integers(0, 999, (50, 7)).astype(np.uint16)


@pytest.fixture
def rows(tmp_path: Path) -> TokenRows:
    artifacts.save_array(tmp_path / "tokens.npy", TOKENS)
    return TokenRows(tmp_path / "tokens.npy")


def test_indices_and_masks_are_those_of_the_array(rows: TokenRows) -> None:
    mask = np.arange(50) % 3 == 0
    for index in (slice(None), slice(10, 20), mask, np.array([4, 2, 2, 49]), [0, 1]):
        np.testing.assert_array_equal(np.asarray(rows[index]), TOKENS[index])
    again = rows[mask][2:5]
    np.testing.assert_array_equal(np.asarray(again), TOKENS[mask][2:5])
    assert (again.shape, len(again), again.dtype, again.ndim) == ((3, 7), 3, np.uint16, 2)
    assert np.asarray(rows, np.int32).dtype == np.int32


def test_rows_are_written_in_any_order_and_to_the_same_bytes(tmp_path: Path) -> None:
    whole = io.BytesIO()
    np.save(whole, TOKENS)
    path = tmp_path / "tokens.npy"
    with array_writer(path, TOKENS.shape, TOKENS.dtype) as file:
        file.write(30, TOKENS[30:])
        file.write(0, TOKENS[:30])
        file.write(12, TOKENS[:0])
        assert not path.exists()
    assert path.read_bytes() == whole.getvalue()


def test_an_array_without_rows(tmp_path: Path) -> None:
    with array_writer(tmp_path / "none.npy", (0, 7), np.dtype(np.uint8)):
        pass
    assert artifacts.load_array(tmp_path / "none.npy").shape == (0, 7)
