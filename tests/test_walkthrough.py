"""The notebook in docs: every code cell runs, in order, and finds what was planted."""

import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path("docs/walkthrough.ipynb")


def test_the_notebook_runs_from_top_to_bottom(capsys: pytest.CaptureFixture[str]) -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    names: dict[str, Any] = {"__name__": "notebook"}
    for number, source in enumerate(sources):
        exec(compile(source, f"{NOTEBOOK} cell {number}", "exec"), names)
    assert names["found"].mean() > 0.6
    assert "planted errors found" in capsys.readouterr().out


def test_the_notebook_carries_no_outputs() -> None:
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        assert cell.get("outputs", []) == []
