"""What init takes a file for: each kind of file that people have, with its siblings."""

import codecs
import csv
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter

from pipeline.config.load import config_name
from pipeline.data.guess import Chosen, guess_dataset
from pipeline.data.sources import Dataset, read_examples
from pipeline.frame.errors import ConfigError, DataError
from pipeline.init import read_guessed

TEXTS = [f"the text with number {n} of this file" for n in range(40)]
LABELS = ["good", "bad"] * 20


def read(path: Path, chosen: Chosen = Chosen()) -> Any:  # noqa: B008
    """Return what prepare reads with the section that init writes."""
    section = guess_dataset(path, chosen).section
    return read_examples(TypeAdapter(Dataset).validate_python(section), seed=1)


def write(path: Path, rows: list[list[str]], **options: Any) -> Path:
    encoding = options.pop("encoding", "utf-8")
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, **options).writerows(rows)
    return path


def rows_of(*texts: str) -> list[list[str]]:
    both = zip([*texts, *TEXTS], ["good", "bad"] * 99, strict=False)
    return [["text", "label"], *([text, label] for text, label in both)]


# --- encodings ----------------------------------------------------------------------------

WESTERN = {
    "French": "Été à la plage, ça va : « très bien » — l’hôtel coûtait 12 €",
    "German": "Größe und Maße: süß, Übung, fließend, Füße, „schön“",
    "Finnish": "Määrä on sää, käännä pää; yö täällä, älä pyydä",
    "Icelandic": "Það þarf að ráða það áður en þú ferð, æði",
    "Spanish": "¿Qué pasó? ¡Muy mal! El niño comió piñas en España",
    "Danish": "Vi går på ø’en, blåbærgrød er på bordet",
}
OTHERS = {
    "cp1251": "Очень плохой фильм, актёры играют ужасно",
    "koi8-r": "Очень хороший фильм, актёры играют отлично",
    "cp1253": "Πολύ καλή ταινία και ωραία ηθοποιοί",
    "cp1255": "סרט טוב מאוד עם שחקנים נהדרים",
    "cp1256": "فيلم جيد جدا والممثلون رائعون",
    "cp874": "หนังดีมากและนักแสดงเก่ง",
    "shift_jis": "とても良い映画です。俳優もすばらしい、カメラも",
    "euc-jp": "とても悪い映画です。俳優もひどい",
    "gbk": "非常好的电影,演员也很棒",
    "big5": "非常好的電影,演員也很棒",
    "euc-kr": "아주 좋은 영화이고 배우들도 훌륭하다",
    "cp1250": "Bardzo zła książka, źle się ją czyta, łódź i żółw są świetne",
    "cp437": "un café très bon à côté de la forêt, où il était",
    "mac-roman": "un café très bon à côté de la forêt, où il était",
}


@pytest.mark.parametrize("language", WESTERN)
def test_western_text_that_is_not_utf_8_is_read_and_said(language: str, tmp_path: Path) -> None:
    rows = rows_of(*(f"{WESTERN[language]} {n}" for n in range(9)))
    path = write(tmp_path / "data.csv", rows, encoding="cp1252")
    guess = guess_dataset(path)
    assert guess.section["encoding"] == "cp1252"
    assert guess.reasons["encoding"].startswith("not UTF-8; read so it says ")
    assert read(path).texts[0] == f"{WESTERN[language]} 0"


@pytest.mark.parametrize("encoding", OTHERS)
def test_other_encodings_are_refused(encoding: str, tmp_path: Path) -> None:
    rows = rows_of(*(f"{OTHERS[encoding]} {n}" for n in range(9)))
    path = write(tmp_path / "data.csv", rows, encoding=encoding)
    with pytest.raises(DataError, match=r"data\.csv:2: byte \d+ .* is not utf-8; save it as UTF-8"):
        read(path)
    guess = guess_dataset(path)  # with what has to be decided, and with all that can be told
    assert "data.csv:2: byte" in guess.decide["encoding"]
    assert (guess.section["text_columns"], guess.section["label_column"]) == (["text"], "label")


@pytest.mark.parametrize(
    "stray", [b"caf\xe9,good\n", b"\x93so\x94,good\n", b"na\xefve \x80,good\n"]
)
@pytest.mark.parametrize("before", [1, 20])
def test_a_byte_of_another_encoding_in_utf_8_is_refused(
    stray: bytes, before: int, tmp_path: Path
) -> None:
    path = tmp_path / "data.csv"
    lines = [f"un caf\u00e9 {n},bad\n".encode() for n in range(before)]
    path.write_bytes(b"text,label\n" + b"".join(lines) + stray)
    with pytest.raises(DataError, match=rf"data\.csv:{before + 2}: byte"):
        read(path)
    assert [*guess_dataset(path).decide] == ["encoding"]


def test_some_utf_8_in_a_file_of_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    lines = [f"un caf\u00e9 {n},bad\n".encode("cp1252") for n in range(40)]
    path.write_bytes(b"text,label\n" + b"".join(lines))
    assert guess_dataset(path).section["encoding"] == "cp1252"
    path.write_bytes(b"text,label\n" + b"".join(lines) + "un th\u00e9,good\n".encode())
    with pytest.raises(DataError, match=r"data\.csv:2: byte"):
        read(path)
    assert [*guess_dataset(path).decide] == ["encoding"]


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF16_LE])
def test_utf_16_with_and_without_a_mark(mark: bytes, tmp_path: Path) -> None:
    write(tmp_path / "u.csv", rows_of("caf\u00e9"), encoding="utf-16-le")
    path = tmp_path / "data.csv"
    path.write_bytes(mark + (tmp_path / "u.csv").read_bytes())
    assert read(path).texts[0] == "caf\u00e9"


def test_utf_16_the_other_way_round_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", rows_of(), encoding="utf-16-be")
    with pytest.raises(DataError, match="without a byte order mark"):
        guess_dataset(path)


# --- quotes -------------------------------------------------------------------------------

STRAY = {
    "over three lines": ['"quite good', "in between", 'the end"'],
    "never closed": ['"quite good', "in between"],
    "inside": ['a 7" screen', 'and 5"'],
    "closed and more": ['"Good" film', "in between"],
    "twice": ['"one', 'two"', "three", '"four', 'five"'],
}


@pytest.mark.parametrize("case", STRAY)
@pytest.mark.parametrize("delimiter", ["\t", "|", ";"])
def test_quotes_that_are_characters(case: str, delimiter: str, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    lines = [delimiter.join(row) for row in rows_of(*STRAY[case])]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert read(path).texts == [*STRAY[case], *TEXTS]


ENCLOSED = {
    "delimiters": "one, two\tthree; four|five",
    "lines": "first\nsecond\n\nthird",
    "lines with a delimiter each": "one,two\nthree,four\tx\ty",
    "quotes": 'he said "no", twice: ""',
    "a quote at the start": '"so" it was',
}


@pytest.mark.parametrize("case", ENCLOSED)
@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_quotes_that_enclose(case: str, quoting: int, delimiter: str, tmp_path: Path) -> None:
    rows = rows_of(ENCLOSED[case], "plain", ENCLOSED[case])
    path = write(tmp_path / "data.csv", rows, quoting=quoting, delimiter=delimiter)
    guess = guess_dataset(path)
    assert (guess.section["quoting"], guess.section["delimiter"]) == ("minimal", delimiter)
    assert read(path).texts[:3] == [ENCLOSED[case], "plain", ENCLOSED[case]]


# --- headers ------------------------------------------------------------------------------

HEADERS = {
    "index of a data frame": ["", "text", "label"],
    "two indices": ["", "", "text", "label"],
    "a comma too many": ["text", "label", ""],
    "a name twice": ["text", "note", "label", "note"],
    "a survey": ["Please say in your own words " + "what you liked " * 30, "rating"],
    "numbers among names": ["2019", "text", "label"],
    "foreign names": ["tekst", "beoordeling"],
}
LONG = [name for name in HEADERS["a survey"] if len(name) > 40]


@pytest.mark.parametrize("case", HEADERS)
def test_headers(case: str, tmp_path: Path) -> None:
    names = HEADERS[case]

    def cell(place: int, name: str, row: int) -> str:
        if name in ("text", "tekst", *LONG):
            return TEXTS[row]
        return LABELS[row] if name in ("label", "rating", "beoordeling") else f"{place}{row}"

    rows = [[cell(place, name, row) for place, name in enumerate(names)] for row in range(40)]
    examples = read(write(tmp_path / "data.csv", [names, *rows]))
    assert examples.texts == TEXTS
    assert examples.class_names == ["bad", "good"]


def test_a_name_twice_is_read_if_its_values_are_the_same(tmp_path: Path) -> None:
    rows = [[text, label, text] for text, label in zip(TEXTS, LABELS, strict=True)]
    path = write(tmp_path / "data.csv", [["text", "label", "text"], *rows])
    assert read(path).texts == TEXTS
    rows[7][2] = "another"
    with pytest.raises(DataError, match="'text' occurs twice, with other values in line 9"):
        read(write(path, [["text", "label", "text"], *rows]))


# --- columns that nobody named ------------------------------------------------------------

TABLES: dict[str, list[Any]] = {
    "categories": pa.array(LABELS).dictionary_encode(),
    "large categories": pa.array(LABELS, pa.large_string()).dictionary_encode(),
    "string views": pa.array(LABELS, pa.string_view()),
    "large strings": pa.array(LABELS, pa.large_string()),
    "booleans": pa.array([label == "good" for label in LABELS]),
    "floats": pa.array([float(label == "good") for label in LABELS], pa.float32()),
    "bytes of one": pa.array([int(label == "good") for label in LABELS], pa.uint8()),
}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("text", [pa.string(), pa.large_string(), pa.string_view()])
def test_types_of_tables(kind: str, text: Any, tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    notes = pa.array([None, "a note"] * 20)
    lists = pa.array([["a"]] * 40)
    columns = {"text": pa.array(TEXTS, text), "label": TABLES[kind], "note": notes, "tags": lists}
    pq.write_table(pa.table(columns), path)
    guess = guess_dataset(path)
    assert guess.nested == ["tags"]
    assert guess.unread == {"columns": ["note"]}
    examples = read(path)
    assert examples.texts == TEXTS
    assert len(examples.class_names) == 2


def test_records_with_other_keys(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    records: list[dict[str, Any]] = [{"text": t, "label": n % 2} for n, t in enumerate(TEXTS)]
    records[0] = {"when": "now", **records[0]}
    records[5]["comment"] = None
    records[6] |= {"meta": {"a": 1}, "comment": "now and then"}
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    guess = guess_dataset(path)
    assert guess.unread["columns"] == ["when", "comment"]
    assert guess.nested == ["meta"]
    assert read(path).texts == TEXTS
    records[0] = {"text": TEXTS[0]}  # the label is not in the first record, and nowhere else lost
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    section = guess_dataset(path).section
    assert (section["label_column"], section["unlabelled"]) == ("label", "leave_out")
    assert read(path).texts == TEXTS[1:]
    dataset = TypeAdapter(Dataset).validate_python(section | {"unlabelled": "refuse"})
    with pytest.raises(DataError, match=r"data\.jsonl:1: has no key 'label'.*give every record"):
        read_examples(dataset, seed=1)


# --- rows without a label -----------------------------------------------------------------

WITHOUT = {0, 7, 8}  # rows


def write_unlabelled(folder: Path, kind: str) -> Path:
    """Write a file of TEXTS in which the rows WITHOUT have no label."""
    lines = [
        {"text": t} | ({} if n in WITHOUT else {"label": LABELS[n]}) for n, t in enumerate(TEXTS)
    ]
    if kind in ("key", "late"):
        head = [{"text": f"early {n}"} for n in range(9000)] if kind == "late" else []
        path = folder / "data.jsonl"
        path.write_text("\n".join(map(json.dumps, [*head, *lines])), encoding="utf-8")
        return path
    column = pa.array([line.get("label") for line in lines])
    features = {"label": {"_type": "ClassLabel", "names": ["bad", "good"]}}
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    if kind == "-1":
        numbers = [-1 if n in WITHOUT else n % 2 for n in range(len(TEXTS))]
        table = pa.table({"text": TEXTS, "label": numbers}).replace_schema_metadata(about)
    else:
        table = pa.table({"text": TEXTS, "label": column})
    pq.write_table(table, folder / "data.parquet")
    return folder / "data.parquet"


@pytest.mark.parametrize("kind", ["key", "late", "null", "-1"])
def test_rows_without_a_label_are_left_out_and_counted(kind: str, tmp_path: Path) -> None:
    path = write_unlabelled(tmp_path, kind)
    section = guess_dataset(path).section
    assert section["unlabelled"] == "leave_out"
    examples = read(path)
    kept = [n for n in range(len(TEXTS)) if n not in WITHOUT]
    first = 9000 if kind == "late" else 0
    assert examples.texts == [TEXTS[n] for n in kept]
    assert examples.ids == [f"data/{first + n}" for n in kept]  # of the file, whoever is left out
    assert examples.place is not None
    assert examples.place(0).endswith(str(first + 2) if path.suffix == ".jsonl" else "row 1")
    assert examples.not_read == {"records": [f"{first + 3:,} without a label"]}
    dataset = TypeAdapter(Dataset).validate_python(section | {"unlabelled": "refuse"})
    with pytest.raises(DataError, match=r"label|null"):
        read_examples(dataset, seed=1)


def test_blank_labels_are_refused_until_they_are_said_to_be_none(tmp_path: Path) -> None:
    rows = rows_of()
    rows[3][1], rows[5][1] = "", " \u200b"
    path = write(tmp_path / "data.csv", rows)
    with pytest.raises(DataError, match=r"data\.csv:4: .* blank .*dataset\.unlabelled: leave_out"):
        read(path)
    section = guess_dataset(path).section | {"unlabelled": "leave_out"}
    examples = read_examples(TypeAdapter(Dataset).validate_python(section), seed=1)
    assert examples.not_read == {"records": ["2 without a label"]}
    assert examples.ids[2:4] == ["data/3", "data/5"]


def test_rows_without_a_label_after_splits_that_are_left_out(tmp_path: Path) -> None:
    """Ids and places are those of the file after both."""
    rows = rows_of()
    parts = ["part", *(("train", "val", "test")[n % 3] for n in range(len(rows) - 1))]
    rows = [[*row, part] for row, part in zip(rows, parts, strict=True)]
    path = write(tmp_path / "data.csv", rows)
    rows[3 + 1][1] = ""
    path = write(tmp_path / "data.csv", rows)
    section = guess_dataset(path).section | {"unlabelled": "leave_out"}
    examples = read_examples(TypeAdapter(Dataset).validate_python(section), seed=1)
    kept = [n for n in range(len(rows) - 1) if n % 3 != 1 and n != 3]
    assert examples.ids == [f"data/{n}" for n in kept]
    assert examples.place is not None
    assert [examples.place(n) for n in range(len(kept))] == [f"{path}:{n + 2}" for n in kept]
    assert examples.not_read == {"records": ["1 without a label"], "splits": ["val"]}


def test_many_classes_are_no_list_in_the_config(tmp_path: Path) -> None:
    rows = [[f"text {n} of some", f"class {n % 300}"] for n in range(3000)]
    path = write(tmp_path / "data.csv", [["text", "label"], *rows])
    assert guess_dataset(path).section["classes"] == "found"
    assert len(read(path).class_names) == 300


# --- splits -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "train", "test", "left_out"),
    [
        (["train", "val", "test", "train"], "train", "test", ["val"]),
        (["train", "validation"], "train", "validation", []),
        (["Training", "Dev", "Testing"], "Training", "Testing", ["Dev"]),
        (["train", "dev", "valid"], "train", "valid", ["dev"]),
        (["train", "unsup", "test"], "train", "test", ["unsup"]),
    ],
)
def test_a_column_of_splits(
    values: list[str], train: str, test: str, left_out: list[str], tmp_path: Path
) -> None:
    parts = [values[n // 2 % len(values)] for n in range(40)]
    rows = [list(row) for row in zip(TEXTS, LABELS, parts, strict=True)]
    path = write(tmp_path / "data.csv", [["text", "label", "part"], *rows])
    guess = guess_dataset(path)
    assert guess.section["split"] == {
        "by": "column", "column": "part", "train": train, "test": test, "left_out": left_out,
    }  # fmt: skip
    assert guess.unread == ({"splits": left_out} if left_out else {})
    examples = read(path)
    kept = [n for n in range(40) if parts[n] not in left_out]
    assert examples.texts == [TEXTS[n] for n in kept]
    assert examples.ids == [f"data/{n}" for n in kept]
    assert [s == "test" for s in examples.splits] == [parts[n] == test for n in kept]


def test_files_beside_it(tmp_path: Path) -> None:
    """A file without the label is no test split, as those of competitions are."""
    rows = rows_of()
    path = write(tmp_path / "train.csv", rows)
    write(tmp_path / "other.csv", rows)
    write(tmp_path / "test.csv", [[row[0], "x"] for row in rows])
    assert guess_dataset(path).section["split"] == {"by": "drawn", "test_fraction": 0.2}
    write(tmp_path / "val.csv", rows)
    guess = guess_dataset(path)
    assert guess.section["split"] == {"by": "file", "test_path": str(tmp_path / "val.csv")}
    assert guess.unread["files"] == ["test.csv (it lacks column 'label')"]
    guess = guess_dataset(tmp_path / "other.csv")
    assert guess.section["split"]["by"] == "drawn"
    assert guess.unread["files"] == ["test.csv", "train.csv", "val.csv"]


# --- folders of Parquet files -------------------------------------------------------------


def save(root: Path, *names: str) -> Path:
    """Write a table of its own, of two classes, into each file."""
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        texts = [f"{name} has a text {n}" for n in range(20)]
        pq.write_table(pa.table({"text": texts, "label": LABELS[:20]}), file)
    return root


ONE_SET = {
    "files": ["train.parquet", "test.parquet"],
    "pieces": ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet", "test.parquet"],
    "data": ["data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"],
    "folders": ["train/0000.parquet", "train/0001.parquet", "test/0000.parquet"],
    "as converted": ["default/train/0000.parquet", "default/test/0000.parquet"],
    "one subset": ["en/train.parquet", "en/test.parquet"],
    "hidden ones": ["train.parquet", "test.parquet", ".cache/train.parquet", "__x__/t.parquet"],
    "other splits": ["train/0.parquet", "test/0.parquet", "extra/0.parquet"],
}


@pytest.mark.parametrize("case", ONE_SET)
def test_parquet_files_of_one_set(case: str, tmp_path: Path) -> None:
    examples = read(save(tmp_path, *ONE_SET[case]))
    expected = [n for n in ONE_SET[case] if not n.startswith((".", "_", "extra"))]
    trains = [name for name in expected if "train" in name]
    assert len(examples.texts) == 20 * len(expected)
    assert examples.splits.count("train") == 20 * len(trains)
    assert len(set(examples.ids)) == len(examples.ids)


SEVERAL_SETS = {
    "subsets": ["en/train.parquet", "en/test.parquet", "fr/train.parquet", "fr/test.parquet"],
    "a backup": ["train.parquet", "test.parquet", "old/train.parquet"],
    "folders and a file": ["train/0.parquet", "test/0.parquet", "train.parquet"],
    "subsets of folders": ["en/train/0.parquet", "en/test/0.parquet", "fr/train/0.parquet"],
}


@pytest.mark.parametrize("case", SEVERAL_SETS)
def test_parquet_files_of_several_sets_are_refused(case: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="places that are not the splits of one set"):
        guess_dataset(save(tmp_path, *SEVERAL_SETS[case]))


PIECES = {
    "missing": (["train-00000-of-00002.parquet"], "piece 00001 of 00002"),
    "two versions": (
        ["train-00000-of-00001-aa.parquet", "train-00000-of-00001-bb.parquet"], "two versions"),
    "another number": (
        ["train-00000-of-00001.parquet", "train-00000-of-00002.parquet"], "two versions"),
    "whole and in pieces": (["train.parquet", "train-00000-of-00001.parquet"], "are both split"),
}  # fmt: skip


@pytest.mark.parametrize("case", PIECES)
def test_pieces_that_do_not_make_a_split(case: str, tmp_path: Path) -> None:
    names, says = PIECES[case]
    with pytest.raises(DataError, match=says):
        guess_dataset(save(tmp_path, *names))


def test_a_split_without_labels_is_not_the_test_split(tmp_path: Path) -> None:
    save(tmp_path, "train.parquet", "validation.parquet")
    for file in tmp_path.glob("*.parquet"):
        table = pq.read_table(file)
        column = pa.array([int(label == "good") for label in table["label"].to_pylist()])
        pq.write_table(table.set_column(1, "label", column), file)
    table = pa.table({"text": TEXTS, "label": [-1] * 40})
    pq.write_table(table, tmp_path / "test.parquet")
    guess = guess_dataset(tmp_path)
    assert guess.section["split"] == {"by": "name", "train": "train", "test": "validation"}
    assert guess.unread == {"splits": ["test (it has no labels)"]}
    (tmp_path / "validation.parquet").unlink()
    assert guess_dataset(tmp_path).section["split"]["left_out"] == ["test"]
    assert len(read(tmp_path).texts) == 20


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n"
DAMAGED: dict[str, tuple[dict[str, bytes], str]] = {
    "a pointer": ({"train.parquet": POINTER}, "Git LFS pointer.*git lfs pull"),
    "an empty file": ({"train.parquet": b""}, "is empty"),
    "no Parquet": ({"train.parquet": b"<html>"}, "is not Parquet"),
    "a cut file": ({"train.parquet": b"PAR1...."}, "damaged"),
    "no splits": ({"dataset_dict.json": b"{}"}, "names no splits"),
    "splits that are none": ({"dataset_dict.json": b'{"splits": "train"}'}, "names no splits"),
    "splits elsewhere": ({"dataset_dict.json": b'{"splits": ["../a"]}'}, "names no splits"),
    "an empty state": ({"state.json": b"{}"}, "names no files"),
    "a state of another kind": ({"state.json": b'{"_data_files": [1]}'}, "names no files"),
    "files elsewhere": ({"state.json": b'{"_data_files": [{"filename": "/a"}]}'}, "no files"),
    "a missing piece": ({"state.json": b'{"_data_files": [{"filename": "a"}]}'}, "is missing"),
    "an arrow pointer": (
        {"state.json": b'{"_data_files": [{"filename": "a.arrow"}]}', "a.arrow": POINTER}, "LFS"),
    "a cut arrow file": (
        {"state.json": b'{"_data_files": [{"filename": "a.arrow"}]}', "a.arrow": b"...."},
        "damaged"),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_folders_are_one_line(case: str, tmp_path: Path) -> None:
    files, says = DAMAGED[case]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=says) as caught:
        guess_dataset(tmp_path)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("names", [["train.parquet"], ["train/0.parquet", "test/0.parquet"]])
def test_a_page_that_cannot_be_unpacked_is_one_line(names: list[str], tmp_path: Path) -> None:
    """The footer is whole, so that the file opens."""
    save(tmp_path, *names)
    file = tmp_path / names[0]
    table = pa.table({"text": [f"{n} {n * n} words" for n in range(2000)], "label": LABELS * 50})
    pq.write_table(table, file, compression="snappy")
    data = bytearray(file.read_bytes())
    data[60:3000] = b"\xff" * 2940
    file.write_bytes(data)
    for path in (tmp_path, file):
        with pytest.raises(DataError, match="damaged"):
            guess_dataset(path)


def test_places_beyond_the_end_of_an_arrow_file_are_one_line(tmp_path: Path) -> None:
    """Where a text begins and ends is written as it is, and following it would end the process."""
    table = pa.table({"text": TEXTS, "label": LABELS})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    (tmp_path / "a.arrow").write_bytes(sink.getvalue())
    (tmp_path / "state.json").write_text('{"_data_files": [{"filename": "a.arrow"}]}')
    assert read(tmp_path).texts == TEXTS
    data = (tmp_path / "a.arrow").read_bytes()
    size = len(TEXTS[0])
    places = data.index(size.to_bytes(4, "little") + (2 * size).to_bytes(4, "little"))
    (tmp_path / "a.arrow").write_bytes(data[:places] + b"\xff\xff\xff\x7f" + data[places + 4 :])
    with pytest.raises(DataError, match="damaged"):
        guess_dataset(tmp_path)


@pytest.mark.parametrize("twice", ["", "note", "tags"])
def test_a_table_with_a_name_twice(twice: str, tmp_path: Path) -> None:
    note = pa.array(["a", None] * 20)
    columns = [pa.array(TEXTS), pa.array(LABELS), note, note]
    table = pa.Table.from_arrays(columns, names=["text", "label", twice, twice])
    pq.write_table(table, tmp_path / "data.parquet")
    assert read(tmp_path / "data.parquet").texts == TEXTS
    for name in ("text", "label"):
        table = pa.Table.from_arrays([*columns[:2], columns[name == "label"]],
                                     names=["text", "label", name])  # fmt: skip
        pq.write_table(table, tmp_path / "data.parquet")
        for path in (tmp_path / "data.parquet", tmp_path):
            with pytest.raises(DataError, match=f"'{name}' occurs twice"):
                read(path)


@pytest.mark.parametrize("name", ["we\nird.csv", "we\rird.csv"])
def test_a_path_that_no_config_can_hold_is_one_line(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name, rows_of())
    with pytest.raises(
        ConfigError, match=r"cannot stand in a config as dataset\.path.*; rename it"
    ):
        read_guessed(path, guess_dataset(path))


@pytest.mark.parametrize("name", ["data.csv", "data.jsonl", "data.parquet", "data.tsv"])
def test_a_pointer_is_no_data(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(POINTER)
    with pytest.raises(DataError, match="Git LFS pointer"):
        guess_dataset(tmp_path / name)


@pytest.mark.parametrize("name", ["reviews.csv", "deep/reviews.jsonl", "a.txt"])
def test_a_folder_without_texts_or_tables_of_splits_is_no_dataset(
    name: str, tmp_path: Path
) -> None:
    """A config for it would send people the wrong way."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("text,label\n", encoding="utf-8")
    says = "it holds 'reviews.csv'; name one" if name == "reviews.csv" else "has 0 folders with"
    with pytest.raises(DataError, match=says):
        guess_dataset(tmp_path)


# --- names --------------------------------------------------------------------------------


def test_a_link_keeps_its_name(tmp_path: Path) -> None:
    blob = save(tmp_path, "blobs/3fa9c1.parquet") / "blobs" / "3fa9c1.parquet"
    snapshot = tmp_path / "datasets--me--my_reviews" / "snapshots" / ("0123456789abcdef" * 3)[:40]
    snapshot.mkdir(parents=True)
    link = snapshot / "train.parquet"
    link.symlink_to(blob)
    assert config_name(link) == "train"
    assert config_name(snapshot) == "my_reviews"
    assert config_name(tmp_path / "blobs" / "..") == config_name(tmp_path)
    assert config_name(Path(os.curdir)) == config_name(Path.cwd())
