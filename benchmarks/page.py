"""bench.json -> docs/benchmarks.md and docs/benchmarks.svg."""

import statistics
from pathlib import Path
from typing import Any

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
    lines += ["", "![cost against examples](benchmarks.svg)", ""]
    PAGE.write_text("\n".join(lines), encoding="utf-8")
    _draw(bench)


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
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    plt.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "bench"}
    figure, axes = plt.subplots(figsize=(6, 3.6))
    for workers, colour in ((1, "#d55e00"), (2, "#0072b2")):
        groups = {s: of for (s, w), of in _scaling(bench).items() if w == workers}
        sizes = sorted(groups)
        medians = [statistics.median(r["wall_seconds"] for r in groups[s]) for s in sizes]
        axes.plot(sizes, medians, "o-", color=colour, label=f"{workers} worker(s)")
    axes.set(
        xlabel="examples",
        ylabel="wall time, seconds",
        xlim=(0, None),
        ylim=(0, None),
        title="Cross-validation grows linearly with the examples",
    )
    axes.legend(frameon=False)
    figure.savefig(FIGURE, metadata={"Date": None}, bbox_inches="tight")
