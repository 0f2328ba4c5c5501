"""Does cleaning help on data that is not IMDb, and was training long enough to tell?

`python -m benchmarks.cleaning`: of each file what a user gets, `init` and then `make study` with
nothing edited but the arms, on files with planted errors (benchmarks/planted.py), and with
`--data` and `--news` on labels that people checked and on AG News. Scored on the labels as given
and on the true ones; then all of it again with twice the training. Writes cleaning.json.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
import typer

from benchmarks import planted
from benchmarks.detect_sets import read_set
from benchmarks.measure import python
from pipeline.config.load import load_config
from pipeline.data.prepared import load_class_names, load_labels
from pipeline.frame import artifacts
from pipeline.frame.cli import run_command
from pipeline.frame.errors import DataError
from pipeline.frame.run import Run
from pipeline.frame.terminal import say

ARMS = ["baseline", "prune", "random_prune", "relabel", "weight", "soft"]
SEEDS = (1, 2, 3)
MADE: dict[str, Callable[[], list[planted.Row]]] = {
    "tickets_600": lambda: planted.tickets(600),
    "tickets": planted.tickets,
    "many_classes": planted.many_classes,
    "few_rows": planted.few_rows,
}
CHECKED = ("amazon_isbook", "mr_sst")  # in which people checked every label
Figures = dict[str, Any]


class Source(NamedTuple):
    """rows: text, label, split or not, and gt where the true label is known."""

    name: str
    rows: pd.DataFrame


def cleaning(
    data: Annotated[Path | None, typer.Option(help="Folder of CSVs: text,label,gt.")] = None,
    news: Annotated[Path | None, typer.Option(help="Folder of AG News' CSVs.")] = None,
    only: Annotated[str, typer.Option(help="Names of sets.")] = "",
    output: Annotated[Path, typer.Option(help="Folder for the results.")] = Path(
        "results/cleaning"
    ),
) -> None:
    """Study every arm on every file, trained as `init` says and twice as long."""
    for source in sources(data, news):
        path = output / f"{source.name}.json"
        if (not only or source.name in only.split()) and not path.exists():
            found = study(source, output / source.name)
            path.write_text(json.dumps(found, indent=1), encoding="utf-8")
            say(f"{source.name}: {summary(found)}")
    kept = [json.loads(path.read_text()) for path in sorted(output.glob("*.json"))]
    sets = [each for each in kept if "arms" in each]
    (output / "cleaning.json").write_text(json.dumps({"seeds": len(SEEDS), "sets": sets}, indent=1))


def sources(data: Path | None, news: Path | None) -> Iterator[Source]:
    for name, make in MADE.items():
        yield Source(name, pd.DataFrame(make()))
    if data is not None:
        for name in CHECKED:
            yield Source(name, read_set(data / f"{name}.csv").rows)
    if news is not None:
        yield Source("ag_news", read_news(news))


def read_news(folder: Path) -> pd.DataFrame:
    """Return AG News' train.csv and test.csv as published: text, label, split."""
    parts = []
    for split in ("train", "test"):
        names = ["label", "title", "description"]
        part = pd.read_csv(folder / f"{split}.csv", header=None, dtype=str, names=names)
        part = part[part["label"] != "class_index"]  # a header, where a copy has one
        text = part["title"] + "\n" + part["description"]
        parts.append(pd.DataFrame({"text": text, "label": part["label"], "split": split}))
    return pd.concat(parts, ignore_index=True)


def study(source: Source, folder: Path) -> Figures:
    """Return the figures of a set: of its arms, and of its arms trained for twice as long."""
    folder.mkdir(parents=True, exist_ok=True)
    path, config = folder / f"{source.name}.csv", folder / f"{source.name}.yaml"
    columns = [name for name in ("text", "label", "split") if name in source.rows]
    source.rows[columns].to_csv(path, index_label="row")
    named = [word for name in (*columns, "id") for word in (f"--{name}", _column(name))]
    if not config.exists():
        _call("pipeline.init", str(path), *named, "--output", str(config))
    epochs = load_config(config).config.model.epochs
    once = study_once(source, config, folder / "once", epochs)
    twice = study_once(source, config, folder / "twice", 2 * epochs)
    longer = {
        arm: twice["arms"][arm]["test_accuracy"] - once["arms"][arm]["test_accuracy"]
        for arm in ARMS
    }
    return {"set": source.name, "epochs": epochs} | once | {"twice_as_long": longer}


def study_once(source: Source, config: Path, results: Path, epochs: int) -> Figures:
    sets = [f"model.epochs={epochs}", f"study.arms=[{','.join(ARMS)}]"]
    sets += [f"study.seeds=[{','.join(map(str, SEEDS))}]"]
    where = ["--config", str(config), "--results", str(results), *(f"--set={s}" for s in sets)]
    _call("pipeline.run", *where, "--upto", "crossval")
    _call("pipeline.study", *where)
    run = Run(results / config.stem)
    told = json.loads((run.study / "study.json").read_text(encoding="utf-8"))
    labels, names = load_labels(run), load_class_names(run)
    test = labels.rows("test")
    ids = artifacts.load_table(run.examples, ["id"]).column("id").to_pylist()
    true = source.rows["gt"].to_numpy(object) if "gt" in source.rows else None
    answers = {"test_accuracy": labels.given[test]}
    if true is not None:
        place = {name: k for k, name in enumerate(names)}
        answers["true_accuracy"] = np.array([place[true[int(ids[row])]] for row in test])
    arms = {arm: scores_of(run, arm, answers) for arm in ARMS}
    differences = [
        {key: each[key] for key in ("arm", "control", "mean", "ci95", "ci95_both")}
        for each in told["differences"]
        if each["labels"] == "given"
    ]
    advice = {key: told["advice"][key] for key in ("recommend", "words")}
    return {
        "train": len(labels.rows("train")),
        "test": len(test),
        "arms": arms,
        "differences": differences,
        "advice": advice,
    }


def scores_of(run: Run, arm: str, answers: dict[str, np.ndarray]) -> Figures:
    """Return the mean accuracy over seeds on each kind of label, and the spread of the first."""
    predicted = []
    for seed in SEEDS:
        with np.load(run.study / "trainings" / f"seed_{seed}_{arm}.npz") as kept:
            predicted.append(kept["pred_probs"].argmax(axis=1))
    of = {key: [float((p == answer).mean()) for p in predicted] for key, answer in answers.items()}
    spread = float(np.std(of["test_accuracy"], ddof=1))
    return {key: float(np.mean(values)) for key, values in of.items()} | {"seed_spread": spread}


def summary(found: Figures) -> str:
    arms = ", ".join(f"{arm} {each['test_accuracy']:.4f}" for arm, each in found["arms"].items())
    return f"{arms}; recommended: {found['advice']['recommend']}"


def _column(name: str) -> str:
    return "row" if name == "id" else name


def _call(module: str, *arguments: str) -> None:
    """Run a command of the project.

    Raises:
        DataError: it failed; its own words stand above.
    """
    if subprocess.run([python(), "-m", module, *arguments], check=False).returncode != 0:
        raise DataError(f"`python -m {module} {' '.join(arguments)}` failed, see above")


if __name__ == "__main__":
    run_command(cleaning)
