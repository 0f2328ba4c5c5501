"""A result belongs to its input: what moves while it is read is seen, and whoever shows results
asks whether they are whole and of the config it was called with."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.clean import clean
from pipeline.config.load import Loaded, load_config
from pipeline.data.sources import files_of_source
from pipeline.exchange.__main__ import export, import_
from pipeline.frame import artifacts
from pipeline.frame.cli import exit_code_of
from pipeline.frame.errors import ArtifactError, ConfigError, DataError
from pipeline.frame.files import hash_of
from pipeline.frame.finished import check_finished, check_owner
from pipeline.frame.record import RECORD, load_record
from pipeline.frame.run import Run
from pipeline.frame.stage import Context, RunState, execute
from pipeline.report.__main__ import report
from pipeline.report.tracking import track
from pipeline.review.__main__ import review
from pipeline.run import run as run_all
from pipeline.run import work
from pipeline.show import show
from tests.data.sources import DATASET, dataset
from tests.tiny import SETTINGS, STAGES, TINY, load_tiny, run_work

ROWS = "text,label\n" + "".join(f"text {n},{n % 2}\n" for n in range(12))


def write_folder(folder: Path) -> Path:
    for split in ("train", "test"):
        for label in ("neg", "pos"):
            for number in range(2):
                path = folder / split / label / f"{number}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"{split} {label} {number}", encoding="utf-8")
    return folder


def load(section: Any, *more: str, path: Path = TINY) -> Loaded:
    kept = [item for item in SETTINGS if not item.startswith("dataset.")]
    return load_config(path, [*kept, f"dataset={json.dumps(section.model_dump())}", *more])


def reason(loaded: Loaded, run: Run, name: str = "prepare") -> str:
    return RunState(loaded.config, run).reason(name)


# --- what moves while it is read -----------------------------------------------------------


def text_changed(folder: Path) -> tuple[Any, list[str], Path]:
    (folder / "data.csv").write_text(ROWS)
    return dataset("csv", folder / "data.csv"), [], folder / "data.csv"


def other_split_changed(folder: Path) -> tuple[Any, list[str], Path]:
    for name in ("data.csv", "test.csv"):
        (folder / name).write_text(ROWS)
    split = {"by": "file", "test_path": str(folder / "test.csv")}
    return dataset("csv", folder / "data.csv", split=split), [], folder / "test.csv"


def one_of_many_files_changed(folder: Path) -> tuple[Any, list[str], Path]:
    return dataset("folder", write_folder(folder)), [], folder / "test" / "pos" / "1.txt"


def decision_saved(folder: Path) -> tuple[Any, list[str], Path]:
    (folder / "data.csv").write_text(ROWS)
    journal = folder / "journal.jsonl"
    journal.touch()
    return dataset("csv", folder / "data.csv"), [f"corrections={journal}"], journal


def deleted(folder: Path) -> tuple[Any, list[str], Path]:
    return text_changed(folder)


@pytest.mark.parametrize(
    "given",
    [text_changed, other_split_changed, one_of_many_files_changed, decision_saved, deleted],
)
def test_what_moves_while_it_is_read_is_not_taken_for_read(
    tmp_path: Path, given: Callable[[Path], tuple[Any, list[str], Path]]
) -> None:
    (tmp_path / "in").mkdir()
    section, more, moved = given(tmp_path / "in")
    loaded, run = load(section, *more), Run(tmp_path / "results" / "sample")

    def work(context: Context) -> None:
        STAGES["prepare"].work(context)
        moved.unlink() if given is deleted else moved.write_text("something else")

    with pytest.raises(DataError, match="changed while this stage ran; its result is not kept"):
        run_work("prepare", work, loaded, run)
    assert list(run.stage("prepare").iterdir()) == []
    assert reason(loaded, run) == "has not been run"


def test_what_a_stage_fetched_itself_is_known_from_then_on(tmp_path: Path) -> None:
    """As a download is, which was not there when the stage began."""
    path = tmp_path / "data.csv"
    loaded, run = load(dataset("csv", path)), Run(tmp_path / "results" / "sample")

    def fetch(context: Context) -> None:
        path.write_text(ROWS)
        STAGES["prepare"].work(context)

    run_work("prepare", fetch, loaded, run)
    assert reason(loaded, run) == ""
    path.write_text(ROWS.replace("text 3", "text three"))
    assert reason(loaded, run) == "its inputs changed"


def test_a_model_of_ones_own_that_is_edited_while_it_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folds of two models would be one valid result; they are not resumed from either."""
    (tmp_path / "edited_model.py").write_text("def build(**sizes):\n    return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    model = {"name": "custom", "function": "edited_model:build", "options": {}}
    model |= {"epochs": 1, "batch_size": 8}
    (tmp_path / "data.csv").write_text(ROWS)
    sections = ['vectorize={"kind": "texts"}', f"model={json.dumps(model)}"]
    kept = [each for each in SETTINGS if each.split(".")[0] in ("crossval", "compute")]
    section = json.dumps(dataset("csv", tmp_path / "data.csv").model_dump())
    loaded = load_config(TINY, [*kept, f"dataset={section}", *sections])
    run = Run(tmp_path / "results" / "sample")
    for name in ("prepare", "vectorize"):
        execute(STAGES[name], loaded, run)

    def edit(context: Context) -> None:
        artifacts.save_arrays(run.fold("all", 0), {})
        path = tmp_path / "edited_model.py"
        path.write_text(path.read_text().replace("return 1", "return 2"))

    with pytest.raises(ArtifactError, match="crossval: its code changed while this stage ran"):
        run_work("crossval", edit, loaded, run)
    assert list(run.stage("crossval").iterdir()) == []


# --- linked folders ------------------------------------------------------------------------


@pytest.mark.parametrize("linked", ["train", "train/pos", "."])
def test_a_text_behind_a_link_is_an_input(tmp_path: Path, linked: str) -> None:
    real = write_folder(tmp_path / "real")
    folder = tmp_path / "given"
    if linked == ".":
        folder.symlink_to(real)
    else:
        shutil.copytree(real, folder)
        shutil.rmtree(folder / linked)
        (folder / linked).symlink_to(real / linked)
    loaded, run = load(dataset("folder", folder)), Run(tmp_path / "results" / "sample")
    execute(STAGES["prepare"], loaded, run)
    assert reason(loaded, run) == ""
    (real / "train" / "pos" / "0.txt").write_text("another text")
    assert reason(loaded, run) == "its inputs changed"


def test_a_folder_that_links_to_itself_ends(tmp_path: Path) -> None:
    write_folder(tmp_path / "a")
    before = hash_of(tmp_path / "a")
    (tmp_path / "a" / "train" / "up").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "nowhere").symlink_to(tmp_path / "none")
    assert hash_of(tmp_path / "a") == before
    (tmp_path / "a" / os.fsdecode(b"b\xff.txt")).write_text("a name that is not UTF-8")
    assert hash_of(tmp_path / "a") != before


@pytest.mark.parametrize("linked", [False, True])
def test_results_in_the_folder_that_is_read_are_refused_at_once(
    tmp_path: Path, linked: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder would change with them, and no second try would help. Nothing is left in it."""
    folder = write_folder(tmp_path / "data")
    given = folder
    if linked:
        given = tmp_path / "given"
        given.symlink_to(folder)
    run = Run(folder / "results" / "sample")
    loaded = load(dataset("folder", given))
    assert work("prepare", loaded, run.folder.parent) == 2
    assert "lie in this folder of the dataset, which" in capsys.readouterr().err
    assert not run.folder.exists()
    assert work("prepare", loaded, tmp_path / "data-results") == 0


# --- TFDS ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["toy", "toy/small", "toy/small:1.0.0", "toy:1.0.0"])
def test_files_of_tfds_are_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    keys = {"text_keys": ["text"], "label_key": "label", "train_split": "train[:50%]"}
    values = keys | {"source": "tfds", "name": name, "test_split": "test"}
    section = DATASET.validate_python(values)
    assert files_of_source(section) == []
    folder = tmp_path / "tfds" / "toy" / "small" / "1.0.0"
    folder.mkdir(parents=True)
    used = ["dataset_info.json", "features.json", "label.labels.txt"]
    used += [f"toy-{split}.tfrecord-00000-of-00001" for split in ("train", "test")]
    for file in [*used, "toy-unsupervised.tfrecord-00000-of-00001"]:
        (folder / file).write_text("1")
    assert files_of_source(section) == sorted(str(folder / file) for file in used)
    run, loaded = Run(tmp_path / "results" / "sample"), load(section)
    run_work("prepare", lambda context: None, loaded, run)
    assert reason(loaded, run) == ""
    (folder / used[-1]).write_text("2")
    assert reason(loaded, run) == "its inputs changed"


# --- two configs of one name ---------------------------------------------------------------


@pytest.fixture
def teams(tmp_path: Path) -> tuple[list[Path], Run]:
    """Two configs of one name, and results of the first."""
    paths = []
    for team in ("A", "B"):
        path = tmp_path / f"team{team}" / "reviews.yaml"
        path.parent.mkdir()
        shutil.copy(TINY, path)
        paths.append(path)
    run = Run(tmp_path / "results" / "reviews")
    loaded = load_config(paths[0], SETTINGS)
    run_work("prepare", lambda context: None, loaded, run)
    return paths, run


def test_a_config_of_the_same_name_is_refused(
    teams: tuple[list[Path], Run], capsys: pytest.CaptureFixture[str]
) -> None:
    (first, second), run = teams
    check_owner(first, run)
    with pytest.raises(ConfigError, match=r"holds the results of .*teamA/reviews.yaml"):
        check_owner(second, run)
    options: dict[str, Any] = {"config": second, "results": run.folder.parent}
    for command in (run_all, clean):
        (run.folder / ".lock").touch()
        assert exit_code_of(command, **options) == 2
        assert "teamA" in capsys.readouterr().err
    assert (run.stage("prepare") / RECORD).exists()


def test_a_config_that_was_moved_keeps_its_results(teams: tuple[list[Path], Run]) -> None:
    (first, second), run = teams
    first.unlink()
    check_owner(second, run)
    first.symlink_to(second)
    check_owner(second, run)


def test_a_copy_of_everything_has_results_of_its_own(
    teams: tuple[list[Path], Run], tmp_path: Path
) -> None:
    copied = tmp_path / "copy" / "of" / "all"
    shutil.copytree(tmp_path, copied, ignore=shutil.ignore_patterns("copy"))
    check_owner(copied / "teamA" / "reviews.yaml", Run(copied / "results" / "reviews"))
    recorded = load_record(teams[1].stage("prepare"))["config_file"]
    assert recorded == "../../teamA/reviews.yaml"  # no folder of this machine


# --- whoever shows results -----------------------------------------------------------------


def with_queue(function: Callable[..., None], **more: Any) -> Callable[..., None]:
    def command(**options: Any) -> None:
        function(**options, **more)

    return command


READERS: dict[str, Callable[..., None]] = {
    "export": with_queue(export, format_="dataset"),
    "import": with_queue(import_, format_="csv", file=Path("x.csv")),
    "review": with_queue(review, terminal=True, reviewer="Ann"),
    "show": show,
    "report": report,
    "track": with_queue(track),
}


def told(results: Path, *more: str) -> dict[str, Any]:
    return {"config": TINY, "set_": [*SETTINGS, "tracking=tensorboard", *more], "results": results}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "other", ["seed=7", "dataset.error_rate=0.2", "model.epochs=9", "find_issues.frac_noise=0.5"]
)
def test_results_of_another_config_are_not_shown(
    tiny_results: Path, capsys: pytest.CaptureFixture[str], name: str, other: str
) -> None:
    assert exit_code_of(READERS[name], **told(tiny_results, other)) == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert f"was made with another config ({other.split('=')[0]} " in said.err
    assert said.err.count("\n") == 1


def flip_labels(run: Run) -> Path:
    table = artifacts.load_table(run.examples)
    labels = [1 - label for label in table.column("label").to_pylist()]
    place = table.schema.get_field_index("label")
    flipped = table.set_column(place, table.schema.field(place), pa.array(labels, pa.int32()))
    artifacts.save_table(run.examples, flipped)
    return run.examples


def swap_names(run: Run) -> Path:
    description = artifacts.load_json(run.dataset)
    description["class_names"].reverse()
    artifacts.save_json(run.dataset, description)
    return run.dataset


def other_issues(run: Run) -> Path:
    shutil.copy(run.issues("test"), run.issues("all"))
    return run.issues("all")


def other_probabilities(run: Run) -> Path:
    artifacts.save_array(run.pred_probs("all"), 1 - artifacts.load_array(run.pred_probs("all")))
    return run.pred_probs("all")


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("damage", [flip_labels, swap_names, other_issues, other_probabilities])
def test_a_changed_file_is_not_shown(
    run_copy: Run,
    capsys: pytest.CaptureFixture[str],
    name: str,
    damage: Callable[[Run], Path],
) -> None:
    path = damage(run_copy)
    assert exit_code_of(READERS[name], **told(run_copy.folder.parent)) == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert f"{path} is damaged" in said.err


def test_what_changed_since_is_said(
    run_copy: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = load_tiny().config
    assert check_finished(config, run_copy, "evaluate") == ""
    (tmp_path / "data.csv").write_text(ROWS)
    loaded, run = load(dataset("csv", tmp_path / "data.csv")), Run(tmp_path / "csv" / "sample")
    execute(STAGES["prepare"], loaded, run)
    (tmp_path / "data.csv").write_text(ROWS.replace("3", "4"))
    since = check_finished(loaded.config, run, "prepare")
    assert since == f"{tmp_path / 'data.csv'} changed"


def test_a_journal_may_grow_and_get_its_place_in_the_config(run_copy: Run, tmp_path: Path) -> None:
    """What is reviewed are the labels as given: decisions do not make them those of another run."""
    journal = tmp_path / "journal.jsonl"
    journal.touch()
    config = load_tiny(f"corrections={journal}").config
    assert check_finished(config, run_copy, "find_issues", but=("corrections",)) == ""
    with pytest.raises(ArtifactError, match="corrections null -> "):
        check_finished(config, run_copy, "find_issues")
