"""The workflows in the documents, and the project's own, are YAML that asks for what there is."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML

from pipeline.command.check import check
from pipeline.frame.cli import command_app

PAGE = Path("docs/ci.md").read_text(encoding="utf-8")
WORKFLOWS = sorted(Path(".github/workflows").glob("*.yml"))


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.S)


def scripts(node: Any) -> list[str]:
    """Return everything that is run somewhere in a workflow."""
    if isinstance(node, dict):
        found = [v for k, v in node.items() if k == "run" and isinstance(v, str)]
        found += [line for k, v in node.items() if k == "script" for line in v]
        return found + [line for value in node.values() for line in scripts(value)]
    return [line for value in node for line in scripts(value)] if isinstance(node, list) else []


@pytest.mark.parametrize("text", [*blocks("yaml"), *(p.read_text() for p in WORKFLOWS)])
def test_a_workflow_is_yaml_that_runs_something(text: str) -> None:
    assert scripts(YAML(typ="safe", pure=True).load(text))


def test_the_projects_own_runs_lint_and_tests() -> None:
    lines = [line for path in WORKFLOWS
             for line in scripts(YAML(typ="safe", pure=True).load(path.read_text()))]  # fmt: skip
    assert {"make check", "make test MEASURE=coverage"} <= set(lines)


def test_every_option_of_a_check_is_one() -> None:
    documents = [PAGE, *(path.read_text(encoding="utf-8") for path in Path("docs").glob("c*.md"))]
    documents.append(Path("README.md").read_text(encoding="utf-8"))
    known = {
        option
        for parameter in typer.main.get_command(command_app({"check": check})).params
        for option in parameter.opts
    }
    used = [re.findall(r"label-errors check[^`#]*", text) for text in documents]
    options = {o for lines in used for line in lines for o in re.findall(r"--[a-z-]+", line)}
    assert {"--max-wrong", "--against", "--baseline"} <= options <= known
