"""What a study found, in sentences a person can act on."""

from collections import defaultdict
from typing import Any

import numpy as np

from pipeline.issues.arms import ARMS, BASELINE, PRUNE
from pipeline.issues.comparison import paired_difference
from pipeline.study.calibration import say_calibration


def conclusions(study: dict[str, Any]) -> list[str]:
    """Return the advice, and a sentence for each comparison and each kind and rate of noise."""
    lines = list(study.get("advice", {}).get("words", []))
    lines += say_calibration(study.get("calibration", {}))
    lines += [say_difference(found, len(study["seeds"])) for found in study["differences"]]
    return lines + say_noise(study["noise"])


def say_difference(found: dict[str, Any], seeds: int) -> str:
    """Return what is known of one arm against one control.

    A gain, or a loss, is what is clear of zero over seeds and test sets together.
    """
    arm, control = ARMS[found["arm"]].words, ARMS[found["control"]].words
    labels = "" if found["labels"] == "given" else " on the labels people corrected"
    labels += f" ({found['key']})" if "key" in found else ""
    both, over = found.get("ci95_both", found["ci95"]), "over seeds and test sets"
    if "ci95_both" not in found:  # of an earlier version
        over = "over seeds"
    if both is None:
        return (
            f"{arm} against {control}{labels}: {found['mean']:+z.4f} over {seeds} seed(s); too few "
            "for an interval, use at least 3"
        )
    low, high = both
    numbers = f"{abs(found['mean']):.4f} [{low:+z.4f}, {high:+z.4f}] {over}"
    wins = f"{found['seeds_with_gain']:.0%} of {seeds} seeds"
    if low > 0:
        return f"{arm} is better than {control}{labels} by {numbers}, in {wins}"
    if high < 0:
        return f"{arm} is worse than {control}{labels} by {numbers}, better in {wins}"
    line = f"{arm} and {control}{labels}: no difference shown, {found['mean']:+z.4f} "
    line += f"[{low:+z.4f}, {high:+z.4f}] {over}"
    over_seeds = found["ci95"]
    if over_seeds[0] > 0 or over_seeds[1] < 0:
        word = "better" if found["mean"] > 0 else "worse"
        return f"{line}; on this test set it is {word} over seeds, another one may undo that"
    return (
        f"{line}; over {seeds} seeds on this test set a true one of about "
        f"{found['detectable']:.4f} would be seen four times in five"
    )


def say_noise(rows: list[dict[str, Any]]) -> list[str]:
    """Return, for each kind and rate, what pruning gains over everything and over chance."""
    cells: dict[tuple[str, float], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        cells[row["kind"], row["rate"]][row["arm"]].append(row["test_accuracy"])
    lines = []
    for (kind, rate), arms in cells.items():
        if PRUNE not in arms:
            continue
        parts = []
        for control in (BASELINE, *ARMS[PRUNE].controls):
            if control in arms:
                found = paired_difference(np.array(arms[PRUNE]), np.array(arms[control]))
                bounds = found["ci95"]
                interval = f" [{bounds[0]:+z.4f}, {bounds[1]:+z.4f}]" if bounds else ""
                parts.append(f"{found['mean']:+z.4f}{interval} against {ARMS[control].words}")
        lines.append(f"{kind} noise, {rate:.0%}: CleanLearning {'; '.join(parts)}")
    return lines
