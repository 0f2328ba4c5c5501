"""The first page: the questions a reader has, each with its answer, where it comes from, how sure.

Plain text; the page, summary.md and whoever else wants them write it down. To add a question: its
function and its place in QUESTIONS.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from unicodedata import east_asian_width

import numpy as np

from pipeline.corrections.findings import duration
from pipeline.frame.cli import command_line
from pipeline.issues.arms import ARMS, PRUNE
from pipeline.models.members import finder_of
from pipeline.report.checked import answer_keys
from pipeline.report.comparison import paired_lines
from pipeline.report.material import Material
from pipeline.report.numbers import percent, plural, share_text, signed, span
from pipeline.report.reviewed import review_sentences
from pipeline.report.summary import arm_of, too_few
from pipeline.study.conclusions import say_difference

WORDS_A_SECOND, SECONDS_A_DECISION = 4.0, 5.0
WORDS_A_WIDE_CHARACTER = 0.6
MOST_NAMES = 20  # of what was not read, of a kind
TYPICAL = 100  # issues a person looks at in one go
OUT_OF_DATE = "not in the files of this run, which an earlier version made: run make all again"


class Answer(NamedTuple):
    """answer: in a few words. notes: where it comes from, a sentence each.

    A sentence with something to type is a tuple, in which each second part is what to type.
    """

    question: str
    answer: str
    notes: Sequence[str | tuple[str, ...]] = ()


def looked_at(m: Material) -> Answer:
    """Say which texts, and who judged them."""
    given, train = m.labels.given, int(m.labels.is_train.sum())
    sizes = np.bincount(given, minlength=len(m.class_names))
    texts, classes = plural(len(given), "text"), plural(len(sizes), "class", "classes")
    notes = [
        f"{train:,} to train with, {len(given) - train:,} to test with; "
        f"the smallest class has {sizes.min():,}, the largest {sizes.max():,}.",
        f"Judged by {judges(m)}, each text by models that did not learn it.",
    ]
    notes += read_from(m.loaded.config.dataset, m.records["prepare"].get("not_read"))
    return Answer("What was looked at?", f"{texts} in {classes}", notes)


def read_from(dataset: Any, not_read: dict[str, list[str]] | None) -> list[str]:
    """Say what of the source was read, and what that is in it, and beside it, was not.

    Args:
        not_read: as prepare says it; None in a run of an earlier version.
    """
    said = dataset.model_dump()

    def names(*keys: str) -> str:
        found: Any = next((said[key] for key in keys if said.get(key) is not None), [])
        return ", ".join(map(str, found if isinstance(found, list) else [found]))

    texts, labels = names("text_columns", "text_keys"), names("label_column", "label_key")
    said_rest = rest_of(not_read)
    if not texts:
        return [said_rest] if not_read else []
    split = said.get("split") or {}
    given = [split[key] for key in ("column", "train", "test", "test_path") if split.get(key)]
    also = f", splits from {', '.join(map(str, given))}" if given else ""
    about = names("metadata_columns")
    also += f", and for people alone {about}" if about else ""
    return [f"Read: texts from {texts}, labels from {labels}{also}. {said_rest}".strip()]


def rest_of(not_read: dict[str, list[str]] | None) -> str:
    """Say what was not read."""
    if not not_read:
        return "" if not_read is None else "Nothing else."
    kinds = [f"{kind} {some(names)}" for kind, names in not_read.items()]
    return f"Not read: {'; '.join(kinds)}."


def some(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
    return ", ".join(name or "without a name" for name in names[:MOST_NAMES]) + more


def judges(m: Material) -> str:
    """Return who judged the labels."""
    weights = {
        name: scores.get("all", {}).get("weight", 0)
        for name, scores in m.crossval.get("members", {}).items()
    }
    names = [name.replace("_", " ") for name, weight in weights.items() if weight]
    config = m.loaded.config
    words = finder_of(config.finder).words
    return words.format(finder=config.finder, model=config.model, members=", ".join(names))


def is_fit(m: Material) -> Answer:
    """Say whether the model may judge these labels."""
    given = m.labels.given
    right = int((m.pred_probs.argmax(axis=1) == given).sum())
    largest = float(np.bincount(given).max() / len(given))
    notes = [
        f"It agrees with {share_text(right, len(given))} of the given labels; always saying the "
        f"largest class would with {percent(largest)}."
    ]
    if not m.is_fit:
        reasons = "; ".join(reason["why"] for reason in m.metrics["fitness"]["reasons"])
        return Answer("Is the model fit to judge?", "No", [f"Because {reasons}.", *notes])
    ece = m.metrics["crossval"]["ece"]
    notes.append(f"Its confidence is off by {ece:.3f} on average (calibration error).")
    return Answer("Is the model fit to judge?", "Yes", notes)


def how_many(m: Material) -> Answer:
    """Say how many labels are wrong, with a range and where it comes from."""
    question, total = "How many labels are wrong?", m.metrics["dataset"]["num_examples"]
    listed = f"{m.listed:,} are listed as issues, the least probable label first."
    if not m.is_fit:
        return Answer(question, "This model cannot say", [f"Its {m.listed:,} issues mean little."])
    found = m.metrics["issues"]["all"].get("estimated_errors", {})
    if not found.get("range95"):
        return Answer(question, "No estimate", [listed, f"An estimate is {OUT_OF_DATE}."])
    low, high = found["range95"]
    notes = [
        "95% range over two estimates: confident learning counts "
        f"{found['confident_learning']['count']:,}, the model’s own mistakes included; going by "
        f"the scores of random labels there are at most {found['scores']['count']:,}. Errors on "
        "texts that the model itself mistakes are in neither: there can be more of them.",
        listed,
        calibrated(m),
    ]
    shares = f"{percent(low / total)} to {percent(high / total)}"
    return Answer(question, f"{span(low, high)} of {total:,} ({shares})", [*notes, *known(m)])


def calibrated(m: Material) -> str:
    """Say whether probabilities that a label is wrong are calibrated."""
    if any(issue.wrong is not None for issue in m.issues["all"]):
        return "The probability that a listed label is wrong is calibrated on known errors."
    return (
        "Uncalibrated: no error is known for sure here, so no label gets a probability of being "
        "wrong; the order of the list is what the model knows."
    )


def known(m: Material) -> list[str]:
    """Say what is known for sure: planted errors, labels that people checked."""
    notes = []
    if planted := m.metrics.get("planted"):
        hits = round(planted["precision"] * m.listed)
        notes.append(
            f"Errors were planted here: of the {m.listed:,} listed {hits:,} are such, and "
            f"{percent(planted['recall'])} of all planted ones are listed."
        )
    by_key = {
        name: found["estimated_errors"]["calibrated"]["ci95"]
        for name, found in answer_keys(m.metrics).items()
        if (found.get("estimated_errors") or {}).get("calibrated")
    }
    if by_key:
        ends = [span(*ends) + (f" (by {name})" if name else "") for name, ends in by_key.items()]
        notes.append(
            f"In the test split, going by what people confirm, {' or '.join(ends)} are wrong."
        )
    return notes


def what_people_say(m: Material) -> Answer | None:
    """Say what those who looked at the labels decided, None before anybody did."""
    question, lines = "What do people say?", review_sentences(m.metrics)
    if corrections := m.metrics.get("corrections"):
        changed = plural(corrections["relabelled"], "label")
        dropped = plural(corrections["dropped"], "text")
        return Answer(question, f"{changed} corrected, {dropped} left out in this run", lines)
    if m.decided is None:
        return Answer(question, "Labels were looked at", lines) if lines else None
    if m.decided.problem:
        return Answer(question, "Their decisions cannot be read", [m.decided.problem])
    if not (rate := m.decided.hit_rate()):
        return Answer(question, "Nothing clear yet", ["No listed issue was decided on.", *lines])
    confirmed, count, _, _ = rate
    last = max(verdict.rank for verdict in m.decided.verdicts)
    where = "the first by rank" if last <= 2 * count else f"up to rank {last:,}"
    note = (
        f"Confirmed: {share_text(confirmed, count)} of the listed issues they decided on, {where}. "
        "Issues further down are less often wrong."
    )
    return Answer(question, f"{confirmed:,} of {count:,} issues confirmed", [note, *lines])


def what_changed(m: Material) -> Answer | None:
    """Say what changed since another run, None where none was named."""
    if m.compared is None:
        return None
    gone, new, moved = (len(m.compared["issues"][kind]) for kind in ("gone", "new", "moved"))
    question = f"What changed since {m.compared['first']}?"
    notes = [*paired_lines(m.compared["paired"]), *m.compared["other"]]
    answer = f"{plural(gone, 'issue')} gone, {new:,} new, {moved:,} moved"
    return Answer(question, answer, notes)


def did_cleaning_help(m: Material) -> Answer:
    """Say whether training without the issues was better, and what that can be trusted for."""
    question = "Did cleaning help?"
    if not m.is_fit and not m.loaded.config.cleanlearn.even_if_unfit:
        return Answer(question, "Not tried", ["Nothing is left out by a model that is not fit."])
    accuracy, arm = m.metrics["test_accuracy"], arm_of(m.metrics)
    before, after = accuracy["baseline"], accuracy["cleanlearning"]
    notes: list[str | tuple[str, ...]] = [
        (
            f"Test accuracy {before:.4f} → {after:.4f}, on {accuracy['num_examples']:,} test "
            "texts, 95% interval over test texts in brackets. One training each: ",
            "make study",
            " repeats them.",
        ),
        "" if ARMS[arm].is_cleanlearning else f"What was tried: {ARMS[arm].doing}.",
        noisy_test_labels(m),
        equal_training(m),
    ]
    if few := too_few(accuracy):
        answer = "This test set cannot tell"
        notes[0] = f"Test accuracy {before:.4f} → {after:.4f}: {few}."
    else:
        low, high = accuracy["ci95"]
        verdict = "Yes, in this run" if low > 0 else "No, it did harm in this run"
        verdict = "No difference shown" if low <= 0 <= high else verdict
        answer = f"{verdict}: {signed(accuracy['difference'])} [{signed(low)}, {signed(high)}]"
    if m.study:
        notes += study_lines(m.study)
    return Answer(question, answer, [note for note in notes if note])


def study_lines(study: dict[str, Any]) -> list[str]:
    """Return what the study advises, and what it says of pruning, in its own words."""
    advised = [f"{line[0].upper()}{line[1:]}." for line in study.get("advice", {}).get("words", [])]
    seeds = len(study["seeds"])
    found = [
        say_difference(row, seeds)
        for row in study["differences"]
        if row["arm"] == PRUNE and row["labels"] == "given"
    ]
    return [*advised, *(f"Over {plural(seeds, 'seed')}: {line}." for line in found)]


def noisy_test_labels(m: Material) -> str:
    """Say that accuracy is measured on labels that are wrong in part."""
    test = m.metrics["issues"]["test"]
    if not test["count"]:
        return ""
    return (
        f"Test labels are noisy too: {test['count']:,} of them are listed themselves, and a model "
        "that repeats their mistakes is rewarded for it."
    )


def equal_training(m: Material) -> str | tuple[str, ...]:
    """Say whether both models were trained equally long."""
    steps = (m.metrics.get("training") or {}).get("updates") or {}
    before, after = steps.get("baseline"), steps.get("cleanlearning")
    if not before or not after:
        return ""
    if before == after:
        return f"Both models were trained for {before:,} steps."
    if m.loaded.config.cleanlearn.same_updates:  # batches are whole texts
        return f"The cleaned model was trained for {after:,} steps, the baseline for {before:,}."
    return (
        f"The cleaned model was trained for {after:,} steps, the baseline for {before:,}: with "
        "fewer texts an epoch has fewer; ",
        "cleanlearn.same_updates",
        " gives both as many.",
    )


def what_next(m: Material) -> Answer:
    """Say what to do, and what it costs."""
    question, target = "What to do next?", (m.loaded.path, m.loaded.overrides)
    results = m.run.folder.parent
    if not m.is_fit:
        reasons = m.metrics["fitness"]["reasons"]
        remedies = list(dict.fromkeys(f"{reason['remedy']}." for reason in reasons))
        return Answer(
            question, "Make the model fit first", [r[0].upper() + r[1:] for r in remedies]
        )
    if not m.listed:
        return Answer(question, "Nothing: no label is suspicious enough to be listed")
    seconds = [reading_seconds(issue.text) for issue in m.issues["all"]]
    mean = float(np.mean(seconds))
    first = min(m.listed, TYPICAL)
    some = f"the first {first:,}" if first < m.listed else f"all {first:,}"
    typed = command_line("review", *target, results=results)
    notes: list[str | tuple[str, ...]] = [("Look and decide: ", typed, ".")]
    if first < m.listed:
        notes.append(f"All {m.listed:,} would take {duration(mean * m.listed)}.")
    total = m.metrics.get("seconds", {}).get("total")
    if total:
        notes.append(f"Training again on corrected labels took {duration(total)} last time.")
    notes.append("Reckoned with 240 words a minute and 5 seconds a decision.")
    return Answer(question, f"Look at {some}: about {duration(mean * first)}", notes)


def reading_seconds(text: str) -> float:
    """Return how long a person takes to read a text and decide; wide characters are part words."""
    wide = sum(east_asian_width(c) in "WF" for c in text)
    return (len(text.split()) + wide * WORDS_A_WIDE_CHARACTER) / WORDS_A_SECOND + SECONDS_A_DECISION


QUESTIONS: tuple[Callable[[Material], Answer | None], ...] = (
    looked_at,
    is_fit,
    how_many,
    what_people_say,
    what_changed,
    did_cleaning_help,
    what_next,
)


def first_page(m: Material) -> list[Answer]:
    """Return the answers of the first page, in order."""
    return [found for ask in QUESTIONS if (found := ask(m)) is not None]
