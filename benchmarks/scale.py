"""`make scale`: generated reviews by the million through all six stages, and what that cost."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.measure import python
from pipeline.data.sample import CLASS_NAMES, generate_reviews
from pipeline.frame import artifacts
from pipeline.frame.cli import run_command
from pipeline.frame.files import atomic_write
from pipeline.frame.record import RECORD
from pipeline.frame.run import Run
from pipeline.frame.stage import stages
from pipeline.issues.truth import score_against_truth

CONFIG = Path("configs/scale.yaml")
REVIEWS = Path("results/scale.jsonl")  # dataset.path of the config
SEED = 123456
ERROR_RATE = 0.08
TEST_FRACTION = 0.2
BATCH = 10_000
SENTENCES = (6, 11)  # of a review: from, up to and without
SOURCE_REVIEWS = 5_000  # of the sample corpus, taken apart into sentences
SYLLABLES = [c + v for c in "bcdfghklmnprstvz" for v in ("a", "e", "i", "o", "u", "ae", "ou")]
NAME_SYLLABLES = 3


def write_reviews(path: Path, size: int, *, seed: int = SEED) -> None:
    """Write `size` reviews as JSON lines, a batch in memory at a time; same size, same bytes."""
    with atomic_write(path) as file:
        for batch in generate_batches(size, seed=seed):
            file.write("".join(batch).encode())


def generate_batches(size: int, *, seed: int) -> Iterator[list[str]]:
    """Yield JSON lines: text, label as given, true label, split.

    A review is sentences of its true class, drawn from the sample corpus, and a name that is
    made up, so that there are as many rare words as people write. A share of ERROR_RATE is given
    the other label.
    """
    rng = np.random.default_rng(seed)
    sentences = sentences_by_class()
    for first in range(0, size, BATCH):
        count = min(BATCH, size - first)
        true = rng.integers(len(CLASS_NAMES), size=count)
        given = np.where(rng.random(count) < ERROR_RATE, 1 - true, true).tolist()
        is_test = rng.random(count) < TEST_FRACTION
        lengths = rng.integers(*SENTENCES, size=count).tolist()
        draws = rng.random((count, SENTENCES[1])).tolist()
        names = rng.integers(len(SYLLABLES), size=(count, NAME_SYLLABLES)).tolist()
        lines = []
        for place, label in enumerate(true.tolist()):
            bank = sentences[label]
            chosen = [bank[int(draw * len(bank))] for draw in draws[place][: lengths[place]]]
            name = "".join([SYLLABLES[syllable] for syllable in names[place]])
            record = {
                "text": f"{' '.join(chosen)} Seen with {name}.",
                "label": CLASS_NAMES[given[place]],
                "true_label": CLASS_NAMES[label],
                "split": "test" if is_test[place] else "train",
            }
            lines.append(json.dumps(record, ensure_ascii=False) + "\n")
        yield lines


def sentences_by_class() -> list[list[str]]:
    """Return the sentences of negative and of positive reviews of the sample corpus."""
    corpus = generate_reviews(num_train=SOURCE_REVIEWS, num_test=20, error_rate=0, seed=SEED)
    banks: list[list[str]] = [[] for _ in CLASS_NAMES]
    for text, label in zip(corpus.texts, corpus.true_labels.tolist(), strict=True):
        parts = text.replace("<br /><br />", " ").split(". ")
        banks[label] += [f"{part.rstrip('.')}." for part in parts if part]
    return banks


def scale(
    size: Annotated[
        int, typer.Argument(min=100, envvar="LABEL_ERRORS_SIZE", help="Reviews to generate.")
    ],
    results: Annotated[
        Path, typer.Option(envvar="LABEL_ERRORS_RESULTS", help="Folder for results.")
    ] = Path("results"),
) -> None:
    """Generate reviews, run the six stages on them, and print what each stage cost."""
    if not REVIEWS.exists() or count_lines(REVIEWS) != size:
        write_reviews(REVIEWS, size)
    arguments = ["--config", str(CONFIG), "--results", str(results)]
    for stage in stages():
        done = subprocess.run([python(), "-m", f"pipeline.{stage}", *arguments], check=False)
        if done.returncode:  # the stage has said why
            raise SystemExit(done.returncode)
    run = Run(results / CONFIG.stem)
    print(report(run, size))
    found = score_against_truth(artifacts.load_issue_rows(run.issues("all")), planted_errors(size))
    print(", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in found.items()))


def planted_errors(size: int) -> np.ndarray:
    """Return (size,) which reviews were given a wrong label."""
    wrong = np.zeros(size, bool)
    with REVIEWS.open(encoding="utf-8") as lines:
        for row, line in enumerate(lines):
            review = json.loads(line)
            wrong[row] = review["label"] != review["true_label"]
    return wrong


def count_lines(path: Path) -> int:
    """Return the number of line ends in a file."""
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(2**20), b""))


def report(run: Run, size: int) -> str:
    """Return a table of wall and CPU seconds, peak memory and time per example by stage."""
    lines = [f"{'stage':<12} {'wall s':>9} {'CPU s':>9} {'peak MiB':>9} {'us/example':>11}"]
    total = 0.0
    for stage in stages():
        record: dict[str, Any] = artifacts.load_json(run.stage(stage) / RECORD)
        wall, peak = record["wall_seconds"], record["peak_memory_bytes"] / 2**20
        total += wall
        lines.append(
            f"{stage:<12} {wall:>9.1f} {record['cpu_seconds']:>9.1f} {peak:>9,.0f} "
            f"{wall / size * 1e6:>11.1f}"
        )
    return "\n".join([*lines, f"{'total':<12} {total:>9.1f} {'':>19} {total / size * 1e6:>11.1f}"])


if __name__ == "__main__":
    run_command(scale)
