"""A table of all labels with the columns of cleanlab's `CleanLearning.get_label_issues`."""

import csv
import io
from pathlib import Path

from pipeline.corrections.queue import Queue
from pipeline.exchange.formats import Format
from pipeline.frame import artifacts
from pipeline.frame.files import atomic_write
from pipeline.frame.run import Run

COLUMNS = ("id", "is_label_issue", "label_quality", "given_label", "predicted_label")


def export(queue: Queue, folder: Path) -> list[Path]:
    """Write label_issues.csv: a line for each example of the run in its order, classes by name.

    label_quality: the out-of-sample probability of the given label.
    """
    run, names = Run(queue.folder), queue.source.class_names
    listed = {item.id for item in queue.items if item.rank is not None}
    pred_probs = artifacts.load_array(run.pred_probs("all"), mapped=True)
    path = folder / "label_issues.csv"
    with atomic_write(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(COLUMNS)
        for batch in artifacts.table_batches(run.examples, ["row", "id", "label"]):
            for example in batch.to_pylist():
                probs, given = pred_probs[example["row"]], example["label"]
                writer.writerow(
                    [
                        *(example["id"], example["id"] in listed, repr(float(probs[given]))),
                        *(names[given], names[int(probs.argmax())]),
                    ]
                )
        text.flush()
        text.detach()
    return [path]


FORMAT = Format("every label with its quality, as cleanlab's own table", export, None, whole=True)
