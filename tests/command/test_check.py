"""One command on a file: a config, every stage, the top of the list, and where the page is."""

import csv
from pathlib import Path

import pytest

from pipeline.command.check import config_for, print_top
from pipeline.config.load import load_config
from pipeline.data.guess import Chosen
from pipeline.frame.errors import ConfigError
from pipeline.frame.run import Run
from tests.tickets import make_tickets, write_tickets
from tests.tiny import command


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    path = tmp_path / "tickets.csv"
    write_tickets(path, make_tickets(200, seed=3))
    return path


def test_a_config_is_written_once_and_kept_as_it_was_edited(
    tickets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tickets.parent / "label-errors"
    path, _ = config_for(tickets, folder, Chosen())
    assert path == folder / "tickets.yaml"
    edited = path.read_text(encoding="utf-8").replace("seed: 123456", "seed: 7")
    path.write_text(edited, encoding="utf-8")
    capsys.readouterr()
    again, tell = config_for(tickets, folder, Chosen())
    assert again == path
    tell()
    assert "there already" in capsys.readouterr().out
    assert load_config(path).config.seed == 7

    assert config_for(tickets, folder, Chosen(text=["message"], label="queue"))[0] == path
    assert load_config(path).config.seed == 123456
    assert (folder / "tickets.yaml.old").read_text(encoding="utf-8") == edited

    assert config_for(tickets, folder, Chosen(classes=["found"]))[0] == path
    assert load_config(path).config.dataset.classes == "found"


def test_a_config_for_other_data_is_refused(tickets: Path) -> None:
    folder = tickets.parent / "label-errors"
    config_for(tickets, folder, Chosen())
    other = tickets.with_suffix(".tsv")
    other.write_bytes(tickets.read_bytes())
    with pytest.raises(ConfigError, match=r"tickets\.yaml: is for .*tickets\.csv"):
        config_for(other, folder, Chosen())


def test_the_top_is_a_line_of_labels_and_one_of_text(
    tiny_run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    print_top(tiny_run, 3)
    lines = capsys.readouterr().out.splitlines()
    with tiny_run.issues("all").open(encoding="utf-8", newline="") as file:
        first = next(csv.DictReader(file))
    assert len(lines) == 7
    assert f"{first['given_label']} → {first['suggested_label']}" in lines[0]
    assert lines[0].endswith(first["id"])
    assert first["text"].replace("<br />", "\n").split()[0] in lines[1]
    assert all(len(line) <= 60 for line in lines[1::2])


@pytest.mark.slow
def test_a_file_becomes_a_report_beside_it(tickets: Path) -> None:
    member = "{member: naive_bayes, longest: 1, min_df: 1, max_features: null, alpha: 0.3}"
    finder = f"finder={{by: ensemble, repeats: 1, members: [{member}]}}"
    fast = ["--set", "model.epochs=2", "--set", finder]
    done = command("__main__", "check", "tickets.csv", *fast, cwd=tickets.parent)
    assert done.returncode == 0, done.stderr
    folder = Path("label-errors")
    *_, issues, report = done.stdout.splitlines()
    assert issues.split() == ["all", "of", "them", f"{folder}/tickets/find_issues/issues_all.csv"]
    assert report.split() == ["report", f"{folder}/tickets/report/report.html"]
    assert (tickets.parent / report.split()[1]).exists()
    again = command("__main__", "check", "tickets.csv", *fast, "--top", "1", cwd=tickets.parent)
    assert again.returncode == 0, again.stderr
    assert "everything is up to date" in again.stdout
    assert "   1  " in again.stdout and "   2  " not in again.stdout
