"""What the vectorize stage made, as a classifier takes it."""

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data.rows import TokenRows
from pipeline.frame import artifacts
from pipeline.frame.run import Run


def load_rows(path: Path) -> TokenRows:
    """Return (n, positions) token ids or (n, dim) vectors, left on disk until read."""
    return TokenRows(path)


def load_counts(path: Path) -> Any:
    """Return (n, words) sparse counts."""
    from scipy.sparse import csr_matrix

    arrays = artifacts.load_arrays(path)
    parts = (arrays["data"], arrays["indices"], arrays["indptr"])
    return csr_matrix(parts, shape=tuple(arrays["shape"]))


def load_texts(path: Path) -> np.ndarray:
    """Return (n,) texts as Python strings."""
    texts = artifacts.iterate_texts(path)
    return np.array([*texts, None], dtype=object)[:-1]  # None: never an array of str


def deploy_nothing(run: Run, name: str, learned: Any, classifier: Any, options: Any) -> None:
    """Write no model.

    What a custom estimator has learned could only be pickled, and no model of vectors takes texts.
    """
