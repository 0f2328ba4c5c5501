"""bench.json -> docs/benchmarks.md and docs/benchmarks.svg."""

import statistics
from pathlib import Path
from typing import Any

import pipeline.report
from pipeline.report.chart import Chart, Scale, legend_room

CSS = Path(pipeline.report.__file__).with_name("figure.css")
PAGE, FIGURE = Path("docs/benchmarks.md"), Path("docs/benchmarks.svg")
NAMES = {
    "plain_script": "plain script",
    "ours": "`make all`",
    "tfidf_peer": "TF-IDF + logistic regression",
}
MEANING = {
    "plain_script_wall_over_ours": "wall time, plain script / `make all`",
    "plain_script_cpu_over_ours": "CPU time, plain script / `make all`",
    "cpu_per_example_epoch_over_fasttext": "CPU per example and epoch, ours / fastText (C++)",
    "plain_script_peak_over_ours": "peak memory of a process, plain script / `make all`",
    "ours_total_over_plain_script_total": "peak memory of all processes, `make all` / plain script",
    "one_worker_wall_over_two": "crossval wall time, one worker / two",
    "crossval_50000_over_12500": "crossval wall time, 50,000 / 12,500 examples",
    "crossval_50000_over_12500_cpu": "crossval CPU time, 50,000 / 12,500 examples",
}


def write_page(bench: dict[str, Any]) -> None:
    """Write the tables and the figure of the last bench."""
    lines = [
        "# Benchmarks",
        "",
        f"`make bench` on {bench['machine']['cores']} cores: medians (least to greatest in "
        "brackets), the programs in turn. Whole processes, imports included.",
        "",
        "| program | runs | wall s | CPU s | peak of a process, GB | log loss | issues | "
        "baseline | CleanLearning |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for program, name in NAMES.items():
        of = [run for run in bench["runs"] if run["program"] == program]
        cells = [str(len(of)), _spread(of, "wall_seconds"), _spread(of, "cpu_seconds")]
        cells.append(_spread(of, "peak_process_bytes", 1e-9, 2))
        figures = [run["figures"] for run in of]
        for key, digits in (
            ("log_loss", 4),
            ("issues", 0),
            ("baseline_accuracy", 4),
            ("cleanlearning_accuracy", 4),
        ):
            cells.append(f"{statistics.median(f[key] for f in figures):.{digits}f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "| ratio | median | least | greatest | pairs |", "|---|---|---|---|---|"]
    for key, values in bench["spread"].items():
        numbers = " | ".join(f"{values[part]:.2f}" for part in ("median", "min", "max"))
        lines.append(f"| {MEANING[key]} | {numbers} | {values['pairs']} |")
    lines += ["", "Crossval stage alone:", "", "| examples | workers | wall s | CPU s |"]
    lines.append("|---|---|---|---|")
    for (size, workers), of in _scaling(bench).items():
        cost = f"{_spread(of, 'wall_seconds')} | {_spread(of, 'cpu_seconds')}"
        lines.append(f"| {size:,} | {workers} | {cost} |")
    lines += _member_table([run for run in bench["runs"] if run["program"] == "member"])
    lines += ["", "![cost against examples](benchmarks.svg)", ""]
    PAGE.write_text("\n".join(lines), encoding="utf-8")
    _draw(bench)


def _member_table(runs: list[dict[str, Any]]) -> list[str]:
    """Return the lines of a table, none where no member was measured."""
    if not runs:
        return []
    lines = ["", "A member of the finder on generated reviews, once each:", ""]
    lines += [
        "| member | examples | CPU s to count | CPU s a fold | peak GB |",
        "|---|---|---|---|---|",
    ]
    for run in runs:
        costs = f"{run['cpu_seconds_to_count']:.1f} | {run['cpu_seconds_a_fold']:.1f}"
        peak = f"{run['peak_process_bytes'] / 1e9:.2f}"
        lines.append(f"| {run['member']} | {run['examples']:,} | {costs} | {peak} |")
    return lines


def _scaling(bench: dict[str, Any]) -> dict[tuple[int, int], list[dict[str, Any]]]:
    groups: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for run in bench["runs"]:
        if run["program"] == "crossval":
            groups.setdefault((run["examples"], run["workers"]), []).append(run)
    return groups


def _spread(runs: list[dict[str, Any]], key: str, unit: float = 1.0, digits: int = 1) -> str:
    values = [run[key] * unit for run in runs]
    middle = statistics.median(values)
    return f"{middle:.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def _draw(bench: dict[str, Any]) -> None:
    medians = {
        key: statistics.median(run["wall_seconds"] for run in of)
        for key, of in _scaling(bench).items()
    }
    sizes = sorted({size for size, _ in medians})
    scales = Scale(0, 1.08 * sizes[-1]), Scale(0, 1.12 * max(medians.values()))
    chart = Chart(*scales, width=520, top=legend_room(2))
    chart.y_axis("wall time, seconds")
    chart.x_axis("examples")
    for workers, colour in ((1, "2"), (2, "1")):
        known = [size for size in sizes if (size, workers) in medians]
        times = [medians[size, workers] for size in known]
        chart.line(known, times, f"s{colour}")
        for size, seconds in zip(known, times, strict=True):
            chart.dot(size, seconds, f"f{colour}")
            chart.text(chart.at_x(size), chart.at_y(seconds) - 9, f"{seconds:.0f} s", "middle halo")
    chart.legend([("f2", "one worker"), ("f1", "two workers")])
    title = "Cross-validation of IMDb: the cost grows with the examples, not faster"
    figure = chart.figure("benchmarks", title, "Crossval stage alone, whole process, medians.")
    FIGURE.write_text(figure.file(CSS.read_text(encoding="utf-8")), encoding="utf-8")
