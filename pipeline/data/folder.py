"""Examples from a folder tree split/class/*.txt, the layout of the original IMDb archive."""

import hashlib
from itertools import islice
from pathlib import Path

import numpy as np

from pipeline.data.examples import Examples
from pipeline.data.files import LFS, decode
from pipeline.data.labels import find_alike, how_alike, told_apart
from pipeline.data.sources import FolderDataset, SplitByName, SplitDrawn
from pipeline.data.splits import check_splits, draw_test_split
from pipeline.frame.errors import DataError
from pipeline.frame.messages import short, shown
from pipeline.frame.scratch import StoredTexts

SUFFIX = ".txt"
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".pq")
BLOCK = 16  # examples that TFDS takes from one split before it goes on to the other
ASCII_SPACE = b" \t\n\r\x0b\x0c"


def read_folder(dataset: FolderDataset, *, seed: int) -> Examples:
    """Return one example a file.

    Two orders, and with them two kinds of ids:
    name: split by split, class by class, by file name; "train/pos/0_9" for train/pos/0_9.txt.
    tfds: as TensorFlow Datasets reads the same archive: see `tfds_order`; "train/5204".

    Raises:
        DataError: folders missing, without texts or without two classes; a file that is not of
            the encoding.
    """
    root = Path(dataset.path)
    split = dataset.split
    splits = {"train": split.train, "test": split.test} if isinstance(split, SplitByName) else None
    folders = {name: root / folder for name, folder in (splits or {"all": "."}).items()}
    class_names = dataset.classes or class_names_in(next(iter(folders.values())))
    files = [
        (name, label, file)
        for name, folder in folders.items()
        for label, class_name in enumerate(class_names)
        for file in _text_files(folder / class_name)
    ]
    if dataset.order == "tfds":
        files, ids = tfds_order(files, root)
    else:
        ids = [str(file.relative_to(root).with_suffix("").as_posix()) for _, _, file in files]
    texts = StoredTexts(_read(file, dataset) for _, _, file in files)
    labels = np.array([label for _, label, _ in files], np.int64)
    names = [name for name, _, _ in files]
    if isinstance(split, SplitDrawn):
        names = draw_test_split(labels, test_fraction=split.test_fraction, seed=seed)
    check_splits(names, short(root))
    name, not_read = root.resolve().name, _not_read(folders, class_names, root)
    return Examples(name, class_names, ids, names, labels, texts, not_read=not_read)


def _not_read(folders: dict[str, Path], class_names: list[str], root: Path) -> dict[str, list[str]]:
    """Return the folders that are there and no part of the examples."""
    read = {folder / name for folder in folders.values() for name in class_names}
    read |= {*folders.values()}
    found = sorted(p for f in {root, *folders.values()} for p in f.iterdir() if p.is_dir())
    names = [str(path.relative_to(root)) for path in found if path not in read]
    return {"folders": names} if names else {}


Files = list[tuple[str, int, Path]]


def tfds_order(files: Files, root: Path) -> tuple[Files, list[str]]:
    """Return the files, and "split/position" of each, in the order of TFDS' "train+test".

    TFDS writes a split in the order of the MD5 of the split's name followed by the path in the
    archive (tensorflow_datasets.core.hashing), and reads two splits in turn, 16 examples each.
    The archive's top folder counts: it is "aclImdb" for IMDb.
    """
    ordered: dict[str, Files] = {}
    for item in files:
        ordered.setdefault(item[0], []).append(item)
    top = root.resolve().name
    for split, members in ordered.items():
        start = hashlib.md5(split.encode(), usedforsecurity=False)

        def key(item: tuple[str, int, Path], start: "hashlib._Hash" = start) -> bytes:
            digest = start.copy()
            digest.update(f"{top}/{item[2].relative_to(root).as_posix()}".encode())
            return digest.digest()

        members.sort(key=key)
    streams = [
        iter([(item, f"{split}/{n}") for n, item in enumerate(members)])
        for split, members in ordered.items()
    ]
    merged = []
    while streams:
        for stream in list(streams):
            block = list(islice(stream, BLOCK))
            merged += block
            if len(block) < BLOCK:
                streams.remove(stream)
    return [item for item, _ in merged], [id_ for _, id_ in merged]


def class_names_in(folder: Path) -> list[str]:
    """Return the names of the folders with texts in a folder.

    Raises:
        DataError: fewer than two, or two that a person takes for one.
    """
    if not folder.is_dir():
        have = sorted(p.name for p in folder.parent.iterdir()) if folder.parent.is_dir() else []
        listed = ", ".join(map(shown, have[:5])) or "nothing"
        raise DataError(
            f"{short(folder)}: is not a folder (beside it: {listed}); correct dataset.path or "
            "dataset.split"
        )
    names = sorted(p.name for p in folder.iterdir() if p.is_dir() and any(p.glob(f"*{SUFFIX}")))
    if len(names) < 2:
        raise DataError(
            f"{short(folder)}: has {len(names)} folders with *{SUFFIX} files and 2 classes are "
            f"needed; {_tables_in(folder) or 'name the folder that holds the class folders'}"
        )
    if pair := find_alike(names):
        one, other = told_apart(*pair)
        raise DataError(
            f"{short(folder)}: folder {one} differs from {other} "
            f"{how_alike(*pair)}; make them one, or list both in dataset.classes"
        )
    return names


def _tables_in(folder: Path) -> str:
    names = sorted(p.name for p in folder.iterdir() if p.name.removesuffix(".gz").endswith(TABLES))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    listed = ", ".join(shown(name, 24) for name in names[:3])
    return f"it holds {listed}{more}; name one of them" if names else ""


def _text_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{short(folder)}: no such class folder; add it, or set dataset.classes")
    return sorted((p for p in folder.glob(f"*{SUFFIX}") if p.is_file()), key=lambda p: p.name)


def _read(file: Path, dataset: FolderDataset) -> str:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise DataError(f"{short(file)}: cannot be read ({error.strerror}); check it") from None
    if data.startswith(LFS):
        what = "is a Git LFS pointer, not the text"
        raise DataError(f"{short(file)}: {what}; run `git lfs pull` where it was cloned")
    return decode(data.strip(ASCII_SPACE) if dataset.strip else data, file, dataset.encoding)
