"""Rows of an array on disk: which ones, and no more of them in memory than are looked at."""

from pathlib import Path
from typing import Any

import numpy as np

from pipeline import artifacts


class TokenRows:
    """Some rows of an .npy file of (texts, positions) token ids, in an order of their own.

    An index gives TokenRows again; np.asarray reads them. The file is mapped for each reading
    alone: pages of a map that stays open count as memory of the process.
    """

    ndim = 2

    def __init__(self, path: Path, positions: np.ndarray | None = None) -> None:
        self.path = path
        mapped = artifacts.load_array(path, mapped=True)
        self.dtype = mapped.dtype
        self.positions = np.arange(len(mapped)) if positions is None else positions
        self.shape = (len(self.positions), mapped.shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> "TokenRows":
        """Return the rows of a slice, a mask or positions."""
        return TokenRows(self.path, self.positions[index])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        rows = artifacts.load_array(self.path, mapped=True)[self.positions]
        return rows if dtype is None else rows.astype(dtype, copy=False)
