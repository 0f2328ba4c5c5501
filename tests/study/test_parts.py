"""A study beside a run is of that run, or left out and named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.load import Loaded
from pipeline.frame import artifacts
from pipeline.frame.record import load_record, save_record
from pipeline.frame.run import Run
from pipeline.report.material import gather
from pipeline.study.parts import join_parts, part_path, save_part, tell_others
from tests.tiny import load_tiny

SEEDS = {"seeds": [1], "arms": {}, "differences": [], "stability": {}}
NOISE = {"noise": [{"rate": 0.1}], "detection": []}


@pytest.fixture
def studied(run_copy: Run) -> Run:
    config = load_tiny().config
    save_part(config, run_copy, "study", SEEDS)
    whole, others = save_part(config, run_copy, "noise", NOISE)
    assert (whole["seeds"], whole["noise"], others) == ([1], NOISE["noise"], [])
    assert artifacts.load_json(run_copy.study / "study.json") == whole
    assert set(whole["made_from"]) == {"study", "noise"}
    return run_copy


def trained_anew(run: Run) -> Loaded:
    record = load_record(run.stage("crossval"))
    save_record(run.stage("crossval"), record | {"inputs": {"prepare/examples.parquet": "other"}})
    return load_tiny()


def other_code(run: Run) -> Loaded:
    record = load_record(run.stage("crossval"))
    save_record(run.stage("crossval"), record | {"code": "sha256:other"})
    return load_tiny()


def earlier_version(run: Run) -> Loaded:
    for part in ("study", "noise"):
        found = artifacts.load_json(part_path(run, part))
        del found["made_from"]
        artifacts.save_json(part_path(run, part), found)
    return load_tiny()


def of(*overrides: str) -> Callable[[Run], Loaded]:
    return lambda run: load_tiny(*overrides)


@pytest.mark.parametrize(
    ("change", "left_out"),
    [
        (of(), []),
        (of("evaluate.top_rows=3"), []),
        (trained_anew, ["study", "noise"]),
        (other_code, ["study", "noise"]),
        (earlier_version, ["study", "noise"]),
        (of("find_issues.filter_by=both"), ["study", "noise"]),
        (of("study.seeds=[1,2,3,4]"), ["study"]),
        (of("study.noise.rates=[0,0.3]"), ["noise"]),
    ],
)
def test_a_part_of_another_run_is_left_out(
    studied: Run, change: Callable[[Run], Loaded], left_out: list[str]
) -> None:
    loaded = change(studied)
    whole, others = join_parts(loaded.config, studied)
    assert others == left_out
    assert whole["seeds"] == ([] if "study" in left_out else [1])
    assert whole["noise"] == ([] if "noise" in left_out else NOISE["noise"])
    assert len(tell_others(others)) == len(left_out)
    shown = gather(loaded, studied, artifacts.load_json(studied.metrics)).study
    assert shown == (None if len(left_out) == 2 else whole)


def test_a_new_study_is_not_joined_with_noise_of_another_run(studied: Run) -> None:
    loaded = trained_anew(studied)
    whole, others = save_part(loaded.config, studied, "study", SEEDS | {"seeds": [2]})
    assert (whole["seeds"], whole["noise"], others) == ([2], [], ["noise"])
    assert artifacts.load_json(studied.study / "study.json") == whole


def test_checked_labels_count_with_what_is_in_the_file(run_copy: Run, tmp_path: Path) -> None:
    key = tmp_path / "key.csv"
    key.write_text("id,label\n")
    config: Any = load_tiny(f"evaluate.verified_labels={key}").config
    save_part(config, run_copy, "study", SEEDS)
    assert join_parts(config, run_copy)[1] == []
    key.write_text("id,label\ntest/1,pos\n")
    assert join_parts(config, run_copy)[1] == ["study"]


def test_several_answer_keys_count_each_with_its_name(run_copy: Run, tmp_path: Path) -> None:
    keys = [tmp_path / "first.csv", tmp_path / "second.csv"]
    for key in keys:
        key.write_text("id,label\n")
    config: Any = load_tiny(f"evaluate.verified_labels=[{keys[0]},{keys[1]}]").config
    save_part(config, run_copy, "study", SEEDS)
    assert join_parts(config, run_copy)[1] == []
    one: Any = load_tiny(f"evaluate.verified_labels={keys[0]}").config
    turned: Any = load_tiny(f"evaluate.verified_labels=[{keys[1]},{keys[0]}]").config
    assert join_parts(one, run_copy)[1] == ["study"]
    assert join_parts(turned, run_copy)[1] == ["study"]
    alone: Any = load_tiny(f"evaluate.verified_labels=[{keys[0]}]").config
    save_part(one, run_copy, "study", SEEDS)
    assert join_parts(alone, run_copy)[1] == []
