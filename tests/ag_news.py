"""Where the AG News files are, if they are on this machine."""

import json
import os
from pathlib import Path

import pytest

PLACES = [
    Path(os.environ.get("PIPELINE_TEST_DATA", "nowhere")),
    Path(__file__).parent.parent.parent / "shared",
]
FOLDERS = [place / "datasets" / "ag_news" for place in PLACES]
FOUND = next((folder for folder in FOLDERS if (folder / "test.csv").is_file()), None)

needs_ag_news = pytest.mark.skipif(
    FOUND is None,
    reason="AG News is not on this machine: set PIPELINE_TEST_DATA to the folder that holds "
    "datasets/ag_news/test.csv and train_20k.csv",
)


def dataset_override() -> str:
    """Return the --set that points configs/ag_news.yaml at the files."""
    assert FOUND is not None
    section = {
        "source": "csv",
        "path": str(FOUND / "train_20k.csv"),
        "columns": ["class_index", "title", "description"],
        "delimiter": ",",
        "encoding": "utf-8",
        "text_columns": ["title", "description"],
        "label_column": "class_index",
        "id_column": None,
        "classes": {"1": "World", "2": "Sports", "3": "Business", "4": "Sci/Tech"},
        "split": {"by": "file", "test_path": str(FOUND / "test.csv")},
    }
    return f"dataset={json.dumps(section)}"
