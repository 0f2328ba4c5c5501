"""Do the stated ranges of wrong labels hold the truth? Planted errors, many seeds.

`python -m benchmarks.coverage`: generated files (benchmarks/planted.py), errors of three kinds, the
linear members of what `init` writes, in five folds; then what the report states. The network, which
`init` adds, is left out: it takes nine tenths of the time.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import typer
from pydantic import TypeAdapter

from benchmarks import planted
from pipeline.compute.finders import combine
from pipeline.compute.trial import suggest_finder
from pipeline.data.prepared import Labels
from pipeline.frame.cli import run_command
from pipeline.frame.terminal import say
from pipeline.issues.estimate import estimate_class_errors, estimate_errors
from pipeline.models.folds import plan_folds
from pipeline.models.judges import Corpus, ask_member
from pipeline.models.members import MODEL, EnsembleFinder, named
from pipeline.study.noise import flip_labels

FOLDS, SAMPLES, RATE = 5, 1000, 0.08
KINDS = {
    "uniform": "any label alike, to any class",
    "class_dependent": "class k by k + 1, always to the next class",
    "instance_dependent": "hard texts first, to the most probable other class",
}
SETS = ("few_rows", "tickets", "languages")
SIZES = {"few_rows": 120, "tickets": 2000, "languages": 1500, "many_classes": 20}  # of a class
Record = dict[str, Any]


def coverage(
    output: Annotated[Path, typer.Option(help="Folder for the results.")] = Path(
        "results/coverage"
    ),
    seeds: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    sets: Annotated[str, typer.Option(help=f"Of {' '.join(planted.SETS)}.")] = " ".join(SETS),
    kinds: Annotated[str, typer.Option(help=f"Of {' '.join(KINDS)}.")] = " ".join(KINDS),
) -> None:
    """Count how often the stated ranges hold the number of planted errors."""
    output.mkdir(parents=True, exist_ok=True)
    records: list[Record] = []
    for name in sets.split():
        for seed in range(1, seeds + 1):
            records += try_seed(name, kinds.split(), seed)
            (output / "coverage.json").write_text(json.dumps(records, indent=1))
    say(table_of(records))


def try_seed(name: str, kinds: list[str], seed: int) -> list[Record]:
    """Return what is stated of one file, for each kind of error."""
    make: Any = planted.SETS[name]
    rows = make(SIZES[name], seed=seed)
    names = sorted({row.gt for row in rows})
    place = {label: k for k, label in enumerate(names)}
    given, true = (np.array([place[label] for label in column]) for column in
                   ([row.label for row in rows], [row.gt for row in rows]))  # fmt: skip
    texts = pa.array([row.text for row in rows], pa.large_string())
    found, uniform = [], judge(texts, given, len(names), seed)
    for kind in kinds:
        labels, pred_probs = given, uniform
        if kind != "uniform":
            labels = flip_labels(
                true,
                rate=RATE,
                kind=kind,
                num_classes=len(names),
                pred_probs=uniform,
                rng=np.random.default_rng(seed),
            )
            pred_probs = judge(texts, labels, len(names), seed)
        found.append({"set": name, "kind": kind, "seed": seed} | state(labels, true, pred_probs))
    return found


def judge(texts: pa.Array, labels: np.ndarray, num_classes: int, seed: int) -> np.ndarray:
    """Return (n, classes) out-of-sample probabilities of the members besides the network."""
    section = suggest_finder(len(texts), num_classes, sum(map(len, texts.to_pylist())))
    finder = TypeAdapter(EnsembleFinder).validate_python(section)
    plans = [
        plan_folds(labels, folds=FOLDS, shuffle=True, seed=seed * 10 + repeat)
        for repeat in range(finder.repeats)
    ]
    everything, corpus, said = np.ones(len(labels), bool), Corpus(lambda: texts), {}
    for name, member in named(finder.members):
        if member.member == MODEL:
            continue
        logs, _ = ask_member(member, corpus, labels, everything, plans, num_classes=num_classes)
        said[name] = {"all": logs, "train": logs, "test": logs[0]}
    return combine(said, Labels(labels, everything)).pred_probs["all"]


def state(labels: np.ndarray, true: np.ndarray, pred_probs: np.ndarray) -> Record:
    """Return the truth and what is stated: of all labels, and of each class with a range."""
    wrong = labels != true
    found = estimate_errors(labels, pred_probs, samples=SAMPLES, seed=0)
    ranges = estimate_class_errors(labels, pred_probs, samples=SAMPLES)
    return {
        "wrong": int(wrong.sum()),
        "stated": found,
        "classes": [
            [int(wrong[labels == k].sum()), *ends] for k, ends in enumerate(ranges) if ends
        ],
    }


def table_of(records: list[Record]) -> str:
    """Return the Markdown table of docs/detection.md."""
    grouped: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        grouped[record["set"], record["kind"]].append(record)
    head = [
        "set",
        "errors",
        "wrong",
        "stated, mean",
        "holds",
        "confident learning alone",
        "classes",
    ]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for (name, kind), runs in grouped.items():
        ends = np.mean([run["stated"]["range95"] for run in runs], axis=0)
        wrong = np.mean([run["wrong"] for run in runs])
        whole = [holds(run["wrong"], run["stated"]["range95"]) for run in runs]
        joint = [holds(run["wrong"], run["stated"]["confident_learning"]["ci95"]) for run in runs]
        classes = [holds(each[0], each[1:]) for run in runs for each in run["classes"]]
        cells = [
            name,
            kind.replace("_", " "),
            f"{wrong:.0f}",
            f"{ends[0]:.0f} to {ends[1]:.0f}",
            f"{sum(whole)} of {len(whole)}",
            f"{sum(joint)} of {len(joint)}",
            f"{sum(classes)} of {len(classes)} ({np.mean(classes) if classes else 0:.1%})",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def holds(true: int, ends: list[int]) -> bool:
    return ends[0] <= true <= ends[1]


if __name__ == "__main__":
    run_command(coverage)
