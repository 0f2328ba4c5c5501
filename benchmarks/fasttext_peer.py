"""fastText (C++) on the tokens `vectorize` wrote: one thread, same dimensions and epochs.

Usage: python benchmarks/fasttext_peer.py RUN_FOLDER. Prints one JSON line.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import fasttext
import numpy as np

from pipeline.data.prepared import load_labels
from pipeline.frame.artifacts import load_array
from pipeline.frame.run import Run

EPOCHS, DIM = 10, 16
ATTEMPTS = 20  # this build of fastText now and then ends with "Encountered NaN"
SETTINGS = {
    "dim": DIM,
    "epoch": EPOCHS,
    "lr": 0.05,
    "thread": 1,
    "minCount": 1,
    "bucket": 0,
    "verbose": 0,
}


def lines(tokens: np.ndarray) -> list[str]:
    """Return a text of token numbers for each row, padding left out."""
    return [" ".join(map(str, row[row > 0].tolist())) for row in tokens]


def train_model(path: str, attempt: int) -> tuple[Any, float]:
    """Return a model and the CPU seconds of its training; begin anew where it ends with NaN.

    In the same process it would end with NaN again.
    """
    cpu = time.process_time()
    try:
        return fasttext.train_supervised(path, **SETTINGS), time.process_time() - cpu
    except RuntimeError:
        if attempt == ATTEMPTS:
            raise
        again = [sys.executable, "-m", "benchmarks.fasttext_peer", sys.argv[1], str(attempt + 1)]
        os.execv(sys.executable, again)


def main() -> None:
    run = Run(Path(sys.argv[1]))
    labels = load_labels(run)
    given, truth = labels.given[labels.rows("train")], labels.given[labels.rows("test")]
    train, test = (lines(load_array(run.tokens(split))) for split in ("train", "test"))
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"__label__{y} {x}\n" for y, x in zip(given, train, strict=True))
        file.flush()
        model, cpu = train_model(file.name, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    predicted = np.array(
        [int(label[0].removeprefix("__label__")) for label in model.predict(test)[0]]
    )
    print(
        json.dumps(
            {
                "cpu_per_example_epoch": cpu / (len(train) * EPOCHS),
                "test_accuracy": float((predicted == truth).mean()),
            }
        )
    )


if __name__ == "__main__":
    main()
