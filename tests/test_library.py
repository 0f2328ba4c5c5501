"""find_label_errors: what goes in, what comes out, and that it is the finder of the pipeline."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pipeline
from pipeline import find_label_errors
from pipeline.config.load import load_config
from pipeline.frame import artifacts
from pipeline.frame.errors import DataError
from pipeline.frame.run import Run
from tests.tickets import CLASSES, make_tickets
from tests.tiny import run_stages

TICKETS = make_tickets(200, seed=5)
LABELS = [CLASSES[label] for label in TICKETS.given]
COLUMNS = ["rank", "row", "given", "suggested", "self_confidence", "normalized_margin"]
COLUMNS += ["confidence_weighted_entropy", "probability_wrong", "text"]


def find(*arguments: object, **options: object) -> pd.DataFrame:
    return find_label_errors(*arguments, progress=False, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def found() -> pd.DataFrame:
    return find(TICKETS.texts, LABELS)


def test_planted_errors_come_first(found: pd.DataFrame) -> None:
    assert list(found.columns) == COLUMNS
    assert found["rank"].tolist() == list(range(1, len(found) + 1))
    assert found["self_confidence"].is_monotonic_increasing
    wrong = (TICKETS.given != TICKETS.true)[found["row"]]
    assert wrong[:10].mean() > 0.7
    assert found["text"].tolist() == [TICKETS.texts[row] for row in found["row"]]
    assert found["given"].tolist() == [LABELS[row] for row in found["row"]]
    assert found["probability_wrong"].isna().all()


def test_it_is_the_finder_of_the_pipeline(found: pd.DataFrame, tmp_path: Path) -> None:
    """The members of the config that `init` writes, without the network: the same list."""
    with (tmp_path / "tickets.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *zip(TICKETS.texts, LABELS, strict=True)])
    from pipeline.data.guess import Chosen
    from pipeline.init import make_config

    config = tmp_path / "tickets.yaml"
    make_config(config, tmp_path / "tickets.csv", Chosen())
    text = config.read_text(encoding="utf-8")
    model = next(line for line in text.splitlines() if "{member: model}" in line)
    config.write_text(text.replace(f"{model}\n", ""), encoding="utf-8")
    loaded = load_config(config, ["model.epochs=1", "find_issues.neighbors=false"])
    run_stages(loaded, tmp_path, upto="find_issues")
    listed = list(artifacts.read_issues(Run(tmp_path / "tickets").issues("all")))
    assert [int(each["row"]) for each in listed] == found["row"].tolist()
    assert [each["suggested_label"] for each in listed] == found["suggested"].tolist()
    scores = [float(each["self_confidence"]) for each in listed]
    np.testing.assert_allclose(found["self_confidence"], scores, atol=1e-4)


def test_every_holder_of_columns_gives_the_same(found: pd.DataFrame) -> None:
    index = [f"t{row}" for row in range(200)]
    frame = pd.DataFrame({"message": TICKETS.texts, "queue": LABELS}, index=index)
    by_name = find(frame, "queue", text="message")
    assert by_name.index.tolist() == [f"t{row}" for row in found["row"]]
    pd.testing.assert_frame_equal(by_name.reset_index(drop=True), found.reset_index(drop=True))
    pd.testing.assert_frame_equal(find(frame["message"], frame["queue"]), by_name)
    numbers = find(np.array(TICKETS.texts), TICKETS.given)
    assert numbers["row"].tolist() == found["row"].tolist()
    assert [CLASSES[label] for label in numbers["suggested"]] == found["suggested"].tolist()


def test_a_hugging_face_dataset_names_its_classes(found: pd.DataFrame) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the `datasets` library")
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=CLASSES)}
    )
    columns = {"text": TICKETS.texts, "label": TICKETS.given.tolist()}
    made = find(datasets.Dataset.from_dict(columns, features=features), "label")
    pd.testing.assert_frame_equal(made, found)


def test_probabilities_of_yours_are_believed_and_checked() -> None:
    probs = np.full((200, 4), 0.05)
    probs[np.arange(200), TICKETS.true] = 0.85
    found = find(None, TICKETS.given, pred_probs=probs)
    assert set(found["row"]) == set(np.flatnonzero(TICKETS.given != TICKETS.true))
    assert "text" not in found
    probs[7, 0] += 0.5
    with pytest.raises(DataError, match="row 7 is not a probability distribution"):
        find(TICKETS.texts, LABELS, pred_probs=probs)
    with pytest.raises(DataError, match=r"shape \(200, 4\) are needed"):
        find(TICKETS.texts, LABELS, pred_probs=probs[:, :3])


def test_vectors_of_yours_judge_too() -> None:
    rng = np.random.default_rng(0)
    vectors = np.eye(4)[TICKETS.true] + rng.normal(0, 0.2, (200, 4))
    wrong = TICKETS.given != TICKETS.true
    for texts in (None, TICKETS.texts):
        found = find(texts, LABELS, embeddings=vectors)
        assert wrong[found["row"][: wrong.sum()]].mean() > 0.9
    vectors[3, 1] = np.nan
    with pytest.raises(DataError, match="embeddings: a finite"):
        find(TICKETS.texts, LABELS, embeddings=vectors)


def test_checked_labels_calibrate_the_probability() -> None:
    verified = {row: CLASSES[TICKETS.true[row]] for row in range(0, 200, 2)}
    scored = find(TICKETS.texts, LABELS, verified=verified, every_row=True)
    assert scored["row"].tolist() == list(range(200))
    assert scored["rank"].notna().sum() == scored["rank"].max()
    wrong = TICKETS.given != TICKETS.true
    others = np.arange(1, 200, 2)
    said = scored["probability_wrong"].to_numpy()[others]
    assert abs(said.mean() - wrong[others].mean()) < 0.05
    assert said[wrong[others]].mean() > said[~wrong[others]].mean() + 0.2


@pytest.mark.parametrize(
    ("texts", "labels", "what"),
    [
        (["a", "b"], ["x", "y", "x"], "2 texts and 3 labels"),
        (["a", None], ["x", "y"], "row 1: the text is None"),
        (["a", "b"], ["x", None], "row 1: has no label"),
        (["a", "b"], ["x", "x"], "one class only"),
        (["a", "a", "b", "c"], ["x", "x", "y", "y"], "class 'x' has 1 different"),
        (pd.DataFrame({"text": ["a"]}), "label", "no column 'label'; there is 'text'"),
        (None, ["x", "y"], "texts: are needed"),
    ],
)
def test_what_cannot_be_judged_is_said(texts: object, labels: object, what: str) -> None:
    with pytest.raises(DataError, match=what):
        find(texts, labels)


def test_a_judge_that_is_not_fit_warns() -> None:
    rng = np.random.default_rng(0)
    with pytest.warns(UserWarning, match="not fit to judge"):
        find(TICKETS.texts, rng.integers(0, 2, 200))


def test_the_package_is_typed_and_light() -> None:
    assert (Path(pipeline.__file__).parent / "py.typed").exists()
    with pytest.raises(AttributeError, match="nothing"):
        pipeline.nothing  # noqa: B018
