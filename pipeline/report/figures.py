"""The figures of a run: arrays and metrics in, charts out. Each title says what was found."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.report.chart import Chart, Figure, Scale, number, percent, spanning
from pipeline.report.summary import too_few

COLOURS = 6
MOST_CLASSES = 20  # drawn in one figure
MOST_NUMBERED = 8  # classes with numbers written in the cells of a heat map
NAME_CHARACTERS = 14


def signed(value: float) -> str:
    return f"{value:+.4g}".replace("-", "−") if value else "0"


def abbreviated(name: str) -> str:
    return name if len(name) <= NAME_CHARACTERS else name[: NAME_CHARACTERS - 1] + "…"


def accuracy_difference(accuracy: dict[str, Any]) -> Figure:
    """Return the gain in test accuracy against zero, with its 95% interval if it can have one."""
    low, high = accuracy["ci95"]
    gain = accuracy["difference"]
    few = too_few(accuracy)
    # Where both models agree on every example, there is but one point and the axis has no length.
    ends = [gain] if few else [low, high]
    ends = ends if any(ends) else [-0.001, 0.001]
    chart = Chart(spanning(ends, room=0.15, zero=True), Scale(0, 1), height=104, left=14, bottom=40)
    chart.x_axis("test accuracy, CleanLearning − baseline", chart.x.ticks(4), signed)
    chart.line([0, 0], [0, 1], "zero")
    if not few:
        chart.line([low, high], [0.4, 0.4], "s2 thick")
        for end in (low, high):
            chart.line([end, end], [0.25, 0.55], "s2")
    chart.dot(gain, 0.4, "f2", radius=6)
    chart.note(gain, 0.72, f"{gain:+.4f}", "middle strong halo")
    verdict = "includes zero" if low <= 0 <= high else "leaves zero out"
    title = f"The difference is {gain:+.4f}; its 95% interval {verdict}"
    described = f"Interval {low:+.4f} to {high:+.4f}."
    if few:
        title = f"The difference is {gain:+.4f}; too few examples for an interval"
        described = "No interval."
    return chart.figure("accuracy_difference", title, described)


def learning_curves(folds: Sequence[dict[str, Any]]) -> Figure | None:
    """Return training loss per epoch and fold, with the loss of each fold on what it left out."""
    curves = [fold.get("training", {}).get("loss", []) for fold in folds]
    held_out = [fold["log_loss"] for fold in folds]
    title = "Training loss {first:.3f} → {last:.3f}; on held-out examples {unseen:.3f}"
    return _curves(
        curves, held_out, name="learning_loss", title=title, label="loss (nats), cross-entropy"
    )


def accuracy_curves(folds: Sequence[dict[str, Any]]) -> Figure | None:
    """Return training accuracy per epoch and fold, with the accuracy on what was left out."""
    curves = [fold.get("training", {}).get("accuracy", []) for fold in folds]
    held_out = [fold["accuracy"] for fold in folds]
    title = "Training accuracy {first:.3f} → {last:.3f}; on held-out examples {unseen:.3f}"
    return _curves(
        curves, held_out, name="learning_accuracy", title=title, label="accuracy (share right)"
    )


def _curves(
    curves: list[list[float]], held_out: list[float], *, name: str, title: str, label: str
) -> Figure | None:
    if not all(curves) or not curves:
        return None
    epochs = max(map(len, curves))
    scale = spanning([value for values in (*curves, held_out) for value in values])
    chart = Chart(Scale(0.5, epochs + 0.5), scale)
    chart.y_axis(label)
    step = max(1, -(-epochs // 10))
    chart.x_axis("epoch", list(range(step, epochs + 1, step)))
    for fold, values in enumerate(curves):
        chart.line(range(1, len(values) + 1), values, f"s{fold % COLOURS + 1}")
    for fold, value in enumerate(held_out):
        beside = 0.12 * (fold - (len(held_out) - 1) / 2)  # so that equal values stay visible
        chart.diamond(len(curves[fold]) + beside, value, f"f{fold % COLOURS + 1} ring")
    rising = curves[0][-1] > curves[0][0]
    chart.text(
        chart.width - chart.right - 4,
        chart.height - chart.bottom - 24 if rising else chart.top + 12,
        "lines: training, one per fold",
        "end halo",
    )
    chart.text(
        chart.width - chart.right - 4,
        chart.height - chart.bottom - 8 if rising else chart.top + 28,
        "diamonds: held-out examples",
        "end halo",
    )
    numbers = {
        "first": np.mean([values[0] for values in curves]),
        "last": np.mean([values[-1] for values in curves]),
        "unseen": np.mean(held_out),
    }
    return chart.figure(name, title.format(**numbers), f"{len(curves)} folds, {epochs} epochs.")


def reliability(pred_probs: np.ndarray, labels: np.ndarray, *, bins: int, ece: float) -> Figure:
    """Return accuracy against confidence of the predicted class, in equal-width bins.

    Args:
        pred_probs: (n, classes), out of sample. labels: (n,). ece: of metrics.json.
    """
    confidence = pred_probs.max(axis=1).astype(np.float64)
    correct = (pred_probs.argmax(axis=1) == labels).astype(np.float64)
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    size = np.bincount(index, minlength=bins)
    used = size > 0
    mean_confidence = np.bincount(index, weights=confidence, minlength=bins)[used] / size[used]
    accuracy = np.bincount(index, weights=correct, minlength=bins)[used] / size[used]
    low = float(np.floor(10 / pred_probs.shape[1]) / 10)
    chart = Chart(Scale(low, 1), Scale(0, 1))
    chart.y_axis("accuracy, and share of examples")
    chart.x_axis("confidence: probability of the predicted class")
    for k in np.flatnonzero(used):
        left = max(k / bins, low)
        chart.rect(left + 0.002, (k + 1) / bins - 0.002, 0, size[k] / len(labels), "muted")
    chart.line([low, 1], [low, 1], "zero")
    chart.line(mean_confidence, accuracy, "s1")
    for x, y in zip(mean_confidence, accuracy, strict=True):
        chart.dot(x, y, "f1 ring", radius=3.5)
    entries = [("f1", "accuracy in the bin"), ("muted", "share of examples")]
    chart.legend(entries, x=chart.left + 8, y=chart.top + 12)
    gap = float(confidence.mean() - correct.mean())
    words = "too high" if gap > 0 else "too low"
    title = f"Confidence is {words} by {abs(gap):.3f} on average (calibration error {ece:.3f})"
    return chart.figure("reliability", title, "The dashed diagonal is perfect calibration.")


def confusion(matrix: np.ndarray, class_names: list[str]) -> Figure:
    """Return a heat map of given labels (rows) against out-of-sample predictions (columns)."""
    agree = float(np.trace(matrix) / max(matrix.sum(), 1))
    return _heat_map(
        matrix,
        class_names,
        name="confusion",
        title=f"{agree:.1%} of the predictions agree with the given label",
        columns="predicted",
    )


def confident_joint(matrix: np.ndarray, class_names: list[str]) -> Figure:
    """Return a heat map of the confident joint: given labels (rows), probable labels (columns)."""
    off = matrix - np.diag(np.diag(matrix))
    i, j = np.unravel_index(int(off.argmax()), off.shape)
    title = (
        f"Most suspected: {int(off[i, j]):,} given {class_names[i]} that look like {class_names[j]}"
    )
    return _heat_map(
        matrix, class_names, name="confident_joint", title=title, columns="probably (confident)"
    )


def _heat_map(
    matrix: np.ndarray, class_names: list[str], *, name: str, title: str, columns: str
) -> Figure:
    k = min(len(class_names), MOST_CLASSES)
    matrix = matrix[:k, :k]
    height = min(max(170, 40 * k + 70), 330)
    chart = Chart(Scale(0, k), Scale(k, 0), height=height, left=100, top=34, bottom=30)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    for i in range(k):
        chart.text(chart.left - 8, chart.at_y(i + 0.5) + 4, abbreviated(class_names[i]), "end")
        if k <= MOST_NUMBERED:
            chart.note(i + 0.5, 0, abbreviated(class_names[i]), "middle above")
        for j in range(k):
            _cell(chart, i, j, int(matrix[i, j]), float(shares[i, j]), numbered=k <= MOST_NUMBERED)
    chart.text((chart.left + chart.width) / 2, height - 8, columns, "middle label")
    chart.text(chart.left - 8, 12, "given ↓", "end label")
    cut = f" The first {k} classes." if k < len(class_names) else ""
    return chart.figure(name, title, f"Rows: given label. Columns: {columns}.{cut}")


def _cell(chart: Chart, i: int, j: int, count: int, share: float, *, numbered: bool) -> None:
    level = min(int(share * 10 + (0.999 if share > 0 else 0)), 10)
    chart.rect(j, j + 1, i, i + 1, f"cell {'hit' if i == j else 'miss'} o{level}")
    if numbered:
        middle = chart.at_y(i + 0.5)
        chart.text(chart.at_x(j + 0.5), middle, f"{count:,}", "middle strong")
        chart.text(chart.at_x(j + 0.5), middle + 15, f"{share:.1%}", "middle label")


def self_confidence(confidence: np.ndarray, flagged: np.ndarray, *, bins: int = 40) -> Figure:
    """Return the histogram of the given label's probability, the flagged part marked.

    Args:
        confidence: (n,) self-confidence of every example. flagged: positions of the issues.
    """
    edges = np.linspace(0, 1, bins + 1)
    every, _ = np.histogram(confidence, edges)
    marked, _ = np.histogram(confidence[flagged], edges)
    chart = Chart(Scale(0, 1), left=64, y=Scale(0.8, max(float(every.max()) * 1.6, 10.0), log=True))
    chart.y_axis("examples (log scale)")
    chart.x_axis("self-confidence: probability of the given label")
    for k in range(bins):
        edge = (edges[k] + 0.001, edges[k + 1] - 0.001)
        if every[k]:
            chart.rect(*edge, chart.y.low, every[k], "muted")
        if marked[k]:
            chart.rect(*edge, chart.y.low, marked[k], "f2")
    entries = [("muted", "all examples"), ("f2", "flagged as label issues")]
    chart.legend(entries, x=chart.left + 10, y=chart.top + 12)
    share = len(flagged) / max(len(confidence), 1)
    low = float(confidence[flagged].max()) if len(flagged) else 0.0
    title = (
        f"{share:.1%} of the labels are flagged, all with self-confidence below {low + 5e-3:.2f}"
    )
    return chart.figure("self_confidence", title, f"{len(confidence):,} examples in {bins} bins.")


def noise_rates(classes: Sequence[dict[str, Any]]) -> Figure:
    """Return the estimated share of wrong labels in each class, the noisiest first."""
    ranked = sorted(classes, key=lambda c: -c["noise_rate"])[:MOST_CLASSES]
    rates = [c["noise_rate"] for c in ranked]
    height = 30 * len(ranked) + 56
    scale = Scale(0, max(max(rates) * 1.25, 0.01))
    chart = Chart(scale, Scale(len(ranked), 0), height=height, left=100)
    chart.x_axis("estimated share of labels that are wrong", chart.x.ticks(4), percent)
    for k, entry in enumerate(ranked):
        chart.text(chart.left - 8, chart.at_y(k + 0.5) + 4, abbreviated(entry["name"]), "end")
        chart.rect(0, entry["noise_rate"], k + 0.2, k + 0.8, "f2")
        chart.text(chart.at_x(entry["noise_rate"]) + 6, chart.at_y(k + 0.5) + 4, f"{rates[k]:.1%}")
    title = (
        f"{ranked[0]['name']} is the noisiest class: about {rates[0]:.1%} of its labels are wrong"
    )
    return chart.figure("noise_rates", title, "Estimated from the confident joint.")


def precision_at_rank(hits: np.ndarray, *, of_what: str) -> Figure:
    """Return the share of real errors among the first k issues, for every k.

    Args:
        hits: (n,) whether each issue, in rank order, really is an error.
    """
    ranks = np.arange(1, len(hits) + 1)
    precision = np.cumsum(hits) / ranks
    chart = Chart(Scale(1, max(len(hits), 2)), Scale(0, 1))
    chart.y_axis("precision", form=percent)
    ticks = [1.0, *[t for t in chart.x.ticks(4) if t > 1]]
    chart.x_axis("issues looked at, in rank order", ticks)
    kept = np.unique(np.linspace(0, len(hits) - 1, 300).astype(int))
    chart.line(ranks[kept], precision[kept], "s1")
    at = min(len(hits), 100)
    title = f"Of the first {at}, {precision[at - 1]:.0%} really are wrong ({of_what})"
    return chart.figure("precision_at_rank", title, f"All {len(hits):,}: {precision[-1]:.1%}.")


def precision_checked(definitions: dict[str, Any]) -> Figure | None:
    """Return the share of the first k judged issues that people confirmed, per definition.

    Args:
        definitions: of an error, each with precision_at {k: share}.
    """
    curves = {
        name: {int(k): share for k, share in found["precision_at"].items()}
        for name, found in definitions.items()
        if found.get("precision_at")
    }
    if not curves:
        return None
    ranks = sorted({k for curve in curves.values() for k in curve})
    chart = Chart(Scale(ranks[0] / 1.3, ranks[-1] * 1.3, log=True), Scale(0, 1))
    chart.y_axis("precision", form=percent)
    chart.x_axis("judged issues looked at, in rank order (log scale)", ranks)
    for index, curve in enumerate(curves.values()):
        css = index % COLOURS + 1
        chart.line(curve.keys(), curve.values(), f"s{css}")
        for k, share in curve.items():
            chart.dot(k, share, f"f{css} ring", radius=3.5)
    entries = [(f"f{i % COLOURS + 1}", name.replace("_", " ")) for i, name in enumerate(curves)]
    bottom = chart.height - chart.bottom - 16 * len(entries)
    chart.legend(entries, x=chart.left + 8, y=bottom)
    first = ranks[0]
    best = max(curve.get(first, 0.0) for curve in curves.values())
    title = f"People confirm up to {best:.0%} of the first {first} issues they were shown"
    return chart.figure("precision_checked", title, "One line per definition of an error.")


def filter_counts(filters: Sequence[tuple[str, int]], chosen: str, total: int) -> Figure:
    """Return how many labels each of cleanlab's filters flags."""
    height = 28 * len(filters) + 56
    most = max(count for _, count in filters)
    chart = Chart(Scale(0, max(most * 1.3, 1)), Scale(len(filters), 0), height=height, left=152)
    chart.x_axis("labels flagged", chart.x.ticks(3))
    for k, (name, count) in enumerate(filters):
        chart.text(chart.left - 8, chart.at_y(k + 0.5) + 4, name.replace("_", " "), "end")
        chart.rect(0, count, k + 0.2, k + 0.8, "f2" if name == chosen else "muted")
        chart.text(chart.at_x(count) + 6, chart.at_y(k + 0.5) + 4, f"{count:,}")
    counts = [count for _, count in filters]
    title = f"The filters flag between {min(counts):,} and {max(counts):,} of {total:,} labels"
    return chart.figure("filters", title, f"In colour: {chosen}, the one this run used.")


def stage_seconds(seconds: dict[str, float]) -> Figure:
    """Return the wall time of each stage."""
    stages = list(seconds)
    height = 28 * len(stages) + 56
    chart = Chart(
        Scale(0, max(max(seconds.values()) * 1.25, 1e-3)),
        Scale(len(stages), 0),
        height=height,
        left=100,
    )
    chart.x_axis("wall time (seconds)", chart.x.ticks(4))
    for k, stage in enumerate(stages):
        chart.text(chart.left - 8, chart.at_y(k + 0.5) + 4, stage, "end")
        chart.rect(0, seconds[stage], k + 0.2, k + 0.8, "f1")
        words = f"{number(round(seconds[stage], 1))} s"
        chart.text(chart.at_x(seconds[stage]) + 6, chart.at_y(k + 0.5) + 4, words)
    longest = max(stages, key=lambda stage: seconds[stage])
    total = sum(seconds.values())
    share = seconds[longest] / max(total, 1e-9)
    title = f"{total:.0f} seconds in all, {share:.0%} of them in {longest}"
    return chart.figure("stage_seconds", title, "Wall time of each stage.")
