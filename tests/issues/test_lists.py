"""The lines that are written of labels: those of issues, and one for every example."""

import numpy as np
import pyarrow as pa
import pytest

from pipeline.data.prepared import load_class_names, load_labels
from pipeline.frame import artifacts
from pipeline.frame.run import Run
from pipeline.issues.calibration import WrongProbability
from pipeline.issues.lists import SCORES, issue_rows, score_batches

WRONG = WrongProbability(np.array([0.2, 0.8]), np.array([0.9, 0.1]))


def scored(
    run: Run, wrong: WrongProbability | None = None, **members: np.ndarray
) -> dict[str, list]:
    pred_probs = artifacts.load_array(run.pred_probs("all"))
    given, names = load_labels(run).given, load_class_names(run)
    batches = score_batches(run, given, pred_probs, names, wrong, members)
    return pa.Table.from_batches(list(batches)).to_pydict()


def own_probs(run: Run) -> np.ndarray:
    given = load_labels(run).given
    return artifacts.load_array(run.pred_probs("all"))[np.arange(len(given)), given]


def test_every_example_has_a_line_in_row_order(tiny_run: Run) -> None:
    found = scored(tiny_run)
    examples = artifacts.load_table(tiny_run.examples, ["id", "label"]).to_pydict()
    names = load_class_names(tiny_run)
    assert found["row"] == list(range(280))
    assert found["id"] == examples["id"]
    assert found["given"] == [names[label] for label in examples["label"]]
    best = artifacts.load_array(tiny_run.pred_probs("all")).argmax(axis=1)
    assert found["suggested"] == [names[label] for label in best]
    np.testing.assert_allclose(found["self_confidence"], own_probs(tiny_run))
    assert set(found) == {"row", "id", "given", "suggested", *SCORES, "probability_wrong"}


def test_it_is_the_file_of_the_stage(tiny_run: Run) -> None:
    written = artifacts.load_table(tiny_run.scores).to_pydict()
    found = scored(tiny_run)
    for name in ("row", "id", "given", "suggested", *SCORES):
        assert written[name] == found[name]


def test_the_lines_do_not_depend_on_the_row_groups(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = np.random.default_rng(0).dirichlet([1, 1], 280)
    before = scored(tiny_run, WRONG, words=member)
    monkeypatch.setattr(artifacts, "ROW_GROUP", 64)
    assert scored(tiny_run, WRONG, words=member) == before


def test_members_are_told_by_their_self_confidence(tiny_run: Run) -> None:
    member = np.random.default_rng(0).dirichlet([1, 1], 280).astype(np.float32)
    found = scored(tiny_run, words=member)
    given = load_labels(tiny_run).given
    assert found["words"] == member[np.arange(280), given].tolist()


def test_the_probability_that_a_label_is_wrong(tiny_run: Run) -> None:
    assert scored(tiny_run)["probability_wrong"] == [None] * 280
    expected = np.interp(own_probs(tiny_run), [0.2, 0.8], [0.9, 0.1])
    np.testing.assert_allclose(scored(tiny_run, WRONG)["probability_wrong"], expected)


def test_an_issue_has_the_probability_of_its_label(tiny_run: Run) -> None:
    labels, names = load_labels(tiny_run), load_class_names(tiny_run)
    pred_probs = artifacts.load_array(tiny_run.pred_probs("all"))
    parts = (tiny_run, np.arange(280), labels.given, pred_probs, np.array([7, 3]), names)
    for wrong in (WRONG, None):
        lines = [
            dict(zip(artifacts.ISSUE_COLUMNS, line, strict=True))
            for line in issue_rows(*parts, wrong)
        ]
        assert [line["row"] for line in lines] == [7, 3]
        told = [line["probability_wrong"] for line in lines]
        if wrong is None:
            assert told == ["", ""]
        else:
            np.testing.assert_allclose(told, wrong.of(own_probs(tiny_run)[[7, 3]]), atol=1e-4)
