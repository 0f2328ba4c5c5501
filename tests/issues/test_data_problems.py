"""Copies, empty texts, near duplicates and outliers."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.issues.data_problems import find_by_neighbors, find_copies, find_unreadable
from tests.tiny import ROOT


def test_copies() -> None:
    groups = np.array([0, 1, 0, 2, 1, 3, 2])
    labels = np.array([0, 0, 0, 1, 1, 1, 1])
    is_train = np.array([True, True, False, True, True, True, True])
    found = find_copies(groups, labels, is_train)
    assert found["exact_duplicate"].rows.tolist() == [0, 2, 1, 4, 3, 6]
    assert found["exact_duplicate"].groups.tolist() == [0, 0, 1, 1, 2, 2]
    assert found["conflicting_labels"].rows.tolist() == [1, 4]
    assert found["train_and_test"].rows.tolist() == [0, 2]


def test_texts_without_words() -> None:
    texts = ["good film", "", " \n", "unheard", "!!!"]
    tokens = np.array([[2, 3], [0, 0], [0, 0], [1, 0], [0, 0]])
    found = find_unreadable(texts, tokens)
    assert found["empty_text"].rows.tolist() == [1, 2]
    assert found["no_known_word"].rows.tolist() == [3, 4]


def test_neighbors_find_the_planted_pair_and_the_stranger() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal([5, 0, 0, 0, 0, 0, 0, 0], 1, (300, 8)).astype(np.float32)
    vectors[7] = vectors[200] * 1.0001
    vectors[50] = -vectors.mean(axis=0)
    found = find_by_neighbors(vectors)
    near = found["near_duplicate"]
    pair = near.groups[near.rows == 7]
    assert set(near.rows[near.groups == pair[0]]) == {7, 200}
    assert near.scores[near.rows == 7][0] < 0.01
    assert found["outlier"].rows[0] == 50
    assert (np.diff(found["outlier"].scores) >= 0).all()


def make_vectors(count: int = 400) -> np.ndarray:
    """Return vectors around three centers, some of them copied with a little noise."""
    rng = np.random.default_rng(1)
    centers = rng.normal(0, 4, (3, 6))
    vectors = centers[rng.integers(3, size=count)] + rng.normal(0, 1, (count, 6))
    vectors[:20] = vectors[20:40] + rng.normal(0, 1e-4, (20, 6))
    vectors[40:45] = rng.normal(0, 9, (5, 6))
    return vectors.astype(np.float32)


def test_the_neighbors_are_those_that_datalab_finds_itself() -> None:
    from cleanlab.datalab.datalab import Datalab

    vectors = make_vectors()
    lab = Datalab({"row": np.arange(len(vectors))}, verbosity=0)
    lab.find_issues(features=vectors, issue_types={"near_duplicate": {}, "outlier": {}})
    issues = lab.get_issues()
    found = find_by_neighbors(vectors)
    for kind, problem in found.items():
        assert len(problem.rows) > 0
        assert set(problem.rows) == set(np.flatnonzero(issues[f"is_{kind}_issue"]))
        theirs = issues[f"{kind}_score"].to_numpy()[problem.rows]
        np.testing.assert_allclose(problem.scores, theirs, atol=1e-3)
    near = found["near_duplicate"]
    group_of = dict(zip(near.rows, near.groups, strict=True))
    sets = lab.get_info("near_duplicate")["near_duplicate_sets"]
    assert all(group_of[row] == group_of[other] for row in group_of for other in sets[row])


def test_fewer_texts_than_neighbors() -> None:
    found = find_by_neighbors(np.array([[1, 0], [1, 0], [0, 1], [1, 1]], np.float32))
    assert found["near_duplicate"].rows.tolist() == [0, 1]


def test_a_check_that_fails_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    from cleanlab.datalab.internal.issue_manager.outlier import OutlierIssueManager

    def fail(self: object, **inputs: object) -> None:
        raise ValueError("no neighbors today")

    monkeypatch.setattr(OutlierIssueManager, "find_issues", fail)
    with pytest.raises(RuntimeError, match="Datalab: Error in outlier: no neighbors today"):
        find_by_neighbors(make_vectors())


SEALED = """
import os, socket, sys
def refuse(*arguments): raise AssertionError("the network was used")
socket.socket.connect = socket.getaddrinfo = refuse
from tests.issues.test_data_problems import find_by_neighbors, make_vectors
assert "cleanlab" not in sys.modules and "datasets" not in sys.modules
assert len(find_by_neighbors(make_vectors())["outlier"].rows) > 0
assert "tensorflow" not in sys.modules
"""


def test_datalab_is_quiet_and_stays_on_this_machine(tmp_path: Path) -> None:
    """No word, no connection, no file in the home folder; imported only where it is used."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "XDG"))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SEALED],
        env=env | {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_equal_vectors_do_not_divide_by_zero() -> None:
    found = find_by_neighbors(np.zeros((20, 8), np.float32))
    assert len(set(found["near_duplicate"].groups)) == 1
    assert np.isfinite(found["near_duplicate"].scores).all()
