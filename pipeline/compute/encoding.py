"""Texts -> what the classifiers take: token ids in worker processes, counts, or texts."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.compute.local import ReportEpoch, Workers
from pipeline.data.prepared import Labels
from pipeline.data.rows import ArrayFile, array_writer
from pipeline.data.vectors import read_vectors
from pipeline.frame import artifacts
from pipeline.frame.errors import DataError
from pipeline.frame.files import TEMPORARY
from pipeline.frame.run import SCOPES, Run
from pipeline.frame.scratch import writing
from pipeline.frame.stage import Context
from pipeline.models.sections import Counts, Texts, Tokens, Vectors
from pipeline.models.tokens import Words, count_words, encode, rank_words, split_words, token_dtype

EMPTY = pa.array([], pa.int64())
MERGED_WORDS = 1_000_000
ENCODED = {"all": ("all",), "train": ("train", "test")}  # vocabulary of -> scopes it encodes


def write_tokens(context: Context, labels: Labels, options: Tokens) -> str:
    """Write token ids and vocabularies; return a sentence about them.

    Batches of texts go through worker processes twice: their words are counted and kept as
    scratch, and when the vocabularies are known they become token ids.
    """
    run = context.run
    batches = plan_batches(run, labels, options)
    compute = context.config.compute
    if len(batches) == 1:
        compute = compute.model_copy(update={"workers": 1})
    with Workers(compute, context.progress, needs_tensorflow=False) as workers:
        counts = WordCounts()
        for _, found in workers.run(count_batches, batches):
            counts.add(found)
        vocabularies = {}
        for scope in ENCODED:
            vocabulary = counts.vocabulary(scope, max_tokens=options.max_tokens)
            artifacts.save_json(run.vocabulary(scope), vocabulary)
            vocabularies[scope] = vocabulary
        context.progress.restart()
        with contextlib.ExitStack() as files:
            places = {
                name: files.enter_context(
                    array_writer(
                        run.tokens(name),
                        (len(labels.rows(name)), options.sequence_length),
                        token_dtype(vocabularies[scope]),
                    )
                )
                for scope, encoded in ENCODED.items()
                for name in encoded
            }
            for _ in workers.run(encode_batches, [b._replace(tokens=places) for b in batches]):
                pass
    return (
        f"{counts.total:,} words, {counts.distinct:,} different; "
        f"{len(vocabularies['all']):,} in the vocabulary (all), "
        f"{len(vocabularies['train']):,} (train)"
    )


class Batch(NamedTuple):
    """A row group of examples.parquet, and where its texts go in the token arrays.

    number: of the row group. first: of each scope, the place of its first text in the array.
    is_train: (texts,). tokens: where the token arrays of the scopes are being written.
    """

    examples: Path
    number: int
    first: dict[str, int]
    is_train: np.ndarray
    options: Tokens
    folder: Path
    tokens: dict[str, ArrayFile]

    @property
    def name(self) -> str:
        made = "token ids" if self.tokens else "words"
        return f"{made} of {self.first['all'] + len(self.is_train):,} texts"

    @property
    def cost(self) -> int:
        return len(self.is_train)

    @property
    def epochs(self) -> int:
        return 1

    def stack_shape(self, exact: bool) -> None:
        return None

    @property
    def words(self) -> Path:
        return self.folder / f"{TEMPORARY}words-{self.number}.npz"

    def texts(self) -> pa.Array:
        with pq.ParquetFile(self.examples) as file:
            table = file.read_row_group(self.number, ["text"], use_threads=False)
        return table.column("text").combine_chunks()


def plan_batches(run: Run, labels: Labels, options: Tokens) -> list[Batch]:
    """Return a batch for each row group of examples.parquet, in order."""
    with pq.ParquetFile(run.examples) as file:
        sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    batches, first = [], {"all": 0, "train": 0, "test": 0}
    for number, size in enumerate(sizes):
        is_train = labels.is_train[first["all"] : first["all"] + size]
        folder = run.stage("vectorize")
        batches.append(Batch(run.examples, number, first, is_train, options, folder, {}))
        trained = int(is_train.sum())
        sizes_of = {"all": size, "train": trained, "test": size - trained}
        first = {scope: start + sizes_of[scope] for scope, start in first.items()}
    return batches


def count_batches(batches: Sequence[Batch], report: ReportEpoch) -> list[pa.Table]:
    """Return the words of each batch with how often they occur, in all texts and in train.

    The words of the texts are kept as scratch for `encode_batches`.
    """
    counted = []
    for batch in batches:
        words = split_words(batch.texts(), batch.options.words)
        distinct = np.frombuffer("\n".join(words.distinct).encode(), np.uint8)  # no word has one
        with writing(batch.folder):
            np.savez(batch.words, codes=words.codes, starts=words.starts, distinct=distinct)
        columns = {
            "word": pa.array(words.distinct, pa.large_string()),
            "all": count_words(words, np.ones(len(batch.is_train), bool)),
            "train": count_words(words, batch.is_train),
        }
        counted.append(pa.table(columns))
    return counted


class WordCounts:
    """How often each word occurs, summed over batches."""

    def __init__(self) -> None:
        self._table = pa.table(
            {"word": pa.array([], pa.large_string()), "all": EMPTY, "train": EMPTY}
        )
        self._waiting: list[pa.Table] = []

    def add(self, counted: pa.Table) -> None:
        """Add the counts of a batch; a table of them all is made when there are as many again."""
        self._waiting.append(counted)
        if sum(map(len, self._waiting)) > max(len(self._table), MERGED_WORDS):
            self._merge()

    def _merge(self) -> None:
        joined = pa.concat_tables([self._table, *self._waiting])
        summed = joined.group_by("word", use_threads=False).aggregate(
            [("all", "sum"), ("train", "sum")]
        )
        self._table = summed.rename_columns({"all_sum": "all", "train_sum": "train"})
        self._waiting = []

    def vocabulary(self, scope: str, *, max_tokens: int) -> list[str]:
        """Return the vocabulary of a scope; see rank_words."""
        self._merge()
        counts = self._table.column(scope).to_numpy()
        names = self._table.column("word").combine_chunks()
        return rank_words(names, counts, max_tokens=max_tokens)

    @property
    def total(self) -> int:
        return int(self._table.column("all").to_numpy().sum())

    @property
    def distinct(self) -> int:
        return len(self._table)


def encode_batches(batches: Sequence[Batch], report: ReportEpoch) -> list[None]:
    """Write the token ids of each batch to their places."""
    for batch in batches:
        arrays = artifacts.load_arrays(batch.words)
        distinct = arrays["distinct"].tobytes().decode().split("\n")
        words = Words(arrays["codes"], arrays["starts"], distinct)
        rows = Labels(np.empty(len(batch.is_train)), batch.is_train)
        for scope, encoded in ENCODED.items():
            vocabulary = artifacts.load_json(batch.folder / f"vocabulary_{scope}.json")
            for name in encoded:
                tokens = encode(
                    words,
                    rows.rows(name),
                    vocabulary,
                    sequence_length=batch.options.sequence_length,
                )
                batch.tokens[name].write(batch.first[name], tokens)
        batch.words.unlink()
    return [None] * len(batches)


def write_counts(context: Context, labels: Labels, options: Counts) -> str:
    """Write sparse word counts and vocabularies; return a sentence about them.

    Raises:
        DataError: no text has a word.
    """
    from pipeline.models.counts import make_vectorizer

    run = context.run

    strings = np.array([*artifacts.iterate_texts(run.examples), None], dtype=object)[:-1]
    sizes = []
    for scope, encoded in ENCODED.items():
        vectorizer = make_vectorizer(options)
        try:
            matrices = [vectorizer.fit_transform(strings[labels.rows(scope)])]
        except ValueError as error:
            reason = str(error).split(";")[0]
            raise DataError(f"vectorize: {reason}; correct vectorize.token_pattern") from None
        matrices += [vectorizer.transform(strings[labels.rows(name)]) for name in encoded[1:]]
        for name, matrix in zip(encoded, matrices, strict=True):
            artifacts.save_arrays(run.inputs(name, "npz"), _csr_arrays(matrix))
        vocabulary = vectorizer.get_feature_names_out().tolist()
        artifacts.save_json(run.vocabulary(scope), vocabulary)
        sizes.append(len(vocabulary))
    return f"{sizes[0]:,} words in the vocabulary (all), {sizes[1]:,} (train)"


def _csr_arrays(matrix: Any) -> artifacts.Arrays:
    matrix.sort_indices()
    parts = {name: getattr(matrix, name) for name in ("data", "indices", "indptr")}
    return parts | {"shape": np.array(matrix.shape)}


def write_vectors(context: Context, labels: Labels, options: Vectors) -> str:
    """Write the user's vectors of each scope; return a sentence about them.

    Raises:
        DataError: see read_vectors.
    """
    run = context.run
    ids = artifacts.load_table(run.examples, ["id"]).column("id").to_pylist()
    vectors = read_vectors(Path(options.path), ids)
    for name in SCOPES:
        artifacts.save_array(run.inputs(name, "npy"), vectors[labels.rows(name)])
    return f"{len(vectors):,} vectors of {vectors.shape[1]:,} numbers"


def write_texts(context: Context, labels: Labels, options: Texts) -> str:
    """Write the texts of each scope as they are; return a sentence about them."""
    run = context.run
    for name in SCOPES:
        chosen = np.zeros(len(labels.given), bool)
        chosen[labels.rows(name)] = True
        first = 0
        schema = pa.schema([artifacts.EXAMPLES_SCHEMA.field("text")])
        with artifacts.table_writer(run.inputs(name, "parquet"), schema) as writer:
            for batch in artifacts.table_batches(run.examples, ["text"]):
                writer.write_batch(batch.filter(pa.array(chosen[first : first + len(batch)])))
                first += len(batch)
    return f"{len(labels.given):,} texts as they are"
