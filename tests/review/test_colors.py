"""The review page means by a color what the report means by it, and its texts can be read."""

import re
from pathlib import Path

import pytest

REPORT, REVIEW = Path("pipeline/report/page.css"), Path("pipeline/review/pages/review.css")
BACKGROUNDS = {
    "ink": "bg card chip t2 t4 t5 a2 a4 a5",
    "soft": "bg card chip",
    "link": "bg card",
    "bad": "bg card chip",
    "bg": "bad",  # the count of disputed examples
}


def palettes(path: Path) -> dict[str, dict[str, str]]:
    """Return light and dark: name -> #rrggbb."""
    blocks = re.findall(r":root\s*\{(.*?)\}", path.read_text(encoding="utf-8"), re.DOTALL)
    found = [dict(re.findall(r"--(\w+): (#[0-9a-f]{6}|#fff)\b", block)) for block in blocks]
    return dict(zip(("light", "dark"), found, strict=False))  # after them: paper


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of WCAG 2.2, 1 to 21."""
    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_colors_are_those_of_the_report(scheme):
    report, review = palettes(REPORT)[scheme], palettes(REVIEW)[scheme]
    assert {name: color for name, color in review.items() if name != "chip"}.items() <= (
        report.items()
    )


def test_blue_is_given_and_orange_is_suggested_on_both_pages():
    report, review = (path.read_text(encoding="utf-8") for path in (REPORT, REVIEW))
    assert ".tag.away { background: var(--a2)" in report
    assert ".tag.towards { background: var(--t2)" in report
    for rule in re.findall(r"^[^{}\n]*(?:given|suggested)[^{}]*\{[^}]*\}", review, re.MULTILINE):
        selector, body = rule.split("{")
        used = {name[0] for name in re.findall(r"var\(--([at](?:\d|line))\)", body)}
        if used:
            assert used == {"a" if "given" in selector else "t"}, rule


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(scheme):
    colors = palettes(REVIEW)[scheme]
    low = {
        (text, back): round(contrast(colors[text], colors[back]), 2)
        for text, backs in BACKGROUNDS.items()
        for back in backs.split()
        if contrast(colors[text], colors[back]) < 4.5
    }
    assert low == {}
