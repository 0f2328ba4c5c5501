"""Probabilities that a user already has, from any model: checked hard before they are believed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data.vectors import read_array
from pipeline.frame.errors import DataError
from pipeline.frame.messages import short, shown

SUM_TOLERANCE = 1e-3


def read_pred_probs(path: Path, ids: Sequence[str], class_names: list[str]) -> np.ndarray:
    """Return (n, classes) float32 probabilities in the order of `ids` and `class_names`.

    .npy: rows in the order of the dataset. .csv, .parquet: a column for each class, by name, and
    rows in that order or, with a column `id`, in any.

    Raises:
        DataError: no such file, other rows or classes, an id twice or unknown, or a row that is
            not a probability distribution; naming the row.
    """
    readers = {".npy": _from_array, ".csv": _from_table, ".parquet": _from_table}
    if path.suffix not in readers:
        raise DataError(f"{short(path)}: name a .npy, .csv or .parquet file in finder.path")
    if not path.is_file():
        raise DataError(f"{short(path)}: no such file; correct finder.path")
    pred_probs: np.ndarray = readers[path.suffix](path, ids, class_names)
    if (row := first_bad_row(pred_probs)) is not None:
        place = f"{short(path)}: row {row} (id {shown(ids[row])})"
        raise DataError(f"{place} {what_is_bad(pred_probs[row])}")
    return pred_probs.astype(np.float32)


def first_bad_row(pred_probs: np.ndarray) -> int | None:
    """Return the first row of (n, classes) that is not a probability distribution, or None."""
    good = np.isfinite(pred_probs).all(axis=1) & (pred_probs >= 0).all(axis=1)
    good &= np.abs(pred_probs.sum(axis=1, dtype=np.float64) - 1) <= SUM_TOLERANCE
    return None if good.all() else int(np.argmin(good))


def what_is_bad(row: np.ndarray) -> str:
    """Return what is said of a row that is not a probability distribution."""
    values = ", ".join(f"{value:.4g}" for value in row[:6])
    return (
        f"is not a probability distribution ({values}); its {len(row)} values must be between 0 "
        "and 1 and sum to 1"
    )


def _from_array(path: Path, ids: Sequence[str], class_names: list[str]) -> np.ndarray:
    found = read_array(path)
    wanted = (len(ids), len(class_names))
    if found.shape != wanted or found.dtype.kind != "f":
        raise DataError(
            f"{short(path)}: holds {found.dtype} numbers of shape {found.shape}; {wanted} floats "
            "are needed, a row an example of train and test in the order of the dataset"
        )
    return found


def _from_table(path: Path, ids: Sequence[str], class_names: list[str]) -> np.ndarray:
    import pandas as pd

    try:
        if path.suffix == ".csv":
            table = pd.read_csv(path, dtype={"id": str}, keep_default_na=False)
        else:
            table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:80]
        raise DataError(f"{short(path)}: cannot be read ({reason})") from None
    if missing := [name for name in class_names if name not in table.columns]:
        raise DataError(
            f"{short(path)}: has no column {shown(missing[0])}; it needs one for each class"
        )
    if len(table) != len(ids):
        raise DataError(
            f"{short(path)}: has {len(table):,} rows and there are {len(ids):,} examples"
        )
    if "id" in table.columns:
        table = _in_order(path, table, ids)
    values = table[class_names].apply(pd.to_numeric, errors="coerce")
    return np.asarray(values.to_numpy(np.float64))


def _in_order(path: Path, table: Any, ids: Sequence[str]) -> Any:
    known = table["id"].astype(str)
    if known.duplicated().any():
        raise DataError(
            f"{short(path)}: id {shown(known[known.duplicated()].iloc[0])} occurs twice"
        )
    if unknown := sorted(set(ids) - set(known)):
        raise DataError(f"{short(path)}: has no row for the id {shown(unknown[0])}")
    return table.set_index(known).loc[list(ids)]
