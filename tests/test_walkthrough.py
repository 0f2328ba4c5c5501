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


def test_the_notebook_shows_what_it_found() -> None:
    """Outputs are stored, in order, with a picture and without what a library says of itself."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    run = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in run] == list(range(1, len(run) + 1))
    outputs = [output for cell in run for output in cell["outputs"]]
    assert any("image/svg+xml" in output.get("data", {}) for output in outputs)
    assert any("planted errors found" in "".join(output.get("text", "")) for output in outputs)
    assert not any(output.get("name") == "stderr" for output in outputs)


def test_it_runs_in_its_own_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    source = "".join(json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"][2]["source"])
    monkeypatch.chdir(NOTEBOOK.parent)
    exec(compile(source, "cell", "exec"), {"__name__": "notebook"})
