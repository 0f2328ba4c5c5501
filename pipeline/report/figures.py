"""The figures of a run: arrays and metrics in, charts out. Each title says what was found."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.issues.fitness import is_rising
from pipeline.report.chart import Chart, Figure, Scale, legend_room, percent, spanning
from pipeline.report.numbers import share_interval
from pipeline.report.pairs import order_classes
from pipeline.report.summary import too_few

COLOURS = 6
MOST_CLASSES = 20  # drawn in one figure
MOST_IN_MATRIX = 12  # classes of a matrix that can be read
MOST_NUMBERED = 8  # classes with numbers written in the cells of a heat map
NAME_CHARACTERS = 14


def signed(value: float) -> str:
    return f"{value:+z.4g}".replace("-", "−") if value else "0"


def abbreviated(name: str) -> str:
    return name if len(name) <= NAME_CHARACTERS else name[: NAME_CHARACTERS - 1] + "…"


def accuracy_difference(accuracy: dict[str, Any], cleaned: str = "CleanLearning") -> Figure:
    """Return the gain in test accuracy against zero, with its 95% interval if it can have one.

    cleaned: what the cleaned model is called.
    """
    low, high = accuracy["ci95"]
    gain = accuracy["difference"]
    few = too_few(accuracy)
    # Where both models agree on every example, there is but one point and the axis has no length.
    ends = [gain] if few else [low, high]
    ends = ends if any(ends) else [-0.001, 0.001]
    scale = spanning(ends, room=0.15, zero=True)
    chart = Chart(scale, Scale(0, 1), height=104, left=26, right=26, bottom=40)
    chart.x_axis(f"test accuracy, {cleaned} − baseline", chart.x.ticks(4), signed)
    chart.line([0, 0], [0, 1], "zero")
    if not few:
        chart.line([low, high], [0.4, 0.4], "s2 thick")
        for end in (low, high):
            chart.line([end, end], [0.25, 0.55], "s2")
    chart.dot(gain, 0.4, "f2", radius=6)
    chart.note(gain, 0.72, f"{gain:+z.4f}", "middle strong halo")
    verdict = "includes zero" if low <= 0 <= high else "leaves zero out"
    title = f"The difference is {gain:+z.4f}; its 95% interval {verdict}"
    described = f"Interval {low:+z.4f} to {high:+z.4f}."
    if few:
        title = f"The difference is {gain:+z.4f}; too few examples for an interval"
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
    if any(is_rising(curve) for curve in curves):
        title = "Training accuracy is still rising in the last epoch ({last:.3f}): train longer"
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
    chart = Chart(Scale(0.5, epochs + 0.5), scale, top=legend_room(1))
    chart.text(chart.left, 14, "lines: training; diamonds: held-out examples")
    chart.y_axis(label)
    step = max(1, -(-epochs // 10))
    chart.x_axis("epoch", list(range(step, epochs + 1, step)))
    for fold, values in enumerate(curves):
        chart.line(range(1, len(values) + 1), values, f"s{fold % COLOURS + 1}")
    for fold, value in enumerate(held_out):
        beside = 0.12 * (fold - (len(held_out) - 1) / 2)  # so that equal values stay visible
        chart.diamond(len(curves[fold]) + beside, value, f"f{fold % COLOURS + 1} ring")
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
    entries = [("f1", "accuracy in the bin"), ("muted", "share of examples")]
    chart = Chart(Scale(low, 1), Scale(0, 1), top=legend_room(len(entries)))
    chart.legend(entries)
    chart.y_axis("accuracy, and share of examples")
    chart.x_axis("confidence: probability of the predicted class")
    for k in np.flatnonzero(used):
        left = max(k / bins, low)
        chart.rect(left + 0.002, (k + 1) / bins - 0.002, 0, size[k] / len(labels), "muted")
    chart.line([low, 1], [low, 1], "zero")
    chart.line(mean_confidence, accuracy, "s1")
    for x, y in zip(mean_confidence, accuracy, strict=True):
        chart.dot(x, y, "f1 ring", radius=3.5)
    gap = float(confidence.mean() - correct.mean())
    words = "too high" if gap > 0 else "too low"
    title = f"Confidence is {words} by {abs(gap):.3f} on average (calibration error {ece:.3f})"
    return chart.figure("reliability", title, "The dashed diagonal is perfect calibration.")


def confusion(counts: np.ndarray, class_names: list[str]) -> Figure | None:
    """Return a heat map of given labels (rows) and predictions (columns), if it can be read.

    Args:
        counts: (classes, classes) of given and predicted class, out of sample.

    Classes that are confused lie together. None for more than MOST_IN_MATRIX classes.
    """
    k = len(class_names)
    if k > MOST_IN_MATRIX:
        return None
    order = order_classes(counts)
    counts, names = counts[np.ix_(order, order)], [class_names[place] for place in order]
    height = min(max(170, 40 * k + 70), 400)
    chart = Chart(Scale(0, k), Scale(k, 0), height=height, left=100, top=34, bottom=30)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for i in range(k):
        chart.text(chart.left - 8, chart.at_y(i + 0.5) + 4, abbreviated(names[i]), "end")
        if k <= MOST_NUMBERED:
            room = max(int((chart.width - chart.left) / k / 6.5), 3)
            name = names[i] if len(names[i]) <= room else names[i][: room - 1] + "…"
            chart.note(i + 0.5, 0, name, "middle above")
        for j in range(k):
            _cell(chart, i, j, int(counts[i, j]), float(shares[i, j]), numbered=k <= MOST_NUMBERED)
    chart.text((chart.left + chart.width) / 2, height - 8, "predicted", "middle label")
    chart.text(chart.left - 8, 12, "given ↓", "end label")
    agree = np.trace(counts) / max(counts.sum(), 1)
    return chart.figure(
        "confusion",
        f"{agree:.1%} of the predictions agree with the given label",
        "Rows: given label. Columns: predicted, in the same order; confused classes lie together.",
    )


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
    entries = [("muted", "all examples"), ("f2", "listed as issues")]
    most = max(float(every.max()) * 1.6, 10.0)
    chart = Chart(Scale(0, 1), Scale(0.8, most, log=True), left=64, top=legend_room(len(entries)))
    chart.legend(entries)
    chart.y_axis("examples (log scale)")
    chart.x_axis("self-confidence: probability of the given label")
    for k in range(bins):
        edge = (edges[k] + 0.001, edges[k + 1] - 0.001)
        if every[k]:
            chart.rect(*edge, chart.y.low, every[k], "muted")
        if marked[k]:
            chart.rect(*edge, chart.y.low, marked[k], "f2")
    low = float(confidence[flagged].max()) if len(flagged) else 0.0
    title = f"{len(flagged):,} labels are listed, all with self-confidence below {low + 5e-3:.2f}"
    if not len(flagged):
        title = "No label is listed"
    return chart.figure("self_confidence", title, f"{len(confidence):,} examples in {bins} bins.")


def class_ranges(
    classes: Sequence[dict[str, Any]], overall: Sequence[int] | None, total: int
) -> Figure | None:
    """Return the estimated share of wrong labels of each class as a range, the noisiest first.

    Args:
        classes: of health.json. overall: [low, high] wrong labels of all `total` ones.

    None where no class has a range.
    """
    known = [c for c in classes if c.get("wrong95")]
    if not known or not overall:
        return None
    known.sort(key=lambda c: (-c["wrong95"][0] / c["examples"], -c["wrong95"][1] / c["examples"]))
    ranked = known[:MOST_CLASSES]
    ends = [[end / c["examples"] for end in c["wrong95"]] for c in ranked]
    scale = Scale(0, max(max(high for _, high in ends) * 1.08, 0.01))
    chart = Chart(scale, Scale(len(ranked), 0), height=22 * len(ranked) + 66, left=100, top=22)
    chart.text(chart.left, 12, "band: all labels together")
    chart.x_axis("share of labels that are wrong, 95% range", chart.x.ticks(4), percent)
    low, high = (end / total for end in overall)
    chart.band([low, high], [0, 0], [len(ranked)] * 2, "muted")
    for k, (entry, range_) in enumerate(zip(ranked, ends, strict=True)):
        chart.text(chart.left - 8, chart.at_y(k + 0.5) + 4, abbreviated(entry["name"]), "end")
        chart.line(range_, [k + 0.5] * 2, "s2 thick")
    first = ends[0]
    title = "No class stands out: every range overlaps that of all labels"
    if first[0] > high:
        title = (
            f"{ranked[0]['name']} stands out: {first[0]:.0%} to {first[1]:.0%} of its labels are "
            f"wrong, {low:.1%} to {high:.1%} of all"
        )
    cut = f" {len(ranked)} of {len(known)} classes." if len(ranked) < len(known) else ""
    return chart.figure("class_ranges", title, f"Two estimates, 95%: see the first page.{cut}")


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
    title = f"{int(hits[:at].sum())} of the first {at} really are wrong ({of_what})"
    return chart.figure("precision_at_rank", title, f"All {len(hits):,}: {precision[-1]:.1%}.")


def precision_checked(scored: dict[str, Any], over: str) -> Figure | None:
    """Return the share of the first k judged issues that people confirmed.

    Args:
        scored: by definition of an error, or by answer key, each with precision_at {k: share}.
        over: which of the two, in words.
    """
    curves = {
        name: {int(k): share for k, share in found["precision_at"].items()}
        for name, found in scored.items()
        if found.get("precision_at")
    }
    if not curves:
        return None
    ranks = sorted({k for curve in curves.values() for k in curve})
    entries = [(f"f{i % COLOURS + 1}", name.replace("_", " ")) for i, name in enumerate(curves)]
    scale = Scale(ranks[0] / 1.3, ranks[-1] * 1.3, log=True)
    chart = Chart(scale, Scale(0, 1), top=legend_room(len(entries)))
    chart.legend(entries)
    chart.y_axis("precision", form=percent)
    chart.x_axis("judged issues looked at, in rank order (log scale)", ranks)
    for index, curve in enumerate(curves.values()):
        css = index % COLOURS + 1
        chart.line(curve.keys(), curve.values(), f"s{css}")
        for k, share in curve.items():
            chart.dot(k, share, f"f{css} ring", radius=3.5)
    at = max(k for k in ranks if k <= 100) if ranks[0] <= 100 else ranks[0]
    shares = [curve[at] for curve in curves.values() if at in curve]
    low = min(share_interval(round(share * at), at)[0] for share in shares)
    high = max(share_interval(round(share * at), at)[1] for share in shares)
    title = (
        f"People confirm {low:.0%} to {high:.0%} of the first {at} they were shown (95%, over "
        f"the {over})"
    )
    return chart.figure("precision_checked", title, f"One line for each of the {over}.")
