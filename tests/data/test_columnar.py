"""Columns of Arrow as the texts they hold, however they lie in memory."""

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.data.columnar import records_of_batches
from pipeline.frame.errors import DataError

TEXTS = ["", "a", "café 😀", "", "x" * 300, "b\n", ""]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
@pytest.mark.parametrize("first, last", [(0, 7), (2, 6), (3, 4), (6, 7)])
def test_a_slice_of_a_column_gives_its_own_texts(kind: pa.DataType, first: int, last: int) -> None:
    whole = pa.array(TEXTS, kind)
    batches = [
        pa.record_batch([column], names=["text"])
        for column in (whole.slice(first, last - first), pa.array([], kind), whole)
    ]
    records = records_of_batches(batches, batches[0].schema, ["text"], Path("reviews.parquet"))
    assert list(records.columns["text"]) == TEXTS[first:last] + TEXTS


def test_bytes_that_are_not_text_are_named() -> None:
    data, ends = b"fine\xed\xa0\x80", pa.array([0, 4, 7], pa.int32())
    column = pa.Array.from_buffers(pa.string(), 2, [None, ends.buffers()[1], pa.py_buffer(data)])
    batch = pa.record_batch([column], names=["text"])
    with pytest.raises(DataError, match=r"column 'text': .*xed.* is not UTF-8"):
        records_of_batches([batch], batch.schema, ["text"], Path("reviews.parquet"))
