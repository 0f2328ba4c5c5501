"""The folder layout of the IMDb archive: order, ids, and what TFDS makes of the same files."""

import os
import tarfile
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from pipeline.data.examples import Examples
from pipeline.data.sources import TfdsDataset, read_examples
from tests.data.sources import dataset

IMDB = {"classes": ["neg", "pos"], "strip": True, "order": "tfds"}


def write_archive(root: Path, sizes: dict[str, int]) -> Path:
    """Write aclImdb/split/class/number_rating.txt below `root`, "unsup" included."""
    for split, size in sizes.items():
        for number in range(size):
            for name, rating in (("neg", 1 + number % 4), ("pos", 7 + number % 4)):
                file = root / "aclImdb" / split / name / f"{number}_{rating}.txt"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(f"  {split} {name} {number} café <br />\n", encoding="utf-8")
    unlabelled = root / "aclImdb" / "train" / "unsup" / "0_0.txt"
    unlabelled.parent.mkdir()
    unlabelled.write_text("nobody knows", encoding="utf-8")
    return root / "aclImdb"


def same(first: Examples, second: Examples) -> None:
    assert first.ids == second.ids
    assert first.splits == second.splits
    assert first.texts == second.texts
    assert first.class_names == second.class_names
    np.testing.assert_array_equal(first.labels, second.labels)


def test_same_examples_as_tfds_makes_of_the_archive(tmp_path: Path) -> None:
    """TFDS' own builder of imdb_reviews, given an archive of ours instead of a download."""
    from pipeline.frame.tensorflow import load_tensorflow

    load_tensorflow()
    import tensorflow_datasets as tfds

    folder = write_archive(tmp_path, {"train": 57, "test": 40})
    with tarfile.open(tmp_path / "archive.tar.gz", "w:gz") as archive:
        archive.add(folder, "aclImdb")
    data_dir = tmp_path / "tfds"
    builder = tfds.builder("imdb_reviews/plain_text:1.0.0", data_dir=data_dir, try_gcs=False)
    downloads = tfds.download.DownloadConfig(verify_ssl=False)
    with (
        mock.patch.object(
            tfds.download.DownloadManager, "download", lambda *_: str(tmp_path / "archive.tar.gz")
        ),
        mock.patch.dict(os.environ, {"TFDS_DATA_DIR": str(data_dir)}),
        mock.patch("tensorflow_datasets.core.constants.DATA_DIR", str(data_dir)),
    ):
        builder.download_and_prepare(download_config=downloads)
        expected = read_examples(imdb("train", "test"), seed=1)
        parts = read_examples(imdb("train[:50%]", "train[50%:]"), seed=1)
    assert len(expected.texts) == 2 * 97
    same(read_examples(dataset("folder", folder, **IMDB), seed=1), expected)
    trained = [text for text, split in zip(expected.texts, expected.splits, strict=True)
               if split == "train"]  # fmt: skip
    assert parts.texts == trained
    assert parts.splits == ["train"] * 57 + ["test"] * 57
    assert parts.ids == [f"train/{n}" for n in range(57)] + [f"test/{n}" for n in range(57, 114)]


def imdb(train_split: str, test_split: str) -> TfdsDataset:
    return TfdsDataset(
        source="tfds",
        name="imdb_reviews/plain_text:1.0.0",
        text_keys=["text"],
        label_key="label",
        train_split=train_split,
        test_split=test_split,
    )


def test_order_by_name_and_its_ids(tmp_path: Path) -> None:
    folder = write_archive(tmp_path, {"train": 2, "test": 1})
    examples = read_examples(dataset("folder", folder, classes=["neg", "pos"]), seed=1)
    assert examples.ids == [
        "train/neg/0_1", "train/neg/1_2", "train/pos/0_7", "train/pos/1_8",
        "test/neg/0_1", "test/pos/0_7",
    ]  # fmt: skip
    assert examples.labels.tolist() == [0, 0, 1, 1, 0, 1]
    assert examples.texts[0] == "  train neg 0 café <br />\n"


def test_a_drawn_split(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        for number in range(10):
            (tmp_path / name / f"{number}.txt").write_text(f"{name} {number}", encoding="utf-8")
    section = dataset("folder", tmp_path, split={"by": "drawn", "test_fraction": 0.3})
    examples = read_examples(section, seed=1)
    assert examples.ids[0] == "a/0"
    assert examples.splits.count("test") == 6
    tested = np.array(examples.splits) == "test"
    assert examples.labels[tested].sum() == 3
    assert read_examples(section, seed=1).splits == examples.splits
    assert read_examples(section, seed=2).splits != examples.splits


@pytest.mark.parametrize("form", ["arrow", "parquet"])
def test_saved_by_hugging_face(form: str, tmp_path: Path) -> None:
    """The files `datasets` writes, made here with Arrow alone; class names are in the schema."""
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    features = {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    for split, shift in (("train", 0), ("test", 1)):
        labels = [(number + shift) % 2 for number in range(4)]
        table = pa.table({"text": [f"{split} {n}" for n in range(4)], "label": labels})
        table = table.replace_schema_metadata(metadata)
        if form == "parquet":
            (tmp_path / "data").mkdir(exist_ok=True)
            for part in range(2):
                name = f"{split}-0000{part}-of-00002.parquet"
                pq.write_table(table.slice(2 * part, 2), tmp_path / "data" / name)
            continue
        folder = tmp_path / split
        folder.mkdir()
        file = folder / "data-00000-of-00001.arrow"
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": file.name}]}))
        (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    examples = read_examples(dataset("huggingface", tmp_path), seed=1)
    assert examples.class_names == ["neg", "pos"]
    assert examples.ids == [f"{split}/{n}" for split in ("train", "test") for n in range(4)]
    assert examples.texts == [f"{split} {n}" for split in ("train", "test") for n in range(4)]
    assert examples.labels.tolist() == [0, 1, 0, 1, 1, 0, 1, 0]
