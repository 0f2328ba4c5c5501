"""fastText (C++) on the tokens `vectorize` wrote: one thread, same dimensions and epochs.

Usage: python benchmarks/fasttext_peer.py RUN_FOLDER. Prints one JSON line.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import fasttext
import numpy as np

from pipeline.artifacts import Run, load_array, load_labels

EPOCHS, DIM = 10, 16
LEARNING_RATE = 0.05  # half of its default, at which it now and then ends with NaN


def lines(tokens: np.ndarray) -> list[str]:
    """Return a text of token numbers for each row, padding left out."""
    return [" ".join(map(str, row[row > 0].tolist())) for row in tokens]


def main() -> None:
    run = Run(Path(sys.argv[1]))
    labels = load_labels(run)
    given, truth = labels.given[labels.rows("train")], labels.given[labels.rows("test")]
    train, test = (lines(load_array(run.tokens(split))) for split in ("train", "test"))
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"__label__{y} {x}\n" for y, x in zip(given, train, strict=True))
        file.flush()
        cpu = time.process_time()
        model = fasttext.train_supervised(
            file.name,
            dim=DIM,
            epoch=EPOCHS,
            lr=LEARNING_RATE,
            thread=1,
            minCount=1,
            bucket=0,
            verbose=0,
        )
        cpu = time.process_time() - cpu
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
