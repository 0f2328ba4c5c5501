"""A TensorFlow Dataset read a batch at a time is what TFDS reads one by one."""

from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds

from pipeline.data.tfds import _batches
from pipeline.frame.tensorflow import load_tensorflow


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """19 files of train and 3 of test: more than TFDS has open at once."""
    load_tensorflow()
    folder = tmp_path_factory.mktemp("many") / "1.0.0"
    folder.mkdir(parents=True)
    features = tfds.features.FeaturesDict(
        {
            "text": tfds.features.Text(),
            "label": tfds.features.ClassLabel(names=["neg", "pos"]),
            "is_long": tfds.features.Scalar(dtype=np.bool_),
        }
    )
    identity = tfds.core.DatasetIdentity(
        name="many", version=tfds.core.Version("1.0.0"), data_dir=str(folder), module_name=""
    )
    info = tfds.core.DatasetInfo(builder=identity, features=features)
    writer = tfds.core.SequentialWriter(ds_info=info, max_examples_per_shard=40)
    writer.initialize_splits(["train", "test"])
    for split, count in (("train", 741), ("test", 97)):
        examples = [
            {"text": f"{split} {i} é" * (i % 3), "label": i % 2, "is_long": i % 3 == 2}
            for i in range(count)
        ]
        writer.add_examples({split: examples})
    writer.close_all()
    return tfds.builder_from_directory(str(folder))


@pytest.mark.parametrize(
    "split", ["train+test", "test+train", "train", "train[13%:71%]+test[:50]", "test[-7:]+train"]
)
def test_a_batch_at_a_time_is_what_tfds_reads(builder: Any, split: str) -> None:
    keys = ["text", "label", "is_long"]
    config = tfds.ReadConfig(add_tfds_id=True)
    expected: list[tuple[Any, ...]] = []
    in_file = {name: each.shard_lengths[0] for name, each in builder.info.splits.items()}
    for example in builder.as_dataset(split=split, read_config=config).as_numpy_iterator():
        name, place = example["tfds_id"].decode().rsplit("__", 1)
        base = name.split("-")[1].split(".")[0]
        before = int(name.split("-")[2]) * in_file[base]
        expected.append((*(example[key] for key in keys), base, before + int(place)))
    found: list[tuple[Any, ...]] = []
    for batch in _batches(tfds, builder, split, keys):
        columns = [batch[key].tolist() for key in (*keys, "base", "position")]
        found += [(*row[:3], row[3].decode(), row[4]) for row in zip(*columns, strict=True)]
    assert len(found) > 40 or split == "test[-7:]"
    assert found == expected


def test_positions_are_places_in_the_split(builder: Any) -> None:
    assert builder.info.splits["train"].num_shards == 19
    for batch in _batches(tfds, builder, "train", ["text"]):
        for text, position in zip(batch["text"], batch["position"], strict=True):
            assert text in (b"", f"train {position} é".encode() * (position % 3))
