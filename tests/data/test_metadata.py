"""Columns for people: read as they are, empty where a record has none, and no model's concern."""

import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config.load import Loaded, load_config
from pipeline.data.sources import find_dataset_contradictions, read_examples
from pipeline.frame import artifacts
from pipeline.frame.errors import DataError
from pipeline.frame.run import Run
from pipeline.frame.stage import RunState
from tests.data.sources import dataset
from tests.faults.matrix import SETTINGS as COUNTS
from tests.tiny import STAGES, TINY, run_stage, run_stages

NAMES = ["who", "day"]
WHO = ["ann", None, "bob", "", "ann", "007", "bob", "ann"]


def records() -> list[dict[str, object]]:
    rows = [
        {"text": f"text {n}", "label": "ab"[n % 2], "who": who, "day": f"2024-01-0{n + 1}"}
        for n, who in enumerate(WHO)
    ]
    del rows[3]["who"]
    return rows


def write_jsonl(path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in records()), encoding="utf-8")


def test_a_record_of_json_may_lack_it(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "x.jsonl")
    found = read_examples(
        dataset("jsonl", tmp_path / "x.jsonl", metadata_columns=NAMES), seed=1
    ).metadata
    assert list(found["who"]) == [who or "" for who in WHO]
    assert found["day"][2] == "2024-01-03"


def test_a_key_that_no_record_has_is_a_mistake(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "x.jsonl")
    with pytest.raises(DataError, match="no record has the key 'whom'"):
        read_examples(dataset("jsonl", tmp_path / "x.jsonl", metadata_columns=["whom"]), seed=1)


def test_nulls_dates_and_categories_of_parquet(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    rows = records()
    columns = {
        "text": [row["text"] for row in rows],
        "label": [row["label"] for row in rows],
        "who": pa.array(WHO).dictionary_encode(),
        "day": pa.array([date(2024, 1, n + 1) for n in range(8)]),
        "score": pa.array([1, None, 3, 4, 5, 6, 7, 8]),
        "none": pa.nulls(8),
        "many": pa.array([[1]] * 8),
    }
    pq.write_table(pa.table(columns), path)
    names = ["who", "day", "score", "none"]
    found = read_examples(dataset("parquet", path, metadata_columns=names), seed=1).metadata
    assert list(found["who"]) == [who or "" for who in WHO]
    assert list(found["score"])[:3] == ["1", "", "3"]
    assert found["day"][2] == "2024-01-03"
    assert set(found["none"]) == {""}
    with pytest.raises(DataError, match="column 'many' holds 'list"):
        read_examples(dataset("parquet", path, metadata_columns=["many"]), seed=1)


def test_a_saved_dataset_has_them_too(tmp_path: Path) -> None:
    table = pa.table({"text": ["a b", "c d"] * 4, "label": ["x", "y"] * 4, "who": WHO})
    for split in ("train", "test"):
        pq.write_table(table, tmp_path / f"{split}.parquet")
    section = dataset("huggingface", tmp_path, metadata_columns=["who"])
    assert list(read_examples(section, seed=1).metadata["who"]) == [who or "" for who in WHO] * 2


@pytest.mark.parametrize("name", ["text", "label", "id", "part"])
def test_a_column_has_one_part(name: str) -> None:
    section = dataset(
        "csv",
        "x.csv",
        id_column="id",
        split={"by": "column", "column": "part", "train": "a", "test": "b"},
        metadata_columns=[name, "who", "who"],
    )
    keys, problems = zip(*find_dataset_contradictions(section), strict=True)
    assert set(keys) == {("dataset", "metadata_columns")}
    assert problems == (f"names {name!r}, which has another part already", "names a column twice")


def load_with(folder: Path, names: list[str]) -> Loaded:
    section = {
        "source": "csv", "path": str(folder / "x.csv"), "columns": None, "delimiter": ",",
        "encoding": "utf-8", "text_columns": ["text"], "label_column": "label", "id_column": None,
        "classes": None, "split": {"by": "drawn", "test_fraction": 0.25},
        "metadata_columns": names,
    }  # fmt: skip
    return load_config(TINY, [*COUNTS[4:], f"dataset={json.dumps(section)}"])


def test_naming_one_later_trains_nothing_again(tmp_path: Path) -> None:
    lines = ["text,label,id,who"]
    lines += [f"{['good', 'fine'][n % 2]} {n},{'ab'[n % 2]},{n},{n % 3}" for n in range(60)]
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    loaded, results = load_with(tmp_path, []), tmp_path / "results"
    run = Run(results / loaded.run)
    run_stages(loaded, results, upto="crossval")
    assert not run.metadata.exists()
    before = run.examples.read_bytes()
    loaded = load_with(tmp_path, ["id", "who"])  # a column may have the name of our own
    assert RunState(loaded.config, run).reason("prepare")
    run_stage("prepare", loaded, results)
    assert run.examples.read_bytes() == before
    line = artifacts.load_table(run.metadata).to_pylist()[4]
    assert line == {"id": "x/4", "metadata": {"id": "4", "who": "1"}}
    assert RunState(loaded.config, run).reason("crossval") == ""
    readers = {name for name, stage in STAGES.items() if stage.opens}
    assert readers == {"evaluate"}  # the figures of a review say what errors have in common
