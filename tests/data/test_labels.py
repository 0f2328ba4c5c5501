"""Labels that a person takes for one are not two classes; keys of a map are what is written."""

from typing import Any

import pytest

from pipeline.config.yaml_file import load_yaml, plain
from pipeline.data.labels import find_alike, find_several, resolve_labels
from pipeline.data.sources import read_examples
from pipeline.frame.errors import DataError
from tests.data.sources import dataset

ALIKE = {
    "case": ("pos", "POS"),
    "white space": ("pos", "pos "),
    "Unicode form": ("caf\u00e9", "cafe\u0301"),
    "Hangul": ("\uac00", "\u1100\u1161"),
    "zero width": ("pos", "p\u200bos"),
    "byte order mark": ("pos", "\ufeffpos"),
    "soft hyphen": ("positive", "posi\u00adtive"),
    "full width": ("pos", "\uff50\uff4f\uff53"),
    "two spaces": ("very good", "very  good"),
    "no-break space": ("very good", "very\u00a0good"),
    "tab": ("very good", "very\tgood"),
    "ligature": ("fine", "\ufb01ne"),
    "dashes": ("e-mail", "e\u2011mail"),
    "quotes": ("don't know", "don\u2019t know"),
    "emoji style": ("\u2764", "\u2764\ufe0f"),
    "numbers": ("1", "1.0"),
}
DIFFERENT = (
    "pos",
    "neg",
    "0",
    "1",
    "01",
    "-1",
    "a b",
    "ab",
    "a_b",
    "caf\u00e9",
    "cafe",
    "C",
    "C++",
)


@pytest.mark.parametrize("case", ALIKE)
def test_labels_alike_are_refused_unless_declared(case: str) -> None:
    labels: Any = [*ALIKE[case], "other" if case != "numbers" else "2"]

    def resolve(classes: Any) -> list[str]:
        return resolve_labels(labels, classes=classes, place=str, column="label")[0]

    for classes in (None, "found"):
        with pytest.raises(DataError, match=r"^1: column 'label': label .* differs from .* only; "):
            resolve(classes)
    assert resolve(labels) == labels


def test_a_label_is_named_in_its_own_letters_and_told_from_its_like() -> None:
    def refusal(label: str, classes: Any) -> str:
        with pytest.raises(DataError) as caught:
            resolve_labels([label, "坏"], classes=classes, place=str, column="label")
        return str(caught.value)

    assert "label '好评' is not in dataset.classes; did you mean '好'?" in refusal(
        "好评", ["好", "坏"]
    )
    composed = refusal("cafe\u0301", ["caf\u00e9", "坏"])
    assert r"label 'cafe\u0301' is not" in composed and r"did you mean 'caf\xe9'?" in composed


SEVERAL = [
    ["a;b", "b;c", "a", "c"],
    ["sport|news", "news|tech", "tech", "sport|tech"],
    ["good, cheap", "cheap", "good", "bad"] * 2 + ["bad, cheap"],
    ["['a', 'b']", "['a']", "[]"],
]
ONE_EACH = [
    ["Arts, Crafts & Sewing", "Toys & Games", "Clothing, Shoes", "Books"],
    ["sci|med", "sci|space", "talk|guns"],  # a hierarchy
    ["a;b", "a", "b"],  # one odd name
    ["yes", "no"],
]


@pytest.mark.parametrize("labels", SEVERAL)
def test_several_labels_a_text_are_refused_with_the_way_on(labels: list[str]) -> None:
    with pytest.raises(DataError, match=r"is several labels; .* yes/no column for each class"):
        resolve_labels(labels, classes=None, place=str, column="label")
    names, _ = resolve_labels(labels, classes=sorted(set(labels)), place=str, column="label")
    assert names == sorted(set(labels))


@pytest.mark.parametrize("labels", ONE_EACH)
def test_one_label_a_text_may_hold_a_separator(labels: list[str]) -> None:
    assert find_several(labels) is None


def test_labels_that_differ_are_not_alike() -> None:
    assert find_alike(DIFFERENT) is None


@pytest.mark.parametrize("label", ["", " ", "\u200b", "\u3000", "\u2800", "\ufeff \u00ad"])
def test_a_label_that_cannot_be_seen_is_blank(label: str) -> None:
    with pytest.raises(DataError, match="is blank"):
        resolve_labels(["a", "b", label], classes=None, place=str, column="label")


@pytest.mark.parametrize(
    "key", ["1.0", "01", "1", "true", "no", "null", "1e3", "0x1", "2020-01-01"]
)
def test_keys_of_a_map_are_as_they_are_written(key: str) -> None:
    for written in (key, f"'{key}'"):
        classes = plain(load_yaml(f"{{{written}: good, other: bad}}", "x")[0])
        assert classes == {key: "good", "other": "bad"}
        names, labels = resolve_labels([key, "other"], classes=classes, place=str, column="label")
        assert (names, labels.tolist()) == (["good", "bad"], [0, 1])


def test_no_label_in_a_named_split_is_said_so() -> None:
    with pytest.raises(
        DataError, match=r"'-1' is not a class.*no label \(and 1 more row\); name anoth"
    ):
        resolve_labels(["0", "-1", "-1"], classes={"0": "a", "1": "b"}, place=str, column="label")


def test_class_folders_alike(tmp_path: Any) -> None:
    for split in ("train", "test"):
        for name in ("caf\u00e9", "cafe\u0301", "bar"):
            (tmp_path / split / name).mkdir(parents=True)
            (tmp_path / split / name / "1.txt").write_text("a text", encoding="utf-8")
    with pytest.raises(DataError, match=r"folder .* differs from"):
        read_examples(dataset("folder", tmp_path), seed=1)
