"""What memory is free, and what a process that trains is given of it."""

from pathlib import Path

import psutil

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
