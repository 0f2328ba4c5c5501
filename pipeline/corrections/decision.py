"""A reviewer's decision about one example, and what many decisions together mean.

A decision belongs to an example by its id and the hash of its text, and to a dataset by the
fingerprint of the labels before any correction. So it outlives every later run of the stages.
"""

import difflib
import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipeline.frame.errors import DataError
from pipeline.frame.messages import shown

Reviewer = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
Note = Annotated[str, Field(max_length=2000)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Fingerprint = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
LotName = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$")]


class Decision(BaseModel):
    """One line of the journal. label: the class afterwards; None for drop, unsure and undo.

    how: "blind" without the model's opinion, "audit" likewise and drawn by chance, "settle" the
    last word on what others disagree on. lot, lot_size: of many decided with one key, which stand
    or fall together. A line without these says nothing of them.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    time: Time
    id: str
    text_sha256: Sha256
    given_label: str
    decision: Literal["keep", "relabel", "drop", "unsure", "undo"]
    label: str | None
    reviewer: Reviewer
    note: Note
    dataset: Fingerprint
    how: Literal["blind", "audit", "settle"] | None = None
    lot: LotName | None = None
    lot_size: Annotated[int, Field(ge=2)] | None = None

    @model_validator(mode="after")
    def _label_fits(self) -> Self:
        fits = {
            "keep": self.label == self.given_label,
            "relabel": self.label is not None and self.label != self.given_label,
        }.get(self.decision, self.label is None)
        if not fits:
            raise ValueError(f"{self.decision} does not go with the label {self.label!r}")
        return self

    @field_validator("time")
    @classmethod
    def _is_a_time(cls, value: str) -> str:
        datetime.fromisoformat(value)
        return value

    @property
    def vote(self) -> tuple[str, str | None]:
        return self.decision, self.label


@dataclass(frozen=True)
class Source:
    """The dataset before any correction: what decisions are about and are checked against.

    fingerprint: of ids, splits, labels and texts. given: id -> class name. texts: id -> text.
    """

    fingerprint: str
    class_names: list[str]
    given: dict[str, str]
    texts: dict[str, str]

    def text_sha256(self, id_: str) -> str:
        return text_sha256(self.texts[id_])

    def decide(
        self,
        id_: str,
        decision: str,
        label: str | None,
        *,
        reviewer: str,
        note: str = "",
        time: str | None = None,
        how: str | None = None,
    ) -> Decision:
        """Return a checked decision about the example `id_`, made now unless `time` is given.

        Raises:
            DataError: unknown id or class, a label that does not go with the decision,
                or a name, note or time that cannot be written down.
        """
        if id_ not in self.given:
            raise DataError(f"unknown id {shown(id_)}")
        values = {
            "time": time or now(),
            "id": id_,
            "text_sha256": self.text_sha256(id_),
            "given_label": self.given[id_],
            "decision": decision,
            "label": label,
            "reviewer": reviewer,
            "note": note,
            "dataset": self.fingerprint,
            "how": how,
        }
        made = validated(values)
        if problem := self.problem(made):
            raise DataError(problem)
        return made

    def problem(self, decision: Decision) -> str:
        """Return why `decision` cannot be about this dataset, or ""."""
        if decision.dataset != self.fingerprint:
            return (
                f"was made for another dataset ({decision.dataset[:15]}…; "
                f"this one is {self.fingerprint[:15]}…)"
            )
        if decision.id not in self.given:
            return f"unknown id {shown(decision.id)}"
        if decision.text_sha256 != self.text_sha256(decision.id):
            return f"the text of {shown(decision.id)} is not the one that was reviewed"
        given = self.given[decision.id]
        if decision.given_label != given:
            said = shown(decision.given_label)
            return f"given_label is {said}, but {shown(decision.id)} is given {shown(given)}"
        if decision.label is not None and decision.label not in self.class_names:
            close = difflib.get_close_matches(decision.label, self.class_names, n=1)
            hint = f"; did you mean {shown(close[0])}?" if close else ""
            return f"unknown class {shown(decision.label)}{hint}"
        return ""


def clean_name(value: Any) -> str:
    """Return a reviewer's name in one spelling: NFC, single spaces; ValueError if not text."""
    if not isinstance(value, str):
        raise ValueError("not a text")
    return " ".join(unicodedata.normalize("NFC", value).split())


def text_sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def now() -> str:
    """Return the time as "2025-01-31T12:00:00.000Z"."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instant(decision: Decision) -> datetime:
    return datetime.fromisoformat(decision.time)


def validated(values: Any) -> Decision:
    """Return a decision from plain values.

    Raises:
        DataError: a field is missing, unknown or wrong.
    """
    try:
        return Decision.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(f"{where}: {first['msg']}" if where else first["msg"]) from None
