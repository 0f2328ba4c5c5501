"""What a stage needs of disk and memory, and what of them is free.

The estimates that a stage is checked against before it works are lower bounds: what is refused
could not have finished. What is set aside for a process that trains is not.
"""

import shutil
from pathlib import Path

import psutil

from pipeline.errors import ResourceError

TENSORFLOW_BYTES = 300_000_000  # resident after the import, before any training
PROBABILITY_BYTES = 4
STRING_BYTES = 49  # of a Python string, besides its characters
TRAINING_BYTES = 1_500_000_000  # set aside for a process that trains: IMDb takes 1.0 GB
EXAMPLE_BYTES = 300  # of each further example in a training; 291 measured, docs/scale.md
CONTROL_GROUPS = Path("/sys/fs/cgroup")
FILES = {  # of a control group: folder, limit, use, and the line of memory.stat that is cache
    "": ("", "memory.max", "memory.current", "inactive_file"),
    "memory": (
        "memory",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
    ),
}


def check_disk(folder: Path, needed: int, remedy: str) -> None:
    """Stop unless `needed` bytes fit on the disk of `folder`.

    Raises:
        ResourceError: naming the folder, both sizes and the remedy.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ResourceError(
            f"{folder}: needs at least {_shown(needed)} of disk space and {_shown(free)} are "
            f"free; {remedy}"
        )


def check_memory(stage: str, needed: int, remedy: str) -> None:
    """Stop unless `needed` bytes fit into the memory that is free.

    Raises:
        ResourceError: naming the stage, both sizes and the remedy.
    """
    free = free_memory()
    if needed > free:
        raise ResourceError(
            f"{stage}: needs at least {_shown(needed)} of memory and {_shown(free)} are free; "
            f"{remedy}"
        )


def free_memory() -> int:
    """Return the bytes this process can still take: of the machine, and of its batch job.

    A container or a batch system limits a control group of Linux; beyond it the kernel kills.
    """
    own = Path("/proc/self/cgroup")
    groups = free_of_groups(own.read_text(), CONTROL_GROUPS) if own.exists() else []
    return min([int(psutil.virtual_memory().available), *groups])


def free_of_groups(own: str, root: Path) -> list[int]:
    """Return what is free in each limited control group that a process is in.

    What the kernel holds of files and can give back counts as free.

    Args:
        own: /proc/self/cgroup, of version 1 or 2. root: where control groups are mounted; in a
            container its own group is mounted there, and the path in `own` need not exist.
    """
    free = []
    for line in own.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers in FILES:
            folder, limit, used, cache = FILES[controllers]
            group = root / folder / path.lstrip("/")
            while group != root.parent:
                if (group / limit).exists() and (most := _word(group / limit)) != "max":
                    stat = dict(row.split() for row in _word(group / "memory.stat").splitlines())
                    taken = int(_word(group / used)) - int(stat[cache])
                    free.append(max(0, int(most) - taken))
                group = group.parent
    return free


def _word(path: Path) -> str:
    return path.read_text().strip()


def training_bytes(examples: int, *, inputs: int) -> int:
    """Return the memory to set aside for a process that trains.

    Args:
        inputs: bytes of what a classifier holds of the inputs: it has them once more in batches
            or as a fold.
    """
    return TRAINING_BYTES + EXAMPLE_BYTES * examples + 2 * inputs


def prepare_bytes(source: int) -> int:
    """Return what a file of `source` bytes takes on disk: its texts as scratch.

    Of a packed file that is less than it takes, of one with much besides texts more than the
    texts are, so half is asked for.
    """
    return source // 2


def token_bytes(examples: int, *, sequence_length: int, itemsize: int) -> int:
    """Return the disk space of token ids: every text is encoded by two vocabularies."""
    return 2 * examples * sequence_length * itemsize


def counts_bytes(examples: int, *, text_bytes: int) -> tuple[int, int]:
    """Return (disk, memory) of word counts by two vocabularies.

    On disk is at least where each text begins (4 bytes). In memory are the texts as Python
    strings, each `STRING_BYTES` longer than its characters.
    """
    return 2 * 4 * examples, text_bytes + STRING_BYTES * examples


def texts_bytes(*, packed_bytes: int) -> int:
    """Return the disk space of the texts of three scopes, each text in two of them.

    packed_bytes: of the texts in examples.parquet. Those of train and of test may pack better
    apart, so half as much is asked for them.
    """
    return packed_bytes * 3 // 2


def crossval_bytes(
    examples: int, classes: int, *, inputs: int, tensorflow: bool
) -> tuple[int, int]:
    """Return (disk, memory) of the cross-validation.

    On disk every example has its probabilities twice, in folds and pooled, in two scopes, and
    its position in the folds (8 bytes). In memory are the inputs of a fold, of `inputs` bytes of
    them that a classifier holds, and their library.
    """
    disk = examples * 2 * (2 * classes * PROBABILITY_BYTES + 8)
    return disk, inputs // 2 + TENSORFLOW_BYTES * tensorflow


def _shown(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
