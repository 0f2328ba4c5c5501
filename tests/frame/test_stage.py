"""The frame: a stage runs again when, and only when, its result could differ."""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config.load import load_config
from pipeline.frame import artifacts, stage
from pipeline.frame.errors import ArtifactError, DataError, LockedError, ResourceError
from pipeline.frame.files import TEMPORARY, sha256_file
from pipeline.frame.finished import check_made_from
from pipeline.frame.lock import locked
from pipeline.frame.record import LAYOUT, RECORD, check_output, load_record, save_record
from pipeline.frame.run import Run
from pipeline.frame.stage import Context, RunState, execute, key_of
from tests.tiny import (
    ROOT,
    SETTINGS,
    STAGES,
    TINY,
    below,
    command,
    load_tiny,
    run_stage,
    run_work,
    sets,
    unmeasured,
)

OUTPUTS = {
    "prepare": ["examples.parquet", "dataset.json", "text_groups.npy", "truth.parquet"],
    "vectorize": [
        "all.npy", "train.npy", "test.npy", "vocabulary_all.json", "vocabulary_train.json",
    ],
    "crossval": [
        "all/fold_00.npz", "all/fold_01.npz", "train/fold_00.npz", "train/fold_01.npz",
        "test/fold_00.npz", "pred_probs_all.npy", "pred_probs_train.npy", "pred_probs_test.npy",
        "metrics.json", "document_vectors.npy",
    ],
    "find_issues": ["issues_all.csv", "issues_train.csv", "issues_test.csv", "health.json",
                    "data_issues.csv", "scores_all.parquet"],
    "cleanlearn": ["baseline.keras", "cleaned.keras", "test_pred_probs.npz", "training.json"],
    "evaluate": ["metrics.json"],
}  # fmt: skip
ALL_OUTPUTS = [f"{name}/{file}" for name, files in OUTPUTS.items() for file in files]


def reasons(run: Run, *overrides: str) -> dict[str, str]:
    """Return the reason of each stage that must run."""
    checked = RunState(load_tiny(*overrides).config, run)
    return {name: reason for name in STAGES if (reason := checked.reason(name))}


def no_work(context: Context) -> None:
    raise AssertionError("ran, though it is up to date")


def save(context: Context) -> None:
    artifacts.save_json(context.run.dataset, {"seed": context.config.seed})


# --- a finished run ------------------------------------------------------------------------


def test_a_finished_run_is_up_to_date(tiny_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert reasons(tiny_run) == {}
    for name in STAGES:
        run_work(name, no_work, load_tiny(), tiny_run)
    assert capsys.readouterr().out == "".join(f"{name:<12} up to date\n" for name in STAGES)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_writes_what_is_promised_and_records_it(tiny_run: Run, name: str) -> None:
    record = artifacts.load_json(tiny_run.stage(name) / RECORD)
    assert sorted(record["outputs"]) == sorted(OUTPUTS[name])
    files = [p for p in tiny_run.stage(name).rglob("*") if p.is_file() and p.name != RECORD]
    assert len(files) == len(OUTPUTS[name])
    for file, sha in record["outputs"].items():
        assert sha256_file(tiny_run.stage(name) / file) == sha
    expected = {f"{up}/{file}" for up in STAGES[name].reads for file in OUTPUTS[up]}
    assert set(record["inputs"]) == expected
    assert set(record["config"]) == set(STAGES[name].sections)
    assert {"numpy", "pyarrow"} <= set(record["versions"])
    assert set(record["machine"]) == {"cores", "platform", "python"}
    assert record["layout"] == LAYOUT
    assert record["wall_seconds"] > 0
    assert record["cpu_seconds"] > 0
    assert record["peak_memory_bytes"] > 1e7


# --- the config ----------------------------------------------------------------------------


def test_comments_and_the_order_of_keys_run_nothing_again(tiny_run: Run, tmp_path: Path) -> None:
    text = TINY.read_text(encoding="utf-8")
    lines = [line.split("#")[0].rstrip() for line in text.splitlines()]
    sections = "\n".join(lines).strip().split("\n\n")
    path = tmp_path / "sample.yaml"
    path.write_text("# other words\n" + "\n\n".join(reversed(sections)), encoding="utf-8")
    loaded = load_config(path, SETTINGS)
    assert loaded.config == load_tiny().config
    checked = RunState(loaded.config, tiny_run)
    assert not any(checked.reason(name) for name in STAGES)


CHANGES = [
    ("dataset.error_rate=0.1", "prepare", "dataset.error_rate 0.08 -> 0.1"),
    ("vectorize.max_tokens=100", "vectorize", "vectorize.max_tokens 500 -> 100"),
    ("model.epochs=5", "crossval", "model.epochs 4 -> 5"),
    ("find_issues.filter_by=both", "find_issues", 'filter_by "prune_by_noise_rate" -> "both"'),
    ("cleanlearn.max_pruned_fraction=0.4", "cleanlearn", "max_pruned_fraction 0.5 -> 0.4"),
    ("evaluate.top_rows=3", "evaluate", "evaluate.top_rows 10 -> 3"),
]


@pytest.mark.parametrize(("override", "first", "words"), CHANGES)
def test_a_changed_key_is_named_and_runs_what_reads_it(
    tiny_run: Run, override: str, first: str, words: str
) -> None:
    found = reasons(tiny_run, override)
    assert set(found) == below(first)
    assert found.pop(first).endswith(words)
    assert all(reason.endswith("runs again") for reason in found.values())


def test_many_changed_keys_are_shortened(tiny_run: Run) -> None:
    overrides = ["epochs=1", "batch_size=1", "dropout=0.5", "embedding_dim=3"]
    reason = reasons(tiny_run, *(f"model.{o}" for o in overrides))["crossval"]
    assert reason.count("->") == 3
    assert reason.endswith(", …")


def test_where_it_is_computed_runs_nothing_again(tiny_run: Run) -> None:
    assert reasons(tiny_run, "compute.workers=2", "compute.device=cpu") == {}


# --- files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("output", ALL_OUTPUTS)
@pytest.mark.parametrize("how", ["deleted", "emptied", "truncated", "flipped"])
def test_a_damaged_output_is_found_and_named(
    tiny_run: Run, request: pytest.FixtureRequest, output: str, how: str
) -> None:
    name = output.split("/")[0]
    path = tiny_run.folder / output
    good = path.read_bytes()

    def restore() -> None:
        path.write_bytes(good)

    request.addfinalizer(restore)
    if how == "deleted":
        path.unlink()
    else:
        middle = len(good) // 2
        flipped = good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :]
        path.write_bytes({"emptied": b"", "truncated": good[:-1], "flipped": flipped}[how])
    found = reasons(tiny_run)
    assert set(found) == below(name)
    assert found[name].startswith(f"{path} is {'missing' if how == 'deleted' else 'damaged'}")


def test_a_stage_below_damage_does_not_start(run_copy: Run) -> None:
    path = run_copy.pred_probs("all")
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ArtifactError, match=r"pred_probs_all.npy is damaged.*run `make crossval`"):
        run_work("find_issues", no_work, load_tiny(), run_copy)


def test_swapped_folds_are_damage(run_copy: Run) -> None:
    first, second = run_copy.fold("all", 0), run_copy.fold("all", 1)
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)
    assert "fold_00.npz is damaged" in reasons(run_copy)["crossval"]


def test_an_output_of_another_run_is_noticed(run_copy: Run, tmp_path: Path) -> None:
    run_stage("prepare", load_tiny("seed=7"), tmp_path / "other")
    shutil.rmtree(run_copy.stage("prepare"))
    shutil.copytree(tmp_path / "other" / TINY.stem / "prepare", run_copy.stage("prepare"))
    assert reasons(run_copy)["prepare"] == "seed 7 -> 123456"


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b"null", b"{}", b"\xff", b'{"config": 1, "outputs": 2}', b'"text"'],
)
def test_a_damaged_record_means_not_done(run_copy: Run, damage: bytes) -> None:
    (run_copy.stage("vectorize") / RECORD).write_bytes(damage)
    found = reasons(run_copy)
    assert set(found) == below("vectorize")
    assert found["vectorize"].endswith("stage.json is damaged")


@pytest.mark.parametrize(
    "change",
    [{"config": 3}, {"outputs": []}, {"outputs": {"all.npy": 3}}, {"code": None}, {"inputs": 3}],
)
def test_a_record_with_other_types_means_not_done(run_copy: Run, change: dict[str, object]) -> None:
    path = run_copy.stage("vectorize") / RECORD
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert set(reasons(run_copy)) == below("vectorize")


def test_changed_inputs_are_noticed(run_copy: Run) -> None:
    """A stage made again with another result: the one below sees it by hash alone."""
    artifacts.save_json(run_copy.dataset, artifacts.load_json(run_copy.dataset) | {"more": 1})
    record = load_record(run_copy.stage("prepare"))
    record["outputs"]["dataset.json"] = sha256_file(run_copy.dataset)
    save_record(run_copy.stage("prepare"), record)
    found = reasons(run_copy)
    assert set(found) == below("vectorize")
    assert found["vectorize"] == "its inputs changed"


def test_time_stamps_do_not_matter(run_copy: Run) -> None:
    for number, path in enumerate(sorted(run_copy.folder.rglob("*"))):
        os.utime(path, (4_100_000_000 - number, 4_100_000_000 - number))
    assert reasons(run_copy) == {}


# --- an earlier version --------------------------------------------------------------------


def make_earlier(run: Run) -> None:
    """Turn the records into those of a version whose results were laid out in another way."""
    for name in STAGES:
        old = load_record(run.stage(name))
        del old["layout"]
        sealed = old | {"sha256": hashlib.sha256(artifacts.json_bytes(old)).hexdigest()}
        artifacts.save_json(run.stage(name) / RECORD, sealed)


def test_results_of_an_earlier_version_are_named_and_not_read(run_copy: Run) -> None:
    make_earlier(run_copy)
    found = reasons(run_copy)
    assert set(found) == set(STAGES)
    record = run_copy.stage("prepare") / RECORD
    assert found["prepare"] == f"{record} was made by an earlier version"
    for name in STAGES:
        words = f"{RECORD}: was made by an earlier version; run `make {name}`"
        with pytest.raises(ArtifactError, match=words):
            load_record(run_copy.stage(name))
    for read in (
        lambda: check_output(run_copy.metrics),
        lambda: check_made_from(run_copy, "evaluate"),
    ):
        with pytest.raises(ArtifactError, match="earlier version; run `make evaluate`"):
            read()
    with pytest.raises(ArtifactError, match=r"earlier version; run `make prepare` first"):
        execute(STAGES["vectorize"], load_tiny(), run_copy)


def test_what_an_earlier_version_wrote_does_not_stay(run_copy: Run) -> None:
    """Else it would be among the outputs of a stage that does not write it."""
    make_earlier(run_copy)
    left = run_copy.stage("prepare") / "before_corrections.json"
    left.write_text("{}")
    run_stage("prepare", load_tiny(), run_copy.folder.parent)
    assert not left.exists()
    assert sorted(load_record(run_copy.stage("prepare"))["outputs"]) == sorted(OUTPUTS["prepare"])


def test_a_record_of_a_later_version_is_not_read(run_copy: Run) -> None:
    later = load_record(run_copy.stage("prepare")) | {"layout": LAYOUT + 1}
    sealed = later | {"sha256": hashlib.sha256(artifacts.json_bytes(later)).hexdigest()}
    artifacts.save_json(run_copy.stage("prepare") / RECORD, sealed)
    assert set(reasons(run_copy)) == set(STAGES)


# --- running -------------------------------------------------------------------------------


def test_a_stage_that_fails_leaves_no_record_and_runs_again(tmp_path: Path) -> None:
    run, loaded = Run(tmp_path / "sample"), load_tiny()

    def fail(context: Context) -> None:
        save(context)
        raise RuntimeError("half way")

    run_work("prepare", save, loaded, run)
    assert not RunState(loaded.config, run).reason("prepare")
    run.dataset.unlink()
    with pytest.raises(RuntimeError, match="half way"):
        run_work("prepare", fail, loaded, run)
    assert RunState(loaded.config, run).reason("prepare") == "has not been run"
    run_work("prepare", save, loaded, run)
    assert not RunState(loaded.config, run).reason("prepare")


def test_an_error_of_the_users_before_anything_was_written_costs_nothing(tmp_path: Path) -> None:
    """As with a misspelt path in SET: the run that was there is still finished."""
    run, loaded = Run(tmp_path / "sample"), load_tiny()
    run_work("prepare", save, loaded, run)
    other = load_tiny("seed=5")

    def refuse(context: Context) -> None:
        raise DataError("no such file")

    def refuse_late(context: Context) -> None:
        artifacts.save_json(context.run.dataset, {"other": 1})
        raise DataError("bad row")

    for work, reason in ((refuse, ""), (refuse_late, "has not been run")):
        with pytest.raises(DataError):
            run_work("prepare", work, other, run)
        assert RunState(loaded.config, run).reason("prepare") == reason


def test_a_stage_that_fails_leaves_nothing_half_written(tmp_path: Path) -> None:
    """What is left of a full disk would keep it full."""
    run = Run(tmp_path / "sample")

    def fail(context: Context) -> None:
        (context.run.stage("prepare") / f"{TEMPORARY}words-0.npz").write_text("scratch")
        raise ResourceError("disk full")

    with pytest.raises(ResourceError):
        run_work("prepare", fail, load_tiny(), run)
    assert list(run.stage("prepare").iterdir()) == []


def test_what_a_killed_run_left_is_swept(tmp_path: Path) -> None:
    run = Run(tmp_path / "sample")
    left = run.stage("prepare") / "deeper" / f"{TEMPORARY}examples.parquet-abc"
    left.parent.mkdir(parents=True)
    left.write_text("half")
    run_work("prepare", save, load_tiny(), run)
    assert not left.exists()
    assert list(artifacts.load_json(run.stage("prepare") / RECORD)["outputs"]) == ["dataset.json"]


def test_a_stage_without_those_above_says_what_to_make(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="prepare: has not been run; run `make prepare` first"):
        run_work("vectorize", no_work, load_tiny(), Run(tmp_path / "sample"))


def test_start_afresh_empties_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").touch()
    stage.start_afresh(tmp_path / "a")
    assert list((tmp_path / "a").iterdir()) == []


def test_the_key_of_a_stage_follows_all_it_depends_on(tiny_run: Run) -> None:
    keys = [
        RunState(load_tiny(*overrides).config, tiny_run).key("crossval")
        for overrides in ([], ["model.epochs=9"], ["evaluate.top_rows=1"])
    ]
    assert keys[0] != keys[1]
    assert keys[0] == keys[2]


# --- one run at a time ---------------------------------------------------------------------

HOLD = """
import sys, time
from pathlib import Path
from pipeline.frame.lock import locked
from pipeline.frame.run import Run
with locked(Run(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(3600)
"""


def test_a_second_process_is_refused_and_a_killed_one_holds_nothing(tmp_path: Path) -> None:
    run = Run(tmp_path / "results" / "sample")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run.folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=unmeasured(),
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockedError, match=f"in use by process {holder.pid} on .* since"):
            locked(run).__enter__()
        assert holder.poll() is None  # nobody waited for it
        arguments = ["--config", TINY, "--results", tmp_path / "results", *sets(*SETTINGS)]
        done = command("prepare", *arguments)
        assert done.returncode == 5
        assert done.stderr.count("\n") == 1
        assert f"in use by process {holder.pid} " in done.stderr
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    with locked(run):
        pass
    assert command("prepare", *arguments).returncode == 0


def test_the_lock_is_given_back(tmp_path: Path) -> None:
    run = Run(tmp_path / "sample")
    with pytest.raises(RuntimeError), locked(run):
        raise RuntimeError
    with (run.folder / ".lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize("name", ["stage", "config", "code", "versions", "inputs"])
def test_what_is_kept_to_go_on_with_is_of_all_that_decides_it(name: str) -> None:
    """Folds of two versions of a library, too, are none of one run."""
    made_from = {
        "stage": "crossval",
        "config": {"seed": 1},
        "code": "sha256:a",
        "versions": {"keras": "3.15.1"},
        "inputs": {"prepare/examples.parquet": "sha256:b"},
    }
    assert key_of(made_from | {name: "another"}) != key_of(made_from)
    assert key_of(made_from | {"roots": ["other:code"], "source": "s"}) == key_of(made_from)
