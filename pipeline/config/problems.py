"""A problem of a config in words: what pydantic found, said of the user's file."""

import difflib
from collections.abc import Iterable, Iterator
from typing import Any, get_args

from pydantic import BaseModel

from pipeline.config.schema import Config
from pipeline.config.yaml_file import Key
from pipeline.frame.messages import as_json, printable

# What pydantic calls a problem -> our words; everything else keeps its own message.
_WORDS = {
    "missing": "is missing",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "model_type": "must be a section with keys",
    "model_attributes_type": "must be a section with keys",
    "finite_number": "must be a finite number",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "too_short": "must have at least {min_length} item(s)",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "union_tag_invalid": "must be one of {expected_tags}",
    "union_tag_not_found": "is missing",
    "value_error": "{error}",
}
# pydantic names the member of a union in the location; the user's file does not.
DISCRIMINATORS = {"dataset": "source", "split": "by", "vectorize": "kind", "model": "name"}
DISCRIMINATORS |= {"finder": "by", "members": "member"}
_AUTO_OR_NUMBER = {"literal['auto']", "constrained-int", "int"}
_TEXT, _TEXTS = "constrained-str", "list[constrained-str]"
_UNION_MEMBERS = {*_AUTO_OR_NUMBER, _TEXT, _TEXTS}


def each_once(problems: Iterable[Any]) -> Iterator[Any]:
    """Yield the problems without the second that pydantic has where a value may be of two kinds."""
    for problem in problems:
        member, is_list = problem["loc"][-1], isinstance(problem["input"], list)
        if member != "literal['auto']" and member != (_TEXT if is_list else _TEXTS):
            yield problem


def describe_problem(problem: Any, where: Any) -> str:
    location = [part for part in problem["loc"] if part not in _UNION_MEMBERS]
    key: Key = tuple(part for _, part, is_tag in _steps(location) if not is_tag)
    context, got = problem.get("ctx", {}), problem["input"]
    if problem["type"].startswith("union_tag"):
        key, got = (*key, DISCRIMINATORS[str(key[-1])]), context.get("tag")
    name = printable(".".join(map(str, key)))
    if problem["type"] == "extra_forbidden":
        return f"{where(key)}: {name}: unknown key{_did_you_mean(location)}"
    words = _WORDS.get(problem["type"], problem["msg"]).format_map(context)
    if problem["loc"][-1] in _AUTO_OR_NUMBER:
        words = words.replace("must be", "must be auto or", 1)
    if problem["loc"][-1] == _TEXT and problem["type"] == "string_type":
        words += " or a list of them"
    shown = "" if "missing" in words else f" (got {as_json(got)})"
    return f"{where(key)}: {name}: {words}{shown}"


def _steps(location: list[Any]) -> Iterator[tuple[Any, Any, bool]]:
    """Yield (schema around, part, whether the part is a union's tag) along a location."""
    around: Any = [Config]
    for index, part in enumerate(location):
        is_tag = bool(index) and location[index - 1] in DISCRIMINATORS and len(around) > 1
        yield around, part, is_tag
        if is_tag:
            field = DISCRIMINATORS[location[index - 1]]
            around = [m for m in around if part in get_args(m.model_fields[field].annotation)]
        elif not isinstance(part, int):
            fields = [m.model_fields[part] for m in around if part in m.model_fields]
            around = [member for field in fields for member in members_of(field.annotation)]


def members_of(annotation: Any) -> list[Any]:
    """Return the sections an annotation is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [member for part in get_args(annotation) for member in members_of(part)]


def _did_you_mean(location: list[Any]) -> str:
    around = [schema for schema, _, _ in _steps(location)][-1]
    names = [name for schema in around for name in schema.model_fields]
    close = difflib.get_close_matches(str(location[-1]), names, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""
