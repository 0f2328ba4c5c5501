"""Probabilities of a user's own model: in the right order, or refused by the row."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.data.pred_probs import read_pred_probs
from pipeline.frame.errors import DataError

IDS = ["a", "b", "01", "d"]
NAMES = ["neg", "pos"]
GOOD = np.array([[0.9, 0.1], [0.25, 0.75], [0.5, 0.5], [0, 1]])


def save(path: Path, values: np.ndarray, ids: list[str] | None = None) -> Path:
    """Write probabilities as the suffix of `path` says; columns in another order than NAMES."""
    if path.suffix == ".npy":
        np.save(path, values)
        return path
    table = pd.DataFrame({"pos": values[:, 1], "neg": values[:, 0]})
    if ids is not None:
        table.insert(1, "id", ids)
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path)
    return path


def refused(path: Path, names: list[str] = NAMES) -> str:
    with pytest.raises(DataError) as caught:
        read_pred_probs(path, IDS, names)
    assert caught.value.exit_code == 3
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("suffix", [".npy", ".csv", ".parquet"])
def test_rows_are_in_the_order_of_the_dataset(tmp_path: Path, suffix: str) -> None:
    found = read_pred_probs(save(tmp_path / f"mine{suffix}", GOOD), IDS, NAMES)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, GOOD.astype(np.float32))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_rows_with_an_id_may_be_in_any_order(tmp_path: Path, suffix: str) -> None:
    order = [2, 0, 3, 1]
    path = save(tmp_path / f"mine{suffix}", GOOD[order], [IDS[place] for place in order])
    np.testing.assert_array_equal(read_pred_probs(path, IDS, NAMES), GOOD.astype(np.float32))


@pytest.mark.parametrize("bad", [[0.9, 0.2], [-0.1, 1.1], [np.nan, 1], [np.inf, 0], [0.4, 0.5]])
@pytest.mark.parametrize("suffix", [".npy", ".csv", ".parquet"])
def test_a_row_that_is_no_distribution_is_named(
    tmp_path: Path, suffix: str, bad: list[float]
) -> None:
    values = GOOD.copy()
    values[2] = bad
    message = refused(save(tmp_path / f"mine{suffix}", values))
    assert "row 2 (id '01') is not a probability distribution" in message


def test_the_row_is_that_of_the_dataset_not_of_the_file(tmp_path: Path) -> None:
    values = GOOD[::-1].copy()
    values[0] = [0.5, 0.6]  # of id d, the last of the dataset
    message = refused(save(tmp_path / "mine.csv", values, IDS[::-1]))
    assert "row 3 (id 'd')" in message
    assert "(0.5, 0.6)" in message


def test_a_text_where_a_number_should_be_is_named_by_its_row(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("neg,pos\n0.9,0.1\nhigh,0.75\n0.5,0.5\n,1\n")
    assert "row 1 (id 'b')" in refused(path)


def test_rounded_probabilities_are_believed(tmp_path: Path) -> None:
    values = GOOD.copy()
    values[0] = [0.9, 0.1009]
    assert read_pred_probs(save(tmp_path / "mine.npy", values), IDS, NAMES)[0, 1] > 0.1
    values[0] = [0.9, 0.1011]
    assert "row 0" in refused(save(tmp_path / "mine.npy", values))


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda p: p / "mine.npy", "no such file"),
        (lambda p: save(p / "mine.npy", GOOD[:3]), r"shape (3, 2); (4, 2) floats"),
        (lambda p: save(p / "mine.npy", GOOD[:, :1]), r"shape (4, 1)"),
        (lambda p: save(p / "mine.npy", GOOD.astype(int)), "int64"),
        (lambda p: save(p / "mine.csv", GOOD[:3]), "has 3 rows and there are 4 examples"),
        (lambda p: save(p / "mine.csv", GOOD, ["a", "b", "b", "d"]), "id 'b' occurs twice"),
        (lambda p: save(p / "mine.parquet", GOOD, ["a", "b", "1", "d"]), "no row for the id '01'"),
        (lambda p: save(p / "mine.txt", GOOD.astype(int)), "name a .npy, .csv or .parquet"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, write: Callable[[Path], Path], says: str
) -> None:
    (tmp_path / "mine.txt").write_text("")
    path = tmp_path / "mine.txt" if "name a" in says else write(tmp_path)
    assert says in refused(path)


def test_a_class_without_a_column_is_named(tmp_path: Path) -> None:
    path = save(tmp_path / "mine.csv", GOOD)
    assert "no column 'neutral'" in refused(path, ["neg", "neutral", "pos"])


@pytest.mark.parametrize("suffix", [".npy", ".csv", ".parquet"])
@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00 nonsense \x00", b"\x93NUMPY\x01\x00"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, suffix: str, data: bytes) -> None:
    path = tmp_path / f"mine{suffix}"
    path.write_bytes(data)
    refused(path)


def test_no_pickle_is_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", np.array([[object()] * 2] * 4), allow_pickle=True)
    assert "not an array of numbers" in refused(tmp_path / "mine.npy")
