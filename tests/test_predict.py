"""Predict: texts or lines of stdin in, label and probability out."""

import io
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from pipeline.frame import artifacts
from pipeline.frame.errors import ArtifactError
from pipeline.frame.run import Run
from pipeline.models.counts import deployable_arrays
from pipeline.models.sections import Counts
from pipeline.predict import predict
from tests.tiny import command


def test_arguments_and_stdin_give_what_the_network_gives(
    tiny_run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = artifacts.load_table(tiny_run.examples, ["split", "text"]).to_pylist()
    texts = [row["text"] for row in table if row["split"] == "test"]
    expected = artifacts.load_arrays(tiny_run.test_pred_probs)["cleanlearning"]
    predict(texts, tiny_run.keras_model("cleaned"))
    lines = capsys.readouterr().out.splitlines()
    for line, text, pred_probs in zip(lines, texts, expected, strict=True):
        label, probability, shown = line.split("\t")
        assert label == ["neg", "pos"][pred_probs.argmax()]
        assert float(probability) == pytest.approx(pred_probs.max(), abs=1e-4)
        assert " ".join(text.split()).startswith(shown)
    data = "\r\n".join(["\ufeff" + texts[0], *texts[1:], ""]).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    monkeypatch.setattr("pipeline.predict.BATCH", 7)
    predict(None, tiny_run.keras_model("cleaned"))
    assert capsys.readouterr().out.splitlines() == lines


def test_both_models_and_an_empty_text(tiny_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("baseline", "cleaned"):
        predict(["", "a\nb\tc"], tiny_run.keras_model(name))
        first, second = capsys.readouterr().out.splitlines()
        assert np.isfinite(float(first.split("\t")[1]))
        assert second.split("\t")[2] == "a b c"


def test_a_missing_model_exits_4(tmp_path: Path) -> None:
    done = command("predict", "--model", tmp_path / "no.keras", "a text")
    assert done.returncode == 4
    assert done.stderr.startswith(
        f"error: {tmp_path}/no.keras: is missing; run `make all`, or name another with --model"
    )


@pytest.mark.parametrize("content", [b"", b"not a model", b"PK\x03\x04 nor this"])
def test_a_damaged_model_is_one_line(run_copy: Run, content: bytes) -> None:
    path = run_copy.keras_model("cleaned")
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"is damaged .*; run `make cleanlearn`") as caught:
        predict(["a"], path)
    assert "\n" not in str(caught.value)


def test_what_is_not_a_model_is_one_line(run_copy: Run) -> None:
    with pytest.raises(ArtifactError, match=r"test_pred_probs.npz: is not a model of this pip"):
        predict(["a"], run_copy.test_pred_probs)


def test_a_model_of_another_kind_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "other.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(path)
    with pytest.raises(ArtifactError, match=r"other.keras: is not a model of this") as caught:
        predict(["a"], path)
    assert "\n" not in str(caught.value)


def test_a_copy_labels_without_its_run(
    tiny_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predict(["good", "bad"], tiny_run.keras_model("cleaned"))
    expected = capsys.readouterr().out
    assert expected
    shutil.copy(tiny_run.keras_model("cleaned"), tmp_path / "mine.keras")
    predict(["good", "bad"], tmp_path / "mine.keras")
    assert capsys.readouterr().out == expected


def test_a_copy_of_a_linear_model_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    learned = {
        "words": np.array([1, 0]),
        "coef": np.array([[0.0, 0.0], [2.0, -2.0]]),
        "intercept": np.zeros(2),
        "idf": np.empty(0),
    }
    options = Counts(
        kind="counts", lowercase=True, token_pattern=r"\w+", max_ngram=1, min_df=1, max_features=9
    )
    arrays = deployable_arrays(learned, ["bad", "good"], ["neg", "pos"], options)
    artifacts.save_arrays(tmp_path / "mine.npz", arrays)
    predict(["good", "bad bad"], tmp_path / "mine.npz")
    assert capsys.readouterr().out == "pos\t0.8808\tgood\nneg\t0.9820\tbad bad\n"
