"""The first page as Markdown, for a pull request or a mail: report/summary.md."""

import re

from pipeline.frame.messages import for_terminal, readable
from pipeline.report.answers import first_page
from pipeline.report.cards import excerpt
from pipeline.report.material import Material

CLEAREST = 10
MEANT = re.compile(r"([\\`*_\[\]<>#|~@&]|:(?=//)|(?<=www)\.)")


def summary_markdown(m: Material) -> str:
    """Return the first page; texts and names are quoted, so that nothing in them is markup."""
    name = quoted(m.metrics["dataset"]["name"])
    lines = [f"## Which labels in {name} are wrong?", ""]
    for answer in first_page(m):
        lines += [f"**{answer.question}** {escaped(answer.answer)}", ""]
        lines += [f"- {sentence(note)}" for note in answer.notes]
        lines += [""] if answer.notes else []
    if m.is_fit and m.issues["all"]:
        lines += [f"**The {min(CLEAREST, len(m.issues['all']))} clearest issues**", ""]
        for issue in m.issues["all"][:CLEAREST]:
            pair = f"{quoted(issue.given)} looks like {quoted(issue.suggested)}"
            text = quoted(excerpt(issue.text))
            lines.append(f"{issue.rank}. {pair}: {text} ({quoted(issue.id)})")
        lines.append("")
    lines.append("Made from finished files by label-error-pipeline; the whole is in report.html.")
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """Return a text as inline code on one line: no markup, address or name in it is one."""
    line = " ".join(for_terminal(readable(text)).split()) or " "
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    space = " " if "`" in (line[0], line[-1]) else ""
    return f"{fence}{space}{line}{space}{fence}"


def sentence(note: str | tuple[str, ...]) -> str:
    """Return a sentence with what is to be typed in it as code; see Answer."""
    parts = (note,) if isinstance(note, str) else note
    return "".join(quoted(part) if i % 2 else escaped(part) for i, part in enumerate(parts))


def escaped(text: str) -> str:
    """Return a text with every character escaped that Markdown could read."""
    return MEANT.sub(r"\\\1", re.sub(r"\s+", " ", for_terminal(text)))
