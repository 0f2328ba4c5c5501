"""A study on data where cleaning must help, and on data where it cannot."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.compute import trainings
from pipeline.compute.trainings import Trainings
from pipeline.config.load import Loaded, load_config
from pipeline.data.prepared import load_labels
from pipeline.data.sample import CLASS_NAMES, generate_reviews
from pipeline.frame import artifacts
from pipeline.frame.errors import ConfigError
from pipeline.frame.files import TEMPORARY
from pipeline.frame.run import Run
from pipeline.frame.stage import RunState
from pipeline.issues.arms import TrainingSet
from pipeline.models.training import ReportEpoch, Training, train
from pipeline.study.__main__ import kept_at, study
from pipeline.study.conclusions import conclusions
from pipeline.study.trials import Trial, arm_trainings, fold_trainings
from tests.tiny import load_tiny, run_stages

DATASET = """dataset:
  source: csv
  path: {path}
  columns: null
  delimiter: ","
  encoding: utf-8
  text_columns: [text]
  label_column: label
  id_column: null
  classes: null
  split:
    by: column
    column: split
    train: train
    test: test

corrections: null

vectorize:
  kind: counts
  lowercase: true
  token_pattern: '(?u)\\b\\w\\w+\\b'
  max_ngram: 1
  min_df: 1
  max_features: null

model:
  name: logistic_regression
  C: 10.0
  max_iter: 1000

"""


def write_config(folder: Path, labels_of: str) -> Path:
    """Write a CSV whose training labels are wrong in part, or all of them drawn at random."""
    corpus = generate_reviews(num_train=600, num_test=400, error_rate=0, seed=1)
    rng = np.random.default_rng(2)
    train = np.array(corpus.splits) == "train"
    labels = corpus.true_labels.copy()
    if labels_of == "random":
        labels = rng.integers(0, 2, len(labels))
    else:
        wrong = rng.choice(np.flatnonzero(train & (labels == 1)), 120, replace=False)
        labels[wrong] = 0
    path = folder / "reviews.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["text", "label", "split"])
        names = [CLASS_NAMES[label] for label in labels]
        writer.writerows(zip(corpus.texts, names, corpus.splits, strict=True))
    text = Path("configs/sample.yaml").read_text(encoding="utf-8")
    first, last = text.index("dataset:"), text.index("crossval:")
    config = folder / f"{labels_of}.yaml"
    config.write_text(text[:first] + DATASET.format(path=path) + text[last:], encoding="utf-8")
    return config


SETTINGS = (
    "study.arms=[baseline,prune,random_prune,relabel,weight,shuffled_weight,soft,distil]",
    "study.seeds=[1,2,3,4]",
    "study.noise.rates=[0,0.3]",
    "study.noise.kinds=[uniform]",
    "compute.workers=1",
    "cleanlearn.max_pruned_fraction=1.0",
    "cleanlearn.calibrate=true",
)


def finished(folder: Path, labels_of: str) -> tuple[Loaded, Path]:
    config = write_config(folder, labels_of)
    loaded = load_config(config, SETTINGS)
    run_stages(loaded, folder / "results", upto="crossval")
    study(config, list(SETTINGS), folder / "results")
    return loaded, folder / "results"


@pytest.fixture(scope="module")
def helped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Loaded, Run]:
    loaded, results = finished(tmp_path_factory.mktemp("wrong"), "wrong")
    study(loaded.path, list(SETTINGS), results, noise=True)
    return loaded, Run(results / loaded.run)


def difference(run: Run, arm: str, control: str) -> dict[str, object]:
    found = json.loads((run.study / "study.json").read_text())["differences"]
    return next(d for d in found if (d["arm"], d["control"]) == (arm, control))


def test_where_labels_are_wrong_cleaning_helps(helped: tuple[Loaded, Run]) -> None:
    _, run = helped
    for control in ("baseline", "random_prune"):
        assert difference(run, "prune", control)["ci95"][0] > 0.01
    assert difference(run, "relabel", "baseline")["ci95"][0] > 0.01


def test_where_labels_are_random_it_cannot_help(tmp_path: Path) -> None:
    loaded, results = finished(tmp_path, "random")
    found = difference(Run(results / loaded.run), "prune", "random_prune")
    assert found["ci95_test_set"][0] < 0
    assert found["mean"] < 0.05


def test_the_files_hold_what_the_contract_says(helped: tuple[Loaded, Run]) -> None:
    loaded, run = helped
    whole = json.loads((run.study / "study.json").read_text())
    assert whole["seeds"] == [1, 2, 3, 4]
    assert set(whole["arms"]) == set(loaded.config.study.arms)
    assert all(len(arm["test_accuracy"]) == 4 for arm in whole["arms"].values())
    assert {"rate", "kind", "arm", "seed", "test_accuracy"} <= set(whole["noise"][0])
    rows = pq.read_table(run.study / "runs.parquet").to_pylist()
    assert len(rows) == 4 * len(loaded.config.study.arms)
    pruned = {row["seed"]: row["left_out"] for row in rows if row["arm"] == "prune"}
    control = {row["seed"]: row["left_out"] for row in rows if row["arm"] == "random_prune"}
    assert pruned == control
    stability = pq.read_table(run.study / "stability.parquet")
    assert stability.num_rows == 1000
    assert len(whole["stability"]["issues_per_seed"]) == 4


def test_every_arm_is_scored_at_a_temperature_of_its_own(helped: tuple[Loaded, Run]) -> None:
    loaded, run = helped
    whole = json.loads((run.study / "study.json").read_text())
    found = whole["calibration"]
    assert set(found) == set(loaded.config.study.arms)
    assert len({each["temperature"] for each in found.values()}) == len(found)
    for name, each in found.items():
        assert each["before"]["log_loss"] == pytest.approx(
            np.mean(whole["arms"][name]["test_log_loss"])
        )
    # The labels of test are right and those of train are not: an honest model of the latter is
    # too modest for the former, and still better than an overconfident one.
    assert found["weight"]["temperature"] > 1
    kept = sorted(path.name for path in run.study.glob("trainings/seed_1_weight_without*"))
    assert kept == [f"seed_1_weight_without_fold_{fold}.npz" for fold in range(1, 6)]
    line = next(line for line in conclusions(whole) if "at one temperature each" in line)
    assert f"weight {found['weight']['after']['log_loss']:.4f}" in line


def test_put_in_noise_is_found_and_scored_against_the_truth(helped: tuple[Loaded, Run]) -> None:
    _, run = helped
    truth = pq.read_table(run.study / "noise_truth.parquet").to_pylist()
    per_trial = {row["trial"] for row in truth}
    assert per_trial == {f"noise uniform 0.3 seed {seed}" for seed in (1, 2, 3)}
    assert len(truth) == 3 * 180
    detection = pq.read_table(run.study / "detection.parquet").to_pylist()
    chosen = [r for r in detection if r["rate"] == 0.3 and r["filter_by"] == "prune_by_noise_rate"]
    assert len(chosen) == 3
    # The corpus has wrong labels of its own, which this truth does not call errors.
    assert all(row["precision"] > 0.4 and row["recall"] > 0.4 for row in chosen)
    names = {(row["filter_by"], row["score"]) for row in detection}
    assert len(names) == 7 + 3


def test_a_second_study_trains_nothing_and_says_the_same(
    helped: tuple[Loaded, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, run = helped

    def no_training(planned: object, report: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(trainings, "train", no_training)
    before = (run.study / "study.json").read_bytes()
    study(loaded.path, list(SETTINGS), run.folder.parent)
    assert (run.study / "study.json").read_bytes() == before


def test_a_lost_training_is_done_again_alone(
    helped: tuple[Loaded, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, run = helped
    lost = run.study / "trainings" / "seed_2_train_fold_1.npz"
    kept = lost.read_bytes()
    lost.write_bytes(kept[: len(kept) // 2])
    trained = []

    def note(planned: Sequence[Training], report: ReportEpoch) -> list[artifacts.Arrays]:
        trained.extend(training.name for training in planned)
        return train(planned, report)

    monkeypatch.setattr(trainings, "train", note)
    study(loaded.path, list(SETTINGS), run.folder.parent)
    assert trained == ["seed 2 train fold 1"]
    assert lost.read_bytes() == kept


def trainings_of(loaded: Loaded, run: Run, device: str) -> Trainings:
    key = RunState(loaded.config, run).key("crossval")
    engine: Any = SimpleNamespace(device=device)
    return Trainings(run, key, engine, lambda training: kept_at(run, training))


def test_trainings_of_another_device_or_dataset_are_not_kept(helped: tuple[Loaded, Run]) -> None:
    loaded, run = helped
    training = fold_trainings(Trial("seed 1", 1, load_labels(run)), loaded.config, run)[0]
    kept = {device: trainings_of(loaded, run, device)._kept(training) for device in ("cpu", "gpu")}
    assert kept["cpu"] is not None
    assert kept["gpu"] is None
    fingerprint = artifacts.load_json(run.dataset)["fingerprint"]
    assert str(kept["cpu"]["dataset"]) == fingerprint
    path = run.study / "trainings" / "seed_1_train_fold_1.npz"
    data = path.read_bytes()
    artifacts.save_arrays(path, kept["cpu"] | {"dataset": np.array("sha256:0")})
    assert trainings_of(loaded, run, "cpu")._kept(training) is None
    path.write_bytes(data)


def test_repeated_seeds_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"study.seeds: names 1 twice"):
        load_config(Path("configs/sample.yaml"), ["study.seeds=[1,2,1]"])
    with pytest.raises(ConfigError, match=r"study.noise.rates"):
        load_config(Path("configs/sample.yaml"), ["study.noise.rates=[0.1,1.0]"])
    with pytest.raises(ConfigError, match=r"study.arms"):
        load_config(Path("configs/sample.yaml"), ["study.arms=[baseline,prunes]"])


def test_artifacts_of_a_study_are_swept(helped: tuple[Loaded, Run]) -> None:
    _, run = helped
    assert not list(run.study.rglob(f"{TEMPORARY}*"))


def test_the_finder_of_the_config_is_the_one_that_is_asked(helped: tuple[Loaded, Run]) -> None:
    loaded, run = helped
    settings = [
        *SETTINGS,
        "study.seeds=[1,2]",
        "study.arms=[prune]",
        "finder={by: ensemble, repeats: 1, members: [{member: words, longest: 1, min_df: 2, "
        "max_features: null, C: [1.0]}]}",
        "study.noise.rates=[0.2]",
        "study.noise.seeds=[1]",
    ]
    other = load_config(loaded.path, settings)
    results = run.folder.parent.parent / "other"
    run_stages(other, results, upto="crossval")
    study(loaded.path, settings, results)
    folder = Run(results / other.run).study
    asked = [*folder.glob("trainings/*_all_fold_*"), *folder.glob("trainings/*_train_fold_*")]
    assert not asked, "the model was asked"
    kept = sorted(path.name for path in folder.glob("members/*.npz"))
    assert kept == [
        f"seed_{seed}_words_{scope}.npz" for seed in (1, 2) for scope in ("all", "train")
    ]
    rows = pq.read_table(folder / "runs.parquet").to_pylist()
    assert all(row["left_out"] > 20 for row in rows)
    study(loaded.path, settings, results, noise=True)
    assert (folder / "members" / "noise_uniform_0.2_seed_1_words_train.npz").is_file()


def test_an_ensemble_with_the_model_asks_both(helped: tuple[Loaded, Run]) -> None:
    loaded, run = helped
    settings = [
        *SETTINGS,
        "study.seeds=[1]",
        "study.arms=[prune]",
        "finder={by: ensemble, repeats: 1, members: [{member: naive_bayes, longest: 1, min_df: 1, "
        "max_features: null, alpha: 0.3}, {member: model}]}",
    ]
    results = run.folder.parent.parent / "both"
    both = load_config(loaded.path, settings)
    run_stages(both, results, upto="crossval")
    study(loaded.path, settings, results)
    folder = Run(results / both.run).study
    assert len(list(folder.glob("trainings/seed_1_[at]*_fold_*"))) == 5 + 5
    assert len(list(folder.glob("members/*.npz"))) == 2


def test_probabilities_in_a_file_are_the_same_for_every_seed(helped: tuple[Loaded, Run]) -> None:
    loaded, run = helped
    results = run.folder.parent.parent / "told"
    probs = run.folder.parent.parent / "probs.npy"
    artifacts.save_array(probs, artifacts.load_array(run.pred_probs("all")))
    settings = [*SETTINGS, "study.arms=[baseline,prune]", f"finder={{by: file, path: {probs}}}"]
    told = load_config(loaded.path, settings)
    run_stages(told, results, upto="crossval")
    study(loaded.path, settings, results)
    whole = json.loads((Run(results / told.run).study / "study.json").read_text())
    assert whole["stability"]["jaccard"] == 1.0
    assert difference(Run(results / told.run), "prune", "baseline")["mean"] > 0.01
    with pytest.raises(ConfigError, match=r"make noise: .*finder.by=ensemble"):
        study(loaded.path, settings, results, noise=True)


def test_all_arms_take_the_same_number_of_steps(tmp_path: Path) -> None:
    loaded = load_tiny("model.epochs=3", "model.batch_size=16")
    run_stages(loaded, tmp_path, upto="crossval")
    run = Run(tmp_path / loaded.run)
    labels = load_labels(run)
    trial = Trial("seed 1", 1, labels)
    given = trial.given("train")
    everything = TrainingSet(np.empty(0, int), given)
    less = TrainingSet(np.arange(0, 200, 4), given)
    both = TrainingSet(np.empty(0, int), given, targets=np.full((200, 2), 0.5))
    sets = {"everything": everything, "less": less, "both": both}
    planned = arm_trainings(trial, sets, loaded.config, run)
    assert [training.rows for training in planned] == [200, 150, 400]
    assert [training.updates for training in planned] == [39, 39, 39]
    assert planned[0].model == loaded.config.model


def test_no_two_arms_draw_alike(helped: tuple[Loaded, Run]) -> None:
    labels = load_labels(helped[1])
    trials = [Trial(name, 1, labels) for name in ("seed 1", "seed 2", "noise a")]
    draws = [trial.stream(name).random() for trial in trials for name in ("prune", "relab")]
    assert len(set(draws)) == 6


def test_arms_are_scored_on_each_answer_key_and_nothing_is_trained_for_it(
    helped: tuple[Loaded, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, run = helped
    names = artifacts.load_json(run.dataset)["class_names"]
    rows = artifacts.load_table(run.examples).to_pylist()
    test = [row for row in rows if row["split"] == "test"]
    for key, said in (("all", lambda label: label), ("none", lambda label: 1 - label)):
        with (tmp_path / f"{key}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "text", "given_label", "true_label"])
            writer.writerows(
                [row["id"], row["text"], names[row["label"]], names[said(row["label"])]]
                for row in test
            )
    keys = [str(tmp_path / "all.csv"), str(tmp_path / "none.csv")]
    settings = [*SETTINGS, f"evaluate.verified_labels={json.dumps(keys)}"]
    monkeypatch.setattr(trainings, "train", None)
    study(loaded.path, settings, run.folder.parent)
    whole = json.loads((run.study / "study.json").read_text())
    for arm in whole["arms"].values():
        assert arm["test_accuracy_corrected"] == arm["test_accuracy"]
        opposite = [1 - accuracy for accuracy in arm["test_accuracy"]]
        assert arm["test_accuracy_corrected_none"] == pytest.approx(opposite)
    assert [key["flipped_by_people"] for key in whole["test_set"]["keys"]] == [0, len(test)]
    by_labels = {row["labels"] for row in whole["differences"]}
    assert by_labels == {"given", "corrected", "corrected by none"}
    assert any("people corrected (none)" in line for line in conclusions(whole))
    study(loaded.path, list(SETTINGS), run.folder.parent)  # as the tests below expect it


def test_advice_takes_as_many_seeds_as_it_needs(
    helped: tuple[Loaded, Run], capsys: pytest.CaptureFixture[str]
) -> None:
    loaded, run = helped
    settings = [*SETTINGS, "study.seeds=[1,2,3,4]"]
    study(loaded.path, settings, run.folder.parent, advise=True)
    said = capsys.readouterr().out
    whole = json.loads((run.study / "study.json").read_text())
    advice = whole["advice"]
    assert advice["recommend"] in {"prune", "relabel", "weight", "soft"}
    assert f"recommended: {advice['recommend']}." in said
    assert len(whole["seeds"]) == (3 if advice["settled"] else 4)
    low, high = advice["arms"]["prune"]["interval"]
    assert 0 < low < difference(run, "prune", "baseline")["mean"] < high
    cells = {(cell["kind"], cell["rate"]): cell["recommend"] for cell in whole["noise_advice"]}
    assert set(cells) == {("uniform", 0), ("uniform", 0.3)}
    assert cells["uniform", 0.3] is not None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("study.seeds=[1,2]", "2 seeds and 3 would do (study.seeds)"),
        ("study.arms=[prune,random_prune]", "study.arms needs baseline"),
    ],
)
def test_where_no_advice_can_come_of_it_nothing_is_trained(
    helped: tuple[Loaded, Run],
    more: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    loaded, run = helped
    before = (run.study / "study.json").read_bytes()
    monkeypatch.setattr("pipeline.study.__main__.training_engine", None)
    study(loaded.path, [*SETTINGS, more], run.folder.parent, advise=True)
    assert f"nothing is recommended: {words}" in capsys.readouterr().out.replace("\n", " ")
    assert (run.study / "study.json").read_bytes() == before
