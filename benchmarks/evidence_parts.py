"""What `make evidence` runs, part by part, and which figures it keeps of each."""

import json
from collections import defaultdict
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from sklearn.metrics import average_precision_score

from benchmarks.cleaning import read_news
from benchmarks.coverage import KINDS, SIZES, holds
from benchmarks.run import OUTPUT as BENCH
from pipeline.data.sample import generate_reviews

Figures = dict[str, Any]
Commands = list[list[str]]
NOISE_ARMS = "baseline,prune,random_prune,relabel,weight,soft"
SCORES = (
    "row",
    "given",
    "suggested",
    "self_confidence",
    "normalized_margin",
    "confidence_weighted_entropy",
    "probability_wrong",
)
NEWS_CLASSES = {"1": "World", "2": "Sports", "3": "Business", "4": "Sci/Tech"}


class Needs(Enum):
    """Data that are not made here: where they lie in the folder of data.

    label_errors: CSV files with text,label,gt. imdb_test_mturk.csv: the answer key of IMDb's test
    labels (docs/study.md). ag_news: train.csv and test.csv as published.
    """

    CHECKED = "label_errors"
    VOTES = "imdb_test_mturk.csv"
    NEWS = "ag_news"


Places = dict[Needs, Path]


class Part(NamedTuple):
    """needs: data it cannot do without. commands: of `python -m`. figures: of what they left."""

    needs: tuple[Needs, ...]
    commands: Callable[[Path, Places], Commands]
    figures: Callable[[Path, Places], Figures]


def of_run(config: str, folder: Path, *changes: str, modules: tuple[str, ...]) -> Commands:
    """Return the commands that make a run, each with the same config."""
    where = ["--config", config, "--results", str(folder)]
    where += [f"--set={change}" for change in changes]
    return [[*module.split(), *where] for module in modules]


def imdb(config: str) -> Part:
    """Return the part that makes a run on IMDb and repeats it over the seeds of its config."""

    def commands(folder: Path, places: Places) -> Commands:
        changes = [f"evaluate.verified_labels={places[Needs.VOTES]}"]
        changes += ["cleanlearn.calibrate=true"] * (config == "imdb_ensemble")
        path, modules = f"configs/{config}.yaml", ("pipeline.run", "pipeline.study")
        return of_run(path, folder, *changes, modules=modules)

    def figures(folder: Path, places: Places) -> Figures:
        return {
            "run": run_figures(folder / config),
            "key": key_figures(folder / config, places[Needs.VOTES]),
            "study": study_figures(_json(folder / config / "study" / "study.json")),
        }

    return Part((Needs.VOTES,), commands, figures)


def noise_commands(folder: Path, places: Places) -> Commands:
    changes = ("study.noise.rates=[0,0.1,0.2,0.3]", f"study.arms=[{NOISE_ARMS}]")
    modules = ("pipeline.run --upto crossval", "pipeline.study --noise")
    return of_run("configs/imdb_ensemble.yaml", folder, *changes, modules=modules)


def news_commands(folder: Path, places: Places) -> Commands:
    dataset = {
        "source": "csv",
        "path": str(places[Needs.NEWS] / "train.csv"),
        "columns": ["class_index", "title", "description"],
        "delimiter": ",",
        "encoding": "utf-8",
        "text_columns": ["title", "description"],
        "label_column": "class_index",
        "id_column": None,
        "classes": NEWS_CLASSES,
        "split": {"by": "file", "test_path": str(places[Needs.NEWS] / "test.csv")},
    }
    change = f"dataset={json.dumps(dataset)}"
    return of_run("configs/ag_news.yaml", folder, change, modules=("pipeline.run",))


def detect_commands(folder: Path, places: Places) -> Commands:
    where = ["--data", str(places[Needs.CHECKED]), "--output", str(folder)]
    return [["benchmarks.detect", *where, "--seeds", "1 2 3"]]


def planted_commands(folder: Path, places: Places) -> Commands:
    news, sample = read_news(places[Needs.NEWS]), generate_reviews(error_rate=0, seed=1)
    sets = {
        "ag_news": news.loc[news["split"] == "train", ["text", "label"]],
        "sample": pd.DataFrame({"text": sample.texts, "label": sample.true_labels}),
    }
    for name, rows in sets.items():
        rows.to_csv(folder / f"{name}.csv", index=False)
    return [
        [
            *("benchmarks.detect", "--plant", str(folder / f"{name}.csv")),
            *("--output", str(folder / name), "--no-generated", "--seeds", "1"),
        ]
        for name in sets
    ]


def cleaning_commands(folder: Path, places: Places) -> Commands:
    where = ["--data", str(places[Needs.CHECKED]), "--news", str(places[Needs.NEWS])]
    return [["benchmarks.cleaning", *where, "--output", str(folder)]]


# --- the figures ----------------------------------------------------------------------------


def run_figures(run: Path) -> Figures:
    """Return what a document may say of a run: metrics.json without its lists of rows."""
    metrics = _json(run / "evaluate" / "metrics.json")
    for scope in metrics["issues"].values():
        scope.pop("top_rows", None)
    return {key: metrics[key] for key in metrics if key not in ("run", "dataset", "seconds")}


def key_figures(run: Path, votes: Path) -> Figures:
    """Return what the finder and each of its members is worth on the reviews people judged.

    An error is a label that fewer than three of five votes are for. The test split is ranked by
    1 - self-confidence: whole, reviews that nobody judged counted as right, and the judged alone.
    """
    key = pd.read_csv(votes)
    scores = pq.read_table(run / "find_issues" / "scores_all.parquet").to_pandas().set_index("id")
    test = scores[scores.index.str.startswith("test/")]
    errors = "test/" + key.loc[key["votes_given"] < 3, "test_index"].astype(str)
    judged = test.loc["test/" + key["test_index"].astype(str)]
    finders = ["self_confidence", *(name for name in test.columns if name not in SCORES)]
    first = test["self_confidence"].sort_values(kind="stable").index[:100]
    return {
        "judged": len(judged),
        "wrong": len(errors),
        "confirmed_of_100": int(first.isin(errors).sum()),
        "average_precision": {
            place: {
                name: float(average_precision_score(rows.index.isin(errors), -rows[name]))
                for name in finders
            }
            for place, rows in (("whole", test), ("judged", judged))
        },
    }


def study_figures(study: Figures) -> Figures:
    """Return study.json with the mean, least and greatest of its figures over seeds."""
    kept = ("differences", "calibration", "advice", "test_set")
    arms = {
        arm: {name: _spread(values) for name, values in figures.items() if None not in values}
        for arm, figures in study["arms"].items()
    }
    stability = study["stability"]
    flagged = stability["flagged_by"]
    return (
        {"seeds": len(study["seeds"]), "arms": arms}
        | {key: study.get(key) for key in kept}
        | {
            "stability": {
                "issues": _spread(stability["issues_per_seed"]),
                "jaccard": stability["jaccard"],
                "flagged_by_all": flagged[-1],
                "flagged_by_one": flagged[0],
                "flagged_by_any": sum(flagged),
                "top_100_shared_with_average": _spread(stability["top_100_shared_with_average"]),
            }
        }
    )


def noise_figures(folder: Path, places: Places) -> Figures:
    """Return, for every kind and rate: each arm's accuracy, what is found, and the advice."""
    study = _json(folder / "imdb_ensemble" / "study" / "study.json")
    accuracy: dict[tuple[str, float], dict[str, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for row in study["noise"]:
        accuracy[row["kind"], row["rate"]][row["arm"]].append(row["test_accuracy"])
    found = defaultdict(list)
    for row in study["detection"]:
        name = row["filter_by"] or f"score {row['score']}"
        found[row["kind"], row["rate"], name].append(row)
    advice = {(cell["kind"], cell["rate"]): cell for cell in study["noise_advice"]}
    cells = []
    for (kind, rate), arms in accuracy.items():
        tried = advice[kind, rate]
        means = {name: float(np.mean(values)) for name, values in arms.items()}
        cells.append(
            {
                "kind": kind,
                "rate": rate,
                "accuracy": means,
                "recommend": tried["recommend"],
                "tried": tried["arms"],
                "behind_the_best": behind_the_best(tried["recommend"], means, tried["arms"]),
                "found": {
                    name: _means(rows, ("precision", "recall", "f1", "average_precision"))
                    for (a, b, name), rows in found.items()
                    if (a, b) == (kind, rate) and rate > 0
                },
            }
        )
    return {"seeds": len({row["seed"] for row in study["noise"]}), "cells": cells}


def behind_the_best(recommended: str | None, means: dict[str, float], tried: Figures) -> float:
    """Return by how much the arm that was recommended is less accurate than the best one.

    Where none was recommended it is training on everything.
    """
    arm = recommended if recommended in means else "baseline"
    return max(means[name] for name in (*tried, "baseline")) - means[arm]


def detect_figures(folder: Path, places: Places) -> Figures:
    sets = _json(folder / "detect.json")["sets"]
    return {"seeds": len(sets[0]["seeds"]["ensemble"])} | {
        "sets": [{key: each[key] for key in each if key != "seeds"} for each in sets]
    }


def planted_figures(folder: Path, places: Places) -> Figures:
    first, second = (detect_figures(folder / name, places) for name in ("ag_news", "sample"))
    return first | {"sets": first["sets"] + second["sets"]}


def bench_figures(folder: Path, places: Places) -> Figures:
    """Return the ratios of the bench, and the median of what each program took and found."""
    bench = _json(BENCH)
    programs: dict[str, list[Figures]] = defaultdict(list)
    for run in bench["runs"]:
        if "examples" not in run and run["program"] != "member":
            programs[run["program"]].append(run)
    costs = ("wall_seconds", "cpu_seconds", "peak_process_bytes", "peak_total_bytes")
    medians = {
        name: {key: float(np.median([run[key] for run in runs])) for key in costs}
        | {"figures": runs[0]["figures"]}
        for name, runs in programs.items()
    }
    return {"ratios": bench["spread"], "programs": medians}


def coverage_figures(folder: Path, places: Places) -> Figures:
    """Return, for each file and kind of error, how often a stated range held the truth."""
    grouped: dict[tuple[str, str], list[Figures]] = defaultdict(list)
    for record in json.loads((folder / "coverage.json").read_text(encoding="utf-8")):
        grouped[record["set"], record["kind"]].append(record)
    return {"files": [of_files(*key, runs) for key, runs in grouped.items()]}


def of_files(name: str, kind: str, runs: list[Figures]) -> Figures:
    ranges = [(run["wrong"], run["stated"]["range95"]) for run in runs]
    joint = [(run["wrong"], run["stated"]["confident_learning"]["ci95"]) for run in runs]
    classes = [(each[0], each[1:]) for run in runs for each in run["classes"]]
    held = {"holds": ranges, "joint": joint, "classes": classes}
    return {
        "set": name,
        "rows": SIZES[name] * (150 if name == "many_classes" else 1),
        "errors": KINDS[kind],
        "wrong": float(np.mean([run["wrong"] for run in runs])),
        "range95": np.mean([ends for _, ends in ranges], axis=0).tolist(),
    } | {key: [sum(holds(*each) for each in of), len(of)] for key, of in held.items()}


def _spread(values: list[float]) -> dict[str, float]:
    return {"mean": float(np.mean(values)), "least": min(values), "greatest": max(values)}


def _means(rows: list[Figures], keys: tuple[str, ...]) -> dict[str, float | None]:
    """Return the mean of each figure over seeds; None where there is none."""
    values = {key: [row[key] for row in rows if row[key] is not None] for key in keys}
    return {key: float(np.mean(of)) if of else None for key, of in values.items()}


def _json(path: Path) -> Figures:
    content: Figures = json.loads(path.read_text(encoding="utf-8"))
    return content


def output_of(module: str, *arguments: str) -> Callable[[Path, Places], Commands]:
    """Return the commands of a module that takes `--output`."""
    return lambda folder, _: [[module, *arguments, "--output", str(folder)]]


def file_of(name: str) -> Callable[[Path, Places], Figures]:
    """Return what reads the figures that a module wrote itself."""
    return lambda folder, _: _json(folder / name)


def languages_figures(folder: Path, places: Places) -> Figures:
    """Return the mean average precision of each language."""
    records = json.loads((folder / "languages.json").read_text(encoding="utf-8"))
    names = dict.fromkeys(record["language"] for record in records)
    of = {name: [r for r in records if r["language"] == name] for name in names}
    judges = ("function", "command", "characters")
    return {"seeds": max(map(len, of.values()))} | {
        judge: {name: float(np.mean([r[judge] for r in rows])) for name, rows in of.items()}
        for judge in judges
        if judge in records[0]
    }


PARTS = {
    "imdb": imdb("imdb"),
    "imdb_ensemble": imdb("imdb_ensemble"),
    "noise": Part((), noise_commands, noise_figures),
    "ag_news": Part((Needs.NEWS,), news_commands, lambda f, _: run_figures(f / "ag_news")),
    "detect": Part((Needs.CHECKED,), detect_commands, detect_figures),
    "planted": Part((Needs.NEWS,), planted_commands, planted_figures),
    "cleaning": Part((Needs.CHECKED, Needs.NEWS), cleaning_commands, file_of("cleaning.json")),
    "languages": Part((), output_of("benchmarks.languages"), languages_figures),
    "bench": Part((), lambda folder, places: [["benchmarks.run"]], bench_figures),
    "coverage": Part((), output_of("benchmarks.coverage"), coverage_figures),
}
