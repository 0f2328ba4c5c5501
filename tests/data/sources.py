"""What the tests of the data sources share: sections of a config from a few keys."""

from typing import Any

from pydantic import TypeAdapter

from pipeline.data.sources import Dataset

DATASET = TypeAdapter(Dataset)
COMMON = {
    "text_columns": ["text"],
    "label_column": "label",
    "id_column": None,
    "classes": None,
    "split": {"by": "drawn", "test_fraction": 0.25},
}
KEYS = {
    "csv": COMMON | {"columns": None, "delimiter": ",", "encoding": "utf-8"},
    "jsonl": COMMON,
    "parquet": COMMON,
    "huggingface": COMMON | {"split": {"by": "name", "train": "train", "test": "test"}},
    "folder": {
        "split": {"by": "name", "train": "train", "test": "test"},
        "classes": None,
        "encoding": "utf-8",
        "strip": False,
        "order": "name",
    },
}


def dataset(source: str, path: Any, **keys: Any) -> Any:
    """Return the validated `dataset` section with `keys` in place of the usual ones."""
    return DATASET.validate_python(KEYS[source] | {"source": source, "path": str(path)} | keys)
