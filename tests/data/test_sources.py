"""A local file is an input like any other: when it changes, prepare runs again."""

import inspect
import json
from pathlib import Path
from typing import get_args

import pytest

from pipeline.config.load import load_config
from pipeline.data.sources import SOURCES, Dataset, code_of_source, files_of_source
from pipeline.frame.errors import ConfigError
from pipeline.frame.files import hash_of
from pipeline.frame.run import Run
from pipeline.frame.section import imported
from pipeline.frame.stage import RunState
from tests.data.sources import dataset
from tests.tiny import TINY, load_tiny, run_stage

ROWS = "text,label\n" + "".join(f"text {n},{n % 2}\n" for n in range(8))


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    data, results = tmp_path / "data.csv", tmp_path / "results"
    data.write_text(ROWS, encoding="utf-8")
    section = json.dumps(dataset("csv", data).model_dump())
    kept = [item for item in load_tiny().overrides if not item.startswith("dataset.")]
    loaded = load_config(TINY, [*kept, f"dataset={section}"])
    run_stage("prepare", loaded, results)
    run = Run(results / loaded.run)
    assert RunState(loaded.config, run).reason("prepare") == ""
    data.write_text(ROWS, encoding="utf-8")
    assert RunState(loaded.config, run).reason("prepare") == ""
    data.write_text(ROWS.replace("text 3", "text three"), encoding="utf-8")
    assert RunState(loaded.config, run).reason("prepare") == "its inputs changed"
    data.unlink()
    assert RunState(loaded.config, run).reason("prepare") == "its inputs changed"


def test_a_folder_counts_with_names_and_contents(tmp_path: Path) -> None:
    file = tmp_path / "train" / "x" / "1.txt"
    file.parent.mkdir(parents=True)
    file.write_text("a", encoding="utf-8")
    section = dataset("folder", tmp_path)
    assert files_of_source(section) == [str(tmp_path)]
    first = hash_of(tmp_path)
    assert hash_of(tmp_path) == first
    renamed = file.rename(file.with_name("2.txt"))
    second = hash_of(tmp_path)
    assert second != first
    renamed.write_text("b", encoding="utf-8")
    assert hash_of(tmp_path) not in (first, second)


def test_a_file_of_the_test_split_is_an_input_too(tmp_path: Path) -> None:
    train, test = str(tmp_path / "train.csv"), str(tmp_path / "test.csv")
    section = dataset("csv", train, split={"by": "file", "test_path": test})
    assert files_of_source(section) == [train, test]
    assert files_of_source(dataset("csv", train)) == [train]


def test_sources_that_are_not_files_have_none() -> None:
    assert files_of_source(load_tiny().config.dataset) == []


# --- the table -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOURCES)
def test_every_row_names_a_function_that_reads(name: str) -> None:
    inspect.signature(imported(SOURCES[name].read)).bind(None, seed=1)


def test_a_config_can_name_every_row_and_nothing_else() -> None:
    sections = get_args(get_args(Dataset)[0])
    assert list(sections) == [row.section for row in SOURCES.values()]


def test_an_unknown_source_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"dataset\.source: must be one of") as caught:
        load_config(TINY, ["dataset={source: spreadsheet}"])
    assert ", ".join(f"'{name}'" for name in SOURCES) in str(caught.value)


def test_the_code_that_reads_is_that_of_the_row(tmp_path: Path) -> None:
    assert code_of_source(dataset("jsonl", tmp_path)) == [SOURCES["jsonl"].read]
    assert len({row.read for row in SOURCES.values()}) == len(SOURCES)
