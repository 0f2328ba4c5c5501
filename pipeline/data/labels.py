"""Labels as written -> class names and class indices."""

import difflib
import itertools
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence

import numpy as np

from pipeline.frame.errors import DataError
from pipeline.frame.messages import more_rows, shown, shown_exactly

INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
WHOLE_FLOAT = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0+")
FRACTION = re.compile(r"-?[0-9]*\.[0-9]+([eE][-+]?[0-9]+)?")
MOST_CLASSES, FEW_CLASSES = 1000, 10
SEPARATORS = (";", "|", ",")  # of several labels in one, as in "sports;politics"
ONE_LABEL = "one label a text is read: write a yes/no column for each class, check each"
FOUND = "found"  # classes as found, however many
# What is written in several ways and read as one: quotes, minus, blanks, styles of emoji.
SAME_MARKS = (
    dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b\u02bc`"), "'")
    | dict.fromkeys(map(ord, "\u201c\u201d\u201e"), '"')
    | {0x2212: "-", 0x3164: " ", 0x2800: " "}
    | dict.fromkeys(range(0xFE00, 0xFE10))
)
Classes = list[str] | dict[str, str] | str | None
Place = Callable[[int], str]


def resolve_labels(
    values: Sequence[str], *, classes: Classes, place: Place, column: str
) -> tuple[list[str], np.ndarray]:
    """Return the class names and (n,) the class index of each label.

    Args:
        values: labels as written. place: position -> where it is, for an error.
        classes: names of the classes; labels are names, or whole numbers that count them from
            any base. Or {label: name}. None: derived, whole numbers in numeric order, names in
            the order of their characters. FOUND: the same, and there may be any number of them.

    Raises:
        DataError: a blank label, one that is not a class, names mixed with numbers, fractions,
            -1 (no label), one class only, or more classes than a classification has.
    """
    first: dict[str, int] = {}
    for position, value in enumerate(values):
        first.setdefault(value, position)

    def fault(value: str, what: str, remedy: str, alike: Collection[str] = ()) -> DataError:
        """Return the error of the first row with `value`; rows with `alike` labels are counted."""
        faulty = set(alike)
        more = more_rows(sum(label in faulty for label in values) - 1) if alike else ""
        where = f"{place(first[value])}: column {shown(column, 30)}"
        return DataError(f"{where}: {what}{more}; {remedy}")

    if blank := [value for value in first if not likeness(value)]:
        what = f"label {shown(blank[0])} is blank"
        remedy = "label the row, delete it, or set dataset.unlabelled: leave_out"
        raise fault(blank[0], what, remedy, blank)
    if isinstance(classes, dict):
        names, name_of = _mapped(first, classes, fault)
    elif isinstance(classes, list):
        names, name_of = _declared(first, classes, fault)
    else:
        most = len(first) if classes == FOUND else most_derived(len(values))
        names, name_of = _derived(first, len(values), most, fault)
    index = {name: number for number, name in enumerate(names)}
    code = {value: index[name_of[value]] for value in first}
    return names, np.fromiter((code[value] for value in values), np.int64, len(values))


def whole_number(value: str) -> str | None:
    """Return "1" for "1" and "1.0", None for anything else; "007" is a name."""
    if INTEGER.fullmatch(value):
        return value
    match = WHOLE_FLOAT.fullmatch(value)
    return match[1] if match else None


def likeness(label: str) -> str:
    """Return what labels have in common that a person would take for one.

    Case, width, Unicode form, white space, invisible characters, kinds of quotes and dashes do
    not count; "1" and "1.0" are one number.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", label).casefold())
    kinds = {"Cf": "", "Cc": " ", "Pd": "-"}
    visible = "".join(kinds.get(unicodedata.category(c), c) for c in folded.translate(SAME_MARKS))
    text = " ".join(visible.split())
    return whole_number(text) or text


def find_alike(labels: Iterable[str]) -> tuple[str, str] | None:
    """Return the first label that is like another and not the same, and that other."""
    alike: dict[str, str] = {}
    for label in labels:
        other = alike.setdefault(likeness(label), label)
        if other != label:
            return label, other
    return None


def find_several(labels: Collection[str]) -> str | None:
    """Return a label that is several, as "a;b" or "['a', 'b']" is; None where labels are one each.

    Most labels with a separator are made of parts that are in other labels, too: "Arts, Crafts"
    and "A|B" of a hierarchy are not.
    """
    lists = [label for label in labels if label.startswith("[") and label.endswith("]")]
    if lists and len(lists) == len(labels):
        return max(lists, key=lambda label: label.count(","))
    for mark in SEPARATORS:
        joined = [label for label in labels if mark in label]
        parts_of = {label: {part.strip() for part in label.split(mark)} for label in joined}
        known = Counter(itertools.chain.from_iterable(parts_of.values()))
        known.update(label for label in labels if mark not in label)
        mixed = [each for each in joined if all(known[part] > 1 for part in parts_of[each])]
        if len(mixed) > 1 and 2 * len(mixed) > len(joined):
            return mixed[0]
    return None


def how_alike(label: str, other: str) -> str:
    """Return in words what two labels that are alike differ by."""
    if label.strip().casefold() == other.strip().casefold():
        return "by case or white space only"
    if likeness(label) == whole_number(likeness(label)):
        return "in how the number is written only"
    return "by width, Unicode form, marks or invisible characters only"


def told_apart(label: str, other: str) -> tuple[str, str]:
    """Return two labels as a message shows them: letters escaped where they may look the same."""
    show = shown_exactly if likeness(label) == likeness(other) else shown
    return show(label), show(other)


def named_numbers(names: Sequence[str], values: Iterable[str]) -> dict[str, str]:
    """Return {number: name} of the names that a file gives its numbers, those that occur."""
    found = set(values)
    return {str(number): name for number, name in enumerate(names) if str(number) in found}


Fault = Callable[..., DataError]
Names = tuple[list[str], dict[str, str]]


def _mapped(values: Iterable[str], classes: dict[str, str], fault: Fault) -> Names:
    numbers = {number: name for key, name in classes.items() if (number := whole_number(key))}
    found = {value: classes.get(value, numbers.get(whole_number(value) or "")) for value in values}
    others = [value for value, name in found.items() if name is None]
    if "-1" in others:
        what = "label '-1' is not a class, which often means no label"
        hint = "name another split in dataset.split, or delete those rows"
        raise fault("-1", what, hint, ["-1"])
    if others:
        what = f"label {shown(others[0])} is not in dataset.classes"
        raise fault(others[0], what, "add it there", others)
    return list(classes.values()), {value: name for value, name in found.items() if name}


def _declared(values: Collection[str], classes: list[str], fault: Fault) -> Names:
    if set(values) <= set(classes):
        return classes, {name: name for name in classes}
    whole = {value: number for value in values if (number := whole_number(value))}
    if len(whole) == len(values):
        numbers = sorted({int(number) for number in whole.values()})
        if numbers == list(range(numbers[0], numbers[0] + len(classes))):
            name = dict(zip(map(str, numbers), classes, strict=True))
            return classes, {value: name[number] for value, number in whole.items()}
        value = next(value for value, number in whole.items() if number == str(numbers[-1]))
        raise fault(
            value,
            f"labels are {_some(numbers)} (here {shown(value)}) and dataset.classes has "
            f"{len(classes)} names",
            "write it as a map label: name",
        )
    others = [value for value in values if value not in classes]
    close = difflib.get_close_matches(others[0], classes, n=1)
    label, meant = told_apart(others[0], close[0] if close else "")
    hint = f"did you mean {meant}?" if close else "add it there, or correct the row"
    raise fault(others[0], f"label {label} is not in dataset.classes", hint, others)


def _derived(values: Collection[str], count: int, most: int, fault: Fault) -> Names:
    numbers = {value: int(number) for value in values if (number := whole_number(value))}
    fractions = [value for value in values if value not in numbers and FRACTION.fullmatch(value)]
    words = [value for value in values if value not in numbers]
    if others := fractions or (words if numbers else []):
        what = "a fraction" if fractions else "not a number, and others are"
        what, hint = f"label {shown(others[0])} is {what}", "list the names in dataset.classes"
        raise fault(others[0], what, f"correct it, or {hint}", others)
    if negative := [value for value in values if numbers.get(value, 0) < 0]:
        what = f"label {shown(negative[0])} is negative, which often means no label"
        hint = "delete those rows, or list the labels in dataset.classes"
        raise fault(negative[0], what, hint, negative)
    if pair := find_alike(values):
        one, other = told_apart(*pair)
        what = f"label {one} differs from {other} {how_alike(*pair)}"
        raise fault(pair[0], what, "make them equal, or list both in dataset.classes")
    if several := find_several(values):
        what = f"label {shown(several)} is several labels"
        raise fault(several, what, f"{ONE_LABEL}; or list all combinations in dataset.classes")
    value = next(iter(values))
    if len(values) == 1:
        raise fault(value, f"label {shown(value)} is the only one", "2 classes are needed")
    if len(values) > most:
        raise fault(
            value,
            f"{len(values)} different labels in {count} examples (here {shown(value)}), too many "
            "for classes",
            f"name another label column, or set dataset.classes: {FOUND}",
        )
    names = sorted(values, key=lambda value: numbers[value]) if numbers else sorted(values)
    return names, {name: name for name in names}


def most_derived(count: int) -> int:
    """Return how many classes are derived from so many labels at most; more must be declared."""
    return min(MOST_CLASSES, max(FEW_CLASSES, math.isqrt(count)))


def _some(numbers: list[int]) -> str:
    text = ", ".join(map(str, numbers[:5]))
    return text + (", ..." if len(numbers) > 5 else "")
