"""Vectors of the texts that a user already has, of any model: by row, or by id."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.frame.errors import DataError
from pipeline.frame.messages import short, shown

COLUMN = "vector"


def read_vectors(path: Path, ids: Sequence[str]) -> np.ndarray:
    """Return (n, dim) float32 vectors in the order of `ids`.

    .npy: rows in the order of the dataset. .parquet: a column `vector` of lists of numbers, rows
    in that order or, with a column `id`, in any.

    Raises:
        DataError: no such file, other rows, an id twice or unknown, vectors of different lengths,
            or a number that is not finite; naming the row.
    """
    readers = {".npy": _from_array, ".parquet": _from_table}
    if path.suffix not in readers:
        raise DataError(f"{short(path)}: name a .npy or .parquet file of vectors")
    if not path.is_file():
        raise DataError(f"{short(path)}: no such file; correct its path")
    vectors = readers[path.suffix](path, ids)
    if vectors.ndim != 2 or len(vectors) != len(ids) or vectors.dtype.kind not in "fi":
        raise DataError(
            f"{short(path)}: holds {vectors.dtype} of shape {vectors.shape}; {len(ids):,} rows of "
            "numbers are needed, one for each example of train and test in the order of the dataset"
        )
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise DataError(f"{short(path)}: row {row} (id {shown(ids[row])}) holds NaN or infinity")
    return vectors.astype(np.float32)


def read_array(path: Path) -> np.ndarray:
    """Return the array in a .npy file of the user's.

    Raises:
        DataError: it cannot be read as one of numbers.
    """
    try:
        found: np.ndarray = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise DataError(
            f"{short(path)}: is not an array of numbers; write it with numpy.save"
        ) from None
    return found


def _from_array(path: Path, ids: Sequence[str]) -> np.ndarray:
    return read_array(path)


def _from_table(path: Path, ids: Sequence[str]) -> np.ndarray:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:80]
        raise DataError(f"{short(path)}: cannot be read ({reason})") from None
    if COLUMN not in table.column_names:
        raise DataError(f"{short(path)}: has no column {shown(COLUMN)}, a list of numbers a row")
    rows = np.arange(len(table))
    if "id" in table.column_names:
        place: dict[str, int] = {}
        for row, id_ in enumerate(map(str, table.column("id").to_pylist())):
            if place.setdefault(id_, row) != row:
                raise DataError(f"{short(path)}: id {shown(id_)} occurs twice")
        if unknown := next((id_ for id_ in ids if id_ not in place), None):
            raise DataError(f"{short(path)}: has no row for the id {shown(unknown)}")
        rows = np.array([place[id_] for id_ in ids])
    lists = table.column(COLUMN).to_pylist()
    if odd := next((row for row in rows if len(lists[row] or []) != len(lists[0] or [])), None):
        raise DataError(f"{short(path)}: row {odd} has not as many numbers as row 0")
    return np.array([lists[row] for row in rows])
