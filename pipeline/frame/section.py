"""What every section of a config is made of, and the tables a section is chosen from."""

import functools
import importlib
import operator
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """Keys of a config. The description of a field is what init and the documents say of it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


Name = Annotated[str, Field(min_length=1, max_length=2000)]  # the question of a survey
PathText = Annotated[str, Field(min_length=1, max_length=4000, pattern=r"^[^\x00\n\r]+$")]
Count = Annotated[int, Field(ge=1)]


def about(description: str, **limits: Any) -> Any:
    """Return what a key means, and its limits, for its annotation."""
    return Field(description=description, **limits)


def one_of(key: str, sections: Iterable[type[Section]]) -> Any:
    """Return the type of a section that is one of several; `key` in it says which."""
    return Annotated[functools.reduce(operator.or_, sections), Field(discriminator=key)]


def chosen_by(section: type[Section], key: str) -> str:
    """Return the value of `key` with which a config chooses `section`."""
    (value,) = section.model_fields[key].annotation.__args__  # type: ignore[union-attr]
    return str(value)


def imported(name: str) -> Any:
    """Return what "module:function" names; it is imported now and not before."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)
