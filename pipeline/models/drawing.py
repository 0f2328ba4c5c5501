"""The blocks that networks are trained on side by side, epoch after epoch."""

import contextlib
import contextvars
import functools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from pipeline.models.batches import PooledBlock, TrainingData, stack

T = TypeVar("T")


def draw_epochs(
    data: Sequence[TrainingData],
    rngs: Sequence[np.random.Generator],
    *,
    epochs: int,
    batch_size: int,
    vocabulary_size: int,
) -> Iterator[PooledBlock]:
    """Yield the blocks of each epoch; those of several networks as one block.

    Raises:
        ValueError: the networks have different numbers of batches an epoch.
    """
    if len({-(-len(each.labels) // batch_size) for each in data}) != 1:
        raise ValueError("replicas trained together need the same number of batches an epoch")
    join = functools.partial(stack, vocabulary_size=vocabulary_size, batch_size=batch_size)
    for _ in range(epochs):
        drawn = [each.draw_epoch(rng, batch_size) for each, rng in zip(data, rngs, strict=True)]
        for _ in range(data[0].count_blocks(batch_size)):
            # No name for what is drawn: it would be kept while the next is.
            yield next(drawn[0]) if len(drawn) == 1 else join([next(each) for each in drawn])


@contextlib.contextmanager
def made_ahead(items: Iterator[T]) -> Iterator[Iterator[T]]:
    """Give the items in this block, each made in a thread while the one before it is used.

    They are made one after the other, so what is drawn at random stays what it is; there are
    never more than two. At the end of the block the thread is gone.
    """
    context, end = contextvars.copy_context(), object()

    def make() -> Any:
        return context.run(next, items, end)

    with ThreadPoolExecutor(1) as thread:

        def given() -> Iterator[T]:
            coming = thread.submit(make)
            while (item := coming.result()) is not end:
                coming = thread.submit(make)
                yield item

        yield given()
