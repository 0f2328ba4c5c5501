"""Records of Parquet files and Arrow tables as the texts they hold; see pipeline.data.records."""

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data.files import check_file
from pipeline.data.records import Records, check_columns
from pipeline.frame.errors import DataError
from pipeline.frame.messages import short, shown
from pipeline.frame.scratch import Encoded, StoredTexts

BATCH = 8192  # rows of a table at a time


def read_parquet(path: Path, wanted: list[str], *, optional: Collection[str] = ()) -> Records:
    """Return the columns `wanted` of a Parquet file; numbers and booleans as text.

    Args:
        optional: columns in which a null is "", and that may hold dates and times.

    Raises:
        DataError: damaged, columns missing, a null, or a type that is neither text nor number.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_parquet(path)
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            check_columns(path, 1, schema.names, wanted, "", schema.names)
            if twice := [name for name in wanted if schema.names.count(name) > 1]:
                what = f"column {shown(twice[0])} occurs twice"
                raise DataError(f"{short(path)}: {what}; rename one of them")
            batches = file.iter_batches(batch_size=BATCH, columns=wanted)
            return records_of_batches(batches, schema, wanted, path, optional=optional)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # the last: column names
        reason = " ".join(str(error).split())[:80]
        raise DataError(f"{short(path)}: damaged Parquet ({reason}); fetch it again") from None


def check_parquet(path: Path) -> None:
    """Stop unless a file is there and begins as Parquet does.

    Raises:
        DataError: see check_file; or it is something else.
    """
    check_file(path)
    with path.open("rb") as file:
        start = file.read(4)
    if start != b"PAR1":
        raise DataError(
            f"{short(path)}: is not Parquet (it begins with {shown(start)}); "
            "set dataset.source to what it is"
        )


def records_of_batches(
    batches: Iterable[Any],
    schema: Any,
    wanted: list[str],
    path: Path,
    *,
    optional: Collection[str] = (),
) -> Records:
    """Return the columns `wanted` of Arrow record batches as texts; see read_parquet."""
    columns = {name: StoredTexts() for name in wanted}
    row = 0
    for batch in batches:
        for name, values in columns.items():
            column = batch.column(name)
            column = filled(column) if name in optional else column
            if (part := _encoded(column)) is not None:
                values.extend_encoded(part)
            else:
                values.extend(_arrow_texts(column, name, path, row))
        row += len(batch)
    if not row:
        raise DataError(f"{short(path)}: has no records; name another file")
    names = class_names_of_schema(schema)
    others = [name for name in dict.fromkeys(schema.names) if name not in wanted]
    return Records(path, {**columns}, lambda i: f"{short(path)}: row {i}", names, others)


def _encoded(column: Any) -> Encoded | None:
    """Return a piece of a column of texts as it is; None where they must be looked at."""
    import pyarrow as pa

    kind = column.type
    if column.null_count or not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return None
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:  # not UTF-8
        return None
    wide = column.cast(pa.large_string())
    _, ends, data = wide.buffers()
    if not len(wide):  # which need not have any ends
        return Encoded(b"", np.zeros(1, np.int64))
    ends = np.frombuffer(ends, np.int64, len(wide) + 1, 8 * wide.offset)
    return Encoded(memoryview(data or b"")[ends[0] : ends[-1]], ends - ends[0])


def _arrow_texts(column: Any, name: str, path: Path, first: int) -> list[str]:
    """Return the values of a piece of a column that begins at row `first`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if column.null_count:
        row = first + pc.index(column.is_null(), True).as_py()
        raise DataError(
            f"{short(path)}: row {row}, column {shown(name)}: is null; give every row a value, "
            "or delete the row"
        )
    if not is_simple(column.type):
        raise DataError(
            f"{short(path)}: column {shown(name)} holds {shown(str(column.type))}, not text or "
            "numbers; convert it, or name another column"
        )
    try:
        values = column.to_pylist()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{short(path)}: column {shown(name)}: {shown(error.object[:20])} is not UTF-8; "
            "write the file again"
        ) from None
    if pa.types.is_boolean(column.type):
        return ["true" if value else "false" for value in values]
    return [value if isinstance(value, str) else repr(value) for value in values]


def filled(column: Any) -> Any:
    """Return a column of texts, numbers, dates or times as texts, "" for null; others as it is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_null(column.type):
        return pa.array([""] * len(column))
    if any(
        check(column.type) for check in (pa.types.is_date, pa.types.is_time, pa.types.is_timestamp)
    ):
        column = column.cast(pa.string())
    if not column.null_count or not is_simple(column.type):
        return column
    texts = pa.array(_arrow_texts(column.drop_null(), "", Path(), 0), pa.string())
    return pc.replace_with_mask(pa.array([""] * len(column)), column.is_valid(), texts)


def is_simple(kind: Any) -> bool:
    """Return whether an Arrow type is of texts, numbers or booleans, or of categories of such."""
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    texts = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    return bool(
        texts or types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind)
    )


def class_names_of_schema(schema: Any) -> dict[str, list[str]]:
    """Return {column: class names} that Hugging Face `datasets` wrote into a schema."""
    metadata = (schema.metadata or {}).get(b"huggingface")
    try:
        features = json.loads(metadata)["info"]["features"] if metadata else {}
    except (ValueError, KeyError, TypeError):
        return {}
    if not isinstance(features, dict):
        return {}
    return {
        name: feature["names"]
        for name, feature in features.items()
        if isinstance(feature, dict)
        and feature.get("_type") == "ClassLabel"
        and _are_names(feature.get("names"))
    }


def _are_names(names: Any) -> bool:
    return isinstance(names, list) and bool(names) and all(isinstance(name, str) for name in names)
