"""Where the IMDb reviews are, if they are on this machine."""

import os
from pathlib import Path

import pytest

FOLDERS = [
    Path(os.environ.get("TFDS_DATA_DIR", "nowhere")),
    Path(__file__).parent.parent.parent / "shared" / "tensorflow_datasets",
    Path("~/tensorflow_datasets").expanduser(),
]
FOUND = next((f for f in FOLDERS if (f / "imdb_reviews" / "plain_text" / "1.0.0").is_dir()), None)
if FOUND is not None:
    os.environ["TFDS_DATA_DIR"] = str(FOUND)

needs_imdb = pytest.mark.skipif(
    FOUND is None, reason="the IMDb reviews are not on this machine: set TFDS_DATA_DIR"
)
