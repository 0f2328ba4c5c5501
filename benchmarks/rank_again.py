"""Does ranking the list again pay? A scripted reviewer who knows the truth, with it and without.

For each set of texts whose wrong labels are known (see benchmarks.review_intervals), and for the
same with planted errors, the list of the quick members is reviewed from the top: once as it is,
once ranked again with the corrected labels after every 50 decisions. Counted are the errors found
in the first 150 and 300 decisions. Each repetition has other folds, other planted errors, and
reviews other 70 % of the labels that people checked.

    python -m benchmarks.rank_again FOLDER [--repetitions 10]
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.review_intervals import KEPT, PLANTED, read_set
from pipeline.corrections.again import ask_again, moved, plan_again, quick_members
from pipeline.data.examples import group_texts
from pipeline.models.judges import Corpus

DECISIONS, EVERY = (150, 300), 50
Row = dict[str, Any]


def review(
    corpus: Corpus, given: np.ndarray, believed: np.ndarray, may: np.ndarray, seed: int
) -> np.ndarray:
    """Return (decisions, 2) errors found in DECISIONS along the fixed list, and ranked again.

    Args:
        given, believed: (n,) class indices. may: (n,) which labels are reviewed.
    """
    num_classes = int(max(given.max(), believed.max())) + 1
    characters = sum(len(text) for text in corpus.texts.to_pylist())
    members = quick_members(None, count=len(given), num_classes=num_classes, characters=characters)
    plan = plan_again(given, group_texts(corpus.texts.to_pylist()), seed=seed)
    before = ask_again(corpus, members, given, plan, num_classes=num_classes)
    wrong, fixed = given != believed, order(before, given, may)
    labels, open_, probs, along = given.copy(), may.copy(), before, np.empty(0, int)
    for _ in range(0, DECISIONS[-1], EVERY):
        decided = order(probs, given, open_)[:EVERY]
        along = np.append(along, decided)
        labels[decided], open_[decided] = believed[decided], False
        after = ask_again(corpus, members, labels, plan, num_classes=num_classes)
        probs = moved(before, before, after)
    return np.array([[wrong[rows[:n]].sum() for rows in (fixed, along)] for n in DECISIONS])


def order(probs: np.ndarray, given: np.ndarray, open_: np.ndarray) -> np.ndarray:
    """Return the open labels in the order of review: suspects first, then by self-confidence."""
    confidence = probs[np.arange(len(given)), given]
    rows = np.flatnonzero(open_)
    is_suspect = probs[rows].argmax(axis=1) != given[rows]
    return np.asarray(rows[np.lexsort((confidence[rows], ~is_suspect))])


def reviews(path: Path, repetitions: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (repetitions, decisions, 2) errors found in a set, and the same with planted ones."""
    texts, given, truth = read_set(path)
    corpus = Corpus(lambda: pa.array(texts, pa.large_string()))
    checked, believed = truth >= 0, np.where(truth >= 0, truth, given)
    num_classes = int(believed.max()) + 1
    for kind in ("", ", planted"):
        found = []
        for seed in range(repetitions):
            rng = np.random.default_rng(seed)
            labels, may = given, checked & (rng.random(len(given)) < KEPT)
            if kind:
                other = (believed + rng.integers(1, num_classes, len(given))) % num_classes
                labels = np.where(rng.random(len(given)) < PLANTED, other, believed)
                may = rng.random(len(given)) < KEPT
            found.append(review(corpus, labels, believed, may, seed))
            print(f"{path.stem}{kind} {seed}: {found[-1].tolist()}", file=sys.stderr, flush=True)
        yield f"{path.stem}{kind}", np.array(found)


def summaries(name: str, found: np.ndarray) -> Iterator[Row]:
    """Yield the means and the paired difference with its 95 % interval over repetitions."""
    from scipy.stats import t

    for place, decisions in enumerate(DECISIONS):
        fixed, again = found[:, place].astype(float).T
        gain = again - fixed
        half = float(t.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / np.sqrt(len(gain)))
        yield {
            "set": name,
            "decisions": decisions,
            "repetitions": len(gain),
            "fixed": round(float(fixed.mean()), 1),
            "ranked again": round(float(again.mean()), 1),
            "difference": round(float(gain.mean()), 1),
            "ci95": [round(float(gain.mean() - half), 1), round(float(gain.mean() + half), 1)],
        }


def table(rows: list[Row]) -> str:
    """Return the table of docs/review.md."""
    heads = ("set", "decisions", "repetitions", "fixed", "ranked again")
    lines = [f"| {' | '.join(heads)} | difference, 95 % |", "|---" * 6 + "|"]
    for row in rows:
        low, high = row["ci95"]
        cells = [str(row[head]) for head in heads]
        lines.append(
            f"| {' | '.join(cells)} | {row['difference']:+.1f} [{low:+.1f}, {high:+.1f}] |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repetitions", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("results/bench/rank_again.json"))
    options = parser.parse_args()
    rows: list[Row] = []
    for path in sorted(options.folder.glob("*.csv")):
        for each in reviews(path, options.repetitions):
            rows += summaries(*each)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    print(table(rows))


if __name__ == "__main__":
    main()
