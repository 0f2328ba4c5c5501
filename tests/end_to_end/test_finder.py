"""Who judges the labels is chosen by config alone; what it cannot judge is not pruned."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from pipeline import prepare
from pipeline.data.examples import Examples
from pipeline.data.prepared import load_labels
from pipeline.frame import artifacts
from pipeline.frame.record import RECORD
from pipeline.frame.run import SCOPES, Run
from pipeline.models.folds import load_fold
from pipeline.report.summary import sentence
from tests.tiny import TINY, load_tiny, run_stage, run_stages

MEMBERS = (
    "{member: words, longest: 2, min_df: 2, max_features: 5000, C: [1.0, 3.0]}",
    "{member: characters, shortest: 2, longest: 4, min_df: 2, max_features: 20000, C: [3.0]}",
    "{member: naive_bayes, longest: 2, min_df: 1, max_features: null, alpha: 0.3}",
)
CHEAP = f"finder={{by: ensemble, repeats: 1, members: [{', '.join(MEMBERS)}]}}"
ENSEMBLE = f"{CHEAP[:-2]}, {{member: model}}]}}"
NAMES = ("words", "characters", "naive_bayes", "model")


@pytest.fixture(scope="module")
def ensemble_run(tiny_results: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run like `tiny_run`, judged by an ensemble. Read it, copy it."""
    results = tmp_path_factory.mktemp("ensemble") / "results"
    shutil.copytree(tiny_results, results)
    run_stages(load_tiny(ENSEMBLE), results)
    return Run(results / TINY.stem)


def planted_precision(run: Run) -> float:
    """Return the average precision of planted errors, all labels ranked by self-confidence."""
    given = load_labels(run).given
    truth = artifacts.load_table(run.truth, ["true_label"]).column(0).to_numpy()
    own = artifacts.load_array(run.pred_probs("all"))[np.arange(len(given)), given]
    return float(average_precision_score(given != truth, -own))


def files_of(run: Run, stage: str) -> dict[str, bytes]:
    folder = run.stage(stage)
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != RECORD]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths)}


def other_examples(labels_of: np.ndarray | None = None, *, change_test: bool = False) -> Examples:
    """Return the examples of the tiny config with other labels, or another test split."""
    examples = prepare.read_examples(load_tiny().config.dataset, seed=123456)
    labels, texts = examples.labels if labels_of is None else labels_of, list(examples.texts)
    if change_test:
        is_test = np.array(examples.splits) == "test"
        labels = np.where(is_test, 1 - labels, labels)
        texts = [
            f"the zzz{n} film, {text[::-1]}" if test else text
            for n, (text, test) in enumerate(zip(texts, is_test, strict=True))
        ]
    return Examples(
        examples.name,
        examples.class_names,
        examples.ids,
        examples.splits,
        labels,
        texts,
        examples.truth,
    )


# --- an ensemble ---------------------------------------------------------------------------


def test_an_ensemble_finds_planted_errors_as_well_as_the_model(
    tiny_run: Run, ensemble_run: Run
) -> None:
    assert planted_precision(ensemble_run) >= planted_precision(tiny_run) - 0.02
    metrics = artifacts.load_json(ensemble_run.metrics)
    assert metrics["planted"]["recall"] > 0.5
    assert metrics["fitness"] == {"is_fit": True, "reasons": []}


def test_the_metrics_tell_what_each_member_is_worth(ensemble_run: Run) -> None:
    members = artifacts.load_json(ensemble_run.crossval_metrics)["members"]
    assert tuple(sorted(members)) == tuple(sorted(NAMES))
    given = load_labels(ensemble_run)
    for scope in ("all", "train"):
        assert sum(member[scope]["weight"] for member in members.values()) == pytest.approx(1)
        for name, member in members.items():
            probs = artifacts.load_array(ensemble_run.member_pred_probs(name, scope))
            right = probs.argmax(axis=1) == given.given[given.rows(scope)]
            assert member[scope]["accuracy"] == pytest.approx(right.mean())


def test_scores_say_what_each_member_thinks_of_a_label(ensemble_run: Run) -> None:
    lines = artifacts.load_table(ensemble_run.scores).to_pydict()
    given = load_labels(ensemble_run).given
    for name in NAMES:
        probs = artifacts.load_array(ensemble_run.member_pred_probs(name, "all"))
        np.testing.assert_array_equal(lines[name], probs[np.arange(len(given)), given])


def test_nothing_of_test_influences_scope_train(
    ensemble_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other test texts and other test labels: the same bits for train, of every member."""
    other = other_examples(change_test=True)
    monkeypatch.setattr(prepare, "read_examples", lambda dataset, seed: other)
    run_stages(load_tiny(ENSEMBLE), tmp_path, upto="crossval")
    run = Run(tmp_path / TINY.stem)
    ours, theirs = files_of(run, "crossval"), files_of(ensemble_run, "crossval")
    assert set(ours) == set(theirs)
    for name in ("pred_probs", *(f"members/{member}/pred_probs" for member in NAMES)):
        assert ours[f"{name}_train.npy"] == theirs[f"{name}_train.npy"], name
        assert ours[f"{name}_all.npy"] != theirs[f"{name}_all.npy"], name
    for member in NAMES[:3]:
        said, before = (
            artifacts.load_arrays(r.member(member, "train")) for r in (run, ensemble_run)
        )
        np.testing.assert_array_equal(said["train"], before["train"])
        assert (said["test"] != before["test"]).any()


# --- the model, as before ------------------------------------------------------------------


def test_the_model_by_itself_is_its_folds(tiny_run: Run) -> None:
    labels = load_labels(tiny_run)
    for scope, count in (("all", 2), ("train", 2), ("test", 1)):
        pooled = artifacts.load_array(tiny_run.pred_probs(scope))
        for fold in range(count):
            arrays = load_fold(tiny_run, labels, scope, fold)
            np.testing.assert_array_equal(pooled[arrays["held_out"]], arrays["pred_probs"])
    assert "members" not in artifacts.load_json(tiny_run.crossval_metrics)


def test_nothing_is_left_of_members_that_are_asked_no_more(
    tiny_run: Run, ensemble_run: Run, tmp_path: Path
) -> None:
    shutil.copytree(ensemble_run.folder, tmp_path / TINY.stem)
    run_stage("crossval", load_tiny(), tmp_path)
    again, before = files_of(Run(tmp_path / TINY.stem), "crossval"), files_of(tiny_run, "crossval")
    assert set(again) == set(before)
    for name in (*(f"pred_probs_{scope}.npy" for scope in SCOPES), "metrics.json"):
        assert again[name] == before[name]


def test_members_without_the_model_train_no_fold(results_copy: Path, run_copy: Run) -> None:
    run_stages(load_tiny(CHEAP), results_copy, upto="find_issues")
    folds = sorted(name for name in files_of(run_copy, "crossval") if "fold" in name)
    assert folds == ["test/fold_00.npz"]  # the baseline of the comparison
    assert "members" in artifacts.load_json(run_copy.crossval_metrics)


# --- a file --------------------------------------------------------------------------------


def test_a_file_gives_the_issues_of_its_probabilities_and_trains_no_fold(
    tiny_run: Run, results_copy: Path, run_copy: Run, tmp_path: Path
) -> None:
    path = tmp_path / "mine.npy"
    shutil.copy(tiny_run.pred_probs("all"), path)
    loaded = load_tiny(f"finder={{by: file, path: '{path}'}}")
    run_stages(loaded, results_copy, upto="find_issues")
    assert run_copy.issues("all").read_bytes() == tiny_run.issues("all").read_bytes()
    folds = sorted(name for name in files_of(run_copy, "crossval") if "fold" in name)
    assert folds == ["test/fold_00.npz"]
    labels, everything = load_labels(run_copy), artifacts.load_array(path)
    for scope in SCOPES:
        np.testing.assert_array_equal(
            artifacts.load_array(run_copy.pred_probs(scope)), everything[labels.rows(scope)]
        )


# --- not fit to judge ----------------------------------------------------------------------


def test_an_unfit_model_prunes_nothing_unless_it_is_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(11).permutation(np.tile([0, 1], 140))
    other = other_examples(random)
    monkeypatch.setattr(prepare, "read_examples", lambda dataset, seed: other)
    settings = ("model.epochs=1", "cleanlearn.max_pruned_fraction=1.0")
    run_stages(load_tiny(*settings), tmp_path)
    run = Run(tmp_path / TINY.stem)
    metrics = artifacts.load_json(run.metrics)
    assert metrics["fitness"]["is_fit"] is False
    assert metrics["fitness"] == artifacts.load_json(run.health)["fitness"]
    why = metrics["fitness"]["reasons"][0]["why"]
    assert "no more than always saying the largest class" in why
    assert why in sentence(metrics)
    assert "trained without 0 of 200 examples" in capsys.readouterr().out
    listed = len(artifacts.load_issues(run.issues("train")))
    assert listed > 0
    probs = artifacts.load_arrays(run.test_pred_probs)
    np.testing.assert_array_equal(probs["cleanlearning"], probs["baseline"])

    run_stages(load_tiny(*settings, "cleanlearn.even_if_unfit=true"), tmp_path)
    assert f"trained without {listed} of 200 examples" in capsys.readouterr().out
    probs = artifacts.load_arrays(run.test_pred_probs)
    assert (probs["cleanlearning"] != probs["baseline"]).any()
