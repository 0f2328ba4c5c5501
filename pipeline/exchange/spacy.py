"""Lines as spaCy's text categorizer learns them: a text, 1 for its class and 0 for others."""

import json
from pathlib import Path

from pipeline.corrections.queue import Queue
from pipeline.exchange.dataset import reviewed_examples
from pipeline.exchange.formats import Format
from pipeline.frame.files import atomic_write

SPLITS = ("train", "test")


def export(queue: Queue, folder: Path) -> list[Path]:
    """Write train.jsonl and test.jsonl with the labels after the review.

    What reviewers drop is left out.
    """
    paths = []
    for split in SPLITS:
        paths.append(folder / f"{split}.jsonl")
        with atomic_write(paths[-1]) as file:
            for example in reviewed_examples(queue):
                if example["split"] == split:
                    names = queue.source.class_names
                    cats = {name: float(name == example["label"]) for name in names}
                    meta = {"id": example["id"], "given_label": example["given_label"]}
                    line = {"text": example["text"], "cats": cats, "meta": meta}
                    file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
    return paths


FORMAT = Format("texts with `cats` for spaCy's text categorizer", export, None, whole=True)
