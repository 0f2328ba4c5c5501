"""Vectors that somebody has already: a run without a network, and without TensorFlow."""

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import find_label_errors
from pipeline.command.check import config_for
from pipeline.config.load import load_config
from pipeline.data.guess import Chosen
from pipeline.frame import artifacts
from pipeline.frame.errors import DataError
from pipeline.frame.run import Run
from tests.tickets import CLASSES, make_tickets, write_tickets
from tests.tiny import command, imported_in, run_stages

TICKETS = make_tickets(200, seed=3)


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    rng = np.random.default_rng(0)
    found = (np.eye(4)[TICKETS.true] + rng.normal(0, 0.25, (200, 4))).astype(np.float32)
    found[17] = found[3] * 2
    return found


@pytest.fixture(scope="module")
def folder(vectors: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where `check --vectors` was run, in a process of its own."""
    folder = tmp_path_factory.mktemp("vectors")
    write_tickets(folder / "tickets.csv", TICKETS)
    np.save(folder / "tickets.npy", vectors)
    arguments = [folder / "tickets.csv", "--vectors", folder / "tickets.npy"]
    done = command("command.check", *arguments, env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert done.returncode == 0, done.stderr
    assert "4 numbers a text" in done.stdout
    assert not {"tensorflow", "keras"} & imported_in(done.stderr)
    return folder


@pytest.fixture
def run(folder: Path) -> Run:
    return Run(folder / "label-errors" / "tickets")


def test_the_pipeline_lists_what_the_function_lists(run: Run, vectors: np.ndarray) -> None:
    labels = [CLASSES[given] for given in TICKETS.given]
    found = find_label_errors(TICKETS.texts, labels, embeddings=vectors, progress=False)
    assert found["row"].tolist() == artifacts.load_issue_rows(run.issues("all")).tolist()
    wrong = TICKETS.given != TICKETS.true
    assert wrong[found["row"][: wrong.sum()]].mean() > 0.9


def test_they_are_the_model_the_finder_and_what_tells_neighbors(
    folder: Path, run: Run, vectors: np.ndarray
) -> None:
    config = load_config(folder / "label-errors" / "tickets.yaml").config
    assert (config.vectorize.kind, config.model.name) == ("vectors", "linear")
    assert [m.member for m in config.finder.members].count("vectors") == 1
    assert all(m.member != "model" for m in config.finder.members)
    np.testing.assert_array_equal(artifacts.load_array(run.inputs("all", "npy")), vectors)
    with run.data_issues.open(encoding="utf-8", newline="") as file:
        near = [line for line in csv.DictReader(file) if line["issue"] == "near_duplicate"]
    assert {"3", "17"} <= {line["row"] for line in near}
    assert not list(run.stage("cleanlearn").glob("cleaned.*"))


def test_by_id_in_any_order_they_give_the_same(
    folder: Path, run: Run, vectors: np.ndarray, tmp_path: Path
) -> None:
    ids = artifacts.load_table(run.examples, ["id"]).column("id").to_pylist()
    order = np.random.default_rng(1).permutation(len(ids))
    table = {"id": [ids[row] for row in order], "vector": vectors[order].tolist()}
    pq.write_table(pa.table(table), tmp_path / "v.parquet")
    alone = [
        f"vectorize.path={tmp_path / 'v.parquet'}",
        f"finder={{by: ensemble, repeats: 1, members: [{{member: vectors, path: "
        f"{tmp_path / 'v.parquet'}, C: [10]}}]}}",
    ]
    loaded = load_config(folder / "label-errors" / "tickets.yaml", alone)
    run_stages(loaded, tmp_path, upto="vectorize")
    made = Run(tmp_path / loaded.run)
    for scope in ("all", "train", "test"):
        np.testing.assert_array_equal(
            artifacts.load_array(made.inputs(scope, "npy")),
            artifacts.load_array(run.inputs(scope, "npy")),
        )


def test_vectors_of_other_texts_are_refused_before_a_config_is_written(
    folder: Path, vectors: np.ndarray, tmp_path: Path
) -> None:
    np.save(tmp_path / "v.npy", vectors[:-1])
    with pytest.raises(DataError, match="200 rows of numbers are needed"):
        config_for(folder / "tickets.csv", tmp_path, Chosen(), tmp_path / "v.npy")
    assert not list(tmp_path.glob("*.yaml"))
