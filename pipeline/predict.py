"""Label raw texts with a model that `cleanlearn` wrote."""

import codecs
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import pyarrow as pa
import typer

from pipeline.data.files import UTF16_MARKS
from pipeline.frame import artifacts
from pipeline.frame.cli import RESULTS, run_command
from pipeline.frame.errors import ArtifactError, DataError
from pipeline.frame.record import RECORD, check_output
from pipeline.frame.run import Run
from pipeline.frame.tensorflow import load_tensorflow
from pipeline.frame.terminal import say
from pipeline.models.tokens import as_read

BATCH = 1024


class Labeler(NamedTuple):
    """Class names, and a function from texts to (texts, classes) probabilities."""

    class_names: list[str]
    pred_probs: Callable[[list[str]], np.ndarray]


def predict(
    texts: Annotated[
        list[str] | None, typer.Argument(help="Texts; none: one per line of stdin.")
    ] = None,
    model: Annotated[
        Path, typer.Option(help="A .keras or .npz file of cleanlearn, or a copy of one.")
    ] = Path("results/imdb/cleanlearn/cleaned.keras"),
) -> None:
    """Print label, probability and text, separated by tabs, for each text."""
    if not model.is_file():
        others = ", ".join(sorted(map(str, RESULTS.glob("*/cleanlearn/cleaned.*"))))
        raise ArtifactError(
            f"{model}: is missing; run `make all`, or name another with --model"
            + (f" (there is {others})" if others else "")
        )
    if (model.parent / RECORD).exists():
        check_output(model)
    labeler = load_linear(model) if model.suffix == ".npz" else load_network(model)
    if said := say_calibration(model):
        say(said, error=True)
    lines = read_lines() if texts is None else [as_utf8(text) for text in texts]
    for first in range(0, len(lines), BATCH):
        batch = lines[first : first + BATCH]
        for text, row in zip(batch, labeler.pred_probs(batch), strict=True):
            words = " ".join(text.split())
            if sys.stdout.isatty():
                words = words[:100]
            say(f"{labeler.class_names[row.argmax()]}\t{row.max():.4f}\t{words}")


def say_calibration(model: Path) -> str:
    """Return what the probabilities of a model are worth, "" for a copy away from its run."""
    training = Run(model.parent.parent).training
    if training.parent != model.parent or not training.is_file():
        return ""
    how = artifacts.load_json(training)["deployed"].get(model.stem)
    if how == "calibrated":
        return f"probabilities: calibrated on texts that {model.name} had not seen"
    return (
        f"probabilities: as {model.name} was trained, which is often surer than it is right; "
        "cleanlearn.calibrate=true makes them honest"
    )


def read_lines() -> list[str]:
    """Return the lines of stdin; bytes that are not UTF-8 become U+FFFD, which is said.

    Raises:
        DataError: it is UTF-16.
    """
    lines = sys.stdin.buffer.read().removeprefix(codecs.BOM_UTF8).split(b"\n")
    if lines[0].startswith(UTF16_MARKS):
        raise DataError("stdin: is UTF-16; convert it, with iconv for example")
    texts = [line.decode("utf-8", "replace").rstrip("\r") for line in lines]
    others = [n for n, line in enumerate(lines, start=1) if not _is_utf8(line)]
    if others:
        more = f" and {len(others) - 3:,} more" if len(others) > 3 else ""
        named = ", ".join(map(str, others[:3]))
        what = "holds bytes that are not UTF-8, read as \ufffd"
        say(f"warning: stdin: line {named}{more} {what}", error=True)
    return texts if texts[-1] else texts[:-1]


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def as_utf8(argument: str) -> str:
    """Return an argument with a question mark for each byte that is not UTF-8."""
    return argument.encode("utf-8", "replace").decode()


def load_network(model: Path) -> Labeler:
    """Return a saved Keras model.

    Raises:
        ArtifactError: it is damaged, or another model.
    """
    tf = load_tensorflow()
    import keras

    from pipeline.models.deployable import FOLDED_TEXT, class_names_of

    try:
        network = keras.models.load_model(model, compile=False)
        class_names = class_names_of(network)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ArtifactError(f"{model}: is not a model of this pipeline ({reason})") from None
    words = "unicode" if network.inputs[0].name == FOLDED_TEXT else "ascii"

    def label(texts: list[str]) -> np.ndarray:
        read = as_read(pa.array(texts, pa.large_string()), words).to_pylist()
        return np.asarray(network.predict_on_batch(tf.constant(read)))

    return Labeler(class_names, label)


def load_linear(model: Path) -> Labeler:
    """Return a saved linear model of word counts.

    Raises:
        ArtifactError: it is damaged, or another file.
    """
    from pipeline.models.counts import predict_texts

    arrays = artifacts.load_arrays(model)
    if not {"coef", "intercept", "idf", "vocabulary", "vectorize", "class_names"} <= arrays.keys():
        raise ArtifactError(f"{model}: is not a model of this pipeline")
    class_names = json.loads(arrays["class_names"].tobytes())
    return Labeler(class_names, lambda texts: predict_texts(arrays, texts))


if __name__ == "__main__":
    run_command(predict)
