"""Label raw texts with a model that `cleanlearn` wrote."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline import artifacts
from pipeline.artifacts import Run
from pipeline.cli import run_command
from pipeline.compute.device import load_tensorflow
from pipeline.errors import ArtifactError

BATCH = 1024


def predict(
    texts: Annotated[
        list[str] | None, typer.Argument(help="Texts; none: one per line of stdin.")
    ] = None,
    model: Annotated[
        Path, typer.Option(help="A .keras file under results/<run>/cleanlearn/.")
    ] = Path("results/imdb/cleanlearn/cleaned.keras"),
) -> None:
    """Print label, probability and text, separated by tabs, for each text."""
    if not model.is_file():
        raise ArtifactError(f"{model}: is missing; run `make all`, or name another with --model")
    class_names = artifacts.load_class_names(Run(model.parent.parent))
    tf = load_tensorflow()
    import keras

    from pipeline.models import deployable  # registers the standardization  # noqa: F401

    try:
        network = keras.models.load_model(model, compile=False)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{model}: is no model of this pipeline ({error})") from None
    lines = [line.rstrip("\r\n") for line in sys.stdin] if texts is None else texts
    for first in range(0, len(lines), BATCH):
        batch = lines[first : first + BATCH]
        probabilities = network(tf.constant(batch), training=False).numpy()
        for text, row in zip(batch, probabilities, strict=True):
            shown = " ".join(text.split())
            print(f"{class_names[row.argmax()]}\t{row.max():.4f}\t{shown[:100]}")


if __name__ == "__main__":
    run_command(predict)
