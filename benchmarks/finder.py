"""find_issues above its batch_size against cleanlab's plain call: time, memory, the same issues."""

import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.measure import measure, python
from pipeline.frame import artifacts
from pipeline.frame.cli import run_command
from pipeline.issues.health import describe_labels
from pipeline.issues.ranking import find_issues_ranked
from pipeline.issues.sections import FindIssues

ERROR_RATE = 0.08
CHUNK = 20_000
OPTIONS = FindIssues(
    filter_by="low_self_confidence",
    return_indices_ranked_by="self_confidence",
    frac_noise=1.0,
    min_examples_per_class=1,
    neighbors=False,
    batch_size=100_000,
)


def finder(
    examples: Annotated[int, typer.Argument(min=200)],
    classes: Annotated[int, typer.Argument(min=2)],
    only: Annotated[str, typer.Option(help="plain or ours, on --folder.")] = "",
    folder: Annotated[Path | None, typer.Option(help="Of arrays made before.")] = None,
) -> None:
    """Print seconds and peak memory of both on generated probabilities, each in its own process."""
    if folder is not None:
        (find_plain if only == "plain" else find_ours)(folder)
        return
    with tempfile.TemporaryDirectory() as name:
        write_probabilities(Path(name), examples, classes)
        for which in ("plain", "ours"):
            command = [python(), "-m", "benchmarks.finder", str(examples), str(classes)]
            cost, _ = measure([*command, "--only", which, "--folder", name], {})
            peak = cost.peak_process_bytes / 2**20
            print(f"{which:<6} {cost.wall_seconds:6.1f} s  {peak:6,.0f} MiB")
        plain, ours = (np.load(Path(name, f"{which}.npy")) for which in ("plain", "ours"))
        print(f"issues: {len(plain):,} and {len(ours):,}, in the same order: "
              f"{np.array_equal(plain, ours)}")  # fmt: skip


def write_probabilities(folder: Path, examples: int, classes: int) -> None:
    """Write pred_probs.npy and labels.npy; a share of ERROR_RATE of the labels is drawn anew."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, classes, examples)
    wrong = rng.random(examples) < ERROR_RATE
    labels = np.where(wrong, rng.integers(0, classes, examples), true)
    pred_probs = np.empty((examples, classes), np.float32)
    for first in range(0, examples, CHUNK):
        part = true[first : first + CHUNK]
        logits = rng.normal(size=(len(part), classes))
        logits[np.arange(len(part)), part] += 3.5
        powers = np.exp(logits)
        pred_probs[first : first + CHUNK] = powers / powers.sum(axis=1, keepdims=True)
    np.save(folder / "pred_probs.npy", pred_probs)
    np.save(folder / "labels.npy", labels)


def find_plain(folder: Path) -> None:
    """Find as cleanlab.filter.find_label_issues does."""
    from cleanlab.filter import find_label_issues

    pred_probs = np.load(folder / "pred_probs.npy").astype(np.float64)
    found = find_label_issues(
        np.load(folder / "labels.npy"),
        pred_probs,
        filter_by=OPTIONS.filter_by,
        return_indices_ranked_by=OPTIONS.return_indices_ranked_by,
        n_jobs=1,
    )
    np.save(folder / "plain.npy", found)


def find_ours(folder: Path) -> None:
    """Find and describe as the stage does."""
    labels = np.load(folder / "labels.npy")
    pred_probs = artifacts.load_array(folder / "pred_probs.npy")
    found = find_issues_ranked(labels, pred_probs, OPTIONS)
    names = [str(number) for number in range(pred_probs.shape[1])]
    describe_labels(labels, pred_probs, found, names, OPTIONS)
    np.save(folder / "ours.npy", found)


if __name__ == "__main__":
    run_command(finder)
