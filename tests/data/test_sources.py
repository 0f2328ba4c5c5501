"""A local file is an input like any other: when it changes, prepare runs again."""

import json
from pathlib import Path

from pipeline.artifacts import Run
from pipeline.config import load_config
from pipeline.data.sources import source_hashes
from pipeline.stage import Checked
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
    assert Checked(loaded.config, run).reason("prepare") == ""
    data.write_text(ROWS, encoding="utf-8")
    assert Checked(loaded.config, run).reason("prepare") == ""
    data.write_text(ROWS.replace("text 3", "text three"), encoding="utf-8")
    assert Checked(loaded.config, run).reason("prepare") == "its inputs changed"
    data.unlink()
    assert Checked(loaded.config, run).reason("prepare") == "its inputs changed"


def test_a_folder_counts_with_names_and_contents(tmp_path: Path) -> None:
    file = tmp_path / "train" / "x" / "1.txt"
    file.parent.mkdir(parents=True)
    file.write_text("a", encoding="utf-8")
    section = dataset("folder", tmp_path)
    first = source_hashes(section)
    assert source_hashes(section) == first
    renamed = file.rename(file.with_name("2.txt"))
    second = source_hashes(section)
    assert second != first
    renamed.write_text("b", encoding="utf-8")
    assert source_hashes(section) not in (first, second)


def test_sources_that_are_no_files_have_no_hashes() -> None:
    assert source_hashes(load_tiny().config.dataset) == {}
