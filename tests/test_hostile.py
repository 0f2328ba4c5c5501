"""Every command over a dataset and a config whose every text, name and id steers a terminal."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.clean import clean
from pipeline.command.check import check
from pipeline.command.group import COMMANDS
from pipeline.compare import compare
from pipeline.config.load import load_config
from pipeline.exchange.__main__ import export, import_
from pipeline.frame.cli import exit_code_of
from pipeline.frame.run import Run
from pipeline.init import init
from pipeline.predict import predict
from pipeline.report.__main__ import report
from pipeline.report.tracking import track
from pipeline.review.__main__ import review
from pipeline.run import run
from pipeline.show import show
from pipeline.status import status
from pipeline.study.__main__ import study
from tests.faults.matrix import SETTINGS as COUNTS
from tests.test_terminal import HOSTILE, obeyed
from tests.tiny import STAGES, TINY

ESCAPE = "\x1b]0;owned\x07\x1b[2J\u202e"
NAMES = (f"pos{ESCAPE}[red]", f"neg{ESCAPE}[/bold] :warning:")
WORDS = ("good fine great", "bad awful dull")


def write_hostile(path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["text", "label", "id"])
        for number in range(160):
            kind = number % 2
            given = 1 - kind if number % 17 == 0 else kind
            text = f"{WORDS[kind]} [/b] {HOSTILE} {number}".replace("\x00", "")
            writer.writerow([text, NAMES[given], f"{number}{ESCAPE}[/i]"])


class Hostile:
    """A finished run, and how its commands are told of it."""

    def __init__(self, folder: Path) -> None:
        self.data, self.results = folder / "data.csv", folder / "results"
        write_hostile(self.data)
        section = {
            "source": "csv", "path": str(self.data), "columns": None, "delimiter": ",",
            "encoding": "utf-8", "quoting": "minimal", "text_columns": ["text"], "id_column": "id",
            "label_column": "label", "classes": None,
            "split": {"by": "drawn", "test_fraction": 0.25},
        }  # fmt: skip
        figure = {"figure": f"loss {ESCAPE}[/bold]", "metric": "crossval.log_loss"}
        figure |= {"published": 0.1, "tolerance": 9.0}
        kept = [each for each in COUNTS if not each.startswith("dataset.")]
        self.sets = [
            *kept,
            f"dataset={json.dumps(section)}",
            f"evaluate.published={json.dumps([figure])}",
            f"corrections={json.dumps(str(folder / f'journal{ESCAPE}.jsonl'))}",
        ]
        (folder / f"journal{ESCAPE}.jsonl").touch()
        self.run = Run(self.results / TINY.stem)

    @property
    def told(self) -> dict[str, Any]:
        return {"config": TINY, "set_": self.sets, "results": self.results}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Hostile:
    return Hostile(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Return what was said, which no terminal would obey."""

    def read() -> str:
        out, err = capfd.readouterr()
        assert obeyed(out) | obeyed(err) == set()
        assert "bug:" not in err
        return out + err

    return read


def test_every_command_over_hostile_names(
    hostile: Hostile,
    said: Callable[[], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told, seen = hostile.told, set()

    def does(name: str, function: Callable[..., None], *, code: int = 0, **options: Any) -> str:
        seen.add(name)
        assert exit_code_of(function, **options) == code, said()
        return said()

    assert list(STAGES) == does("status", status, **told).split()
    page = does("run", run, **told)
    assert "loss ␛]0;owned" in page and "[/bold]" in page
    assert "owned" in does("show", show, top=30, **told)
    does("report", report, **told)
    does("track", track, code=2, **told)
    answers = iter(["k", "m note", "d", "/ \x1b[2J", "z", "x\x1b", "q"])
    monkeypatch.setattr("rich.console.Console.input", lambda *_, **__: next(answers))
    assert "saved: " in does("review", review, terminal=True, reviewer="Ann", **told)
    out = {"format_": "csv", "out": tmp_path / f"out{ESCAPE}"}
    assert "decisions.csv" in does("export", export, **told, **out)
    file = tmp_path / "decisions.csv"
    shutil.copy(tmp_path / f"out{ESCAPE}" / "decisions.csv", file)
    does("import", import_, file=file, format_="csv", **told)
    journal = Path(load_config(TINY, hostile.sets).config.corrections or "")
    journal.write_text(json.dumps({f"key{ESCAPE}": 1}) + "\n" + journal.read_text())
    assert "owned" in does("review", review, code=3, terminal=True, reviewer="Ann", **told)
    model = hostile.run.linear_model("cleaned")
    assert "pos" in does("predict", predict, texts=[f"good {HOSTILE}"], model=model)
    copied = Run(tmp_path / f"copy{ESCAPE}[red]")
    shutil.copytree(hostile.run.folder, copied.folder)
    does("compare", compare, first=hostile.run.folder, second=copied.folder)
    assert "owned" in does("init", init, data=hostile.data, output=tmp_path / "x.yaml")
    does("study", study, code=4, **told)
    does("check", check, code=3, data=tmp_path / f"none{ESCAPE}.csv")
    (hostile.run.folder / ".lock").touch()
    does("clean", clean, config=TINY, results=hostile.results)
    assert seen == set(COMMANDS)
