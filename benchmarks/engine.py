"""Our training loop on the tokens `vectorize` wrote, as fasttext_peer.py measures fastText.

Usage: python benchmarks/engine.py RUN_FOLDER. Prints one JSON line; compiling is counted.
"""

import json
import sys
import time
from pathlib import Path

from pipeline.config.load import load_config
from pipeline.data.prepared import load_labels
from pipeline.frame.artifacts import load_array, load_json
from pipeline.frame.run import Run
from pipeline.frame.tensorflow import load_tensorflow
from pipeline.models.table import count_epochs, make_classifier

CONFIG = Path("configs/imdb.yaml")


def main() -> None:
    run = Run(Path(sys.argv[1]))
    load_tensorflow()
    config = load_config(CONFIG).config
    epochs = count_epochs(config.model)
    size = len(load_json(run.vocabulary("train")))
    labels = load_labels(run)
    given, truth = labels.given[labels.rows("train")], labels.given[labels.rows("test")]
    train, test = (load_array(run.tokens(split)) for split in ("train", "test"))
    classifier = make_classifier(config.model, vocabulary_size=size, seed=config.seed)
    cpu = time.process_time()
    classifier.fit(train, given)
    cpu = time.process_time() - cpu
    accuracy = float((classifier.predict_proba(test).argmax(axis=1) == truth).mean())
    print(
        json.dumps(
            {
                "cpu_per_example_epoch": cpu / (len(train) * epochs),
                "test_accuracy": accuracy,
            }
        )
    )


if __name__ == "__main__":
    main()
