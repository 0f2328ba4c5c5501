"""The figures of a study: study.json in, charts out."""

from collections import defaultdict
from typing import Any

import numpy as np

from pipeline.issues.arms import ARMS, PRUNE
from pipeline.report.chart import Chart, Figure, Scale, legend_room, percent, spanning
from pipeline.report.figures import COLOURS, signed

Study = dict[str, Any]


def study_figures(study: Study) -> list[Figure]:
    """Return what can be drawn of study.json: forest plots, seeds, noise curves."""
    differences, rows = study["differences"], study["noise"]
    figures = [
        forest_plot([row for row in differences if row["labels"] == labels], labels)
        for labels in ("given", "corrected")
    ]
    figures.append(seed_spread(study["arms"]))
    for kind in dict.fromkeys(row["kind"] for row in rows):
        figures.append(noise_curves([row for row in rows if row["kind"] == kind], kind))
    return [figure for figure in figures if figure is not None]


def forest_plot(differences: list[dict[str, Any]], labels: str) -> Figure | None:
    """Return each arm minus its control with the 95% interval over seeds.

    Args:
        labels: which test labels count: "given" or "corrected".
    """
    known = [d for d in differences if d.get("mean") is not None]
    if not known:
        return None
    ends = [value for d in known for value in (d.get("ci95") or [d["mean"]])]
    height = 34 * len(known) + 56
    chart = Chart(
        spanning([*ends, *(d["mean"] for d in known)], room=0.08, zero=True),
        Scale(len(known), 0),
        height=height,
        left=190,
    )
    chart.x_axis(f"difference, {labels} labels", chart.x.ticks(3), signed)
    chart.line([0, 0], [0, len(known)], "zero")
    for k, row in enumerate(known):
        name = f"{row['arm']} − {row['control']}".replace("_", " ")
        chart.text(chart.left - 8, chart.at_y(k + 0.5) + 4, name, "end")
        if row.get("ci95"):
            chart.line(row["ci95"], [k + 0.5] * 2, "s1 thick")
        chart.dot(row["mean"], k + 0.5, "f1", radius=5)
    title = _forest_title(known)
    return chart.figure(f"study_differences_{_slug(labels)}", title, "Mean, 95% interval.")


def _forest_title(rows: list[dict[str, Any]]) -> str:
    wanted = (PRUNE, *ARMS[PRUNE].controls)
    row = next((r for r in rows if (r["arm"], r["control"]) == wanted), rows[0])
    words = f"{row['arm']} against {row['control']}: {row['mean']:+z.4f}".replace("_", " ")
    if not row.get("ci95"):
        return f"{words} (too few seeds for an interval)"
    return f"{words} [{row['ci95'][0]:+z.4f}, {row['ci95'][1]:+z.4f}]"


def seed_spread(arms: dict[str, Any]) -> Figure | None:
    """Return the test accuracy of every seed, one row of dots for each arm."""
    values = {arm: v for arm, data in arms.items() if (v := _known(data.get("test_accuracy", [])))}
    if not values:
        return None
    height = 30 * len(values) + 56
    every = [value for accuracies in values.values() for value in accuracies]
    chart = Chart(spanning(every, room=0.1), Scale(len(values), 0), height=height, left=120)
    chart.x_axis("test accuracy, one dot per seed", chart.x.ticks(4))
    for k, (arm, accuracies) in enumerate(values.items()):
        chart.text(chart.left - 8, chart.at_y(k + 0.5) + 4, arm.replace("_", " "), "end")
        for value in accuracies:
            chart.dot(value, k + 0.5, f"f{k % COLOURS + 1} faint", radius=4)
        mean = float(np.mean(accuracies))
        chart.line([mean, mean], [k + 0.2, k + 0.8], "mean")
    seeds = max(map(len, values.values()))
    title = f"Every arm over {seeds} seeds; which differences are more than chance is said above"
    return chart.figure("study_seeds", title, "The stroke is the mean.")


def _known(values: list[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def noise_curves(rows: list[dict[str, Any]], kind: str) -> Figure | None:
    """Return test accuracy against the rate of injected noise: a line per arm, a band for seeds."""
    curves: defaultdict[str, defaultdict[float, list[float]]]
    curves = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row.get("test_accuracy") is not None:
            curves[row["arm"]][row["rate"]].append(row["test_accuracy"])
    if not curves:
        return None
    rates = sorted({rate for points in curves.values() for rate in points})
    every = [v for points in curves.values() for values in points.values() for v in values]
    entries = [(f"f{k % COLOURS + 1}", arm.replace("_", " ")) for k, arm in enumerate(curves)]
    top = legend_room(len(entries))
    chart = Chart(spanning(rates), spanning(every), height=250 + top, top=top)
    chart.legend(entries)
    chart.y_axis("test accuracy")
    chart.x_axis(f"labels flipped on purpose ({kind})", rates, percent)
    for k, points in enumerate(curves.values()):
        xs = sorted(points)
        chart.band(
            xs, [min(points[x]) for x in xs], [max(points[x]) for x in xs], f"f{k % COLOURS + 1}"
        )
        chart.line(xs, [float(np.mean(points[x])) for x in xs], f"s{k % COLOURS + 1}")
    title = f"Test accuracy with {kind.replace('_', ' ')} noise put in, up to {percent(rates[-1])}"
    return chart.figure(f"study_noise_{_slug(kind)}", title, "Bands: lowest to highest seed.")


def _slug(kind: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in kind)
