"""Examples from TensorFlow Datasets."""

import difflib
import itertools
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data.examples import Examples
from pipeline.data.labels import named_numbers, resolve_labels
from pipeline.data.sources import TfdsDataset
from pipeline.data.tables import join_texts
from pipeline.data.tfds_folder import DEFAULT_FOLDER
from pipeline.frame.errors import ConfigError, DataError, NetworkError
from pipeline.frame.messages import shown
from pipeline.frame.scratch import StoredTexts
from pipeline.frame.tensorflow import load_tensorflow

BATCH = 2048
CYCLE = 16  # files that TFDS reads in turn
CONNECT_SECONDS = 5
DOWNLOAD_HOST = ("storage.googleapis.com", 443)


def read_tfds(dataset: TfdsDataset, **_: Any) -> Examples:
    """Return train + test of a TFDS text set, in the order TFDS reads "train+test".

    The published row numbers of IMDb refer to that order (splits interleaved in blocks of 16).

    Raises:
        ConfigError: no such dataset, split or key.
        DataError: labels missing.
        NetworkError: not on disk, and the download failed.
    """
    load_tensorflow()
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    builder = _builder(tfds, dataset)
    if not _is_prepared(builder):
        _download(builder)
    _check_names(dataset, builder.info)
    columns = _read_columns(tfds, builder, dataset)
    names, labels = _labels(columns.pop("label"), builder.info.features, dataset)
    splits, ids = columns["split"], StoredTexts()
    ids.extend(f"{split}/{at}" for split, at in zip(splits, columns["position"], strict=True))
    texts = join_texts([columns[key] for key in dataset.text_keys])
    return Examples(builder.name, names, ids, splits, labels, texts)


def _read_columns(tfds: Any, builder: Any, dataset: TfdsDataset) -> dict[str, Any]:
    """Return texts, labels, "split" ("train" or "test") and "position" in the split of TFDS."""
    columns: dict[str, Any] = {key: StoredTexts() for key in dataset.text_keys}
    columns |= {"label": [], "split": [], "position": []}
    names = {_base(dataset.test_split): "test", _base(dataset.train_split): "train"}
    for split, name in _reads(dataset):
        for batch in _batches(tfds, builder, split, [*dataset.text_keys, dataset.label_key]):
            for key in dataset.text_keys:
                columns[key].extend(_decoded(batch[key].tolist(), dataset, key, len(columns[key])))
            columns["label"] += batch[dataset.label_key].tolist()
            columns["split"] += [name or names[base.decode()] for base in batch["base"].tolist()]
            columns["position"] += batch["position"].tolist()
    return columns


def _batches(tfds: Any, builder: Any, split: str, keys: list[str]) -> Iterator[dict[str, Any]]:
    """Yield some features of the examples of `as_dataset(split)`, in its order, BATCH at a time.

    TFDS itself takes examples apart one by one, which costs ten times as much; the order is that
    of its interleaving of files. "base" is the split that a file is of, "position" the place of
    the example in it.
    """
    import tensorflow as tf

    info = builder.info
    specs = {key: spec for key, spec in info.features.get_serialized_info().items() if key in keys}
    parser = tfds.core.example_parser.ExampleParser(specs)
    records = tfds.core.file_adapters.ADAPTER_FOR_FORMAT[info.file_format].make_tf_data
    asked = info.splits[split].file_instructions
    starts = _starts(info, {_base(part) for part in split.split("+")})
    files = tf.data.Dataset.from_tensor_slices(
        {
            "file": [os.fspath(each.filename) for each in asked],
            "base": [starts[Path(each.filename).name][0] for each in asked],
            "start": np.array([starts[Path(each.filename).name][1] for each in asked], np.int64),
            "skip": np.array([each.skip for each in asked], np.int64),
            "take": np.array([each.take for each in asked], np.int64),
        }
    )

    def examples_of(file: Any) -> Any:
        first = file["start"] + file["skip"]
        return tf.data.Dataset.zip(
            (
                records(file["file"]).skip(file["skip"]).take(file["take"]),
                tf.data.Dataset.from_tensors(file["base"]).repeat(),
                tf.data.Dataset.range(first, first + file["take"]),
            )
        )

    read = tfds.ReadConfig()
    cycle = 1 if info.disable_shuffling else CYCLE
    stream = files.interleave(
        examples_of, cycle_length=cycle, block_length=read.interleave_block_length
    )
    for batch, bases, positions in stream.batch(BATCH).prefetch(1).as_numpy_iterator():
        parsed = tf.io.parse_example(batch, parser.flat_feature_specs)
        values = {key: parsed[key].numpy().astype(specs[key].np_dtype) for key in keys}
        yield values | {"base": bases, "position": positions}


def _starts(info: Any, bases: set[str]) -> dict[str, tuple[str, int]]:
    """Return {file name: (its split, how many examples of the split lie in files before it)}."""
    found: dict[str, tuple[str, int]] = {}
    for base in bases:
        counts = [0, *itertools.accumulate(info.splits[base].shard_lengths)]
        files = sorted(info.splits[base].filenames)
        found |= {name: (base, at) for name, at in zip(files, counts, strict=False)}
    return found


def _decoded(values: list[Any], dataset: TfdsDataset, key: str, first: int) -> Iterator[str]:
    """Yield the texts of rows from `first` on.

    Raises:
        DataError: not texts, or not UTF-8.
    """
    for row, value in enumerate(values, start=first):
        where = f"dataset.text_keys: {dataset.name} row {row}, {key!r}"
        if not isinstance(value, bytes):
            raise DataError(f"{where}: is {shown(value)}, not a text; name another key")
        try:
            yield value.decode()
        except UnicodeDecodeError as error:
            byte = shown(value[error.start : error.start + 1])
            raise DataError(f"{where}: byte {error.start} ({byte}) is not UTF-8") from None


def _reads(dataset: TfdsDataset) -> list[tuple[str, str]]:
    """Return (what to ask TFDS for, "train", "test" or "" for "as the record says")."""
    if _base(dataset.train_split) != _base(dataset.test_split):
        return [(f"{dataset.train_split}+{dataset.test_split}", "")]
    return [(dataset.train_split, "train"), (dataset.test_split, "test")]


def _base(split: str) -> str:
    return split.split("[")[0]


def _labels(values: list[Any], features: Any, dataset: TfdsDataset) -> tuple[list[str], np.ndarray]:
    """Return class names and (n,) class indices.

    Raises:
        DataError: an example has no label (-1), or the labels are not classes.
    """
    texts = [
        value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else repr(value)
        for value in values
    ]
    if "-1" in texts:
        row = texts.index("-1")
        raise DataError(f"{dataset.name} row {row}: has no label (-1); choose labelled splits")
    names = getattr(features[dataset.label_key], "names", None)
    return resolve_labels(
        texts,
        classes=named_numbers(names, texts) if names else None,
        place=lambda row: f"{dataset.name} row {row}",
        column=dataset.label_key,
    )


def _builder(tfds: Any, dataset: TfdsDataset) -> Any:
    # TFDS asks cloud storage about datasets it does not have; offline that takes minutes.
    os.environ.setdefault("NO_GCE_CHECK", "true")
    tfds.core.utils.gcs_utils._is_gcs_disabled = True
    try:
        return tfds.builder(dataset.name, try_gcs=False)
    except tfds.core.registered.DatasetNotFoundError:
        names = tfds.list_builders(with_community_datasets=False)
        close = difflib.get_close_matches(dataset.name.split("/")[0], names, n=3)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise ConfigError(f"dataset.name: {dataset.name}: TFDS has no such set{hint}") from None
    except (ValueError, AssertionError) as error:
        first = str(error).strip().splitlines()[0]
        raise ConfigError(f"dataset.name: {dataset.name}: {first}") from None


def _is_prepared(builder: Any) -> bool:
    return bool(builder.info.splits) and (Path(builder.data_path) / "dataset_info.json").exists()


def _download(builder: Any) -> None:
    try:
        # A short probe: the downloader itself retries for minutes without a network.
        socket.create_connection(DOWNLOAD_HOST, timeout=CONNECT_SECONDS).close()
        builder.download_and_prepare()
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise NetworkError(
            f"{builder.name} is not on this machine and could not be downloaded ({reason}). "
            f"Get it by one of: (1) run again with a network; (2) set TFDS_DATA_DIR to a folder "
            f"that holds {builder.info.full_name}; (3) copy that folder into {DEFAULT_FOLDER}. "
            "Or try `make demo`, which needs no data."
        ) from error


def _check_names(dataset: TfdsDataset, info: Any) -> None:
    problems = []
    for key in ("train_split", "test_split"):
        split = getattr(dataset, key)
        if _base(split) not in info.splits:
            have = ", ".join(info.splits)
            problems.append(f"dataset.{key}: {dataset.name} has no split {split!r} (it has {have})")
    for key, names in (("text_keys", dataset.text_keys), ("label_key", [dataset.label_key])):
        for name in names:
            if name not in info.features:
                have = ", ".join(info.features)
                problems.append(f"dataset.{key}: {dataset.name} has no {name!r} (it has {have})")
    if problems:
        raise ConfigError(problems)
