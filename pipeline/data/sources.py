"""The sources behind one door: the `dataset` section in, examples out."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

from pipeline.artifacts import sha256_file
from pipeline.data.examples import Examples
from pipeline.data.sample import CLASS_NAMES, generate_reviews
from pipeline.data.sections import FolderDataset, SampleDataset, TfdsDataset


def read_examples(dataset: Any, *, seed: int) -> Examples:
    """Return the examples the `dataset` section of a config names.

    Args:
        seed: of a drawn test split and of the generated corpus.
    """
    if isinstance(dataset, TfdsDataset):
        from pipeline.data.tfds import read_tfds

        return read_tfds(dataset)
    if isinstance(dataset, SampleDataset):
        return read_sample(dataset, seed=seed)
    if isinstance(dataset, FolderDataset):
        from pipeline.data.folder import read_folder

        return read_folder(dataset, seed=seed)
    from pipeline.data.tables import read_table

    return read_table(dataset, seed=seed)


def read_sample(dataset: SampleDataset, *, seed: int) -> Examples:
    """Return the generated corpus with its truth."""
    corpus = generate_reviews(**dataset.model_dump(exclude={"source"}), seed=seed)
    numbers: Counter[str] = Counter()
    ids = []
    for split in corpus.splits:
        ids.append(f"{split}/{numbers[split]}")
        numbers[split] += 1
    labels, truth = corpus.given_labels, corpus.true_labels
    return Examples("sample", CLASS_NAMES, ids, corpus.splits, labels, corpus.texts, truth)


def source_hashes(dataset: Any) -> dict[str, str]:
    """Return {path: hash} of the local files a dataset is read from; other sources have none.

    A folder counts as one, by the names and contents of all files in it.
    """
    paths = [
        getattr(dataset, "path", None),
        getattr(getattr(dataset, "split", None), "test_path", None),
    ]
    return {path: _hash(Path(path)) for path in paths if path is not None}


def _hash(path: Path) -> str:
    if path.is_file():
        return sha256_file(path)
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file():
            digest.update(f"{file.relative_to(path)} {sha256_file(file)}\n".encode())
    return f"sha256:{digest.hexdigest()}"
