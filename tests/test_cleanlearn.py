"""Training without the issues: guarded, weighted, and without exactly the listed rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from pipeline import cleanlearn
from pipeline.cleanlearn import issue_positions
from pipeline.compute import cleaning
from pipeline.compute.cleaning import fit_cleanlearning, plan_arm
from pipeline.data.prepared import load_labels
from pipeline.evaluate import load_test_pred_probs
from pipeline.frame import artifacts
from pipeline.frame.errors import ArtifactError, DataError
from pipeline.frame.record import RECORD
from pipeline.frame.run import SCOPES, Run
from pipeline.issues.arms import ARMS, Suspicion
from pipeline.models.calibration import LEAST, fit_temperature
from pipeline.models.seeds import derive_seed
from pipeline.models.table import make_classifier
from pipeline.models.training import ReportEpoch, Training, train
from pipeline.predict import predict
from pipeline.report.summary import sentence
from tests.tiny import load_tiny, run_stage


def test_the_guard_comes_before_training(run_copy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "fit_cleanlearning", pytest.fail)
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
    seed = derive_seed(config.seed, SCOPES.index("test"), 0)
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


def test_class_weights_are_capped_and_told(run_copy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.models.network import FastText

    seen: list[float] = []
    real = FastText.fit

    def watched(self: FastText, x: np.ndarray, y: np.ndarray, **options: object) -> object:
        seen.append(float(np.max(np.asarray(options["sample_weight"]))))
        return real(self, x, y, **options)

    monkeypatch.setattr(FastText, "fit", watched)
    results = run_copy.folder.parent
    for cap, most in (("null", None), ("1.01", 1.01), ("1", 1.0)):
        (run_copy.stage("cleanlearn") / RECORD).unlink()
        run_stage("cleanlearn", load_tiny(f"cleanlearn.max_class_weight={cap}"), results)
        told = artifacts.load_json(run_copy.training)["class_weights"]
        assert seen[-1] == pytest.approx(max(told.values()))
        assert set(told) == {"neg", "pos"}
        assert seen[-1] > 1.01 if most is None else seen[-1] == pytest.approx(most)


def test_fewer_examples_take_as_many_steps(run_copy: Run) -> None:
    settings = ("same_updates=true", "even_if_unfit=true")
    keys = [f"cleanlearn.{setting}" for setting in settings]
    loaded = load_tiny("model.epochs=2", "model.batch_size=10", *keys)
    for stage in ("crossval", "find_issues", "cleanlearn"):
        run_stage(stage, loaded, run_copy.folder.parent)
    told = artifacts.load_json(run_copy.training)
    assert told["examples"]["cleanlearning"] < 0.95 * told["examples"]["baseline"]
    assert told["updates"]["baseline"] == 2 * 20
    assert abs(told["updates"]["cleanlearning"] - 40) <= 2


def test_what_is_deployed_is_at_the_temperature_that_held_out_texts_ask_for(
    run_copy: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    results = run_copy.folder.parent
    before = artifacts.load_arrays(run_copy.test_pred_probs)
    raw = run_copy.keras_model("cleaned").read_bytes()
    assert artifacts.load_json(run_copy.training)["deployed"]["cleaned"] == "as trained"
    loaded = load_tiny("cleanlearn.calibrate=true")
    trained: list[str] = []

    def watched(trainings: Sequence[Training], report: ReportEpoch) -> list[artifacts.Arrays]:
        trained.extend(training.name for training in trainings)
        return train(trainings, report)

    monkeypatch.setattr(cleaning, "train", watched)
    run_stage("cleanlearn", loaded, results)
    # crossval has trained the baseline without each fold of train
    assert trained and all(name.startswith("CleanLearning without") for name in trained)
    labels = load_labels(run_copy).fitted("train")
    pooled = artifacts.load_array(run_copy.pred_probs("train"))
    told = artifacts.load_json(run_copy.training)
    after = artifacts.load_arrays(run_copy.test_pred_probs)
    for name in ("baseline", "cleanlearning"):
        np.testing.assert_array_equal(before[name], after[name])
        assert told["temperature"][name] != 1
    honest = fit_temperature(np.log(np.maximum(pooled.astype(float), LEAST)), labels)
    assert told["temperature"]["baseline"] == pytest.approx(honest, rel=1e-3)
    assert told["deployed"] == {"baseline": "calibrated", "cleaned": "calibrated"}
    assert run_copy.keras_model("cleaned").read_bytes() != raw
    table = artifacts.load_table(run_copy.examples, ["split", "text"]).to_pylist()
    texts = [row["text"] for row in table if row["split"] == "test"]
    capsys.readouterr()
    predict(texts, run_copy.keras_model("cleaned"))
    said = capsys.readouterr()
    assert said.err == "probabilities: calibrated on texts that cleaned.keras had not seen\n"
    shown = [float(line.split("\t")[1]) for line in said.out.splitlines()]
    logs = np.log(after["cleanlearning"].astype(float)) / told["temperature"]["cleanlearning"]
    expected = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shown, expected.max(axis=1), atol=2e-4)
    run_stage("evaluate", loaded, results)
    metrics = artifacts.load_json(run_copy.metrics)["test_calibration"]
    assert set(metrics["baseline"]["after"]) == {"log_loss", "ece"}


@pytest.mark.parametrize("arm", ["weight", "relabel", "soft"])
def test_another_arm_is_trained_as_the_study_trains_it(
    run_copy: Run, arm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    results, loaded = run_copy.folder.parent, load_tiny(f"cleanlearn.arm={arm}")
    before = artifacts.load_arrays(run_copy.test_pred_probs)
    run_stage("cleanlearn", loaded, results)
    after, told = artifacts.load_arrays(run_copy.test_pred_probs), load_training(run_copy)
    np.testing.assert_array_equal(before["baseline"], after["baseline"])
    assert np.abs(before["cleanlearning"] - after["cleanlearning"]).max() > 0.001
    assert told["arm"] == arm and told["class_weights"] == {}
    assert told["examples"]["cleanlearning"] == told["examples"]["baseline"]
    assert abs(told["updates"]["cleanlearning"] - told["updates"]["baseline"]) < 5

    labels = load_labels(run_copy)
    given = labels.fitted("train")
    said = artifacts.load_array(run_copy.pred_probs("train"))
    issues = issue_positions(run_copy, labels.rows("train"))
    chosen = ARMS[arm].make(Suspicion(given, said, issues, np.random.default_rng(5), None))
    assert chosen is not None
    task = plan_arm(run_copy, loaded.config, chosen, seed=loaded.config.seed, name="study's")
    (expected,) = train([task], lambda *_: None)
    np.testing.assert_array_equal(expected["pred_probs"], after["cleanlearning"])

    run_stage("evaluate", loaded, results)
    metrics = artifacts.load_json(run_copy.metrics)
    assert ARMS[arm].doing in sentence(metrics)
    assert "without them" not in sentence(metrics)
    assert ARMS[arm].doing in capsys.readouterr().out


def load_training(run: Run) -> dict[str, Any]:
    told: dict[str, Any] = artifacts.load_json(run.training)
    return told
