"""What the classifier takes is written for every scope, and nothing of another kind is left."""

import pyarrow as pa

from pipeline.data.prepared import load_labels
from pipeline.frame import artifacts
from pipeline.frame.record import RECORD
from pipeline.frame.run import Run
from pipeline.models.tokens import split_words
from tests.tiny import load_tiny, run_stage

TEXTS = "vectorize={kind: texts}"
MODEL = "model={name: custom, function: 'a:b', epochs: 1, batch_size: 1, options: {}}"


def test_the_train_vocabulary_never_sees_a_test_word(tiny_run: Run) -> None:
    table = artifacts.load_table(tiny_run.examples, ["text"]).column("text").combine_chunks()
    labels = load_labels(tiny_run)
    train_words = split_words(table.take(pa.array(labels.rows("train"))))
    train = artifacts.load_json(tiny_run.vocabulary("train"))
    every = artifacts.load_json(tiny_run.vocabulary("all"))
    assert set(train[2:]) <= set(train_words.distinct)
    assert train != every
    assert train[:2] == every[:2] == ["", "[UNK]"]
    assert len(train) == len(every) == 500
    shapes = {scope: artifacts.load_array(tiny_run.tokens(scope)).shape for scope in
              ("all", "train", "test")}  # fmt: skip
    assert shapes == {"all": (280, 60), "train": (200, 60), "test": (80, 60)}


def test_another_kind_leaves_nothing_of_the_one_before(run_copy: Run) -> None:
    folder = run_copy.stage("vectorize")
    run_stage("vectorize", load_tiny(TEXTS, MODEL), run_copy.folder.parent)
    names = {path.name for path in folder.iterdir()}
    assert names == {"all.parquet", "train.parquet", "test.parquet", RECORD}


def test_the_record_says_how_fast_it_was(tiny_run: Run) -> None:
    record = artifacts.load_json(tiny_run.stage("vectorize") / RECORD)
    assert record["examples_per_second"] > 0
