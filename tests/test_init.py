"""A config from a look at the data: what is guessed, and that the config is whole."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config.load import load_config
from pipeline.data.examples import group_texts
from pipeline.data.guess import Chosen, guess_dataset
from pipeline.data.prepared import Labels
from pipeline.data.sources import read_examples
from pipeline.frame.errors import ConfigError, DataError
from pipeline.init import make_config
from pipeline.models.folds import check_folds
from tests.tiny import command

TEXTS = [f"this is text number {n} of the file" for n in range(20)]
LABELS = ["yes", "no"] * 10


def write(path: Path, rows: list[list[str]], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def table(*columns: tuple[str, list[Any]]) -> list[list[str]]:
    names = [name for name, _ in columns]
    rows = zip(*(values for _, values in columns), strict=True)
    return [names, *([str(value) for value in row] for row in rows)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_delimiter_and_encoding(delimiter: str, encoding: str, tmp_path: Path) -> None:
    texts = [f"{text}, café; ok" for text in TEXTS]
    rows = table(("message", texts), ("kind", LABELS))
    path = write(tmp_path / "odd name.csv", rows, delimiter, encoding)
    section = guess_dataset(path).section
    assert section["delimiter"] == delimiter
    assert section["encoding"] == encoding.removesuffix("-sig")
    assert (section["text_columns"], section["label_column"]) == (["message"], "kind")


COLUMNS: dict[str, tuple[list[tuple[str, list[Any]]], dict[str, Any]]] = {
    "usual names": (
        [("id", list(range(20))), ("label", LABELS), ("text", TEXTS), ("stars", [1, 2] * 10)],
        {"label_column": "label", "text_columns": ["text"], "id_column": "id"}),
    "title and text": (
        [("title", [t[:21] for t in TEXTS]), ("description", TEXTS), ("class_index", [1, 2] * 10)],
        {"label_column": "class_index", "text_columns": ["title", "description"]}),
    "unusual names": (
        [("when", list(range(20))), ("what", TEXTS), ("queue", LABELS)],
        {"label_column": "queue", "text_columns": ["what"], "id_column": None}),
    "ids that repeat": (
        [("id", [1, 2] * 10), ("label", LABELS), ("text", TEXTS)], {"id_column": None}),
    "a split column": (
        [("text", TEXTS), ("label", LABELS), ("split", ["train"] * 14 + ["test"] * 6)],
        {"split": {"by": "column", "column": "split", "train": "train", "test": "test",
                   "left_out": []}}),
    "a split for validation": (
        [("text", TEXTS), ("label", LABELS), ("set", ["Train"] * 14 + ["Dev"] * 6)],
        {"split": {"by": "column", "column": "set", "train": "Train", "test": "Dev",
                   "left_out": []}}),
    "intent, not channel": (
        [("ticket_id", list(range(20))), ("message", TEXTS), ("channel", ["mail", "chat"] * 10),
         ("intent", ["refund", "other", "login", "login"] * 5), ("agent_reply", TEXTS)],
        {"label_column": "intent", "text_columns": ["message"], "id_column": "ticket_id"}),
    "category before type": (
        [("text", TEXTS), ("type", LABELS), ("category", ["a", "b", "c", "d"] * 5)],
        {"label_column": "category"}),
    "an id that repeats, one that does not": (
        [("customer_id", [1, 2] * 10), ("label", LABELS), ("text", TEXTS),
         ("Ticket ID", list(range(20)))], {"id_column": "Ticket ID"}),
    "no split": (
        [("text", TEXTS), ("label", LABELS)], {"split": {"by": "drawn", "test_fraction": 0.2}}),
}  # fmt: skip


@pytest.mark.parametrize("case", COLUMNS)
def test_columns(case: str, tmp_path: Path) -> None:
    columns, expected = COLUMNS[case]
    section = guess_dataset(write(tmp_path / "data.csv", table(*columns))).section
    assert {key: section[key] for key in expected} == expected


def test_no_header(tmp_path: Path) -> None:
    rows = table(("text", TEXTS), ("label", LABELS))[1:]
    section = guess_dataset(write(tmp_path / "data.csv", rows)).section
    assert section["columns"] == ["column_1", "column_2"]
    assert section["label_column"] == "column_2"


def test_a_second_file_is_the_test_split(tmp_path: Path) -> None:
    rows = table(("text", TEXTS), ("label", LABELS))
    other = write(tmp_path / "news_test.csv", rows)
    section = guess_dataset(write(tmp_path / "news_train.csv", rows)).section
    assert section["split"] == {"by": "file", "test_path": str(other)}


def test_labels_sorted_in_the_file(tmp_path: Path) -> None:
    """A label column is told from all records, not from the first of them."""
    rows = table(("text", [f"{n} words are here" for n in range(9000)]),
                 ("label", ["a"] * 6000 + ["b"] * 3000))  # fmt: skip
    assert guess_dataset(write(tmp_path / "data.csv", rows)).section["label_column"] == "label"


def test_other_sources(tmp_path: Path) -> None:
    jsonl, parquet, folder = (tmp_path / name for name in ("a.jsonl", "a.parquet", "tree"))
    records = [{"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)]
    jsonl.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    pq.write_table(pa.table({"text": TEXTS, "label": LABELS}), parquet)
    for split in ("train", "test"):
        for number, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True)):
            (folder / split / label).mkdir(parents=True, exist_ok=True)
            (folder / split / label / f"{number}.txt").write_text(text, encoding="utf-8")
    for path, source in ((jsonl, "jsonl"), (parquet, "parquet"), (folder, "folder")):
        section = guess_dataset(path).section
        assert section["source"] == source
    assert section["split"] == {"by": "name", "train": "train", "test": "test"}


def test_usual_words_that_are_labels_are_no_header(tmp_path: Path) -> None:
    rows = [[text, kind] for text, kind in zip(TEXTS, ["type", "topic"] * 10, strict=True)]
    section = guess_dataset(write(tmp_path / "data.csv", rows)).section
    assert section["columns"] == ["column_1", "column_2"]


# --- columns that the user names -----------------------------------------------------------

TICKETS = [
    ("ticket_id", list(range(20))),
    ("message", TEXTS),
    ("channel", ["mail", "chat"] * 10),
    ("mood", ["good", "bad", "worse", "none"] * 5),
    ("reply", [f"{text}, thank you" for text in TEXTS]),
    ("when", ["train"] * 14 + ["test"] * 6),
]


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    return write(tmp_path / "tickets.csv", table(*TICKETS))


def test_chosen_columns(tickets: Path) -> None:
    chosen = Chosen(text=["message", "reply"], label="mood", id="ticket_id", split="when")
    guess = guess_dataset(tickets, chosen)
    assert guess.section["text_columns"] == ["message", "reply"]
    assert guess.section["label_column"] == "mood"
    assert guess.section["id_column"] == "ticket_id"
    assert guess.section["split"]["column"] == "when"
    assert guess.other_labels == {}


def test_a_chosen_column_is_no_longer_guessed_for_another_part(tickets: Path) -> None:
    section = guess_dataset(tickets, Chosen(text=["channel"])).section
    assert (section["text_columns"], section["label_column"]) == (["channel"], "mood")
    assert guess_dataset(tickets, Chosen(label="message")).section["text_columns"] == ["reply"]


def test_other_columns_that_could_be_the_label(tickets: Path) -> None:
    guess = guess_dataset(tickets)
    assert guess.section["label_column"] == "channel"
    assert guess.other_labels == {"mood": 4}


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        (Chosen(label="mod"), "--label 'mod': .* has no such column, .*; did you mean 'mood'"),
        (Chosen(label="MOOD"), "did you mean 'mood'"),
        (Chosen(text=["message", "replies"]), "--text 'replies': .*; did you mean 'reply'"),
        (Chosen(id="zzz"), "--id 'zzz': .* it has 'ticket_id', .* and 3 more; name one of these"),
        (Chosen(text=["mood"], label="mood"), "--text 'mood': is named twice"),
        (Chosen(split="mood"), "--split 'mood': says 'good', 'bad', .* says train and one other"),
    ],
)
def test_a_chosen_column_that_cannot_be_it(chosen: Chosen, says: str, tickets: Path) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        guess_dataset(tickets, chosen)
    assert len(str(caught.value)) <= 290


def test_a_folder_has_no_columns_to_choose(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--label 'mood': .* is a folder"):
        guess_dataset(tmp_path, Chosen(label="mood"))
    pq.write_table(pa.table({"text": TEXTS, "mood": LABELS, "other": LABELS}),
                   tmp_path / "train.parquet")  # fmt: skip
    section = guess_dataset(tmp_path, Chosen(label="other")).section
    assert (section["source"], section["label_column"]) == ("huggingface", "other")
    assert section["split"] == {"by": "drawn", "test_fraction": 0.2, "left_out": []}
    with pytest.raises(ConfigError, match="--split 'other'"):
        guess_dataset(tmp_path, Chosen(split="other"))


def test_nested_values_are_named(tmp_path: Path) -> None:
    jsonl, parquet = tmp_path / "a.jsonl", tmp_path / "a.parquet"
    records = [
        {"text": text, "label": label, "meta": {"a": 1}, "tags": ["x"]}
        for text, label in zip(TEXTS, LABELS, strict=True)
    ]
    jsonl.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(records), parquet)
    for path in (jsonl, parquet):
        guess = guess_dataset(path)
        assert guess.nested == ["meta", "tags"]
        with pytest.raises(ConfigError, match="--text 'meta': holds nested values"):
            guess_dataset(path, Chosen(text=["meta"]))
        with pytest.raises(ConfigError, match="one label a text is read"):
            guess_dataset(path, Chosen(label="tags"))
        done = command("init", path, "--output", tmp_path / f"{path.suffix[1:]}.yaml")
        assert "not read     'meta', 'tags'" in done.stdout


def test_options_of_the_command(tickets: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    done = command("init", tickets, "--output", first)
    assert "label        'channel'; also possible: 'mood' (4 different); choose" in done.stdout
    options = ["--text", "message", "--text", "reply", "--label", "mood", "--id", "ticket_id"]
    done = command("init", tickets, "--output", second, *options, "--split", "when")
    assert done.returncode == 0, done.stderr
    section = load_config(second).config.dataset
    assert section.text_columns == ["message", "reply"]
    assert (section.label_column, section.id_column) == ("mood", "ticket_id")
    assert section.split.column == "when"
    done = command("init", tickets, "--output", tmp_path / "none.yaml", "--label", "mod")
    assert done.returncode == 2
    assert "did you mean 'mood'" in done.stderr


def test_classes_that_are_named_need_no_editing(tmp_path: Path) -> None:
    """Labels that are refused unless they are declared: -1, and more classes than are usual."""
    plus = write(tmp_path / "plus.csv", table(("text", TEXTS), ("label", ["1", "-1"] * 10)))
    texts = [f"{text}, part {n}" for n in range(4) for text in TEXTS[:15]]
    labels = [f"kind {n % 15:02}" for n in range(60)]
    many = write(tmp_path / "many.csv", table(("text", texts), ("label", labels)))
    for data, classes, expected in (
        (plus, ["-1", "1"], ["-1", "1"]),
        (plus, ["1", "-1"], ["1", "-1"]),
        (many, ["found"], sorted(set(labels))),
    ):
        output = tmp_path / "mine.yaml"
        options = [word for name in classes for word in ("--classes", name)]
        done = command("init", data, "--output", output, *options)
        assert done.returncode == 0, done.stderr
        loaded = load_config(output)
        examples = read_examples(loaded.config.dataset, seed=loaded.config.seed)
        assert examples.class_names == expected
        output.unlink()
    done = command("init", plus, "--output", output, "--classes", "1")
    assert done.returncode == 2
    assert "at least 2 names" in done.stderr


@pytest.mark.parametrize("name", ["x" * 70 + ".yaml", "mine.yml.txt", "-mine.yaml", "a b.yaml"])
def test_a_config_that_could_name_no_run_is_not_written(name: str, tmp_path: Path) -> None:
    data = write(tmp_path / "data.csv", table(("text", TEXTS), ("label", LABELS)))
    done = command("init", data, "--output", tmp_path / name)
    assert (done.returncode, done.stdout) == (2, "")
    assert "a config is named NAME.yaml" in done.stderr
    assert not (tmp_path / name).exists()


# --- classes that are too small ------------------------------------------------------------


def with_class(path: Path, *texts: str) -> Path:
    """Write two classes of 20 different texts, and a class "rare" of `texts`."""
    rows = [[f"{name}: {text}", name] for text in TEXTS for name in ("yes", "no")]
    return write(path, [["text", "label"], *rows, *([text, "rare"] for text in texts)])


@pytest.mark.parametrize("texts", [["alone"], ["the same text"] * 3])
def test_a_class_that_no_folds_can_divide_is_left_out(texts: list[str], tmp_path: Path) -> None:
    output = tmp_path / "mine.yaml"
    done = command("init", with_class(tmp_path / "data.csv", *texts), "--output", output)
    assert done.returncode == 0, done.stderr
    assert f"not read     classes: 'rare ({len(texts)})'" in done.stdout
    loaded = load_config(output)
    assert loaded.config.dataset.min_class_size == 2
    examples = read_examples(loaded.config.dataset, seed=1)
    assert examples.class_names == ["no", "yes"]
    assert examples.not_read["classes"] == [f"rare ({len(texts)})"]
    assert Counter(examples.labels.tolist()) == {0: 20, 1: 20}
    assert all(text.startswith(("yes", "no")) for text in examples.texts)
    assert examples.place is not None and examples.place(39).endswith("data.csv:41")


def test_classes_are_not_left_out_where_that_is_much_of_the_data(tmp_path: Path) -> None:
    output = tmp_path / "mine.yaml"
    path = with_class(tmp_path / "data.csv", *["the same text"] * 30)
    done = command("init", path, "--output", output, "--text", "text", "--label", "label")
    assert done.returncode == 3
    assert "too few different texts to train on in the classes 'rare (30)'" in done.stderr
    assert "with --label" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert f"marked DECIDE in {output}" in done.stderr
    assert "  # DECIDE: " in output.read_text(encoding="utf-8")
    load_config(output)  # it is whole, so that deciding is all that is left to do


@pytest.mark.parametrize("texts", [["one", "two"], ["one", "two"] * 3])
def test_a_class_smaller_than_the_folds_is_named(texts: list[str], tmp_path: Path) -> None:
    output = tmp_path / "mine.yaml"
    done = command("init", with_class(tmp_path / "data.csv", *texts), "--output", output)
    assert "few          'rare' (2): " in done.stdout
    folds = load_config(output).config.crossval
    assert (folds.all.folds, folds.train.folds) == (5, 5)


@pytest.mark.parametrize("largest", [40, 3, 2])
def test_suggested_folds_pass_the_check_of_the_stage(largest: int, tmp_path: Path) -> None:
    """Copies in train and test, some with other labels: what init counts, crossval counts.

    And of classes that are all smaller than the usual folds.
    """
    rows = [[f"text {n % 23}", "yes" if n % 3 else "no"] for n in range(60)]
    if largest < 5:
        rows = [[f"word{n} of a text", f"kind {n % 15:02}"] for n in range(15 * (largest + 1))]
    data = write(tmp_path / "data.csv", [["text", "label"], *rows])
    output = tmp_path / "mine.yaml"
    done = command("init", data, "--output", output, "--classes", "found")
    assert done.returncode == 0, done.stderr
    config = load_config(output).config
    examples = read_examples(config.dataset, seed=config.seed)
    labels = Labels(examples.labels, np.array(examples.splits) == "train")
    check_folds(labels, group_texts(examples.texts), examples.class_names, config.crossval)
    assert config.crossval.all.folds == min(5, largest)


def test_no_columns(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("just\nlines\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        guess_dataset(path)
    assert str(path)[-60:] in str(caught.value)
    assert len(str(caught.value)) <= 290


DECIDED = {
    "less than nothing": (["-1", "1"], "negative, which often means no label"),
    "zeros first": (["1", "01"], "is not a number, and others are"),
    "two spellings": (["good", "Good"], "differs from"),
    "numbers and names": (["0", "neither"], "is not a number, and others are"),
}


@pytest.mark.parametrize("case", DECIDED)
def test_labels_to_decide_are_listed_to_choose_from(case: str, tmp_path: Path) -> None:
    """The list, taken as it stands, is what the reader needs."""
    labels, says = DECIDED[case]
    columns = ("text", TEXTS), ("label", labels * 10)
    data = write(tmp_path / "data.csv", table(*columns))
    output = tmp_path / "mine.yaml"
    done = command("init", data, "--output", output)
    assert (done.returncode, done.stdout) == (3, "")
    assert says in done.stderr
    text = output.read_text(encoding="utf-8")
    (listed,) = (line for line in text.splitlines() if "# all that are written: " in line)
    text = text.replace("  classes: null", f"  {listed.partition('written: ')[2]}")
    output.write_text(text, encoding="utf-8")
    loaded = load_config(output)
    examples = read_examples(loaded.config.dataset, seed=loaded.config.seed)
    assert examples.class_names == sorted(labels)


@pytest.mark.parametrize(("content", "key"), [(b"caf\xe9", "encoding"), (None, "path")])
def test_what_is_wrong_in_a_folder_is_marked(
    content: bytes | None, key: str, tmp_path: Path
) -> None:
    for split in ("train", "test"):
        for name in ("neg", "pos"):
            folder = tmp_path / "tree" / split / name
            folder.mkdir(parents=True)
            for number in range(3 if content or name == "neg" else 1):
                (folder / f"{number}.txt").write_bytes(content or b"a text %d" % number)
    output = tmp_path / "mine.yaml"
    done = command("init", tmp_path / "tree", "--output", output)
    assert done.returncode == 3
    lines = output.read_text(encoding="utf-8").splitlines()
    marked = next(number for number, line in enumerate(lines) if "# DECIDE: " in line)
    assert next(line for line in lines[marked:] if line.strip()[0] != "#").startswith(f"  {key}: ")


def test_columns_that_cannot_be_told_are_left_to_decide(tmp_path: Path) -> None:
    path, output = tmp_path / "data.csv", tmp_path / "mine.yaml"
    path.write_text("a,b\n1,2\n3,4\n5,6\n", encoding="utf-8")
    done = command("init", path, "--output", output)
    assert done.returncode == 3
    assert "no column looks like a label beside a text (columns: 'a', 'b'); name" in done.stderr
    assert len(done.stderr) <= 300
    text = output.read_text(encoding="utf-8")
    assert "  # DECIDE: no column looks like a label" in text
    assert "  label_column: DECIDE" in text


def test_command(tmp_path: Path) -> None:
    """The file it writes is complete, reads the data, and is not overwritten."""
    columns = [("comment", TEXTS), ("true: or # not", LABELS)]
    data = write(tmp_path / "my data.csv", table(*columns))
    output = tmp_path / "mine.yaml"
    done = command("init", data, "--output", output)
    assert done.returncode == 0, done.stderr
    assert "20: 16 train, 4 test" in done.stdout
    assert f"make all CONFIG={output}" in done.stdout
    loaded = load_config(output)
    assert loaded.run == "mine"
    assert read_examples(loaded.config.dataset, seed=loaded.config.seed).texts == TEXTS
    lines = output.read_text(encoding="utf-8").splitlines()
    assert all("#" in line for line in lines if line.startswith("  ") and line.endswith("null"))
    again = command("init", data, "--output", output)
    assert again.returncode == 2
    assert "exists already" in again.stderr


SEVERAL = [["news"], ["sport"], ["news", "sport"], ["tech", "sport"], ["tech"]] * 8


def test_several_labels_a_text_are_said_with_the_way_on(tmp_path: Path) -> None:
    texts = [f"this is text number {n} of the file" for n in range(40)]
    joined = table(("message", texts), ("topics", [";".join(labels) for labels in SEVERAL]))
    lines = [json.dumps({"message": t, "topics": s}) for t, s in zip(texts, SEVERAL, strict=True)]
    (tmp_path / "lists.jsonl").write_text("\n".join(lines), encoding="utf-8")
    for path in (write(tmp_path / "joined.csv", joined), tmp_path / "lists.jsonl"):
        for named in (Chosen(), Chosen(label="topics")):
            config = tmp_path / f"{path.stem}{bool(named.label)}.yaml"
            with pytest.raises((ConfigError, DataError), match="yes/no column for each class"):
                make_config(config, path, named)


def test_labels_of_several_annotators_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [f"the {'parcel late' if n % 2 else 'praise good'} number {n}" for n in range(20)]
    rows = [(t, ["good", "bad"][n % 2 if (n + w) % 7 else 0], f"person {w}")
            for n, t in enumerate(texts) for w in range(3)]  # fmt: skip
    columns = zip(("text", "label", "worker"), zip(*rows, strict=True), strict=True)
    path = write(tmp_path / "many.csv", table(*((name, list(v)) for name, v in columns)))
    make_config(tmp_path / "many.yaml", path, Chosen())
    said = capsys.readouterr().out
    assert "a text has 3.0 labels by 'worker'" in said and "of 20 texts different ones" in said
