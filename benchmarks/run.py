"""`make bench`: our `make all` against what people would use instead, on this machine, in turn.

Writes results/bench/bench.json, docs/benchmarks.md and docs/benchmarks.svg.
"""

import itertools
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.measure import measure, python
from benchmarks.members import SIZES as MEMBER_SIZES
from benchmarks.members import in_own_process, names_of
from benchmarks.page import write_page
from pipeline.frame.cli import run_command

OUTPUT = Path("results/bench/bench.json")
SIZES = (12_500, 25_000, 50_000)
Runs = list[dict[str, Any]]


def bench(
    runs: Annotated[int, typer.Option(min=1, help="Runs of each; 3 or more for medians.")] = 3,
    page: Annotated[bool, typer.Option(help="Only make the page again from bench.json.")] = False,
) -> None:
    """Measure wall and CPU seconds and peak memory, ours and the peers' alternating."""
    results: Runs = []
    if not page:
        OUTPUT.parent.mkdir(parents=True, exist_ok=True)
        for record in itertools.chain(compare(runs), scale(runs), members()):
            results.append(record)  # written each time: a bench that is stopped keeps its runs
            OUTPUT.write_text(json.dumps(summarize(results), indent=1) + "\n", encoding="utf-8")
    write_page(json.loads(OUTPUT.read_text(encoding="utf-8")))


def compare(runs: int) -> Iterator[dict[str, Any]]:
    """Yield a record per run of each program on all 50,000 reviews: A B C D E, A B C D E, …"""
    for number in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            yield _plain(number)
            yield _ours(number, folder)
            for name in ("fasttext_peer", "engine", "tfidf_peer"):
                script = [python(), f"-m{'benchmarks.' + name}", f"{folder}/imdb"]
                yield _record(name, number, script)


def _plain(number: int) -> dict[str, Any]:
    return _record("plain_script", number, [python(), "benchmarks/plain_script.py"])


def _ours(number: int, folder: str) -> dict[str, Any]:
    record = _record("ours", number, ["make", "all", f"RESULTS={folder}"], reads_json=False)
    metrics = json.loads(Path(folder, "imdb/evaluate/metrics.json").read_text(encoding="utf-8"))
    figures = {
        "log_loss": metrics["crossval"]["log_loss"],
        "issues": metrics["issues"]["all"]["count"],
        "baseline_accuracy": metrics["test_accuracy"]["baseline"],
        "cleanlearning_accuracy": metrics["test_accuracy"]["cleanlearning"],
        "top_rows_found": metrics["issues"]["all"]["published_top_rows_found"],
    }
    return record | {"figures": figures, "seconds": metrics["seconds"]}


def scale(runs: int) -> Iterator[dict[str, Any]]:
    """Yield the cost of the crossval stage at three sizes with two workers, and with one."""
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            part = size // 2
            common = [
                f"--set=dataset.train_split=train[:{part}]",
                f"--set=dataset.test_split=test[:{part}]",
                "--config=configs/imdb.yaml",
                f"--results={folder}",
            ]
            for stage in ("prepare", "vectorize"):
                measure([python(), "-m", f"pipeline.{stage}", *common], {})
            for number in range(runs):
                for workers in (2, 1):
                    shutil.rmtree(f"{folder}/imdb/crossval", ignore_errors=True)
                    command = [python(), "-m", "pipeline.crossval", *common]
                    command.append(f"--set=compute.workers={workers}")
                    record = _record("crossval", number, command, reads_json=False)
                    yield record | {"examples": size, "workers": workers}


def members() -> Iterator[dict[str, Any]]:
    """Yield what each of the finder's members costs, at two sizes."""
    for size in MEMBER_SIZES:
        for name in names_of(size):
            yield {"program": "member", "run": 0, **in_own_process(name, size)}


def _record(
    name: str, number: int, command: list[str], *, reads_json: bool = True
) -> dict[str, Any]:
    print(f"{name}, run {number + 1}", file=sys.stderr, flush=True)
    cost, printed = measure(command, {"TF_CPP_MIN_LOG_LEVEL": "3"})
    record: dict[str, Any] = {"program": name, "run": number, **cost.as_dict()}
    if reads_json:
        last = json.loads(printed.strip().splitlines()[-1])
        record |= last if "figures" in last else {"figures": last}
    return record


def summarize(results: Runs) -> dict[str, Any]:
    """Return bench.json: ratios pair by pair (their median, least and greatest) and all runs."""
    runs = 1 + max(result["run"] for result in results)
    by = {(r["program"], r["run"], r.get("examples"), r.get("workers")): r for r in results}

    def ratio(above: tuple[Any, ...], below: tuple[Any, ...], key: str) -> dict[str, float] | None:
        def value(program: tuple[Any, ...], number: int) -> float:
            record = by[(program[0], number, *program[1:])]
            return float(
                record["figures"][key] if key in record.get("figures", {}) else record[key]
            )

        both = [
            number
            for number in range(runs)
            if all((program[0], number, *program[1:]) in by for program in (above, below))
        ]
        pairs = [value(above, number) / value(below, number) for number in both]
        if not pairs:
            return None
        return {
            "median": statistics.median(pairs),
            "min": min(pairs),
            "max": max(pairs),
            "pairs": len(pairs),
        }

    plain, ours = ("plain_script", None, None), ("ours", None, None)
    full, half = ("crossval", SIZES[-1], 2), ("crossval", SIZES[-1], 1)
    spread = {
        "plain_script_wall_over_ours": ratio(plain, ours, "wall_seconds"),
        "plain_script_cpu_over_ours": ratio(plain, ours, "cpu_seconds"),
        "cpu_per_example_epoch_over_fasttext": ratio(
            ("engine", None, None), ("fasttext_peer", None, None), "cpu_per_example_epoch"
        ),
        "plain_script_peak_over_ours": ratio(plain, ours, "peak_process_bytes"),
        "ours_total_over_plain_script_total": ratio(ours, plain, "peak_total_bytes"),
        "one_worker_wall_over_two": ratio(half, full, "wall_seconds"),
        "crossval_50000_over_12500": ratio(full, ("crossval", SIZES[0], 2), "wall_seconds"),
        "crossval_50000_over_12500_cpu": ratio(full, ("crossval", SIZES[0], 2), "cpu_seconds"),
    }
    found = {name: values for name, values in spread.items() if values}
    return {
        "ratios": {name: round(values["median"], 3) for name, values in found.items()},
        "spread": found,
        "machine": {"cores": os.cpu_count(), "platform": platform.platform()},
        "runs": results,
    }


if __name__ == "__main__":
    run_command(bench)
