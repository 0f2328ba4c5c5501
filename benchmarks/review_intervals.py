"""Do the intervals of the review hold the truth? A scripted reviewer who knows it, many times over.

For each set of texts whose wrong labels are known (CSV files with `text,label,gt`; where `gt` is
empty nobody checked, and the row is trained on and not reviewed), and for the same with planted
errors: the issues of a finder are reviewed from the top, 200 labels are audited, and what the page
says is compared with what is so. Each repetition takes other 70 % of the labels.

    python -m benchmarks.review_intervals FOLDER [--repetitions 200]
"""

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.corrections.audit import (
    DRAWS,
    Counted,
    draw_sample,
    draw_wrong,
    recall_of,
    summarize,
)
from pipeline.corrections.stopping import (
    NEXT,
    Listed,
    Rule,
    expect_next,
    plan_ahead,
    wrong_in_list,
)

AUDIT = 200
REVIEWED = (20, 50, 100, 200)
PLANTED = 0.08
SEEDS = 4  # of folds and of planted errors
KEPT = 0.7  # of the labels in one repetition
ONE_IN = 10
STEP = 25


class Scored(NamedTuple):
    """(n, classes) out-of-sample probabilities, (n,) given and true labels."""

    pred_probs: np.ndarray
    given: np.ndarray
    truth: np.ndarray


def read_set(path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return texts, (n,) given and (n,) true class indices, -1 where nobody checked."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    index = {name: i for i, name in enumerate(sorted({row["label"] for row in rows}))}
    given = np.array([index[row["label"]] for row in rows])
    truth = np.array([index.get(row["gt"], -1) for row in rows])
    return [row["text"] for row in rows], given, truth


def out_of_sample(texts: list[str], labels: np.ndarray, seed: int) -> np.ndarray:
    """Return (n, classes) probabilities: TF-IDF of words and pairs, logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.multiclass import OneVsRestClassifier

    vectors = TfidfVectorizer(sublinear_tf=True, min_df=2, ngram_range=(1, 2)).fit_transform(texts)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    model = OneVsRestClassifier(LogisticRegression(C=10, solver="liblinear"))
    found = cross_val_predict(model, vectors, labels, cv=folds, method="predict_proba")
    return np.asarray(found)


def scored_sets(folder: Path) -> Iterator[tuple[str, list[Scored]]]:
    """Yield each set as it is, and with errors planted in the labels that are believed."""
    for path in sorted(folder.glob("*.csv")):
        texts, given, truth = read_set(path)
        checked = truth >= 0
        real, planted = [], []
        for seed in range(SEEDS):
            probs = out_of_sample(texts, given, seed)
            real.append(Scored(probs[checked], given[checked], truth[checked]))
            rng = np.random.default_rng(seed)
            believed = np.where(checked, truth, given)
            other = (believed + rng.integers(1, probs.shape[1], len(given))) % probs.shape[1]
            labels = np.where(rng.random(len(given)) < PLANTED, other, believed)
            planted.append(Scored(out_of_sample(texts, labels, seed), labels, believed))
        yield path.stem, real
        yield f"{path.stem}, planted", planted


def review_once(scored: Scored, rng: np.random.Generator, seed: int) -> dict[str, Any]:
    """Return, of one scripted review, whether each interval held the truth."""
    kept = rng.random(len(scored.given)) < KEPT
    probs, given, truth = (array[kept] for array in scored)
    wrong = given != truth
    confidence = probs[np.arange(len(given)), given].astype(np.float64)
    is_listed = probs.argmax(axis=1) != given
    order = np.flatnonzero(is_listed)[np.argsort(confidence[is_listed], kind="stable")]
    decided = min(int(rng.choice(REVIEWED)), max(len(order) - 20, 10))
    known = np.zeros(len(given), bool)
    known[order[:decided]] = True
    found: dict[str, Any] = {}

    count, forecast = expect_next(listed_of(order, confidence, wrong, known)) or (0, None)
    if forecast:
        ahead = order[decided : decided + count]
        found["next 50"] = forecast.low <= wrong[ahead].sum() <= forecast.high

    strata, drawn = draw_sample(confidence, is_listed, AUDIT, seed=seed)
    counted = [
        Counted(len(s), len(d), int(wrong[d].sum())) for s, d in zip(strata, drawn, strict=True)
    ]
    share = summarize(draw_wrong(counted).sum(axis=1))
    found["share wrong"] = share.low <= wrong.sum() <= share.high

    known[np.concatenate(drawn)] = True
    listed = listed_of(order, confidence, wrong, known)
    unlisted = [c for c, s in zip(counted, strata, strict=True) if not is_listed[s[0]]]
    inside = wrong_in_list(listed)
    assert inside is not None and len(inside) == DRAWS
    recall = recall_of(inside, draw_wrong(unlisted).sum(axis=1))
    is_so = wrong[is_listed].sum() / max(wrong.sum(), 1)
    found["recall"] = recall.low <= is_so <= recall.high

    plan = plan_ahead(listed, 100, unlisted)
    assert plan is not None and plan.left is not None
    known[order[~known[order]][:100]] = True
    left = int((wrong & ~known).sum())
    found["left in the data"] = plan.left.low <= left <= plan.left.high
    found["stop"] = stop_once(order, confidence, wrong)
    return found


def listed_of(
    order: np.ndarray, confidence: np.ndarray, wrong: np.ndarray, known: np.ndarray
) -> Listed:
    return Listed(
        confidence[order], np.where(known[order], wrong[order], -1).astype(np.int8), ~known[order]
    )


def stop_once(order: np.ndarray, confidence: np.ndarray, wrong: np.ndarray) -> dict[str, Any]:
    """Return after how many decisions the rule is reached, and where knowing all it would be."""
    errors = wrong[order]
    best = next(
        (n for n in range(0, len(order), STEP) if errors[n : n + NEXT].mean() * ONE_IN < 1),
        len(order),
    )
    for n in range(STEP, len(order), STEP):
        known = np.zeros(len(wrong), bool)
        known[order[:n]] = True
        count, forecast = expect_next(listed_of(order, confidence, wrong, known)) or (0, None)
        if forecast and (rule := Rule(ONE_IN, forecast, count)).is_reached:
            return {"at": n, "best": best, "certain": rule.is_certain}
    return {"at": len(order), "best": best, "certain": True}


def summary(name: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the share of repetitions in which each interval held, and how the rule stopped."""
    held = {
        key: round(float(np.mean([each[key] for each in found if key in each])), 3)
        for key in ("next 50", "share wrong", "recall", "left in the data")
    }
    stops = [each["stop"] for each in found]
    near = [abs(s["at"] - s["best"]) <= max(0.2 * s["best"], STEP) for s in stops]
    fair = [n or not s["certain"] for n, s in zip(near, stops, strict=True)]
    return {
        "set": name,
        **held,
        "stopped near": round(float(np.mean(near)), 3),
        "near, or said to be uncertain": round(float(np.mean(fair)), 3),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Return the table of docs/review.md."""
    heads = [key for key in rows[0] if key != "set"]
    lines = ["| set | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for row in rows:
        lines.append(f"| {row['set']} | " + " | ".join(f"{100 * row[h]:.1f}" for h in heads) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("results/bench/review_intervals.json"))
    options = parser.parse_args()
    rows = []
    for name, scored in scored_sets(options.folder):
        rng = np.random.default_rng(0)
        found = [
            review_once(scored[seed % SEEDS], rng, seed) for seed in range(options.repetitions)
        ]
        rows.append(summary(name, found))
        print(rows[-1], file=sys.stderr, flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    print(table(rows))


if __name__ == "__main__":
    main()
