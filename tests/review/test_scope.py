"""The issues of one scope: its own predictions, one journal for all."""

import csv
from pathlib import Path

import numpy as np
import pytest

from pipeline.corrections.load import load_queue
from pipeline.corrections.queue import Queue
from pipeline.exchange.__main__ import export
from pipeline.frame import artifacts
from pipeline.frame.errors import ArtifactError, ConfigError
from pipeline.frame.record import RECORD, hashes, load_record, save_record
from pipeline.frame.run import Run
from pipeline.review.highlight import Highlighter, Piece
from tests.review.site import TOP, load_tiny, make_examples, write_run
from tests.review.test_terminal import typed


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return write_run(tmp_path / "results" / "tiny", make_examples())


def decide(queue: Queue, id_: str) -> None:
    queue.journal.append([queue.source.decide(id_, "drop", None, reviewer="Ann")])


@pytest.mark.parametrize("scope", TOP)
def test_a_scope_has_its_own_issues_and_predictions(run, tmp_path, scope):
    queue = load_queue(load_tiny(tmp_path), run, scope)
    splits = {"all": {"train", "test"}}.get(scope, {scope})
    assert {item.split for item in queue.items} == splits
    assert [item.rank for item in queue.items] == list(range(1, len(queue.items) + 1))
    assert {float(item.pred_probs.max()) for item in queue.items} == {np.float32(TOP[scope])}
    assert all(item.suggested != item.given for item in queue.items)


def test_an_unknown_scope_is_refused(run, tmp_path):
    with pytest.raises(ConfigError, match="--scope 'nowhere': must be one of all, train, test"):
        load_queue(load_tiny(tmp_path), run, "nowhere")


def test_the_files_of_two_runs_make_no_queue(run, tmp_path):
    """As when a crossval with another key was interrupted, or has not been followed up."""
    folder = run.stage("crossval")
    artifacts.save_array(run.pred_probs("all"), artifacts.load_array(run.pred_probs("all"))[::-1])
    save_record(folder, load_record(folder) | {"outputs": hashes(folder)})
    with pytest.raises(ArtifactError, match="was made from another crossval; run `make find_iss"):
        load_queue(load_tiny(tmp_path), run)
    (folder / RECORD).unlink()
    with pytest.raises(ArtifactError, match="is missing; run `make crossval`"):
        load_queue(load_tiny(tmp_path), run)


def test_all_scopes_write_to_one_journal_and_undo_stays_in_its_scope(run, tmp_path):
    loaded = load_tiny(tmp_path)
    test, train = (load_queue(loaded, run, scope) for scope in ("test", "train"))
    decide(test, "test/50")
    decide(train, "train/0")
    assert {d.id for d in load_queue(loaded, run).journal.standing.all()} == {"test/50", "train/0"}
    test = load_queue(loaded, run, "test")
    assert "train/0" not in test.places
    assert test.last("Ann").id == "test/50"
    assert "undone: test/50" in typed(test, "z", "z")
    assert [d.id for d in load_queue(loaded, run).journal.standing.all()] == ["train/0"]


def test_page_and_terminal_say_the_scope(serve_run, run, tmp_path):
    site = serve_run(make_examples(), "test")
    for path in ("/", "/example?id=test/40"):
        assert "scope test" in site.ask(path)[1]
    assert site.ask("/example?id=train/0")[0] == 404
    assert "scope test · rank 1" in typed(load_queue(load_tiny(tmp_path), run, "test"), "q")


def test_words_are_those_of_the_model_of_the_scope(run, tmp_path):
    """Tokens, vocabulary and fold of `test` are numbered within test, not within all."""
    queue = load_queue(load_tiny(tmp_path), run, "test")
    size = len(queue.source.given) // 2
    words = ["", "?", "review", "number", "says", "it", "is", "fine"]
    artifacts.save_json(run.vocabulary("train"), words)
    ids = {word: i for i, word in enumerate(words)}
    split = [text.split() for id_, text in queue.source.texts.items() if id_.startswith("test")]
    tokens = np.array([[ids.get(word, 1) for word in text] for text in split], np.int32)
    artifacts.save_array(run.tokens("test"), tokens)
    embedding = np.zeros((len(words), 2), np.float32)
    embedding[ids["fine"]] = 1, -1
    weights = embedding, np.eye(2, dtype=np.float32), np.zeros(2, np.float32)
    arrays = {f"weight_{i}": weight for i, weight in enumerate(weights)}
    artifacts.save_arrays(run.fold("test", 0), arrays | {"held_out": np.arange(size)})
    item = queue.items[-1]
    side = "suggested" if item.suggested == "neg" else "given"
    pieces = Highlighter(run, "test").pieces(item)
    assert [piece for piece in pieces if piece.level] == [Piece("fine", side, 3)]


def test_export_takes_a_scope(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "tiny.yaml"
    source = Path(__file__).parents[2] / "configs" / "sample.yaml"
    config.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    export(config, "csv", scope="test")
    path = tmp_path / "results" / "tiny" / "exchange" / "csv_test" / "decisions.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert {row["split"] for row in csv.DictReader(file)} == {"test"}
    for format_ in ("huggingface", "dataset"):
        with pytest.raises(ConfigError, match="--scope goes with"):
            export(config, format_, scope="test")
