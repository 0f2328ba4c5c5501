"""metrics.json's "review": what the decisions say of a finished run."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.corrections.load import load_queue
from pipeline.corrections.summary import audited_accuracy, review_files, review_metrics
from pipeline.frame import artifacts
from pipeline.frame.run import Run
from tests.review.site import load_tiny, make_examples, write_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return write_run(tmp_path / "results" / "tiny", make_examples())


def test_without_a_journal_nothing_is_said(run: Run, tmp_path: Path) -> None:
    loaded = load_tiny(tmp_path)
    assert review_files(loaded.config, run) == []
    assert review_metrics(loaded, run, [], {}) is None


def test_that_the_finder_is_not_fit_stands_above_its_list(run: Run, tmp_path: Path) -> None:
    reason = {"why": "it guesses", "remedy": "add texts"}
    run.health.parent.mkdir(parents=True, exist_ok=True)
    artifacts.save_json(run.health, {"fitness": {"is_fit": False, "reasons": [reason]}})
    (note,) = load_queue(load_tiny(tmp_path), run).notes
    assert note.endswith("not fit to judge these labels: it guesses; add texts")
    artifacts.save_json(run.health, {"fitness": {"is_fit": True, "reasons": []}})
    assert load_queue(load_tiny(tmp_path), run).notes == []


def test_decisions_and_audit_are_in_the_metrics(run: Run, tmp_path: Path) -> None:
    loaded = load_tiny(tmp_path)
    queue = load_queue(loaded, run, audit=40)
    for number, id_ in enumerate([*list(queue.places)[:20], *queue.audit.ids]):
        kind, label = ("drop", None) if number % 2 else ("keep", queue.source.given[id_])
        queue.journal.append([queue.source.decide(id_, kind, label, reviewer="Ann")])
    assert len(review_files(loaded.config, run)) == 2
    ids = [f"test/{i}" for i in range(40, 80)]
    probs = np.tile([0.9, 0.1], (40, 1))
    found = review_metrics(loaded, run, ids, {"baseline": probs})
    assert found["decided"] >= 20 and found["wrong"] > 0
    assert found["next"]["ci95"][0] <= found["next"]["expected"] <= found["next"]["ci95"][1]
    audit = found["audit"]
    assert audit["checked"] == audit["drawn"] == 40
    assert audit["share_wrong"]["ci95"][0] < 0.5 < audit["share_wrong"]["ci95"][1]
    assert "baseline" in audit["test_accuracy"]
    chances = [point["value"] for point in found["probability_wrong"]]
    assert chances == sorted(chances, reverse=True)
    assert found["reviewers"]["Ann"]["decided"] == len(queue.known_wrong())


def test_the_audited_accuracy_holds_the_truth(run: Run, tmp_path: Path) -> None:
    """A model that is right about the truth, on test labels of which 3 in 10 are wrong."""
    held = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        loaded = load_tiny(tmp_path / str(seed))
        queue = load_queue(loaded, run, audit=30)
        names, given = queue.source.class_names, queue.source.given
        truth = {
            id_: names[1 - names.index(label)] if rng.random() < 0.3 else label
            for id_, label in given.items()
        }
        for id_ in queue.audit.ids:
            kind = "keep" if truth[id_] == given[id_] else "relabel"
            queue.journal.append([queue.source.decide(id_, kind, truth[id_], reviewer="Ann")])
        ids = [id_ for id_ in given if id_.startswith("test")]
        predicted = np.array(
            [names.index(truth[i]) if rng.random() < 0.9 else 0 for i in ids], np.int64
        )
        right = np.mean([names[p] == truth[i] for p, i in zip(predicted, ids, strict=True)])
        found = audited_accuracy(queue, ids, predicted)
        held.append(found.low <= right <= found.high)
    assert np.mean(held) >= 0.85


def test_a_journal_of_other_data_at_the_usual_place_is_no_part_of_a_run(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_tiny(tmp_path)
    queue = load_queue(loaded, run)
    queue.journal.append([queue.source.decide("train/0", "drop", None, reviewer="Ann")])
    path = queue.journal.path
    path.write_text(path.read_text().replace(queue.source.fingerprint, "sha256:" + "0" * 64))
    object.__setattr__(loaded.config, "corrections", None)
    path.rename(path.with_name("tiny.jsonl"))
    monkeypatch.chdir(tmp_path)
    assert review_files(loaded.config, run) and review_metrics(loaded, run, [], {}) is None
