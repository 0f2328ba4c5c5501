"""`make detect`: how many label errors we find, against what people would use instead.

`make detect DATA=folder` scores on every CSV of a folder with the columns text, label and gt, the
label that people checked; where gt is empty, the row is trained on and not scored. Files that are
generated here, with planted errors, need no data; `make detect PLANT=SET` plants errors in a set of
TensorFlow Datasets or in a CSV. Writes detect.json, detect.md and detect.svg.
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from sklearn.metrics import average_precision_score

from benchmarks.detect_page import NAMES, NETWORK, OURS, TOPS, Record, table_of, write
from benchmarks.detect_peers import PEERS
from benchmarks.detect_sets import LabelSet, generate_sets, plant_in, read_folder
from benchmarks.measure import Cost, measure, python
from pipeline.frame import artifacts
from pipeline.frame.cli import VARIABLE, SetOption, run_command
from pipeline.frame.errors import ConfigError, DataError
from pipeline.frame.messages import shown
from pipeline.frame.run import Run

DRAWS = 1000
DRAWS_SEED = 0


@dataclass(frozen=True)
class Judged:
    """What a finder said of all rows. score: (n,), higher is more suspect. flagged: (n,) bool."""

    score: np.ndarray
    flagged: np.ndarray
    cpu_seconds: float
    peak_bytes: int


def detect(
    data: Annotated[
        Path | None, typer.Option(envvar=f"{VARIABLE}DATA", help="Folder of CSV files.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("results/detect"),
    seeds: Annotated[str, typer.Option(help="Of the folds; one run each.")] = "1 2 3",
    generated: Annotated[bool, typer.Option(help="Also the generated files.")] = True,
    plant: Annotated[
        str,
        typer.Option(
            envvar=f"{VARIABLE}PLANT",
            help="A CSV, or a set of TFDS, to plant errors of 3 kinds in.",
        ),
    ] = "",
    network: Annotated[bool, typer.Option(help="Also the network alone, which is slow.")] = False,
    set_: SetOption = None,
) -> None:
    """Score our finder and the peers against checked labels, on every file."""
    numbers = parse_seeds(seeds)
    if data is None and not generated and not plant:
        raise ConfigError("--no-generated: leaves nothing to score on; name a folder with --data")
    sets = read_folder(data) if data is not None else []
    sets += generate_sets() if generated else []
    sets += list(plant_in(plant, numbers[0])) if plant else []
    finders = [OURS, *([NETWORK] if network else []), *PEERS]
    output.mkdir(parents=True, exist_ok=True)
    records: list[Record] = []
    for each in sets:
        records.append(compare(each, finders, numbers, set_ or []))
        write(output, records)  # each time: a bench that is stopped keeps its sets
    print(table_of(records))


def parse_seeds(text: str) -> list[int]:
    """Return the numbers of `--seeds`."""
    try:
        numbers = [int(word) for word in text.replace(",", " ").split()]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 0:
        raise ConfigError(f"--seeds {shown(text)}: must be whole numbers, like '1 2 3'")
    return numbers


# --- the finders ----------------------------------------------------------------------------


def compare(each: LabelSet, finders: list[str], seeds: list[int], changes: list[str]) -> Record:
    """Return what every finder is worth on a set, and how far ours is from the best peer."""
    scores: dict[str, list[np.ndarray]] = {name: [] for name in finders}
    figures: dict[str, list[Record]] = {name: [] for name in finders}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.csv"
        each.rows[["text", "label"]].to_csv(path, index_label="row")
        for seed in seeds:
            for name in finders:
                print(f"{each.name}: {name}, seed {seed}", file=sys.stderr, flush=True)
                judged = ask(each, name, path, seed, changes)
                scores[name].append(judged.score[each.checked])
                figures[name].append(score(judged, each))
    mean = {name: mean_of(of) for name, of in figures.items()}
    best = max(PEERS, key=lambda name: float(mean[name]["average_precision"]))
    return {
        "set": each.name,
        "rows": len(each.rows),
        "classes": int(each.rows["label"].nunique()),
        "checked": len(each.wrong),
        "wrong": int(each.wrong.sum()),
        "finders": mean,
        "best_peer": best,
        "difference": mean[OURS]["average_precision"] - mean[best]["average_precision"],
        "ci95": interval(each.wrong, scores[OURS], scores[best]),
        "seeds": {
            name: dict(zip(map(str, seeds), of, strict=True)) for name, of in figures.items()
        },
    }


def ask(each: LabelSet, name: str, path: Path, seed: int, changes: list[str]) -> Judged:
    """Return what a finder says of a set, and what it cost with all it started.

    Raises:
        DataError: it could not; with its last words.
    """
    try:
        return ask_peer(name, path, seed) if name in PEERS else ask_us(name, path, seed, changes)
    except RuntimeError as error:
        last = str(error).strip().splitlines()[-1]
        raise DataError(f"{each.name}: {NAMES[name]} failed: {last}") from None


def ask_peer(name: str, path: Path, seed: int) -> Judged:
    """Run a peer in a process of its own."""
    output = path.with_name("peer.npz")
    cost = run("benchmarks.detect_peers", name, str(path), str(seed), str(output))
    with np.load(output) as said:
        return Judged(said["score"], said["flagged"], cost.cpu_seconds, cost.peak_total_bytes)


def ask_us(name: str, path: Path, seed: int, changes: list[str]) -> Judged:
    """Do what a user does: `init`, then the stages up to the list of issues, nothing changed."""
    sets = [f"seed={seed}", *(["finder={by: model}"] if name == NETWORK else []), *changes]
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        config = Path(folder) / f"{path.stem}.yaml"
        columns = ["--text", "text", "--label", "label", "--id", "row"]
        first = run("pipeline.init", str(path), *columns, "--output", str(config))
        where = ["--config", str(config), "--results", folder, "--upto", "find_issues"]
        cost = run("pipeline.run", *where, *(f"--set={change}" for change in sets))
        score, flagged = read_run(Run(Path(folder) / path.stem))
    peak = max(first.peak_total_bytes, cost.peak_total_bytes)
    return Judged(score, flagged, first.cpu_seconds + cost.cpu_seconds, peak)


def read_run(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Return score and flagged of a finished run, in the order of the file."""
    examples = artifacts.load_table(run.examples, ["id", "label"])
    rows = np.array([int(row) for row in examples.column("id").to_pylist()])
    given = examples.column("label").to_numpy()
    pred_probs = artifacts.load_array(run.pred_probs("all"))
    score, flagged = np.empty(len(rows)), np.zeros(len(rows), bool)
    score[rows] = 1 - pred_probs[np.arange(len(rows)), given].astype(np.float64)
    flagged[pd.read_csv(run.issues("all"), usecols=["id"])["id"].to_numpy(int)] = True
    return score, flagged


def run(module: str, *arguments: str) -> Cost:
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
    return measure([python(), "-m", module, *arguments], environment)[0]


# --- the figures ----------------------------------------------------------------------------


def score(judged: Judged, each: LabelSet) -> Record:
    """Return the figures of one run; None where nothing was flagged, or there are too few rows."""
    suspicion, flagged = judged.score[each.checked], judged.flagged[each.checked]
    in_order = each.wrong[np.argsort(-suspicion, kind="stable")]
    tops = {str(top): top for top in TOPS} | {"10%": round(len(in_order) / 10)}
    hits = int((each.wrong & flagged).sum())
    return {
        "average_precision": float(average_precision_score(each.wrong, suspicion)),
        "precision_at": {
            name: float(in_order[:top].mean()) if 0 < top <= len(in_order) else None
            for name, top in tops.items()
        },
        "flagged": int(flagged.sum()),
        "flagged_precision": hits / int(flagged.sum()) if flagged.any() else None,
        "flagged_recall": hits / int(each.wrong.sum()),
        "cpu_seconds": judged.cpu_seconds,
        "peak_bytes": judged.peak_bytes,
    }


def mean_of(runs: list[Record]) -> Record:
    """Return the mean over seeds of every figure, over those that have it."""
    mean: Record = {}
    for key, first in runs[0].items():
        values = [run[key] for run in runs if run[key] is not None]
        if isinstance(first, dict):
            mean[key] = mean_of(values)
        else:
            mean[key] = float(np.mean(values)) if values else None
    return mean


def interval(wrong: np.ndarray, ours: list[np.ndarray], peer: list[np.ndarray]) -> list[float]:
    """Return the 95% interval of ours minus the peer in AP, both on the same draws of the rows.

    The percentile bootstrap; in each draw the mean over seeds.
    """
    rng = np.random.default_rng(DRAWS_SEED)
    rankings = [[Ranking(wrong, score) for score in scores] for scores in (ours, peer)]
    differences = []
    for _ in range(DRAWS):
        times = np.bincount(rng.integers(0, len(wrong), len(wrong)), minlength=len(wrong))
        if times[wrong].any():  # without an error there is none to find
            means = [np.mean([r.average_precision(times) for r in of]) for of in rankings]
            differences.append(means[0] - means[1])
    return [float(end) for end in np.percentile(differences, [2.5, 97.5])]


class Ranking:
    """Rows by score, to be asked many times; equal scores share a rank, as in scikit-learn."""

    def __init__(self, wrong: np.ndarray, score: np.ndarray) -> None:
        self.order = np.argsort(-score, kind="stable")
        self.wrong = wrong[self.order]
        self.ends = np.append(np.flatnonzero(np.diff(score[self.order])), len(score) - 1)

    def average_precision(self, times: np.ndarray) -> float:
        """Return it where row i is there times[i] times."""
        weight = times[self.order]
        found, seen = (np.cumsum(each)[self.ends] for each in (weight * self.wrong, weight))
        gained = np.diff(found, prepend=0)
        return float(gained @ (found / np.maximum(seen, 1)) / found[-1])


if __name__ == "__main__":
    run_command(detect)
