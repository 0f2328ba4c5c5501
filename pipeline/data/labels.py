"""Labels as written -> class names and class indices."""

import difflib
import math
import re
from collections.abc import Callable, Collection, Sequence

import numpy as np

from pipeline.frame.errors import DataError
from pipeline.frame.messages import more_rows, shown

INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
WHOLE_FLOAT = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0+")
FRACTION = re.compile(r"-?[0-9]*\.[0-9]+([eE][-+]?[0-9]+)?")
MOST_CLASSES, FEW_CLASSES = 1000, 10
Classes = list[str] | dict[str, str] | None
Place = Callable[[int], str]


def resolve_labels(
    values: Sequence[str], *, classes: Classes, place: Place, column: str
) -> tuple[list[str], np.ndarray]:
    """Return the class names and (n,) the class index of each label.

    Args:
        values: labels as written. place: position -> where it is, for an error.
        classes: names of the classes; labels are names, or whole numbers that count them from
            any base. Or {label: name}. None: derived, whole numbers in numeric order, names in
            the order of their characters.

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

    if blank := [value for value in first if not value.strip()]:
        what = f"label {shown(blank[0])} is blank"
        raise fault(blank[0], what, "label the row, or delete it", blank)
    written = {value: _whole_number(value) or value for value in first}
    if isinstance(classes, dict):
        names, name_of = _mapped(written, classes, fault)
    elif classes is not None:
        names, name_of = _declared(written, classes, fault)
    else:
        names, name_of = _derived(written, len(values), fault)
    index = {name: number for number, name in enumerate(names)}
    code = {value: index[name_of[written[value]]] for value in first}
    return names, np.fromiter((code[value] for value in values), np.int64, len(values))


def _whole_number(value: str) -> str | None:
    """Return "1" for "1" and "1.0", None for anything else; "007" is a name."""
    if INTEGER.fullmatch(value):
        return value
    match = WHOLE_FLOAT.fullmatch(value)
    return match[1] if match else None


Fault = Callable[..., DataError]
Names = tuple[list[str], dict[str, str]]


def _mapped(written: dict[str, str], classes: dict[str, str], fault: Fault) -> Names:
    if others := [value for value, label in written.items() if label not in classes]:
        what = f"label {shown(others[0])} is not in dataset.classes"
        raise fault(others[0], what, "add it there", others)
    return list(classes.values()), classes


def _declared(written: dict[str, str], classes: list[str], fault: Fault) -> Names:
    labels = set(written.values())
    if labels <= set(classes):
        return classes, {name: name for name in classes}
    if all(INTEGER.fullmatch(label) for label in labels):
        numbers = sorted(int(label) for label in labels)
        if numbers == list(range(numbers[0], numbers[0] + len(classes))):
            return classes, dict(zip(map(str, numbers), classes, strict=True))
        value = next(value for value, label in written.items() if label == str(numbers[-1]))
        raise fault(
            value,
            f"labels are {_some(numbers)} (here {shown(value)}) and dataset.classes has "
            f"{len(classes)} names",
            "write it as a map label: name",
        )
    others = [value for value, label in written.items() if label not in classes]
    close = difflib.get_close_matches(others[0], classes, n=1)
    hint = f"did you mean {shown(close[0])}?" if close else "add it there, or correct the row"
    raise fault(others[0], f"label {shown(others[0])} is not in dataset.classes", hint, others)


def _derived(written: dict[str, str], count: int, fault: Fault) -> Names:
    labels = sorted(set(written.values()))
    numbers = [label for label in labels if INTEGER.fullmatch(label)]
    fractions = [value for value in written if FRACTION.fullmatch(written[value])]
    words = [value for value in written if not INTEGER.fullmatch(written[value])]
    if others := fractions or (words if numbers else []):
        what = "a fraction" if fractions else "not a number, and others are"
        what, hint = f"label {shown(others[0])} is {what}", "list the names in dataset.classes"
        raise fault(others[0], what, f"correct it, or {hint}", others)
    if negative := [value for value in written if numbers and int(written[value]) < 0]:
        what = f"label {shown(negative[0])} is negative, which often means no label"
        hint = "delete those rows, or list the labels in dataset.classes"
        raise fault(negative[0], what, hint, negative)
    _check_alike(written, fault)
    if len(labels) == 1:
        value = next(iter(written))
        raise fault(value, f"label {shown(value)} is the only one", "2 classes are needed")
    if len(labels) > most_derived(count):
        value = next(iter(written))
        raise fault(
            value,
            f"{len(labels)} different labels in {count} examples (here {shown(value)}), too many "
            "for classes",
            "name another label column, or list them in dataset.classes",
        )
    names = sorted(numbers, key=int) if numbers else labels
    return names, {name: name for name in names}


def most_derived(count: int) -> int:
    """Return how many classes are derived from so many labels at most; more must be declared."""
    return min(MOST_CLASSES, max(FEW_CLASSES, math.isqrt(count)))


def _check_alike(written: dict[str, str], fault: Fault) -> None:
    alike: dict[str, str] = {}
    for value in written:
        other = alike.setdefault(value.strip().casefold(), value)
        if written[other] != written[value]:
            raise fault(
                value,
                f"label {shown(value)} differs from {shown(other)} by case or white space only",
                "make them equal, or list both in dataset.classes",
            )


def _some(numbers: list[int]) -> str:
    text = ", ".join(map(str, numbers[:5]))
    return text + (", ..." if len(numbers) > 5 else "")
