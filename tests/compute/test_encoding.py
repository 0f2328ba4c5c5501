"""What is written for the classifiers is what they would be given, whatever the batches."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from pipeline.compute.encoding import WordCounts, plan_batches, write_counts, write_texts
from pipeline.data.prepared import Labels, load_labels
from pipeline.frame import artifacts
from pipeline.frame.errors import DataError
from pipeline.frame.progress import StageProgress
from pipeline.frame.record import RECORD
from pipeline.frame.run import SCOPES, Run
from pipeline.frame.stage import Context
from pipeline.models.inputs import load_counts, load_texts
from pipeline.models.sections import Counts, Texts
from tests.tiny import load_tiny, run_stage

PATTERN = r"(?u)\b\w\w+\b"  # sklearn's own


@pytest.mark.parametrize(("row_group", "workers"), [(7, 1), (64, 2), (100_000, 1)])
def test_batches_and_workers_change_no_byte(
    run_copy: Run,
    tiny_run: Run,
    monkeypatch: pytest.MonkeyPatch,
    row_group: int,
    workers: int,
) -> None:
    """Rows of a split lie in several batches, and batches end when they end."""
    monkeypatch.setattr(artifacts, "ROW_GROUP", row_group)
    monkeypatch.setattr("pipeline.compute.encoding.MERGED_WORDS", 50)
    results = run_copy.folder.parent
    for stage in ("prepare", "vectorize"):
        (run_copy.stage(stage) / RECORD).unlink()
        run_stage(stage, load_tiny(f"compute.workers={workers}"), results)
    table, expected = (artifacts.load_table(run.examples) for run in (run_copy, tiny_run))
    assert table.equals(expected)
    names = {path.name for path in tiny_run.stage("vectorize").iterdir()}
    assert names == {path.name for path in run_copy.stage("vectorize").iterdir()}
    for name in names - {RECORD}:
        ours, theirs = (run.stage("vectorize") / name for run in (run_copy, tiny_run))
        assert ours.read_bytes() == theirs.read_bytes(), name


def test_batches_are_the_row_groups_and_know_their_places(
    run_copy: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "ROW_GROUP", 64)
    (run_copy.stage("prepare") / RECORD).unlink()
    run_stage("prepare", load_tiny(), run_copy.folder.parent)
    labels = load_labels(run_copy)
    batches = plan_batches(run_copy, labels, load_tiny().config.vectorize)
    assert [batch.cost for batch in batches] == [64, 64, 64, 64, 24]
    for batch in batches:
        before = slice(0, 64 * batch.number)
        trained = int(labels.is_train[before].sum())
        first = {"all": 64 * batch.number, "train": trained}
        assert batch.first == first | {"test": first["all"] - trained}


def test_words_are_counted_over_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.compute.encoding.MERGED_WORDS", 1)
    counts = WordCounts()
    for words, everywhere, in_train in ((["a", "b"], [2, 1], [1, 0]), (["b", "c"], [4, 1], [1, 1])):
        columns = {"word": pa.array(words, pa.large_string()), "all": everywhere}
        counts.add(pa.table(columns | {"train": in_train}))
    assert counts.vocabulary("all", max_tokens=9) == ["", "[UNK]", "b", "a", "c"]
    assert counts.vocabulary("train", max_tokens=3) == ["", "[UNK]", "c"]
    assert (counts.total, counts.distinct) == (8, 3)


def context_of(run: Run) -> Context:
    return Context(load_tiny(), run, StageProgress("vectorize"), key="")


def texts_of(run: Run, labels: Labels, scope: str) -> np.ndarray:
    texts = np.array([*artifacts.iterate_texts(run.examples)], dtype=object)
    chosen: np.ndarray = texts[labels.rows(scope)]
    return chosen


def make_counts(pattern: str = PATTERN) -> Counts:
    return Counts(
        kind="counts",
        lowercase=True,
        token_pattern=pattern,
        max_ngram=2,
        min_df=2,
        max_features=None,
    )


@pytest.mark.parametrize(
    ("scope", "fitted_on"), [("all", "all"), ("train", "train"), ("test", "train")]
)
def test_counts_are_those_of_sklearn(run_copy: Run, scope: str, fitted_on: str) -> None:
    labels = load_labels(run_copy)
    said = write_counts(context_of(run_copy), labels, make_counts())
    theirs = CountVectorizer(token_pattern=PATTERN, ngram_range=(1, 2), min_df=2)
    theirs.fit(texts_of(run_copy, labels, fitted_on))
    expected = theirs.transform(texts_of(run_copy, labels, scope))
    ours = load_counts(run_copy.inputs(scope, "npz"))
    assert ours.shape == expected.shape
    assert (ours != expected).nnz == 0
    vocabulary = artifacts.load_json(run_copy.vocabulary(fitted_on))
    assert vocabulary == theirs.get_feature_names_out().tolist()
    assert f"{len(vocabulary):,} words" in said or f"{len(vocabulary):,} (train)" in said


def test_a_pattern_that_no_word_fits_names_the_key(run_copy: Run) -> None:
    options = make_counts("\u2603")
    with pytest.raises(DataError, match=r"correct vectorize\.token_pattern"):
        write_counts(context_of(run_copy), load_labels(run_copy), options)


def test_texts_are_those_of_each_scope(run_copy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = load_labels(run_copy)
    write_texts(context_of(run_copy), labels, Texts(kind="texts"))
    for scope in SCOPES:
        written = load_texts(run_copy.inputs(scope, "parquet"))
        assert written.tolist() == texts_of(run_copy, labels, scope).tolist()
