"""Review, correct, train again: a scripted reviewer who knows the planted truth."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.compare import compare
from pipeline.config.load import Loaded
from pipeline.corrections.load import load_queue
from pipeline.corrections.queue import Queue
from pipeline.data.prepared import load_class_names
from pipeline.frame import artifacts
from pipeline.frame.errors import ArtifactError, ConfigError
from pipeline.frame.run import Run
from pipeline.frame.stage import RunState
from pipeline.study.__main__ import study
from tests.tiny import TINY, command, load_tiny, run_stages, sets

REVIEWER = "truth"
ARMS = ("baseline", "human")


def review_with_truth(queue: Queue, truth: dict[str, str]) -> None:
    for item in queue.items:
        label = truth[item.id]
        decision = "keep" if label == item.given else "relabel"
        queue.journal.append([queue.source.decide(item.id, decision, label, reviewer=REVIEWER)])


def planted_truth(run: Run) -> dict[str, str]:
    names = load_class_names(run)
    lines = artifacts.load_table(run.truth).to_pylist()
    return {line["id"]: names[line["true_label"]] for line in lines}


@pytest.fixture(scope="module")
def reviewed(tiny_results: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Loaded, Path]:
    """A finished run, its issues corrected, and all stages run again."""
    folder = tmp_path_factory.mktemp("reviewed")
    results = Path(shutil.copytree(tiny_results, folder / "results"))
    loaded = load_tiny(f"corrections={folder / 'corrections.jsonl'}")
    run = Run(results / loaded.run)
    review_with_truth(load_queue(loaded, run), planted_truth(run))
    run_stages(loaded, results)
    return loaded, results


def metrics_of(results: Path) -> dict[str, Any]:
    metrics: dict[str, Any] = artifacts.load_json(Run(results / TINY.stem).metrics)
    return metrics


def test_the_next_run_is_more_accurate_and_finds_fewer_issues(reviewed, tiny_results):
    before, after = metrics_of(tiny_results), metrics_of(reviewed[1])
    assert after["test_accuracy"]["baseline"] > before["test_accuracy"]["baseline"]
    assert after["issues"]["all"]["count"] < before["issues"]["all"]["count"]
    told = after["corrections"]
    assert told["relabelled"] > 0 and told["issues_left"] == after["issues"]["all"]["count"]
    accuracy = told["test_accuracy_corrected_labels"]["baseline"]
    assert accuracy == after["test_accuracy"]["baseline"]
    assert accuracy > told["test_accuracy_given_labels"]["baseline"]


def test_the_runs_before_and_after_stand_side_by_side(reviewed, tiny_run, capsys):
    after = Run(reviewed[1] / TINY.stem)
    compare(tiny_run.folder, after.folder)
    gone = {x["id"] for x in artifacts.load_issues(tiny_run.issues("all"))} - {
        x["id"] for x in artifacts.load_issues(after.issues("all"))
    }
    assert f"Label issues: {len(gone):,} of the first are gone" in capsys.readouterr().out
    assert gone


def test_only_a_changed_journal_runs_prepare_again(reviewed):
    loaded, results = reviewed
    run = Run(results / loaded.run)
    assert not RunState(loaded.config, run).reason("evaluate")
    journal = Path(loaded.config.corrections)
    whole = journal.read_bytes()
    lines = whole.splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]))
    assert RunState(loaded.config, run).reason("prepare") == "its inputs changed"
    journal.write_bytes(whole)
    assert not RunState(loaded.config, run).reason("evaluate")


def test_the_page_of_the_corrected_run_shows_what_was_decided(reviewed):
    loaded, results = reviewed
    queue = load_queue(loaded, Run(results / loaded.run))
    assert queue.progress(REVIEWER)["mine"] == len(queue.journal.standing.all())


def test_a_journal_of_another_dataset_is_exit_3_and_changes_nothing(tiny_results, tmp_path):
    results = Path(shutil.copytree(tiny_results, tmp_path / "results"))
    run = Run(results / TINY.stem)
    journal = tmp_path / "j.jsonl"
    loaded = load_tiny(f"corrections={journal}")
    review_with_truth(load_queue(loaded, run), planted_truth(run))
    lines = journal.read_text().splitlines()
    lines[2] = json.dumps(json.loads(lines[2]) | {"dataset": "sha256:" + "0" * 64})
    journal.write_text("\n".join(lines) + "\n")
    before = run.examples.read_bytes()
    arguments = ["--config", TINY, *sets(*loaded.overrides), "--results", results]
    done = command("prepare", *arguments, cwd=Path.cwd())
    assert done.returncode == 3
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith(f"error: {journal}:3: was made for another dataset")
    assert run.examples.read_bytes() == before
    for module in ("review", "exchange"):
        more = ["--terminal"] if module == "review" else ["export", "--format", "csv"]
        done = command(module, *more, *arguments)
        assert (done.returncode, len(done.stderr.strip().splitlines())) == (3, 1), done.stderr


def test_without_a_finished_run_there_is_nothing_to_review(tmp_path):
    with pytest.raises(ArtifactError, match="is missing; run `make"):
        load_queue(load_tiny(), Run(tmp_path))


def test_the_human_arm_trains_on_corrected_labels_and_the_others_on_given_ones(reviewed):
    loaded, results = reviewed
    more = ["study.seeds=[1,2]", "study.arms=[baseline,human]"]
    study(loaded.path, [*loaded.overrides, *more], results)
    run = Run(results / loaded.run)
    rows = artifacts.load_table(run.study / "runs.parquet").to_pylist()
    changed = artifacts.load_table(run.corrections, ["split"]).column("split").to_pylist()
    relabelled = {(row["seed"], row["arm"]): row["relabelled"] for row in rows}
    in_train = changed.count("train")
    assert in_train > 0
    assert relabelled == {(s, a): in_train * (a == "human") for s in (1, 2) for a in ARMS}


def test_the_human_arm_needs_a_journal(tiny_results):
    with pytest.raises(ConfigError, match="needs the key `corrections`"):
        study(TINY, [*load_tiny().overrides, "study.arms=[baseline,human]"], tiny_results)
