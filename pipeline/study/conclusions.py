"""What a study found, in sentences a person can act on."""

from collections import defaultdict
from typing import Any

import numpy as np

from pipeline.issues.arms import ARMS, BASELINE
from pipeline.issues.comparison import paired_difference


def conclusions(study: dict[str, Any]) -> list[str]:
    """Return one sentence for each comparison, and one for each kind and rate of noise."""
    lines = [say_difference(found, len(study["seeds"])) for found in study["differences"]]
    return lines + say_noise(study["noise"])


def say_difference(found: dict[str, Any], seeds: int) -> str:
    """Return what is known of one arm against one control."""
    arm, control = ARMS[found["arm"]].words, ARMS[found["control"]].words
    labels = "" if found["labels"] == "given" else " on the labels people corrected"
    if found["ci95"] is None:
        return (
            f"{arm} against {control}{labels}: {found['mean']:+.4f} over {seeds} seed(s); too few "
            "for an interval, use at least 3"
        )
    low, high = found["ci95"]
    numbers = f"{abs(found['mean']):.4f} [{low:+.4f}, {high:+.4f}]"
    wins = f"{found['seeds_with_gain']:.0%} of {seeds} seeds"
    if low > 0:
        return f"{arm} is better than {control}{labels} by {numbers}, in {wins}"
    if high < 0:
        return f"{arm} is worse than {control}{labels} by {numbers}, better in {wins}"
    return (
        f"{arm} and {control}{labels}: no difference shown, {found['mean']:+.4f} "
        f"[{low:+.4f}, {high:+.4f}]; a true one of {found['detectable']:.4f} is seen four times "
        "in five"
    )


def say_noise(rows: list[dict[str, Any]]) -> list[str]:
    """Return, for each kind and rate, what pruning gains over everything and over chance."""
    cells: dict[tuple[str, float], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        cells[row["kind"], row["rate"]][row["arm"]].append(row["test_accuracy"])
    lines = []
    for (kind, rate), arms in cells.items():
        if "prune" not in arms:
            continue
        parts = []
        for control in (BASELINE, *ARMS["prune"].controls):
            if control in arms:
                found = paired_difference(np.array(arms["prune"]), np.array(arms[control]))
                bounds = found["ci95"]
                interval = f" [{bounds[0]:+.4f}, {bounds[1]:+.4f}]" if bounds else ""
                parts.append(f"{found['mean']:+.4f}{interval} against {ARMS[control].words}")
        lines.append(f"{kind} noise, {rate:.0%}: CleanLearning {'; '.join(parts)}")
    return lines
