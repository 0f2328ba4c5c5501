"""The list ranked again: what was corrected teaches, nothing is lost, and no result is touched."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.compute.trial import suggest_finder
from pipeline.corrections.again import (
    LEFT_OUT,
    Asked,
    ask_again,
    decided_issues,
    decided_so_far,
    moved,
    plan_again,
    quick_members,
    rank_run,
    reordered,
)
from pipeline.corrections.load import load_queue
from pipeline.corrections.queue import Queue
from pipeline.frame import artifacts
from pipeline.frame.record import hashes
from pipeline.frame.run import Run
from pipeline.models.judges import Corpus
from pipeline.models.members import EnsembleFinder
from tests.review.site import load_tiny, make_examples, write_run
from tests.tiny import ROOT

COUNT = 120


def planted() -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return texts, given and true labels: all that speak of refunds are given the wrong one."""
    rng = np.random.default_rng(0)
    truth = np.arange(COUNT) % 2
    words = np.array([["bad", "poor", "sad", "late"], ["good", "fine", "nice", "quick"]])
    about = np.where(rng.random(COUNT) < 0.3, "refund", "parcel")
    texts = [f"{about[n]} {' '.join(rng.choice(words[truth[n]], 3))} {n}" for n in range(COUNT)]
    given = np.where(about == "refund", 1 - truth, truth)
    return texts, given, truth


def test_the_quick_members_are_those_of_the_finder_with_one_penalty_or_usual_ones() -> None:
    usual = quick_members(None, count=COUNT, num_classes=2, characters=3000)
    assert [each.member for each in usual] == ["words", "characters", "naive_bayes"]
    assert [each.C for each in usual[:2]] == [[3.0], [3.0]]
    finder = EnsembleFinder.model_validate(suggest_finder(COUNT, 2, 3000))
    own = finder.model_copy(update={"members": [finder.members[2], finder.members[3]]})
    found = quick_members(own, count=COUNT, num_classes=2, characters=3000)
    assert [each.member for each in found] == ["naive_bayes"]  # the model takes its time


def asked_again(labels: np.ndarray, texts: list[str], given: np.ndarray) -> np.ndarray:
    corpus = Corpus(lambda: pa.array(texts, pa.large_string()))
    members = quick_members(None, count=COUNT, num_classes=2, characters=3000)
    plan = plan_again(given, np.arange(COUNT), seed=1)
    return ask_again(corpus, members, labels, plan, num_classes=2)


def test_corrected_labels_teach_and_left_out_ones_do_not() -> None:
    texts, given, truth = planted()
    wrong = np.flatnonzero(given != truth)
    decided, rest = wrong[: len(wrong) // 2], wrong[len(wrong) // 2 :]
    before = asked_again(given, texts, given)
    corrected = given.copy()
    corrected[decided] = truth[decided]
    after = asked_again(corrected, texts, given)
    fell = before[rest, given[rest]] - after[rest, given[rest]]
    assert np.mean(fell) > 0.1  # the others of their kind look wrong now
    left_out = given.copy()
    left_out[decided] = LEFT_OUT
    without = asked_again(left_out, texts, given)
    assert np.mean(without[rest, given[rest]]) > np.mean(after[rest, given[rest]])


def test_probabilities_move_as_the_members_moved() -> None:
    run = np.array([[0.9, 0.1], [0.5, 0.5]], np.float32)
    before, after = np.array([[0.5, 0.5], [0.8, 0.2]]), np.array([[0.5, 0.5], [0.2, 0.8]])
    found = moved(run, before, after)
    assert found[0] == pytest.approx(run[0])
    assert found[1] == pytest.approx([1 / 17, 16 / 17])


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    """A queue whose finder listed the first 40 examples, wrong or not."""
    texts, given, _ = planted()
    examples = make_examples(texts)
    examples.labels[:] = given
    run = write_run(tmp_path / "results" / "tiny", examples, num_issues=40)
    return load_queue(load_tiny(tmp_path), run, audit=20)


def decide(queue: Queue, count: int) -> None:
    _, given, truth = planted()
    names = queue.source.class_names
    for item in [item for item in queue.items if item.rank][:count]:
        row = int(item.id.partition("/")[2])
        kind = "keep" if given[row] == truth[row] else "relabel"
        queue.journal.append(
            [queue.source.decide(item.id, kind, names[truth[row]], reviewer="Ann")]
        )


def asked_of(queue: Queue, folder: Path, **more: object) -> Asked:
    config = load_tiny(folder).config
    values = {
        "run": str(queue.folder),
        "scope": queue.scope,
        "finder": config.finder.model_dump(mode="json"),
        "find_issues": config.find_issues.model_dump(mode="json"),
        "seed": 1,
        "decided": decided_so_far(queue),
        "kept": decided_issues(queue),
        "folder": str(folder),
    }
    return Asked(**(values | more))  # type: ignore[arg-type]


def test_the_new_order_loses_no_item_and_touches_no_result(queue: Queue, tmp_path: Path) -> None:
    decide(queue, 25)
    stages = ("prepare", "crossval", "find_issues")
    before = [hashes(Run(queue.folder).stage(stage)) for stage in stages]
    asked = asked_of(queue, tmp_path)
    rank_run(asked)
    found = artifacts.load_arrays(asked.result)
    again = reordered(queue, found["pred_probs"], found["issues"])
    assert [hashes(Run(queue.folder).stage(stage)) for stage in stages] == before
    assert set(queue.places) <= set(again.places)
    ranks = [item.rank for item in again.items if item.rank]
    assert sorted(ranks) == list(range(1, len(found["issues"]) + 1))
    assert again.ranking == 1 and again.audited == queue.audited
    issues = {item.id for item in queue.items if item.rank}
    assert again.new == {item.id for item in again.items if item.rank} - issues
    assert again.gone == issues - {item.id for item in again.items if item.rank}
    # What was decided on stays in the list, under the label that was decided on.
    assert decided_so_far(again) == decided_so_far(queue)
    assert set(decided_issues(queue)) <= {item.id for item in again.items if item.rank}
    assert again.progress("Ann")["mine"] == 25
    # It lists the errors now, not the first forty.
    _, given, truth = planted()
    rows = np.array(
        [int(i.id.partition("/")[2]) for i in again.items if i.rank and i.id in again.new]
    )
    assert len(rows) and np.mean(given[rows] != truth[rows]) > np.mean(given != truth)


def test_of_each_scope_the_positions_are_its_own(tmp_path: Path) -> None:
    texts, given, _ = planted()
    examples = make_examples(texts)
    examples.labels[:] = given
    run = write_run(tmp_path / "results" / "tiny", examples, num_issues=40)
    for scope in ("train", "test"):
        queue = load_queue(load_tiny(tmp_path), run, scope)
        decide(queue, 10)
        folder = tmp_path / scope
        folder.mkdir()
        asked = asked_of(queue, folder)
        rank_run(asked)
        found = artifacts.load_arrays(asked.result)
        assert found["pred_probs"].shape == (COUNT // 2, 2)
        again = reordered(queue, found["pred_probs"], found["issues"])
        assert {item.split for item in again.items} == {scope}
        assert all(item.text == queue.source.texts[item.id] for item in again.items)
        shown = {item.id: item.pred_probs for item in again.items}
        ids = [id_ for id_ in examples.ids if id_.startswith(scope)]
        place = ids.index(again.items[0].id)
        assert shown[again.items[0].id] == pytest.approx(found["pred_probs"][place])


def test_the_process_says_what_is_wrong_and_ends_with_whoever_asked(
    queue: Queue, tmp_path: Path
) -> None:
    decide(queue, 25)
    command = [sys.executable, "-m", "pipeline.corrections.again"]
    asked = asked_of(queue, tmp_path, run=str(tmp_path / "nowhere"))
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin and process.stderr
        process.stdin.write(json.dumps(asked._asdict()) + "\n")
        process.stdin.flush()
        assert "nowhere" in process.stderr.read()
        assert process.wait() == 1
    left = subprocess.run(
        command,
        cwd=ROOT,
        text=True,
        input=json.dumps(asked_of(queue, tmp_path)._asdict()) + "\n",  # and nothing more
        check=False,
    )
    assert left.returncode == 1 and not asked.result.exists()
