"""What the finder's members cost: CPU seconds to count, CPU seconds a fold, peak memory, by size.

Usage: python -m benchmarks.members SIZE ...; reviews are generated, each member has a process of
its own. `make bench` does so for the sizes in SIZES; a million is for who asks.
"""

import json
import time
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import typer
from pydantic import TypeAdapter

from benchmarks.measure import measure, python
from benchmarks.scale import SEED, generate_batches
from pipeline.compute.trial import suggest_finder
from pipeline.data.sample import CLASS_NAMES
from pipeline.frame.cli import run_command
from pipeline.models.folds import plan_folds
from pipeline.models.judges import Corpus, ask_member
from pipeline.models.members import MODEL, EnsembleFinder, named

SIZES = (12_500, 50_000)
FOLDS = 5


def members(
    sizes: Annotated[list[int], typer.Argument(min=1000)],
    only: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Print a line of JSON for each member and size."""
    for size in sizes:
        if only:
            print(json.dumps(measure_member(only, size)))
            continue
        for name in names_of(size):
            print(json.dumps(in_own_process(name, size)), flush=True)


def names_of(size: int) -> list[str]:
    """Return the members that `init` suggests for so many short texts, besides the model."""
    return [name for name, member in named(finder_for(size).members) if member.member != MODEL]


def finder_for(size: int) -> EnsembleFinder:
    finder: EnsembleFinder = TypeAdapter(EnsembleFinder).validate_python(
        suggest_finder(size, len(CLASS_NAMES), characters=0)
    )
    return finder


def in_own_process(name: str, size: int) -> dict[str, Any]:
    command = [python(), "-m", "benchmarks.members", str(size), f"--only={name}"]
    cost, printed = measure(command, {})
    told: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
    return told | {"peak_process_bytes": cost.as_dict()["peak_process_bytes"]}


def measure_member(name: str, size: int) -> dict[str, Any]:
    """Return the seconds of one fold and of FOLDS; what they do not share is the fold's."""
    member = dict(named(finder_for(size).members))[name]
    texts, labels = generated(size)
    corpus = Corpus(lambda: texts)
    seconds = {}
    for folds in (2, FOLDS):  # the first one counts the words, for the second one too
        plan = plan_folds(labels, folds=folds, shuffle=True, seed=SEED)
        started = time.process_time()
        learned = np.ones(size, bool)
        ask_member(member, corpus, labels, learned, [plan], num_classes=len(CLASS_NAMES))
        seconds[folds] = time.process_time() - started
    a_fold = seconds[FOLDS] / FOLDS
    return {
        "member": name,
        "examples": size,
        "cpu_seconds_a_fold": a_fold,
        "cpu_seconds_to_count": max(0.0, seconds[2] - 2 * a_fold),
    }


def generated(size: int) -> tuple[pa.Array, np.ndarray]:
    """Return texts and the labels they are given."""
    texts, labels = [], []
    for batch in generate_batches(size, seed=SEED):
        records = [json.loads(line) for line in batch]
        texts.append(pa.array([record["text"] for record in records], pa.large_string()))
        labels += [CLASS_NAMES.index(record["label"]) for record in records]
    return pa.concat_arrays(texts), np.array(labels)


if __name__ == "__main__":
    run_command(members)
