"""What the documents tell a user to type and to open is there."""

import importlib.util
import re
from pathlib import Path

import pytest

from pipeline.config.schema import Config
from pipeline.frame.stage import stages

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        ROOT / "results" / "README.md",
    ]
)
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
RULES = re.findall(r"^([a-z_ -]+):(?!=)", MAKEFILE, re.MULTILINE)
TARGETS = {name for names in RULES for name in names.split()} | {*stages()}


def test_every_stage_is_a_target() -> None:
    assert re.search(r"(?m)^\$\(STAGES\)[^:\n]*:(?!=)", MAKEFILE)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_and_links_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"`([^`\n]+)`", text) + re.findall(r"```.*?\n(.*?)```", text, re.S))
    for target in re.findall(r"\bmake ([a-z][a-z_]*)", code):
        assert target in TARGETS, f"make {target}"
    for module in re.findall(r"python -m ([a-z_.]+[a-z_])", code):
        assert importlib.util.find_spec(module), f"python -m {module}"
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (path.parent / link).exists(), link


def test_overrides_in_the_readme_name_keys() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for key in re.findall(r"(?:SET=\"?|--set )([a-z_.]+)=", text):
        section, *rest = key.split(".")
        assert section in Config.model_fields, key
        assert rest or section == "corrections", key


def test_the_readme_is_finished() -> None:
    assert "@@" not in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_guard_is_proved_by_a_test_that_exists() -> None:
    cells = re.findall(r"\| (tests/[^|]+) \|", (ROOT / "docs" / "faults.md").read_text())
    named = 0
    for part in "; ".join(cells).split("; "):
        source = (ROOT / part.split()[0]).read_text(encoding="utf-8")
        for name in re.findall(r"`(test_\w+)`", part):
            assert f"def {name}(" in source, part
            named += 1
    assert named >= 15


def test_pictures_are_shown_and_small() -> None:
    """A page of a repository is read on a telephone, too."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for picture in (ROOT / "docs").glob("*.png"):
        assert f'src="docs/{picture.name}"' in readme
        assert picture.stat().st_size < 150_000
