"""What decides a result is what is compared: code, sections of the config, files, libraries."""

import csv
import errno
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.config.load import Loaded, load_config
from pipeline.frame import code, stage, versions
from pipeline.frame.code import code_of, decides_nothing, reached
from pipeline.frame.errors import DataError
from pipeline.frame.files import hash_of
from pipeline.frame.record import load_record
from pipeline.frame.run import Run
from pipeline.frame.stage import RunState, alternatives
from tests.faults.matrix import SETTINGS as COUNTS
from tests.frame.watching import watch_stages
from tests.tiny import ROOT, STAGES, TINY, below, load_tiny

OWN_MODEL = """
from own_settings import ALPHA

def build(*, seed, **sizes):
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    return make_pipeline(CountVectorizer(), MultinomialNB(alpha=ALPHA))
"""
CUSTOM = {"name": "custom", "function": "own_models:build", "options": {}, "epochs": 1,
          "batch_size": 8}  # fmt: skip
# They only tell, though a stage calls them: what is trained first, and the seal of a record.
ONLY_TELL = {
    ("pipeline.models.training", "Training.cost"),
    # What an engine trains as one on a CPU gets the bits it has alone: see test_replicas.py.
    ("pipeline.models.training", "grouped"),
    ("pipeline.models.training", "Training.stack_shape"),
    ("pipeline.frame.artifacts", "json_bytes"),
}
# Of these sections only the kind or the name of a file is read, or where the work is done.
CHANGE_NOTHING = {
    "prepare": set(),
    "vectorize": {"compute"},
    "crossval": {"compute", "vectorize"},
    "find_issues": {"vectorize"},
    "cleanlearn": {"compute"},
    "evaluate": {"corrections"},
}
CALIBRATE = "cleanlearn.calibrate=true"  # or its folds are not read


# --- what the stages do, seen from outside -------------------------------------------------


class Seen:
    """A run of the six stages that was watched, and the folder of the files it was given."""

    def __init__(self, loaded: Loaded, folder: Path) -> None:
        self.config = loaded.config
        self.given = folder / "given"
        self.run = Run(folder / "results" / loaded.run)
        self.stages = watch_stages(loaded, folder / "results")


@pytest.fixture(scope="module", params=["tokens", "counts", "own"])
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "given").mkdir()
    if request.param == "tokens":
        return Seen(load_tiny(CALIBRATE), folder)
    if request.param == "counts":
        return Seen(load_config(TINY, [*COUNTS, CALIBRATE]), folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(write_own_model(folder / "given"))
        own = Seen(load_own(folder / "given", CALIBRATE), folder)
    for module in ("own_models", "own_settings"):
        del sys.modules[module]
    return own


def write_own_model(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "own_models.py").write_text(OWN_MODEL, encoding="utf-8")
    (folder / "own_settings.py").write_text("ALPHA = 1.0\n", encoding="utf-8")
    (folder / "own_other.py").write_text("OTHER = 1\n", encoding="utf-8")
    return folder


def load_own(folder: Path, *more: str) -> Loaded:
    """Return a config of CSV files and of a model of the user's, on texts."""
    for name, count in (("train.csv", 90), ("test.csv", 40)):
        write_reviews(folder / name, count)
    dataset = {
        "source": "csv", "path": str(folder / "train.csv"), "columns": None, "delimiter": ",",
        "encoding": "utf-8", "text_columns": ["text"], "label_column": "label", "id_column": None,
        "classes": None, "split": {"by": "file", "test_path": str(folder / "test.csv")},
    }  # fmt: skip
    sections = {"dataset": dataset, "vectorize": {"kind": "texts"}, "model": CUSTOM}
    whole = [f"{name}={json.dumps(section)}" for name, section in sections.items()]
    return load_config(TINY, [*COUNTS[4:], *whole, *more])


def write_reviews(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for number in range(count):
            words = ("fine good nice" if number % 2 else "bad sad poor").split()
            label = "pos" if number % 2 == (number % 15 != 0) else "neg"
            writer.writerow([f"{words[number % 3]} {words[number // 3 % 3]} {number}", label])


@pytest.mark.parametrize("name", STAGES)
def test_all_that_a_stage_calls_is_in_its_code(seen: Seen, name: str) -> None:
    """So that there is no code whose change could go unseen."""
    counted = reached(STAGES[name].roots(seen.config))
    called = seen.stages[name].called
    assert (f"pipeline.{name}", name) in called
    assert len(called) > 10
    unseen = {
        (module, part)
        for module, part in called - counted - ONLY_TELL
        if not decides_nothing(module)
    }
    assert unseen == set()


@pytest.mark.parametrize("name", STAGES)
def test_what_a_stage_opens_is_told(seen: Seen, name: str) -> None:
    """In results/ files of the stages it reads, elsewhere those that `files` names."""
    opened = seen.stages[name].opened
    inside = {path for path in opened if path.is_relative_to(seen.run.folder)}
    folders = {path.relative_to(seen.run.folder).parts[0] for path in inside}
    assert folders <= {*STAGES[name].reads, name}
    told = STAGES[name].files(seen.config, seen.run)
    assert {str(path) for path in outside(seen, name)} == set(told)


def outside(seen: Seen, name: str) -> set[Path]:
    """Return the files that are neither results nor code which stage `name` opened."""
    opened = (path for path in seen.stages[name].opened if path.is_file())
    ours = (path for path in opened if path.is_relative_to(seen.given) or is_ours(path))
    return {path for path in ours if path.suffix not in (".py", ".pyc")}


def is_ours(path: Path) -> bool:
    return path.is_relative_to(ROOT) and not path.relative_to(ROOT).parts[0].startswith(".")


def test_something_is_opened_of_every_stage_that_is_read(seen: Seen) -> None:
    """A stage that reads more than it must runs too often; only `evaluate` reads the times."""
    for name, declared in STAGES.items():
        opened = {path.parent for path in seen.stages[name].opened}
        for upstream in declared.reads:
            assert any(path.is_relative_to(seen.run.stage(upstream)) for path in opened)


@pytest.mark.parametrize("name", STAGES)
def test_what_a_stage_writes_is_declared(seen: Seen, name: str) -> None:
    outputs = load_record(seen.run.stage(name))["outputs"]
    assert outputs
    assert [file for file in outputs if not STAGES[name].makes(file)] == []


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_reads_its_sections_alone(seen: Seen, name: str) -> None:
    sections, read = set(STAGES[name].sections), seen.stages[name].sections
    assert read - CHANGE_NOTHING[name] <= sections
    assert sections <= read


def test_the_alternatives_of_a_pattern() -> None:
    assert alternatives("a.csv") == ["a.csv"]
    assert alternatives("{a,b}/x.{c,d}") == ["a/x.c", "a/x.d", "b/x.c", "b/x.d"]
    assert STAGES["crossval"].makes("train/fold_03.npz")
    assert not STAGES["crossval"].makes("other/fold_03.npz")


# --- what runs again when the code changes -------------------------------------------------


class Package:
    """A copy of the package whose code is the one that is compared."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{file}: {old}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        forget()

    def append(self, file: str, text: str) -> None:
        path = self.folder / file
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
        forget()


def forget() -> None:
    for cache in (code.read_module, code._code_of, code._package):
        cache.cache_clear()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    ignored = shutil.ignore_patterns("__pycache__")
    copied = shutil.copytree(ROOT / "pipeline", tmp_path / "pipeline", ignore=ignored)
    monkeypatch.setattr(code, "ROOT", Path(copied))
    forget()
    yield Package(Path(copied))
    monkeypatch.undo()
    forget()


def hashes(loaded: Loaded) -> dict[str, str]:
    return {name: code_of(each.roots(loaded.config)).sha256 for name, each in STAGES.items()}


def changed(before: dict[str, str], loaded: Loaded) -> set[str]:
    after = hashes(loaded)
    return {name for name in STAGES if after[name] != before[name]}


def stale(run: Run) -> dict[str, str]:
    state = RunState(load_tiny().config, run)
    return {name: reason for name in STAGES if (reason := state.reason(name))}


LABEL_READERS = {"vectorize", "crossval", "find_issues", "cleanlearn", "evaluate"}
DECIDES = [
    ("data/prepared.py", '(scope == "train")', '(scope == "test")', LABEL_READERS),
    ("issues/sections.py", 'exclude={"return_indices', 'exclude={"frac_noise", "return_indices',
     {"find_issues", "cleanlearn"}),
    ("issues/arms.py", "TrainingSet(given.issues, ", "TrainingSet(NOTHING, ", {"cleanlearn"}),
    ("models/network.py", "tf.nn.softmax(self.dense(mean))", "self.dense(mean)",
     {"crossval", "cleanlearn"}),
    ("models/table.py", 'model.optimizer == "adam"', 'model.optimizer == "other"',
     {"crossval", "cleanlearn"}),
    ("frame/tensorflow.py", "set_intra_op_parallelism_threads(1)",
     "set_intra_op_parallelism_threads(2)", {"crossval", "cleanlearn"}),
    ("frame/run.py", '"crossval" / f"pred_probs_{scope}.npy"', '"crossval" / f"probs_{scope}.npy"',
     {"crossval", "find_issues", "cleanlearn", "evaluate"}),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "stages"), DECIDES)
def test_code_that_decides_a_result_runs_it_again(
    package: Package, tiny_run: Run, file: str, old: str, new: str, stages: set[str]
) -> None:
    before = hashes(load_tiny())
    assert stale(tiny_run) == {}
    package.edit(file, old, new)
    assert changed(before, load_tiny()) == stages
    found = stale(tiny_run)
    assert set(found) == set().union(*map(below, stages))
    first = next(name for name in STAGES if name in stages)
    assert found[first] == "its code changed"


TELLS = [
    ("data/files.py", "; save it as UTF-8{other}", "; save it in UTF-8{other}"),
    ("data/files.py", "is a folder; name a file in dataset.path", "is a folder"),
    ("data/files.py", "# bytes at a time", "# bytes in one piece"),
    ("data/files.py", '"""Yield the bytes of a file, unpacked', '"""Yield bytes, unpacked'),
    ("compute/ray_engine.py", "RETRIES = ", "RETRIES = 1 + "),
    ("compute/local.py", "WORKER_BYTES = 500_000_000", "WORKER_BYTES = 600_000_000"),
    ("prepare.py", "MUCH_OVERLAP = 0.05", "MUCH_OVERLAP = 0.06"),
    ("crossval.py", 'f"log loss {pooled', 'f"loss {pooled'),
    ("frame/stage.py", '"has not been run"', '"was never run"'),
    ("config/load.py", "{0,63}", "{0,62}"),
    ("report/page.html", "<body", "<body "),
    ("issues/arms.py", '"training without them"', '"training without those"'),
    ("issues/arms.py", '"the finder\'s probabilities alone"', '"the finder\'s word alone"'),
    ("models/members.py", '"an ensemble ({members})"', '"several ({members})"'),
    ("report/page.py", '"""', '"""The page. '),
]


@pytest.mark.parametrize("config", ["tokens", "csv"])
def test_words_comments_and_where_it_runs_run_nothing_again(
    package: Package, tiny_run: Run, tmp_path: Path, config: str
) -> None:
    (tmp_path / "given").mkdir()
    loaded = load_tiny() if config == "tokens" else load_own(tmp_path / "given")
    before = hashes(loaded)
    for file, old, new in TELLS:
        package.edit(file, old, new)
    forget()
    assert changed(before, loaded) == set()
    if config == "tokens":
        assert stale(tiny_run) == {}


def test_code_that_nothing_uses_runs_nothing_again(package: Package, tiny_run: Run) -> None:
    package.append("data/prepared.py", "\n\ndef unused() -> int:\n    return 1\n")
    package.append("report/page.css", "\n.unused { color: red }\n")
    package.edit(
        "frame/run.py",
        "    @property\n    def health(self)",
        '    @property\n    def unused(self) -> Path:\n        return self.folder / "unused"\n\n'
        "    @property\n    def health(self)",
    )
    assert stale(tiny_run) == {}


def test_a_message_may_be_computed_and_takes_its_names_with_it(package: Package) -> None:
    before = hashes(load_tiny())
    package.edit(
        "data/examples.py",
        '    for split in ("train", "test"):\n        found =',
        "    there = sorted(set(examples.splits))\n"
        '    for split in ("train", "test"):\n        found =',
    )
    message = "no {split} examples"
    package.edit("data/examples.py", f"has {message}", f"has {{there}} and {message}")
    assert changed(before, load_tiny()) == set()


# --- code of the user's --------------------------------------------------------------------


def test_the_users_model_and_what_it_imports_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_own_model(tmp_path / "given")
    monkeypatch.syspath_prepend(folder)
    loaded = load_own(folder)
    forget()
    for file in ("own_models.py", "own_settings.py"):
        before = hashes(loaded)
        path = folder / file
        path.write_text(path.read_text(encoding="utf-8") + "MORE = 1\n", encoding="utf-8")
        forget()
        assert changed(before, loaded) == {"crossval", "cleanlearn"}
    before = hashes(loaded)
    (folder / "own_other.py").write_text("OTHER = 2\n", encoding="utf-8")
    forget()
    assert changed(before, loaded) == set()


def test_a_source_that_changed_is_seen_though_nothing_else_did(package: Package) -> None:
    """Only while the source is the one a record names is its code taken as known."""
    roots = ["pipeline.prepare:prepare"]
    before = code.source_of(roots)
    assert code.source_of(roots) == before
    package.append("report/tracking.py", "\n# changed\n")
    assert code.source_of(roots) != before


# --- libraries and files -------------------------------------------------------------------


def test_another_version_of_a_library_runs_what_calls_it_again(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = versions._version
    monkeypatch.setattr(
        versions, "_version", lambda name: "9.9" if name == "cleanlab" else real(name)
    )
    found = stale(tiny_run)
    assert set(found) == below("find_issues")
    assert found["find_issues"] == f"cleanlab {real('cleanlab')} -> 9.9"


def test_a_stage_names_the_libraries_it_calls_and_no_others(tiny_run: Run) -> None:
    named = {name: set(load_record(tiny_run.stage(name))["versions"]) for name in STAGES}
    learn = {"tensorflow", "keras", "scikeras"}
    assert named["prepare"] == named["vectorize"] == {"numpy", "pyarrow"}
    assert learn <= named["crossval"] and learn <= named["cleanlearn"]
    assert {name for name in STAGES if "cleanlab" in named[name]} == {"find_issues", "cleanlearn"}


def test_a_changed_file_of_the_users_runs_it_again(tmp_path: Path) -> None:
    loaded = load_own(write_own_model(tmp_path / "given"))
    run = Run(tmp_path / "results" / loaded.run)
    stage.execute(STAGES["prepare"], loaded, run)
    assert not RunState(loaded.config, run).reason("prepare")
    for name in ("test.csv", "train.csv"):
        path = tmp_path / "given" / name
        kept = path.read_bytes()
        path.write_bytes(kept + b"one more,pos\r\n")
        assert RunState(loaded.config, run).reason("prepare") == "its inputs changed"
        path.unlink()
        assert RunState(loaded.config, run).reason("prepare") == "its inputs changed"
        path.write_bytes(kept)
    assert not RunState(loaded.config, run).reason("prepare")


def test_a_folder_is_known_by_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.txt").write_text("one")
    first = hash_of(tmp_path / "a")
    (tmp_path / "a" / "1.txt").rename(tmp_path / "a" / "2.txt")
    assert hash_of(tmp_path / "a") != first
    (tmp_path / "a" / "2.txt").rename(tmp_path / "a" / "1.txt")
    assert hash_of(tmp_path / "a") == first
    assert hash_of(tmp_path / "none") == "missing"


@pytest.mark.parametrize("where", ["a/1.txt", "a"])
def test_what_may_not_be_read_is_said_so(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not that it cannot be written, which is what such an error means elsewhere."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.txt").write_text("one")

    def refuse(self: Path, *_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "open" if where.endswith("txt") else "iterdir", refuse)
    with pytest.raises(DataError, match=rf"{where}: cannot be read: Permission denied; correct"):
        hash_of(tmp_path / "a")
