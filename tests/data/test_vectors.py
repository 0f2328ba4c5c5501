"""Vectors of the user's: by row or by id, and everything that is wrong with them said."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.data.vectors import read_vectors
from pipeline.frame.errors import DataError

IDS = ["a", "b", "c"]
VECTORS = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])


def write_table(path: Path, vectors: list[object], ids: list[str] | None = None) -> Path:
    columns = {"vector": vectors} | ({"id": ids} if ids else {})
    pq.write_table(pa.table(columns), path)
    return path


def test_an_array_is_in_the_order_of_the_rows(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", VECTORS)
    found = read_vectors(tmp_path / "v.npy", IDS)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, VECTORS)


def test_a_table_goes_by_id_in_any_order(tmp_path: Path) -> None:
    path = write_table(tmp_path / "v.parquet", VECTORS[::-1].tolist(), ["c", "b", "a"])
    np.testing.assert_array_equal(read_vectors(path, IDS), VECTORS)
    path = write_table(tmp_path / "w.parquet", VECTORS.tolist())
    np.testing.assert_array_equal(read_vectors(path, IDS), VECTORS)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    def refused(path: Path, what: str) -> None:
        with pytest.raises(DataError, match=what):
            read_vectors(path, IDS)

    path = tmp_path / "v.npy"
    np.save(path, VECTORS[:2])
    refused(path, "3 rows of numbers are needed")
    np.save(path, np.where(VECTORS == 2, np.nan, VECTORS))
    refused(path, r"row 1 \(id 'b'\) holds NaN")
    path.write_bytes(b"no array")
    refused(path, "is not an array")
    refused(tmp_path / "none.npy", "no such file")
    refused(tmp_path / "v.csv", "name a .npy or .parquet")
    table = tmp_path / "v.parquet"
    refused(write_table(table, VECTORS.tolist(), ["a", "a", "b"]), "id 'a' occurs twice")
    refused(write_table(table, VECTORS.tolist(), ["a", "b", "x"]), "no row for the id 'c'")
    refused(write_table(table, [[1.0], [1.0, 2.0], [0.0]]), "row 1 has not as many")
    pq.write_table(pa.table({"v": [1]}), table)
    refused(table, "has no column 'vector'")
