"""Decisions carried over to a dataset that changed after they were made.

A journal is of one dataset: one more example, another seed or split, and it is refused as a whole.
What was said about a text that is still there, with the label it had then, is as true as before.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.config.load import Loaded
from pipeline.corrections.apply import source_of
from pipeline.corrections.decision import Decision, Source, text_sha256
from pipeline.corrections.journal import Journal, parse_line, unfinished_lot
from pipeline.corrections.load import journal_path
from pipeline.corrections.merge import Imported, read_bytes, take_back
from pipeline.corrections.votes import Standing
from pipeline.data.examples import fingerprint
from pipeline.data.sources import read_examples
from pipeline.frame.errors import DataError


@dataclass(frozen=True)
class CarriedOver:
    """The decisions that fit a dataset, about its ids. left: (decision, why it does not fit)."""

    decisions: list[Decision]
    left: list[tuple[Decision, str]]


def carry_over(decisions: Iterable[Decision], source: Source) -> CarriedOver:
    """Return the decisions about texts of `source` that are given the same label as then.

    An example is found by its id and text, or by its text alone when that is there once: a new
    split or another column for the ids gives the same text another id.
    """
    ids_of: dict[str, list[str]] = {}
    for id_, text in source.texts.items():
        ids_of.setdefault(text_sha256(text), []).append(id_)
    carried = CarriedOver([], [])
    for decision in decisions:
        try:
            carried.decisions.append(_moved(decision, ids_of, source))
        except DataError as error:
            carried.left.append((decision, str(error)))
    return carried


def _moved(decision: Decision, ids_of: dict[str, list[str]], source: Source) -> Decision:
    ids = ids_of.get(decision.text_sha256, [])
    if not ids:
        raise DataError("its text is not in the dataset any more")
    if decision.id not in ids and len(ids) > 1:
        raise DataError(f"its text is there {len(ids)} times, each time with another id")
    id_ = decision.id if decision.id in ids else ids[0]
    if source.given[id_] != decision.given_label:
        raise DataError(f"was given {decision.given_label!r}, is given {source.given[id_]!r} now")
    return source.decide(
        id_,
        decision.decision,
        decision.label,
        reviewer=decision.reviewer,
        note=decision.note,
        time=decision.time,
        how=decision.how,
    )


def standing_decisions(path: Path) -> list[Decision]:
    """Return what stands in a journal of whatever dataset; a torn last line is not used.

    Raises:
        DataError: naming file and line.
    """
    standing = Standing()
    lines = read_bytes(path).splitlines(keepends=True)
    lines = lines[: len(lines) - unfinished_lot(lines)]
    for number, line in enumerate(lines, start=1):
        try:
            standing.add(parse_line(line))
        except DataError as error:
            if line.endswith(b"\n") or number < len(lines):
                raise DataError(f"{path}:{number}: {error}; nothing is carried over") from None
    return standing.all()


def carry_journal_over(loaded: Loaded, old: Path) -> tuple[Journal, Imported, CarriedOver]:
    """Add to the run's journal what fits of the journal `old`, which stays as it is.

    When `old` is the run's journal, a new one beside it takes its place, named after the dataset.

    Raises:
        DataError: `old` is of this dataset, cannot be read, or holds nothing that fits.
    """
    examples = read_examples(loaded.config.dataset, seed=loaded.config.seed)
    source = source_of(examples, fingerprint(examples))
    decisions = standing_decisions(old)
    if decisions and all(decision.dataset == source.fingerprint for decision in decisions):
        raise DataError(f"{old}: is of this dataset already; `make all` makes the results follow")
    path = journal_path(loaded)
    if path.resolve() == old.resolve():
        path = old.with_name(f"{loaded.run}.{source.fingerprint[7:15]}.jsonl")
    carried = carry_over(decisions, source)
    if not carried.decisions:
        raise DataError(
            f"{old}: none of its {len(decisions):,} decisions fits this dataset; nothing is "
            "written; move it away to begin a new journal"
        )
    journal = Journal(path, source)
    return journal, take_back(journal, carried.decisions), carried
