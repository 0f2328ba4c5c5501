"""Clean deletes one run, and nothing that is not a run."""

from pathlib import Path

import pytest

from pipeline.clean import clean
from pipeline.frame.errors import ConfigError
from pipeline.frame.lock import locked
from pipeline.frame.run import Run
from tests.commands import code_of
from tests.tiny import TINY


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two runs, and files beside them."""
    folder = tmp_path / "results"
    for name in ("sample", "other"):
        run = Run(folder / name)
        with locked(run):
            run.stage("prepare").mkdir()
            run.dataset.write_text("{}")
    (folder / "README.md").write_text("kept")
    (tmp_path / "corrections").mkdir()
    (tmp_path / "corrections" / "sample.jsonl").write_text("{}")
    return folder


def test_the_run_of_the_config_goes_and_the_rest_stays(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clean(TINY, results)
    assert capsys.readouterr().out == f"deleted {results / 'sample'}\n"
    assert sorted(path.name for path in results.iterdir()) == ["README.md", "other"]
    assert (results / "other" / "prepare" / "dataset.json").exists()
    assert (results.parent / "corrections" / "sample.jsonl").exists()
    clean(TINY, results)
    assert capsys.readouterr().out == f"{results / 'sample'}: no run is there\n"


def test_the_config_itself_is_not_read(results: Path) -> None:
    """So that the results of a config that was deleted or does not fit any more can go."""
    clean(results.parent / "gone" / "other.yaml", results)
    assert not (results / "other").exists()


def test_a_folder_that_no_run_made_stays(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = results / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("kept")
    clean(Path("mine.yaml"), results)
    assert capsys.readouterr().out == f"{mine}: no run is there\n"
    assert (mine / "thesis.txt").exists()


@pytest.mark.parametrize("config", ["..", "", ".", "...yaml", "a b.yaml", ".yaml", "sample"])
def test_a_name_that_is_no_runs_deletes_nothing(results: Path, config: str) -> None:
    before = sorted(results.parent.rglob("*"))
    with pytest.raises(ConfigError, match="NAME names its results folder"):
        clean(Path(config), results)
    assert sorted(results.parent.rglob("*")) == before


def test_a_run_at_work_is_left_alone(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--config", str(TINY), "--results", str(results))
    with locked(Run(results / "sample")):
        assert code_of(clean, monkeypatch, *arguments) == 5
    assert "in use by process" in capsys.readouterr().err
    assert (results / "sample" / "prepare" / "dataset.json").exists()
    assert code_of(clean, monkeypatch, *arguments) == 0
    assert not (results / "sample").exists()
