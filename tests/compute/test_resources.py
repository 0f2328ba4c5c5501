"""What cannot fit is refused before the work, with what to lower; what can is not."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from pipeline import artifacts
from pipeline.artifacts import RECORD, Run
from pipeline.compute.resources import (
    check_disk,
    check_memory,
    counts_bytes,
    crossval_bytes,
    free_of_groups,
    texts_bytes,
    token_bytes,
    training_bytes,
)
from pipeline.errors import ResourceError
from tests.data.sources import dataset
from tests.faults.matrix import COUNTS
from tests.tiny import load_tiny, run_stage


def test_what_fits_passes_and_what_does_not_says_both_sizes(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    check_disk(tmp_path, free // 2, "-")
    with pytest.raises(ResourceError, match=r"needs at least .* GB of disk space and .* free; x"):
        check_disk(tmp_path, free * 2, "x")
    check_memory("crossval", psutil.virtual_memory().available // 2, "-")
    with pytest.raises(ResourceError, match=r"crossval: needs at least .* GB of memory"):
        check_memory("crossval", psutil.virtual_memory().total * 2, "x")


def test_the_estimates_are_below_what_a_run_takes(tiny_run: Run) -> None:
    folder = tiny_run.stage("vectorize")
    arrays = sum(path.stat().st_size for path in folder.glob("*.npy"))
    disk = token_bytes(280, sequence_length=60, itemsize=2)
    assert disk <= arrays < disk + 1000
    folder = tiny_run.stage("crossval")
    taken = sum(path.stat().st_size for path in folder.rglob("*.np*") if path.name != RECORD)
    disk, memory = crossval_bytes(280, 2, inputs=1000, tensorflow=True)
    assert 280 * 2 * 8 < disk < taken
    assert memory > 1e8


TEXTS = "vectorize={kind: texts}"


def test_the_estimates_of_counts_and_texts_are_below_what_a_run_takes(run_copy: Run) -> None:
    packed, unpacked = artifacts.column_bytes(run_copy.examples, "text")
    texts = artifacts.load_table(run_copy.examples, ["text"]).column("text").to_pylist()
    assert 0 < packed < unpacked
    for overrides, kind in ((COUNTS, "counts"), (TEXTS, "texts")):
        run_stage("vectorize", load_tiny(overrides, MODELS[kind]), run_copy.folder.parent)
        paths = [run_copy.inputs(scope, kind) for scope in artifacts.SCOPES]
        taken = sum(path.stat().st_size for path in paths)
        if kind == "texts":
            assert 0 < texts_bytes(packed_bytes=packed) < taken
        else:
            disk, memory = counts_bytes(len(texts), text_bytes=unpacked)
            assert 0 < disk < taken
            assert 0 < memory <= 1.01 * sum(map(sys.getsizeof, texts)) + 1000


MODELS = {
    "counts": "model={name: multinomial_nb, alpha: 1.0}",
    "texts": "model={name: custom, function: 'a:b', epochs: 1, batch_size: 1, options: {}}",
}


@pytest.mark.parametrize(
    ("kind", "lacking"), [("counts", "disk"), ("counts", "memory"), ("texts", "disk")]
)
def test_counts_and_texts_that_cannot_fit_are_not_begun(
    run_copy: Run, monkeypatch: pytest.MonkeyPatch, kind: str, lacking: str
) -> None:
    overrides = {"counts": COUNTS, "texts": TEXTS}[kind], MODELS[kind]
    if lacking == "disk":
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    else:
        monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1000))
    with pytest.raises(ResourceError, match=f"needs at least .* of {lacking}"):
        run_stage("vectorize", load_tiny(*overrides), run_copy.folder.parent)
    assert not list(run_copy.stage("vectorize").glob("*"))


@pytest.mark.parametrize(
    ("stage", "lacking"), [("vectorize", "disk"), ("crossval", "disk"), ("crossval", "memory")]
)  # fmt: skip
def test_a_stage_that_cannot_fit_does_not_start(
    run_copy: Run, monkeypatch: pytest.MonkeyPatch, stage: str, lacking: str
) -> None:
    (run_copy.stage(stage) / RECORD).unlink()
    if lacking == "disk":
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    else:
        monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1000))
    words = {"disk": "of disk space and 0.0 MB are free", "memory": "of memory and 0.0 MB are free"}
    with pytest.raises(ResourceError, match=words[lacking]) as caught:
        run_stage(stage, load_tiny(), run_copy.folder.parent)
    assert "\n" not in str(caught.value)
    assert not (run_copy.stage(stage) / RECORD).exists()


def test_a_file_whose_texts_cannot_fit_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "reviews.jsonl"
    path.write_text('{"text": "a", "label": 1}\n' * 99)
    section = dataset("jsonl", path)
    loaded = load_tiny()
    loaded = replace(loaded, config=loaded.config.model_copy(update={"dataset": section}))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    monkeypatch.setattr("pipeline.prepare.read_examples", pytest.fail)
    with pytest.raises(ResourceError, match=r"prepare: needs at least .* of disk space"):
        run_stage("prepare", loaded, tmp_path / "results")


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
