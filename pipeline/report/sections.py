"""What the page folds away under its first page: a function for each section.

A section is made of parts that the template knows how to write: figures by name, tables, rows of
two, lines, pairs of classes, verdicts. To add a section: its function and its place in SECTIONS.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.issues.estimate import FEWEST_ROWS
from pipeline.report import tables
from pipeline.report.answers import OUT_OF_DATE
from pipeline.report.cards import excerpt
from pipeline.report.checked import answer_keys, key_lines, key_table, study_table
from pipeline.report.comparison import figure_rows
from pipeline.report.decisions import CONFIRMED, OPEN, REFUTED
from pipeline.report.material import Material
from pipeline.report.numbers import plural, share_text
from pipeline.report.remake import commands, config_yaml
from pipeline.study.conclusions import conclusions

MOST_PAIRS, MOST_CLASSES, MOST_VERDICTS = 45, 1000, 60


@dataclass(frozen=True)
class Part:
    """kind: of "figures", "table", "rows", "lines", "pairs", "verdicts", "text", "pre"."""

    kind: str
    value: Any


@dataclass(frozen=True)
class Section:
    """slug: its address on the page. aside: what its summary says beside the title."""

    slug: str
    title: str
    intro: str
    parts: Sequence[Part]
    aside: str = ""


def figures(*names: str) -> Part:
    return Part("figures", names)


def table(
    caption: str,
    found: tables.Table | None,
    *,
    is_long: bool = False,
    is_broad: bool = False,
    on_screen: bool = False,
    search: str = "",
) -> list[Part]:
    """Return a table, nothing without rows.

    is_long: may be broken over pages. is_broad: takes the width of the page. on_screen: and not
    on paper. search: what its rows can be searched for.
    """
    if not found or not found["rows"]:
        return []
    how = {"is_long": is_long, "is_broad": is_broad, "on_screen": on_screen, "search": search}
    return [Part("table", found | how | {"caption": caption})]


def rows(
    caption: str, found: tables.Rows, head: tuple[str, str], *, on_screen: bool = False
) -> list[Part]:
    as_table: tables.Table = {"head": list(head), "rows": [list(row) for row in found]}
    return table(caption, as_table, on_screen=on_screen)


# --- the sections ---------------------------------------------------------------------------


def confused(m: Material) -> Section | None:
    """Return the pairs of classes of the listed issues, sorted, with examples."""
    if not m.pairs or not m.is_fit:
        return None
    sizes = {entry["name"]: entry["examples"] for entry in m.health["all"]["classes"]}
    shown = [
        {
            "given": pair.given,
            "suggested": pair.suggested,
            "count": f"{pair.count:,}",
            "note": _small(sizes, pair.given, pair.suggested),
            "examples": [(id_, excerpt(text)) for id_, text in pair.examples],
        }
        for pair in m.pairs[:MOST_PAIRS]
    ]
    few = ""
    if any(pair["note"] for pair in shown):
        few = f" Few rows: a class has under {FEWEST_ROWS}, too few to believe it."
    left = len(m.pairs) - len(shown)
    more = f" The first {len(shown)} of {len(m.pairs):,} pairs." if left else ""
    return Section(
        "pairs",
        "Which classes are confused",
        "Listed issues by given label and the label they look like: what the model suspects, to "
        f"be looked at, not a count of errors.{more}{few}",
        [Part("pairs", shown), figures("confusion")],
        f"{len(m.pairs):,} pairs",
    )


def _small(sizes: dict[str, int], *names: str) -> str:
    return "few rows" if any(sizes.get(name, 0) < FEWEST_ROWS for name in names) else ""


def classes(m: Material) -> Section:
    """Return what is known of the labels of each class."""
    entries = m.health["all"]["classes"]
    told = [entry for entry in entries if entry.get("wrong95")]
    intro = (
        "Wrong labels: a 95% range over two estimates, see the first page; nothing is said of a "
        f"class with fewer than {FEWEST_ROWS} rows."
    )
    if not m.is_fit:
        intro = "Nothing is said of wrong labels by class: the model is not fit to judge."
    elif not told:
        old = not any("wrong95" in entry for entry in entries)
        few = f"every class has fewer than {FEWEST_ROWS} rows"
        intro = (
            f"How many labels of a class are wrong is {OUT_OF_DATE}."
            if old
            else (f"Nothing is said of wrong labels by class: {few}, of which chance decides.")
        )
    cut = f", the first {MOST_CLASSES:,}" if len(entries) > MOST_CLASSES else ""
    found = tables.class_table(entries[:MOST_CLASSES], m.is_fit)
    caption = f"Each class{cut}"
    parts = [figures("class_ranges"), *table(caption, found, is_long=True, search="class")]
    return Section("classes", "The classes", intro, parts, f"{len(entries):,}")


def people(m: Material) -> Section | None:
    """Return what people said of the listed issues, with the patterns in it."""
    if m.decided is None or not m.decided.verdicts:
        return None
    by_pair = [
        [f"{given} → {suggested}", f"{hits:,} of {count:,}", share_text(hits, count)]
        for given, suggested, hits, count in m.decided.by_pair()[:MOST_VERDICTS]
    ]
    parts = table(
        "By pair: given label → what it looks like",
        {"head": ["pair", "confirmed", "share, 95% interval"], "rows": by_pair},
        is_long=True,
    )
    for outcome, words in (
        (CONFIRMED, "Confirmed: corrected or dropped"),
        (REFUTED, "Refuted: the given label was kept"),
        (OPEN, "Undecided: unsure, or no majority"),
    ):
        verdicts = m.decided.of(outcome)
        if verdicts:
            shown = [
                {
                    "rank": v.rank,
                    "given": v.given,
                    "suggested": v.label or ("left out" if outcome == CONFIRMED else v.suggested),
                    "id": v.id,
                    "excerpt": excerpt(v.text),
                }
                for v in verdicts[:MOST_VERDICTS]
            ]
            parts.append(Part("verdicts", {"title": f"{words} ({len(verdicts):,})", "rows": shown}))
    others = m.decided.elsewhere
    also = f" {others:,} more are on examples that are not listed." if others else ""
    intro = f"Decisions on the listed issues, from the journal of this run.{also}"
    return Section("people", "What people decided", intro, parts, f"{len(m.decided.verdicts):,}")


def patterns(m: Material) -> Section | None:
    """Return what confirmed errors have in common; None while people decided on too few."""
    found = (m.metrics.get("review") or {}).get("patterns")
    if not found:
        return None
    lines = found["sentences"]
    intro = (
        f"From people’s decisions alone: of {found['decided']:,} labels {found['wrong']:,} are "
        "wrong. They were suspects, so a share is one of what was looked at, not of the data. A "
        "word or value is told if it has far more wrong labels than chance gives (Fisher’s exact "
        "test, 5% false ones by Benjamini and Hochberg); each line could stand in a labelling "
        "guideline."
    )
    if not lines:
        intro += " Nothing stands out so far."
    parts = [Part("lines", lines)] if lines else []
    return Section("patterns", "What errors have in common", intro, parts, f"{len(lines):,}")


def compared(m: Material) -> Section | None:
    """Return what changed since another run, None where none was named."""
    if m.compared is None:
        return None
    head = ["figure", "then", "now", "difference"]  # short: a telephone shows all four
    found: tables.Table = {"head": head, "rows": figure_rows(m.compared["figures"])}
    parts = table("Figures of both runs", found)
    for kind, words in (
        ("gone", "Gone: listed then, and not now"),
        ("new", "New: listed now, and not then"),
        ("moved", "Moved by more than a tenth of the list, or with another suggestion"),
    ):
        issues = m.compared["issues"][kind]
        if issues:
            shown = [
                {
                    "rank": " → ".join(f"{rank:,}" for rank in issue["ranks"] if rank is not None),
                    "given": issue["given"],
                    "suggested": issue["suggested"],
                    "id": issue["id"],
                    "excerpt": excerpt(issue["text"]),
                }
                for issue in issues[:MOST_VERDICTS]
            ]
            parts.append(Part("verdicts", {"title": f"{words} ({len(issues):,})", "rows": shown}))
    return Section(
        "compared",
        "What changed",
        "Since the run that was named: its figures, and the issues of the whole dataset by id. How "
        "sure a difference is, and what else differs, is said on the first page.",
        parts,
        f"since {m.compared['first']}",
    )


def study(m: Material) -> Section | None:
    """Return the same experiment over seeds, None without a study."""
    if not m.study:
        return None
    # What holds on corrected labels is in the figure beside; in words it would be as much again.
    as_given = [found for found in m.study["differences"] if found["labels"] == "given"]
    return Section(
        "study",
        "The study",
        "The same experiment over several seeds, with controls: what a single run cannot tell.",
        [
            Part("lines", conclusions(m.study | {"differences": as_given})),
            figures("study_"),
            *table("On the labels of each answer key", study_table(m.study), is_broad=True),
            *rows("Stability over seeds", tables.stability_table(m.study), ("measure", "value")),
        ],
        f"{len(m.study['seeds'])} seeds",
    )


def model(m: Material) -> Section:
    """Return how well the model knows the texts it has not seen."""
    folds = tables.fold_table(m.crossval)
    names = ("reliability", "self_confidence", "learning_accuracy", "learning_loss")
    chosen = m.loaded.config.find_issues.filter_by
    return Section(
        "model",
        "The model",
        "Cross-validation over the whole dataset: each number comes from examples the model was "
        "not trained on, unless it says training.",
        [
            figures(*names, "precision_at_rank"),
            *table("Each fold, on the examples it was not trained on", folds, is_long=True),
            *rows("Against planted errors", tables.planted_table(m.metrics), ("measure", "value")),
            *table(
                "cleanlab’s filters side by side",
                tables.filter_table(m.health["all"], chosen),
                on_screen=True,
            ),
        ],
    )


def checked(m: Material) -> Section | None:
    """Return what answer keys say of our order, None without one."""
    keys = answer_keys(m.metrics)
    if not keys:
        return None
    intro = (
        "Test labels that people were asked about. Where they saw only what a finder had "
        "suspected, many are wrong whatever the order (“of judged”), and how many errors were "
        "missed cannot be known. In brackets 95% over the labels; “judged or not” counts the "
        "issues that nobody judged as all right, and as all wrong."
    )
    return Section(
        "checked",
        "Labels people checked",
        intro,
        [
            *table("What people confirm of our order", key_table(m.metrics), is_broad=True),
            Part("lines", key_lines(m.metrics)),
            figures("precision_checked"),
        ],
        plural(len(keys), "answer key"),
    )


def data(m: Material) -> Section:
    """Return what else is wrong with the data, and what people corrected."""
    findings = tables.data_table(m.dataset, m.health)
    corrected = tables.corrections_table(m.metrics)
    return Section(
        "data",
        "The data",
        "Besides wrong labels; the examples are in find_issues/data_issues.csv.",
        [
            *rows("Copies, leakage and the like", findings, ("finding", "examples")),
            *rows("Corrected by people", corrected, ("measure", "value")),
        ],
    )


def made(m: Material) -> Section:
    """Return how to make it again, and with what it was made."""
    found = tables.made_table(m.records, m.dataset, m.metrics)
    return Section(
        "made",
        "How it was made",
        "Everything on this page was read from the finished files of the run; the same files give "
        "the same page.",
        [
            Part("pre", {"label": "Commands that make it again", "text": commands(m.loaded)}),
            *table("Each stage", tables.stage_table(m.records), on_screen=True),
            *rows("Made with", found, ("what", "value"), on_screen=True),
            Part("pre", {"label": "The whole config", "text": config_yaml(m.loaded), "fold": True}),
        ],
    )


SECTIONS: tuple[Callable[[Material], Section | None], ...] = (
    confused,
    classes,
    people,
    patterns,
    compared,
    study,
    model,
    checked,
    data,
    made,
)


def all_sections(m: Material) -> list[Section]:
    """Return the sections of the page, in order, but for the issues themselves."""
    return [found for make in SECTIONS if (found := make(m)) is not None]
