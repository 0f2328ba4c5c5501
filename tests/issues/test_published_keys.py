"""The script of docs/datasets.md makes keys of IMDb from files as they are published."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.data.prepared import load_class_names, load_labels
from pipeline.frame.run import Run
from pipeline.issues.answer_keys import load_verified

DOCUMENT = Path("docs/datasets.md")


@pytest.fixture
def published(tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write four test texts as reviews of aclImdb, and what three votes said of them."""
    examples = pd.read_parquet(tiny_run.examples)
    test = examples[examples["split"] == "test"]
    assert load_class_names(tiny_run) == ["neg", "pos"]
    folder = tmp_path / "results" / "imdb" / "prepare"
    folder.mkdir(parents=True)
    examples.to_parquet(folder / "examples.parquet")
    chosen = [test[test["label"] == label].iloc[place] for label in (0, 1) for place in (0, 1)]
    names = ["neg/7_1", "neg/12499_4", "pos/0_10", "pos/31_7"]
    for name, example in zip(names, chosen, strict=True):
        path = tmp_path / "aclImdb" / "test" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(example["text"].encode())
    (tmp_path / "aclImdb" / "test" / "urls_neg.txt").write_text("http://")
    votes = [[5, 0, 0, 0], [0, 4, 1, 0], [1, 3, 0, 1], [2, 1, 2, 0]]
    kinds = ["given", "guessed", "neutral", "off-topic"]
    first = [
        {"id": f"test/{name}", "mturk": dict(zip(kinds, row, strict=True))}
        for name, row in zip(names, votes, strict=True)
    ]
    (tmp_path / "imdb_mturk.json").write_text(json.dumps(first))
    with (tmp_path / "imdb_mturk_cl_rerun.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "id_cl", "label", *(f"mturk_{k.replace('-', '_')}" for k in kinds)])
        for name, row in zip(names, votes, strict=True):
            writer.writerow([0, f"test/{name}", int(name.startswith("pos")), *row])
    (tmp_path / "imdb_mturk_main.csv").write_text(
        "idx,label,votes_negative,votes_neither,votes_neutral,votes_positive,FML_3_pred\n"
        "212499,0,4,,1,,1\n212500,1,2,,,3,0\n"
    )
    code = re.search(r"```python\n(import json.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.S)
    assert code
    monkeypatch.chdir(tmp_path)
    exec(code[1], {})
    return tmp_path


def test_each_published_key_is_read_as_it_was_voted(published: Path, tiny_run: Run) -> None:
    labels = load_labels(tiny_run)
    given = labels.given[labels.rows("test")]
    neg, pos = np.flatnonzero(given == 0)[:2].tolist(), np.flatnonzero(given == 1)[:2].tolist()
    keys = {
        name: load_verified(published / f"imdb_{name}.csv", tiny_run, labels)
        for name in ("first", "second", "more")
    }
    for name in ("first", "second"):
        key = keys[name]
        said = {p: (g, o) for p, g, o in zip(*(a.tolist() for a in key[:3]), strict=True)}
        assert said == {neg[0]: (5, 0), neg[1]: (0, 4), pos[0]: (1, 3), pos[1]: (2, 1)}
        assert (key.votes == 5).all()
    more = keys["more"]
    assert more.positions.tolist() == [neg[1], pos[0]]
    assert [more.given.tolist(), more.guessed.tolist()] == [[4, 3], [0, 2]]
