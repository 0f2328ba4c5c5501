"""Arrays on disk, read and written by rows: no more of them in memory than are looked at."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.frame import artifacts
from pipeline.frame.errors import ResourceError
from pipeline.frame.files import atomic_write, write_all


class TokenRows:
    """Some rows of an .npy file of (texts, positions) token ids or vectors, in any order.

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


@dataclass(frozen=True)
class ArrayFile:
    """An .npy file that is being written: rows of any place, by any process."""

    path: Path
    start: int
    row_bytes: int
    dtype: np.dtype

    def write(self, first: int, rows: np.ndarray) -> None:
        """Put `rows` at row `first` of the array.

        Raises:
            ResourceError: no space left.
        """
        data = np.ascontiguousarray(rows, self.dtype).ravel().view(np.uint8).data
        try:
            with self.path.open("r+b", buffering=0) as file:
                file.seek(self.start + first * self.row_bytes)
                write_all(file, data)
        except OSError as error:
            raise ResourceError(f"{self.path}: cannot be written: {error.strerror}") from error


@contextlib.contextmanager
def array_writer(path: Path, shape: tuple[int, int], dtype: np.dtype) -> Iterator[ArrayFile]:
    """Yield an array to fill with rows; `path` appears when the block ends."""
    with atomic_write(path) as file:
        header = {
            "descr": np.lib.format.dtype_to_descr(dtype),
            "fortran_order": False,
            "shape": shape,
        }
        np.lib.format.write_array_header_1_0(file, header)
        row_bytes = shape[1] * dtype.itemsize
        start = file.tell()
        file.truncate(start + shape[0] * row_bytes)
        file.flush()
        yield ArrayFile(Path(file.name), start, row_bytes, dtype)
