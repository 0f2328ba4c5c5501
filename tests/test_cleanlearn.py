"""Training without the issues: guarded, weighted, and without exactly the listed rows."""

from typing import Any

import numpy as np
import pytest

from pipeline import cleanlearn
from pipeline.cleanlearn import fit_cleanlearning, issue_positions
from pipeline.data.prepared import load_labels
from pipeline.evaluate import load_test_pred_probs
from pipeline.frame import artifacts
from pipeline.frame.errors import ArtifactError, DataError
from pipeline.frame.record import RECORD
from pipeline.frame.run import Run
from pipeline.models.seeds import derive_seed
from pipeline.models.table import make_classifier
from tests.tiny import load_tiny, run_stage


def test_the_guard_comes_before_training(run_copy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleanlearn, "fit_cleanlearning", pytest.fail)
    with pytest.raises(DataError, match="max_pruned_fraction"):
        run_stage(
            "cleanlearn", load_tiny("cleanlearn.max_pruned_fraction=0.001"), run_copy.folder.parent
        )


def fit(run: Run, **changes: object) -> tuple[Any, np.ndarray]:
    labels = load_labels(run)
    arguments: dict[str, Any] = {
        "inputs": artifacts.load_array(run.tokens("train")),
        "labels": labels.given[labels.rows("train")],
        "pred_probs": artifacts.load_array(run.pred_probs("train")),
        "config": load_tiny("model.epochs=1").config,
    }
    arguments |= changes
    config = arguments["config"]
    seed = derive_seed(config.seed, *cleanlearn.BASELINE_PATH)
    classifier = make_classifier(config.model, vocabulary_size=500, seed=seed)
    return fit_cleanlearning(classifier, *arguments.values())


def test_the_pruned_rows_are_those_of_issues_train(tiny_run: Run) -> None:
    _, pruned = fit(tiny_run)
    rows = load_labels(tiny_run).rows("train")
    np.testing.assert_array_equal(pruned, issue_positions(tiny_run, rows))
    assert len(pruned) == artifacts.load_json(tiny_run.health)["train"]["count"] > 0


def test_clean_learning_trains_on_the_rest_with_weights(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.models.network import FastText

    seen: dict[str, np.ndarray] = {}
    real = FastText.fit

    def watched(self: FastText, x: np.ndarray, y: np.ndarray, **options: object) -> object:
        seen.update(x=x, y=y, sample_weight=np.asarray(options["sample_weight"]))
        return real(self, x, y, **options)

    monkeypatch.setattr(FastText, "fit", watched)
    _, pruned = fit(tiny_run)
    tokens = artifacts.load_array(tiny_run.tokens("train"))
    np.testing.assert_array_equal(seen["x"], np.delete(tokens, pruned, axis=0))
    for label in (0, 1):  # one weight a class, by its estimated noise
        assert len(np.unique(seen["sample_weight"][seen["y"].ravel() == label])) == 1
    assert (seen["sample_weight"] >= 1).all()
    assert seen["sample_weight"].max() > 1


def test_without_issues_the_model_is_the_baseline(tiny_run: Run) -> None:
    labels = load_labels(tiny_run)
    given = labels.given[labels.rows("train")]
    sure = np.where(given[:, None] == [0, 1], 0.99, 0.01)
    classifier, pruned = fit(tiny_run, pred_probs=sure, config=load_tiny().config)
    assert len(pruned) == 0
    # Nothing but the data may differ between the two models: not the weights they start from.
    tested = classifier.predict_proba(artifacts.load_array(tiny_run.tokens("test")))
    np.testing.assert_array_equal(
        tested.astype(np.float32), artifacts.load_array(tiny_run.pred_probs("test"))
    )


def test_a_list_of_other_rows_is_refused(run_copy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (run_copy.stage("cleanlearn") / RECORD).unlink()
    monkeypatch.setattr(cleanlearn, "issue_positions", lambda run, rows: np.array([0, 1]))
    with pytest.raises(ArtifactError, match="lists other rows than CleanLearning left out"):
        run_stage("cleanlearn", load_tiny(), run_copy.folder.parent)


def test_the_baseline_is_the_one_of_the_test_scope(tiny_run: Run) -> None:
    both = load_test_pred_probs(tiny_run, load_labels(tiny_run))
    assert set(both) == {"baseline", "cleanlearning"}
    np.testing.assert_array_equal(
        both["baseline"], artifacts.load_array(tiny_run.pred_probs("test"))
    )
    assert both["cleanlearning"].shape == (80, 2)
    assert not np.array_equal(both["baseline"], both["cleanlearning"])


def test_in_batches_the_listed_rows_are_left_out_and_nothing_is_weighted(run_copy: Run) -> None:
    batched = ("find_issues.filter_by=low_self_confidence", "find_issues.batch_size=50")
    loaded, results = load_tiny("model.epochs=1", *batched), run_copy.folder.parent
    for stage in ("crossval", "find_issues", "cleanlearn"):
        run_stage(stage, loaded, results)
    labels = load_labels(run_copy)
    rows = labels.rows("train")
    listed = issue_positions(run_copy, rows)
    assert len(listed) > 0
    _, pruned = fit(run_copy, config=loaded.config)
    np.testing.assert_array_equal(pruned, listed)
