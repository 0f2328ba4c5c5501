"""A verdict as other programs read it: JUnit, SARIF, and Markdown for a pull request."""

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree

from pipeline import __version__
from pipeline.command.verdict import Found, Outcome, Verdict
from pipeline.frame.files import atomic_write
from pipeline.frame.messages import PICTURES

SHOWN = 20
LINE = re.compile(r":(\d+)$")
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
RULE = "label-error"


class Place(NamedTuple):
    """Where a row is: a file as it was named, and the line it begins in, 0 for a file without."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


PlaceOf = Callable[[Found], Place]


def said_of(issue: Found) -> str:
    """Return an issue in words."""
    return (
        f"labelled {issue.given}, looks like {issue.suggested}; its label is "
        f"{issue.confidence:.1%} probable"
    )


def write(path: Path, text: str) -> None:
    with atomic_write(path) as file:
        file.write(text.encode())


def junit(verdict: Verdict, place_of: PlaceOf, name: str) -> str:
    """Return a test suite: a test for each question, and one for each issue.

    Issues for which the check did not fail are skipped tests, so that none is lost.
    """
    tests: list[tuple[str, str, str, Outcome]] = [
        (name, part.asked, part.why, part.outcome) for part in verdict.parts
    ]
    for issue in verdict.issues:
        outcome = Outcome.FAIL if verdict.fails(issue) else Outcome.UNKNOWN
        tests.append((f"{name}.rows", f"{place_of(issue)} {issue.id}", said_of(issue), outcome))
    failures = sum(outcome is Outcome.FAIL for *_, outcome in tests)
    skipped = sum(outcome is Outcome.UNKNOWN for *_, outcome in tests)
    counts = {"tests": len(tests), "failures": failures, "errors": 0}
    attributes = {"name": f"label-errors {name}"} | {k: str(v) for k, v in counts.items()}
    root = ElementTree.Element("testsuites", attributes)  # whose schema knows no "skipped"
    suite = ElementTree.SubElement(root, "testsuite", attributes, skipped=str(skipped))
    for group, asked, why, outcome in tests:
        case = ElementTree.SubElement(suite, "testcase", classname=visible(group),
                                      name=visible(asked), time="0")  # fmt: skip
        kind = {Outcome.FAIL: "failure", Outcome.UNKNOWN: "skipped"}.get(outcome)
        if kind:
            ElementTree.SubElement(case, kind, message=visible(why))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def visible(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    text = text.translate(PICTURES)
    return re.sub("[\ud800-\udfff\ufffe\uffff]", "\ufffd", text)


def sarif(verdict: Verdict, place_of: PlaceOf) -> str:
    """Return SARIF 2.1.0, a result for each issue at its line."""
    driver = {
        "name": "label-errors",
        "version": __version__,
        "rules": [
            {
                "id": RULE,
                "name": "LabelError",
                "shortDescription": {"text": "A label that is probably wrong"},
                "fullDescription": {
                    "text": "Models that did not learn the row find its label improbable."
                },
                "help": {"text": "Look at the row: correct its label, or leave it as it is."},
            }
        ],
    }
    results = [
        sarif_result(issue, place_of(issue), verdict.fails(issue)) for issue in verdict.issues
    ]
    log = {"$schema": SCHEMA, "version": "2.1.0",
           "runs": [{"tool": {"driver": driver}, "results": results}]}  # fmt: skip
    return json.dumps(log, indent=1, ensure_ascii=False) + "\n"


def sarif_result(issue: Found, place: Place, fails: bool) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": quote(Path(place.file).as_posix())}}
    if place.line:
        location["region"] = {"startLine": place.line}
    return {
        "ruleId": RULE,
        "level": "error" if fails else "note",
        "message": {"text": f"{issue.id}: {said_of(issue)}"},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"textAndLabel/v1": issue.key},
    }


def markdown(verdict: Verdict, place_of: PlaceOf, name: str) -> str:
    """Return a summary for a pull request: the answers, and the first issues as a table."""
    marks = {Outcome.PASS: "✅", Outcome.FAIL: "❌", Outcome.UNKNOWN: "❔"}
    lines = [f"## Labels of {cell(name)}: {verdict.outcome}", ""]
    lines += [f"- {marks[p.outcome]} {p.asked}: {cell(p.why, 500)}" for p in verdict.parts]
    first = sorted(verdict.issues, key=lambda issue: not verdict.fails(issue))[:SHOWN]
    if first:
        head = f"The first {len(first)} of {len(verdict.issues):,} labels that look wrong:"
        columns = "| where | label | looks like | probability of the label | text |"
        lines += ["", head, "", columns, "|---|---|---|---|---|"]
        lines += [
            f"| {cell(str(place_of(i)))} | {cell(i.given)} | {cell(i.suggested)} | "
            f"{i.confidence:.1%} | {cell(i.text)} |"
            for i in first
        ]
    return "\n".join(lines) + "\n"


def cell(text: str, limit: int = 120) -> str:
    """Return a text for a cell: one line, no markup of its own."""
    line = " ".join(visible(text.replace("\n", " ")).split())
    line = line if len(line) <= limit else line[: limit - 1] + "…"
    return re.sub(r"([\\`*_{}\[\]()#+!|~@])", r"\\\1", html.escape(line, quote=False))
