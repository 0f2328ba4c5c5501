"""The files of a TensorFlow Dataset on this machine, found without importing the library."""

import os
from pathlib import Path
from typing import Any

DEFAULT_FOLDER = "~/tensorflow_datasets"


def files_of_tfds(dataset: Any) -> list[str]:
    """Return what is there of the splits that are read, and what describes them.

    Nothing before a download. Every version and configuration that the name leaves open counts:
    which one is taken only the library knows.
    """
    base = Path(os.environ.get("TFDS_DATA_DIR", DEFAULT_FOLDER)).expanduser()
    folder = base / dataset.name.partition(":")[0]
    splits = [split.partition("[")[0] for split in (dataset.train_split, dataset.test_split)]
    patterns = (*(f"*-{split}.*" for split in splits), "*.json", "*.labels.txt")
    found = {path for pattern in patterns for path in folder.rglob(pattern) if path.is_file()}
    return sorted(map(str, found))
