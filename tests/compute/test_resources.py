"""The memory a process may still take, and what is set aside for one that trains."""

from pathlib import Path

from pipeline.compute.resources import free_of_groups, training_bytes

GIB = 2**30


def write_group(folder: Path, limit: tuple[str, str], used: tuple[str, int], stat: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / limit[0]).write_text(limit[1] + "\n")
    (folder / used[0]).write_text(f"{used[1]}\n")
    (folder / "memory.stat").write_text(f"anon 1\n{stat}\n")


def test_a_batch_job_has_no_more_memory_than_its_control_group(tmp_path: Path) -> None:
    """Of a job of 4 GiB 1 GiB is used, a quarter of that a cache; its step has no limit."""
    job = tmp_path / "slurm" / "job_7"
    write_group(
        job, ("memory.max", str(4 * GIB)), ("memory.current", GIB), f"inactive_file {GIB // 4}"
    )
    write_group(job / "step_0", ("memory.max", "max"), ("memory.current", 1), "inactive_file 0")
    free = 4 * GIB - GIB * 3 // 4
    assert free_of_groups("0::/slurm/job_7/step_0\n", tmp_path) == [free]
    assert free_of_groups("0::/slurm/job_7\n", tmp_path) == [free]
    assert free_of_groups("0::/\n", tmp_path) == []


def test_a_container_sees_its_own_group_at_the_root(tmp_path: Path) -> None:
    limit, used = ("memory.limit_in_bytes", str(2 * GIB)), ("memory.usage_in_bytes", 3 * GIB)
    write_group(tmp_path / "memory", limit, used, "total_inactive_file 0")
    own = "9:cpu:/docker/abc\n4:memory:/docker/abc\n0::/docker/abc\n"
    assert free_of_groups(own, tmp_path) == [0]


def test_what_a_training_takes_grows_with_the_examples_and_what_it_holds() -> None:
    """IMDb needs no more than 1.6 GB a worker; a hundred million reviews take 30 GB."""
    assert training_bytes(50_000, inputs=0) < 1_600_000_000
    assert training_bytes(10**8, inputs=0) > 30_000_000_000
    assert training_bytes(0, inputs=10**9) == training_bytes(0, inputs=0) + 2 * 10**9
