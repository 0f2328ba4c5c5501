"""What `make detect` writes: detect.json, the tables in detect.md and the figure detect.svg."""

import json
import os
import platform
from pathlib import Path
from typing import Any

import pipeline.report
from pipeline.report.chart import Chart, Scale, legend_room

OURS, NETWORK = "ensemble", "network"
NAMES = {
    OURS: "ours: ensemble",
    NETWORK: "ours: network alone",
    "words_lr": "TF-IDF of words 1-2 + LR + cleanlab",
    "characters_lr": "TF-IDF of characters 2-5 + LR + cleanlab",
    "naive_bayes": "word counts + MultinomialNB + cleanlab",
    "datalab": "Datalab on TF-IDF + SVD (neighbours)",
}
TOPS = (10, 50, 100)
CSS = Path(pipeline.report.__file__).with_name("figure.css")
Record = dict[str, Any]


def write(output: Path, records: list[Record]) -> None:
    """Write detect.json, detect.md and detect.svg."""
    machine = {"cores": os.cpu_count(), "platform": platform.platform()}
    content = json.dumps({"machine": machine, "sets": records}, indent=1)
    (output / "detect.json").write_text(content + "\n", encoding="utf-8")
    (output / "detect.md").write_text(table_of(records) + "\n", encoding="utf-8")
    (output / "detect.svg").write_text(figure_of(records), encoding="utf-8")


def table_of(records: list[Record]) -> str:
    """Return the tables in Markdown: ours against the best peer, then each set."""
    seeds = ", ".join(records[0]["seeds"][OURS])
    lines = [
        f"`make detect` on {os.cpu_count()} cores, mean over seeds {seeds} of the folds. AP: "
        "average precision of the ranking against the checked labels. CPU and peak: whole "
        "processes with all they started; of ours `init` and the stages up to find_issues.",
        "",
        "| set | rows (checked) | classes | wrong | ours, AP | best peer | its AP | "
        "difference, 95% interval |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in records:
        ours, best = (r["finders"][name]["average_precision"] for name in (OURS, r["best_peer"]))
        low, high = r["ci95"]
        lines.append(
            f"| {r['set']} | {r['rows']:,} ({r['checked']:,}) | {r['classes']} | {r['wrong']:,} "
            f"| {ours:.3f} | {NAMES[r['best_peer']]} | {best:.3f} "
            f"| {r['difference']:+z.3f} [{low:+z.3f}, {high:+z.3f}] |"
        )
    for r in records:
        lines += ["", f"**{r['set']}**", ""]
        heads = [f"P@{top}" for top in (*TOPS, "10%")]
        lines.append(f"| finder | AP | {' | '.join(heads)} | flagged | its precision | its recall "
                     "| CPU s | peak MiB |")  # fmt: skip
        lines.append("|---" * (len(heads) + 7) + "|")
        lines += [row_of(NAMES[name], mean) for name, mean in r["finders"].items()]
    return "\n".join(lines)


def row_of(name: str, mean: Record) -> str:
    """Return the line of a finder."""
    shares = [mean["average_precision"], *mean["precision_at"].values()]
    flagged = [mean["flagged_precision"], mean["flagged_recall"]]
    first, last = (["–" if s is None else f"{s:.3f}" for s in part] for part in (shares, flagged))
    count = f"{mean['flagged']:.0f}"
    cost = [f"{mean['cpu_seconds']:.1f}", f"{mean['peak_bytes'] / 2**20:,.0f}"]
    return f"| {' | '.join([name, *first, count, *last, *cost])} |"


def figure_of(records: list[Record]) -> str:
    """Return the SVG: the average precision of each finder, one row for each set."""
    finders = list(records[0]["finders"])
    legend = legend_room(len(finders))
    height = 34 * len(records) + 62 + legend
    chart = Chart(Scale(0, 1), Scale(len(records), 0), width=560, height=height, left=148,
                  top=legend)  # fmt: skip
    chart.x_axis("average precision of the ranking, higher is better")
    colours = {name: i + 1 for i, name in enumerate(NAMES)}
    for k, record in enumerate(records):
        chart.text(chart.left - 8, chart.at_y(k + 0.5) + 4, record["set"].replace("_", " "), "end")
        chart.line([0, 1], [k + 0.5] * 2, "grid")
        for name in reversed(finders):  # ours last, on top
            mark = chart.diamond if name in (OURS, NETWORK) else chart.dot
            value = record["finders"][name]["average_precision"]
            mark(value, k + 0.5, f"f{colours[name]} ring", radius=7 if name == OURS else 5)
    entries = [(f"f{colours[name]}", NAMES[name]) for name in finders]
    chart.legend(entries)
    ahead = sum(record["difference"] > 0 for record in records)
    title = f"Ours ranks label errors best on {ahead} of {len(records)} sets"
    figure = chart.figure("detect", title, "Average precision by finder and set, mean of seeds.")
    return figure.file(CSS.read_text(encoding="utf-8"))
