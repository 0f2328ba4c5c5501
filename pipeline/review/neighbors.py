"""The texts most like one, by their words or the user's vectors: how were twins labelled?"""

import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from scipy import sparse

from pipeline.corrections.queue import Queue
from pipeline.frame import artifacts
from pipeline.frame.run import Run
from pipeline.models.ngrams import count_ngrams, split_plain_words, tfidf
from pipeline.models.vectors import of_length_one

NEIGHBORS = 5
LEAST = 0.05  # cosine: below it two texts have nothing in common


class Neighbor(NamedTuple):
    """A text like another one. likeness: cosine of their TF-IDF or vectors, at most 1."""

    id: str
    given: str
    text: str
    likeness: float


class Neighbors:
    """All texts of a scope by their words. They are read beside the page, which does not wait.

    vectors: the file of the user's vectors of the scope, which then tell the likeness.
    """

    def __init__(self, run: Run, queue: Queue, vectors: Path | None = None) -> None:
        self.scope = queue.scope
        self.ids: list[str] = []
        self.texts: list[str] = []
        self._vectors: sparse.csr_matrix | np.ndarray | None = None
        self._thread = threading.Thread(target=self._read, args=(run, vectors), daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Return when all texts are read."""
        self._thread.join()

    def _read(self, run: Run, vectors: Path | None) -> None:
        table = artifacts.load_table(run.examples, ["id", "split", "text"])
        if self.scope != "all":
            splits = table.column("split").to_numpy(zero_copy_only=False)
            table = table.filter(pa.array(splits == self.scope))
        self.ids, self.texts = (table.column(name).to_pylist() for name in ("id", "text"))
        if vectors is not None:
            self._vectors = of_length_one(artifacts.load_array(vectors))
            return
        counts = count_ngrams(split_plain_words(table.column("text").combine_chunks()), longest=1)
        if counts.shape[1]:
            self._vectors = tfidf(counts, np.ones(counts.shape[0], bool))

    @property
    def is_ready(self) -> bool:
        return not self._thread.is_alive()

    def _likeness(self, position: int | None) -> np.ndarray | None:
        """Return (n,) cosines with the text at a position of the scope; None if none are known."""
        if position is None or self._vectors is None:
            return None
        row = self._vectors[[position]]
        dense = row if isinstance(row, np.ndarray) else row.toarray()
        return np.asarray(self._vectors @ dense[0])

    def likeness(self, queue: Queue, id_: str) -> np.ndarray | None:
        """Return (items,) how like an item each item of the queue is, None while unknown."""
        item = queue.item(id_)
        found = None if item is None else self._likeness(item.position)
        if found is None:
            return None
        positions = np.array([-1 if i.position is None else i.position for i in queue.items])
        return np.where(positions < 0, -1.0, found[positions])

    def nearest(self, queue: Queue, id_: str) -> list[Neighbor]:
        """Return the texts most like that of an item, itself left out, the most like first."""
        item = queue.item(id_)
        found = None if item is None else self._likeness(item.position)
        if found is None:
            return []
        given = queue.source.given
        best = np.argsort(-found, kind="stable")[: NEIGHBORS + 1]
        return [
            Neighbor(self.ids[p], given[self.ids[p]], self.texts[p], float(found[p]))
            for p in best
            if self.ids[p] != id_ and found[p] > LEAST
        ][:NEIGHBORS]
