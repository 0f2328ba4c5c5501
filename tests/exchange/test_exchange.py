"""Export, then import into an empty journal: exactly the decisions, for every format."""

import csv
import json
import random
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corrections.decision import instant
from pipeline.corrections.journal import Journal, encode_line
from pipeline.corrections.load import load_queue
from pipeline.corrections.merge import take_back
from pipeline.corrections.queue import Queue
from pipeline.exchange import argilla, argilla1, huggingface, label_studio
from pipeline.exchange import csv as spreadsheet
from pipeline.exchange.__main__ import export
from pipeline.exchange.formats import formats
from pipeline.frame.errors import ConfigError, DataError
from tests.review.site import load_tiny, make_examples, write_run

MODULES = {
    "csv": spreadsheet,
    "label_studio": label_studio,
    "argilla": argilla,
    "argilla1": argilla1,
    "huggingface": huggingface,
}
FILES = {
    "csv": "decisions.csv",
    "label_studio": "tasks.json",
    "argilla": "records.json",
    "argilla1": "records.jsonl",
    "huggingface": "",
}
NASTY = [
    "=HYPERLINK(\"http://evil.example\")", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "'quoted'", "'=1",
    "＝1", 'say "hi", twice', "two\nlines", "  spaces  ", "\u202eright to left", "a\u2028b", "😀",
    "NULL", "nan", "007", "<br /><br />", "ends with quote'", "", "x\x00y",
]  # fmt: skip


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    """60 issues; three reviewers decided on most of them, changed their minds and took back."""
    texts = [f"{NASTY[i % len(NASTY)]}{i}" for i in range(80)]
    names = ("neg", "=pos", '\'odd, "class"')
    run = write_run(tmp_path / "results" / "tiny", make_examples(texts, names))
    queue = load_queue(load_tiny(tmp_path), run)
    rng = random.Random(1)
    for item in queue.items:
        for who in rng.sample(["Ann", "Bob", "=Zoë", "drop"], rng.randrange(4)):
            for _ in range(rng.choice([1, 1, 2])):
                kind = rng.choice(["keep", "relabel", "drop", "unsure"])
                others = [name for name in names if name != item.given]
                label = {"keep": item.given, "relabel": rng.choice(others)}.get(kind)
                note = rng.choice(NASTY)
                made = queue.source.decide(item.id, kind, label, reviewer=who, note=note)
                queue.journal.append([made])
        if rng.random() < 0.1:
            queue.journal.undo("Ann")
    return queue


def exported(queue: Queue, name: str, folder: Path) -> Path:
    MODULES[name].export(queue, folder)
    return folder / FILES[name]


@pytest.mark.parametrize("name", MODULES)
def test_a_round_trip_gives_back_exactly_the_decisions(queue, tmp_path, name):
    path = exported(queue, name, tmp_path / "out")
    expected = queue.journal.standing.all()
    assert len(expected) > 60
    journal = Journal(tmp_path / "new.jsonl", queue.source)
    done = take_back(journal, MODULES[name].read(path, queue.source, reviewer="nobody"))
    assert journal.standing.all() == expected
    assert (done.added, done.known, done.replaced) == (len(expected), 0, 0)
    # Once more, and into the journal they came from: nothing new.
    for known in (journal, queue.journal):
        again = take_back(known, MODULES[name].read(path, queue.source, reviewer="nobody"))
        assert again.added == 0
    assert Journal(queue.journal.path, queue.source).standing.all() == expected


@pytest.mark.parametrize("name", MODULES)
def test_a_decision_that_was_undone_or_changed_stays_so(queue, tmp_path, name):
    path = exported(queue, name, tmp_path / "out")
    first = queue.journal.standing.last["Ann"][-1]
    queue.journal.undo("Ann")
    expected = queue.journal.standing.all()
    take_back(queue.journal, MODULES[name].read(path, queue.source, reviewer="nobody"))
    assert queue.journal.standing.all() == expected
    assert "Ann" not in queue.journal.standing.of(first) or queue.journal.standing.superseded


def _edit(name: str, path: Path, old: str, new: str) -> None:
    file = path / "decisions.jsonl" if name == "huggingface" else path
    content = file.read_bytes()
    assert old.encode() in content
    file.write_bytes(content.replace(old.encode(), new.encode()))


@pytest.mark.parametrize("name", MODULES)
def test_another_dataset_is_refused_as_a_whole(queue, tmp_path, name):
    path = exported(queue, name, tmp_path / "out")
    other = load_other(tmp_path)
    with pytest.raises(DataError, match=r"(:\d+: |(task|record) \d+: ).*another dataset"):
        MODULES[name].read(path, other.source, reviewer="nobody")


def load_other(tmp_path: Path) -> Queue:
    folder = tmp_path / "other"
    run = write_run(folder / "results" / "tiny", make_examples(["a", "b", "c", "d"] * 5))
    return load_queue(load_tiny(folder), run)


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("id_", ["train/0", "test/40"])
def test_an_unknown_id_is_refused_with_its_place(queue, tmp_path, name, id_):
    queue.journal.append([queue.source.decide(id_, "unsure", None, reviewer="Dan")])
    path = exported(queue, name, tmp_path / "out")
    _edit(name, path, f'"{id_}"', '"train/9999"')
    with pytest.raises(DataError, match=r"(:\d+|(task|record) \d+): unknown id 'train/9999'"):
        MODULES[name].read(path, queue.source, reviewer="nobody")


@pytest.mark.parametrize("name", ["csv", "label_studio", "argilla", "argilla1"])
@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"null", b"\xff\xfe\x00", b"[" * 10**5])
def test_a_file_of_something_else_is_refused(queue, tmp_path, name, content):
    path = tmp_path / "odd"
    path.write_bytes(content)
    if (name, content) == ("argilla1", b""):
        assert argilla1.read(path, queue.source, reviewer="x") == []
        return
    with pytest.raises(DataError, match="odd"):
        MODULES[name].read(path, queue.source, reviewer="x")


# --- CSV -------------------------------------------------------------------------------------


@given(st.text() | st.sampled_from(NASTY))
def test_no_cell_is_a_formula_and_every_cell_comes_back(value):
    cell = spreadsheet.safe(value)
    assert not cell.startswith(tuple("=+-@\t\r\n\0"))
    assert spreadsheet.unsafe(cell) == value


def test_csv_cells_are_safe_in_the_file(queue, tmp_path):
    path = exported(queue, "csv", tmp_path / "out")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file, strict=True))
    assert not [cell for row in rows for cell in row if cell.startswith(tuple("=+-@\t\r\n\0"))]


def write_csv(path: Path, cells: dict[str, str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([list(cells), list(cells.values())])


def test_a_label_typed_into_a_spreadsheet_is_a_decision(queue, tmp_path):
    path = exported(queue, "csv", tmp_path / "out")
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    row = next(row for row in rows if not row[header.index("decision")])
    cells = dict(zip(header, row, strict=True)) | {"label": "neg"}
    write_csv(path, cells)
    (made,) = spreadsheet.read(path, queue.source, reviewer="Ann")
    kind = "keep" if spreadsheet.unsafe(cells["given_label"]) == "neg" else "relabel"
    assert (made.decision, made.label, made.reviewer) == (kind, "neg", "Ann")
    write_csv(path, cells | {"text": cells["text"] + "!"})
    with pytest.raises(DataError, match="the text was edited"):
        spreadsheet.read(path, queue.source, reviewer="Ann")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_a_csv_saved_in_any_country_is_read(queue, tmp_path, encoding, delimiter, quoting):
    path = exported(queue, "csv", tmp_path / "out")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [*csv.reader(file)]
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter, quoting=quoting).writerows(rows)
    found = spreadsheet.read(path, queue.source, reviewer="nobody")
    assert {d.model_dump_json() for d in found} == {
        d.model_dump_json() for d in queue.journal.standing.all()
    }


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_only_what_binds_a_label_to_an_example_is_needed(queue, tmp_path, delimiter):
    item = queue.items[0]
    cells = {
        "label": "neg",
        "id": item.id,
        "given_label": spreadsheet.safe(item.given),
        "text_sha256": queue.source.text_sha256(item.id),
        "dataset": queue.source.fingerprint,
    }
    path = tmp_path / "few.csv"
    for left_out in [None, *cells]:
        kept = {key: value for key, value in cells.items() if key != left_out}
        path.write_text(delimiter.join(kept) + "\n" + delimiter.join(kept.values()) + "\n")
        if left_out:
            with pytest.raises(DataError, match=rf"few\.csv:1: lacks the column\(s\) {left_out}$"):
                spreadsheet.read(path, queue.source, reviewer="Ann")
        else:
            (made,) = spreadsheet.read(path, queue.source, reviewer="Ann")
            assert (made.id, made.label, made.reviewer) == (item.id, "neg", "Ann")


# --- Label Studio ----------------------------------------------------------------------------


def test_label_studio_tasks_hold_the_suggestion(queue, tmp_path):
    path = exported(queue, "label_studio", tmp_path / "out")
    task = json.loads(path.read_text())[0]
    prediction = task["predictions"][0]
    assert prediction["score"] == pytest.approx(0.9)
    assert prediction["result"][0]["value"]["choices"] == [queue.items[0].suggested]
    assert task["data"]["text"] == queue.items[0].text


def test_what_people_do_in_label_studio_is_read(queue, tmp_path):
    path = exported(queue, "label_studio", tmp_path / "out")
    tasks = json.loads(path.read_text())[:3]
    item = queue.items[0]
    other = next(name for name in queue.source.class_names if name != item.given)
    choice = {"from_name": "label", "to_name": "text", "type": "choices"}
    tasks[0]["annotations"] = [
        {
            "result": [choice | {"value": {"choices": [other]}}],
            "completed_by": {"id": 1, "email": "eve@example.org"},
            "created_at": "2026-01-02T03:04:05.678901Z",
            "updated_at": "2026-01-02T04:04:05.678901+01:00",
        }
    ]
    tasks[1]["annotations"] = [{"was_cancelled": True, "result": []}]
    drop = choice | {"from_name": "decision", "value": {"choices": ["drop"]}}
    tasks[2]["annotations"] = [{"result": [drop], "completed_by": 7}]
    path.write_text(json.dumps(tasks))
    first, second = label_studio.read(path, queue.source, reviewer="x")
    assert (first.decision, first.label, first.reviewer) == ("relabel", other, "eve@example.org")
    assert first.time == "2026-01-02T03:04:05.678Z"
    assert (second.decision, second.reviewer) == ("drop", "Label Studio user 7")


UNDECIDED: dict[str, Any] = {
    "empty": {"result": []},
    "no result": {"result": None},
    "a note alone": {"result": [{"from_name": "note", "type": "textarea",
                                 "value": {"text": ["a note only"]}}]},
    "a reviewer alone": {"result": [{"from_name": "reviewer", "value": {"text": "Eve"}}]},
    "no choice": {"result": [{"from_name": "label", "value": {"choices": []}}]},
    "a region of another kind": {"result": [{"type": "relation", "from_id": "a", "to_id": "b"}]},
    "skipped": {"was_cancelled": True, "result": [{"from_name": "label",
                                                   "value": {"choices": ["neg"]}}]},
}  # fmt: skip


@pytest.mark.parametrize("case", UNDECIDED)
def test_an_annotation_without_a_choice_is_no_decision(queue, tmp_path, case):
    path = exported(queue, "label_studio", tmp_path / "out")
    tasks = json.loads(path.read_text())[:3]
    tasks[0]["annotations"] = [UNDECIDED[case]]
    tasks[1]["annotations"] = None
    result = [{"from_name": "label", "value": {"choices": ["(unsure)"]}},
              {"from_name": "note", "value": {"text": "in one line"}}]  # fmt: skip
    tasks[2]["annotations"] = [UNDECIDED[case], {"result": result}]
    path.write_text(json.dumps(tasks))
    (made,) = label_studio.read(path, queue.source, reviewer="x")
    assert (made.decision, made.label, made.note) == ("unsure", None, "in one line")


def test_the_interface_of_label_studio_wants_a_choice(queue):
    names = [*queue.source.class_names, "(drop)", "a & b"]
    view = ElementTree.fromstring(label_studio.label_config(names))
    (choices,) = view.iter("Choices")
    assert choices.get("required") == "true"
    values = [choice.get("value") for choice in choices]
    assert values == [*names, "((drop))", "(unsure)"]
    assert label_studio.verdicts(names) == {"((drop))": "drop", "(unsure)": "unsure"}
    header = view.find("Header").get("value")
    # Label Studio reads a variable as far as letters, digits and these go.
    assert re.findall(r"\$[\w\[\].{}]+", header) == ["$given_label", "$suggested_label"]


# --- Argilla ---------------------------------------------------------------------------------


def test_argilla_records_come_in_the_order_of_suspicion(queue, tmp_path):
    path = exported(queue, "argilla1", tmp_path / "out")
    records = [json.loads(line) for line in path.read_bytes().splitlines()]
    places = [record["metadata"]["label_error_candidate"] for record in records]
    assert places == list(range(len(queue.items)))
    first, item = records[0], queue.items[0]
    assert first["prediction"][0] == [item.suggested, pytest.approx(0.9)]
    assert [name for name, _ in first["prediction"]] != queue.source.class_names
    assert sum(score for _, score in first["prediction"]) == pytest.approx(1)
    assert all(isinstance(v, str | int | None) for v in first["metadata"].values())


def test_a_label_changed_in_argilla_is_a_decision(queue, tmp_path):
    path = exported(queue, "argilla1", tmp_path / "out")
    record = next(
        r for r in map(json.loads, path.read_bytes().splitlines()) if not r["annotation_agent"]
    )
    given_label = record["metadata"]["given_label"]
    other = next(name for name in queue.source.class_names if name != given_label)
    record |= {"annotation": other, "annotation_agent": "eve", "status": "Validated"}
    path.write_text(json.dumps(record))
    (made,) = argilla1.read(path, queue.source, reviewer="x")
    assert (made.decision, made.label, made.reviewer) == ("relabel", other, "eve")


# --- the list of formats ---------------------------------------------------------------------


def test_every_format_says_itself_what_it_is():
    assert {name for name, row in formats().items() if row.read} == set(MODULES)
    read_only = {name for name, row in formats().items() if not row.read}
    assert read_only == {"cleanlab", "dataset", "issues", "spacy"}
    assert [name for name, row in formats().items() if row.push] == ["huggingface"]
    assert all(row.does for row in formats().values())


def test_an_unknown_format_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(
        ConfigError, match="--format 'xls': must be one of argilla, argilla1, cleanlab, "
    ):
        export(tmp_path / "none.yaml", "xls")


# --- Hugging Face ----------------------------------------------------------------------------


def test_the_dataset_folder_has_the_reviewed_labels(queue, tmp_path):
    path = exported(queue, "huggingface", tmp_path / "out")
    table = pq.read_table(path / "data" / "train-00000-of-00001.parquet")
    described = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert described["label"] == {"names": queue.source.class_names, "_type": "ClassLabel"}
    ids = table.column("id").to_pylist()
    labels = dict(zip(ids, table.column("label").to_pylist(), strict=True))
    for item in queue.items:
        votes = [d.vote for d in queue.decisions(item).values() if d.decision != "unsure"]
        if item.split == "train" and len(votes) == 1:
            kind, label = votes[0]
            assert (item.id in labels) == (kind != "drop")
            if label:
                assert queue.source.class_names[labels[item.id]] == label


def test_load_dataset_reads_the_folder_and_knows_the_classes(queue, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets", reason="needs the `datasets` library")
    path = exported(queue, "huggingface", tmp_path / "out")
    loaded = datasets.load_dataset(str(path), cache_dir=str(tmp_path / "cache"))
    assert set(loaded) == {"train", "test"}
    assert loaded["train"].features["label"].names == queue.source.class_names
    texts = dict(zip(loaded["test"]["id"], loaded["test"]["text"], strict=True))
    assert texts.items() <= queue.source.texts.items() and texts


def test_the_decisions_of_a_folder_are_checked_line_by_line(queue, tmp_path):
    path = exported(queue, "huggingface", tmp_path / "out")
    lines = queue.journal.standing.all()
    with (path / "decisions.jsonl").open("ab") as file:
        file.write(b"broken\n" + encode_line(lines[0]))
    with pytest.raises(DataError, match=rf"decisions\.jsonl:{len(lines) + 1}: "):
        huggingface.read(path, queue.source, reviewer="x")


def test_of_two_decisions_of_one_moment_the_journal_keeps_its_own(queue):
    """Time stamps have whole seconds in some tools: a decision is older only if it is."""
    item, source = queue.items[0], queue.source
    journal = Journal(queue.journal.path.with_name("moment.jsonl"), source)
    own = source.decide(item.id, "keep", item.given, reviewer="Ann")
    journal.append([own])
    other = source.decide(item.id, "drop", None, reviewer="Ann")
    done = take_back(journal, [other.model_copy(update={"time": own.time})])
    assert (done.added, done.known) == (0, 1)
    later = instant(own) + timedelta(microseconds=1)
    done = take_back(journal, [other.model_copy(update={"time": later.isoformat()})])
    assert (done.added, done.known) == (1, 0)
