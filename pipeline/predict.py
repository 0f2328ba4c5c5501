"""Label raw texts with a model that `cleanlearn` wrote."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from pipeline.data.prepared import load_class_names
from pipeline.frame import artifacts
from pipeline.frame.cli import RESULTS, run_command
from pipeline.frame.errors import ArtifactError, DataError
from pipeline.frame.messages import for_terminal
from pipeline.frame.record import check_output
from pipeline.frame.run import Run
from pipeline.frame.tensorflow import load_tensorflow

BATCH = 1024
LabelTexts = Callable[[list[str]], np.ndarray]


def predict(
    texts: Annotated[
        list[str] | None, typer.Argument(help="Texts; none: one per line of stdin.")
    ] = None,
    model: Annotated[
        Path, typer.Option(help="A .keras or .npz file under results/<run>/cleanlearn/.")
    ] = Path("results/imdb/cleanlearn/cleaned.keras"),
) -> None:
    """Print label, probability and text, separated by tabs, for each text."""
    if not model.is_file():
        others = ", ".join(sorted(map(str, RESULTS.glob("*/cleanlearn/cleaned.*"))))
        raise ArtifactError(
            f"{model}: is missing; run `make all`, or name another with --model"
            + (f" (there is {others})" if others else "")
        )
    run = Run(model.parent.parent)
    check_output(run.dataset)
    check_output(model)
    class_names = load_class_names(run)
    label_texts = load_linear(model) if model.suffix == ".npz" else load_network(model)
    lines = read_lines() if texts is None else [as_utf8(text) for text in texts]
    for first in range(0, len(lines), BATCH):
        batch = lines[first : first + BATCH]
        for text, row in zip(batch, label_texts(batch), strict=True):
            words = " ".join(text.split())
            if sys.stdout.isatty():
                words = words[:100]
            print(for_terminal(f"{class_names[row.argmax()]}\t{row.max():.4f}\t{words}"))


def read_lines() -> list[str]:
    try:
        return [line.rstrip("\r\n") for line in sys.stdin]
    except UnicodeDecodeError:
        raise DataError("stdin: is not UTF-8; convert it, with iconv for example") from None


def as_utf8(argument: str) -> str:
    """Return an argument with a question mark for each byte that is not UTF-8."""
    return argument.encode("utf-8", "replace").decode()


def load_network(model: Path) -> LabelTexts:
    """Return texts -> (texts, classes) probabilities of a saved Keras model."""
    tf = load_tensorflow()
    import keras

    # Registers what the saved models are made of.
    from pipeline.models import deployable, sequence  # noqa: F401

    try:
        network = keras.models.load_model(model, compile=False)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{model}: is not a model of this pipeline ({error})") from None
    return lambda texts: network(tf.constant(texts), training=False).numpy()


def load_linear(model: Path) -> LabelTexts:
    """Return texts -> (texts, classes) probabilities of a saved linear model of word counts."""
    from pipeline.models.counts import predict_texts

    arrays = artifacts.load_arrays(model)
    if not {"coef", "intercept", "idf", "vocabulary", "vectorize"} <= arrays.keys():
        raise ArtifactError(f"{model}: is not a model of this pipeline")
    return lambda texts: predict_texts(arrays, texts)


if __name__ == "__main__":
    run_command(predict)
