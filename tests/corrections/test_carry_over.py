"""The dataset changed: what was decided about texts that are still there is kept."""

import csv
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.config.load import Loaded, load_config
from pipeline.corrections.apply import source_of
from pipeline.corrections.carry_over import carry_over
from pipeline.corrections.decision import Decision, Source
from pipeline.corrections.journal import Journal
from pipeline.data.examples import fingerprint
from pipeline.data.sources import read_examples
from pipeline.frame.errors import DataError
from pipeline.frame.progress import StageProgress
from pipeline.frame.run import Run
from pipeline.frame.stage import Context
from pipeline.prepare import prepare
from pipeline.review.__main__ import carry, make_command, review
from tests.data.sources import KEYS

OLD = [(f"ticket {i}", "ab"[i % 2]) for i in range(40)]


def make_source(rows: dict[str, tuple[str, str]], names: tuple[str, ...] = ("a", "b")) -> Source:
    """Return a source from id -> (text, label)."""
    texts = {id_: text for id_, (text, _) in rows.items()}
    given = {id_: label for id_, (_, label) in rows.items()}
    return Source("sha256:" + f"{len(rows):064d}", list(names), given, texts)


def decisions_of(source: Source) -> list[Decision]:
    """Return one decision for each example, each of another kind than the one before."""
    made = []
    for place, (id_, given) in enumerate(source.given.items()):
        kind = ("keep", "relabel", "drop", "unsure")[place % 4]
        label = {"keep": given, "relabel": {"a": "b", "b": "a"}[given]}.get(kind)
        how = (None, "settle", "blind", "audit", "settle")[place % 5]
        made.append(source.decide(id_, kind, label, reviewer="Ann", note=f"note {place}", how=how))
    return made


def test_what_still_fits_is_kept_and_the_rest_has_a_reason():
    old = {f"train/{i}": (f"text {i}", "ab"[i % 2]) for i in range(6)}
    new = {
        "train/0": ("text 0", "a"),  # as it was
        "test/1": ("text 1", "b"),  # another id
        "train/2": ("text 2!", "a"),  # edited
        "train/3": ("text 3", "a"),  # another label
        "x/4": ("text 4", "a"),  # another id, twice
        "y/4": ("text 4", "a"),
        "train/5": ("text 5", "b"),  # its own id, twice
        "y/5": ("text 5", "b"),
    }
    decisions = decisions_of(make_source(old))
    source = make_source(new)
    carried = carry_over(decisions, source)
    assert [made.id for made in carried.decisions] == ["train/0", "test/1", "train/5"]
    for made in carried.decisions:
        assert not source.problem(made)
        before = next(d for d in decisions if d.text_sha256 == made.text_sha256)
        assert made.model_dump(exclude={"id", "dataset"}) == before.model_dump(
            exclude={"id", "dataset"}
        )
    assert {decision.id: reason for decision, reason in carried.left} == {
        "train/2": "its text is not in the dataset any more",
        "train/3": "was given 'b', is given 'a' now",
        "train/4": "its text is there 2 times, each time with another id",
    }


def test_a_class_that_is_gone_is_a_reason():
    old = make_source({"train/0": ("text", "a")}, ("a", "c"))
    made = old.decide("train/0", "relabel", "c", reviewer="Ann")
    carried = carry_over([made], make_source({"train/0": ("text", "a"), "train/1": ("x", "b")}))
    assert carried.decisions == [] and "unknown class 'c'" in carried.left[0][1]


# --- the command, over a CSV that changes ------------------------------------------------------


@dataclass
class Project:
    """A config over data.csv. overrides: --set of every command."""

    folder: Path
    overrides: tuple[str, ...] = ()

    def write(self, rows: list[tuple[str, str]]) -> None:
        with (self.folder / "data.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *rows])

    def loaded(self, *more: str) -> Loaded:
        section = KEYS["csv"] | {"source": "csv", "path": str(self.folder / "data.csv")}
        sets = [f"dataset={json.dumps(section)}", *self.overrides, *more]
        return load_config(self.folder / "tiny.yaml", sets)

    def source(self, *more: str) -> Source:
        config = self.loaded(*more).config
        examples = read_examples(config.dataset, seed=config.seed)
        return source_of(examples, fingerprint(examples))

    def prepare(self, *more: str) -> None:
        run = Run(self.folder / "run")
        run.stage("prepare").mkdir(parents=True, exist_ok=True)
        prepare(Context(self.loaded(*more), run, StageProgress("prepare"), key=""))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A journal of decisions about every example of the dataset as it is."""
    shutil.copy("configs/sample.yaml", tmp_path / "tiny.yaml")
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path)
    project.write(OLD)
    source = project.source()
    Journal(tmp_path / "corrections" / "tiny.jsonl", source).append(decisions_of(source))
    return project


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ("one row more", 40),
        ("one row edited", 39),
        ("one label corrected", 39),
        ("another seed", 40),
    ],
)
def test_a_changed_dataset_takes_the_old_decisions(project, capsys, change, kept):
    old = project.folder / "corrections" / "tiny.jsonl"
    before = old.read_bytes()
    rows = {
        "one row more": [*OLD, ("ticket 40", "a")],
        "one row edited": [("ticket 0, edited", "a"), *OLD[1:]],
        "one label corrected": [("ticket 0", "b"), *OLD[1:]],
        "another seed": OLD,
    }[change]
    project.write(rows)
    project.overrides = ("seed=8",) if change == "another seed" else ()
    pinned = f"corrections={old}"
    with pytest.raises(DataError) as refused:
        project.prepare(pinned)
    assert f"`python -m pipeline.review --config … --carry-over {old}`" in str(refused.value)
    journal = carry(project.loaded(pinned), old)
    assert journal.path.parent == old.parent and journal.path != old
    assert old.read_bytes() == before
    assert len(journal.standing.all()) == kept
    said = capsys.readouterr().out
    assert f"{kept} decisions carried over to {journal.path}" in said
    assert said.count("left: ") == 40 - kept
    project.prepare(f"corrections={journal.path}")
    # The same once more adds nothing.
    written = journal.path.read_bytes()
    carry(project.loaded(pinned), old)
    assert journal.path.read_bytes() == written


def test_the_refusal_is_a_command_to_paste(project, capsys):
    project.write([*OLD, ("new", "a")])
    path = Path("corrections/tiny.jsonl")
    arguments = "--config configs/tickets.yaml --set seed=8"
    with pytest.raises(DataError) as refused:
        Journal(path, project.source(), arguments=arguments)
    command = f"python -m pipeline.review {arguments} --carry-over {path}"
    assert f"`{command}` keeps what still fits" in str(refused.value)
    assert len(str(refused.value)) < 300


def test_decisions_join_those_of_a_journal_that_is_named(project, capsys):
    old = project.folder / "corrections" / "tiny.jsonl"
    project.write([*OLD, ("new", "a")])
    source = project.source()
    new_id = next(id_ for id_, text in source.texts.items() if text == "new")
    mine = Journal(Path("corrections/mine.jsonl"), source)
    mine.append([source.decide(new_id, "drop", None, reviewer="Bob")])
    loaded = project.loaded("corrections=corrections/mine.jsonl")
    review(project.folder / "tiny.yaml", [*loaded.overrides], carry_over=old)
    assert len(Journal(mine.path, source).standing.all()) == 41
    assert "41 decision(s) stand in corrections/mine.jsonl." in capsys.readouterr().out


def test_what_cannot_be_carried_over_is_said(project):
    old = project.folder / "corrections" / "tiny.jsonl"
    with pytest.raises(DataError, match="is of this dataset already"):
        carry(project.loaded(), old)
    with pytest.raises(DataError, match="cannot be read"):
        carry(project.loaded(), old.with_name("none.jsonl"))
    project.write([(f"other {text}", label) for text, label in OLD])
    with pytest.raises(DataError, match="none of its 40 decisions fits this dataset; nothing is"):
        carry(project.loaded(), old)
    whole = old.read_bytes()
    old.write_bytes(b"broken\n" + whole)
    with pytest.raises(DataError, match=r"tiny\.jsonl:1: is not a line of JSON"):
        carry(project.loaded(), old)
    assert [path.name for path in old.parent.iterdir()] == ["tiny.jsonl"]


def test_a_torn_last_line_is_left_where_it_is(project):
    old = project.folder / "corrections" / "tiny.jsonl"
    old.write_bytes(old.read_bytes()[:-30])
    project.write([*OLD, ("new", "a")])
    assert len(carry(project.loaded(), old).standing.all()) == 39


@pytest.mark.parametrize(
    ("config", "sets", "results", "command"),
    [
        ("imdb", [], "results", "make all SET=corrections=corrections/j.jsonl"),
        (
            "tickets",
            ["corrections=corrections/old.jsonl"],
            "results",
            "make all CONFIG=configs/tickets.yaml SET=corrections=corrections/j.jsonl",
        ),
        (
            "tickets",
            ["model.epochs=3"],
            "out",
            "make all CONFIG=configs/tickets.yaml "
            "SET='model.epochs=3 corrections=corrections/j.jsonl' RESULTS=out",
        ),
    ],
)
def test_the_next_command_can_be_pasted(config, sets, results, command):
    loaded = load_config(Path("configs/sample.yaml"), sets)
    loaded = Loaded(loaded.config, config, Path(f"configs/{config}.yaml"), loaded.overrides)
    assert make_command(loaded, Path("corrections/j.jsonl"), Path(results)) == command


def test_a_journal_in_the_config_is_not_set_again():
    loaded = load_config(Path("configs/sample.yaml"), ["corrections=corrections/j.jsonl"])
    loaded = Loaded(loaded.config, "tickets", Path("configs/tickets.yaml"), ())
    command = make_command(loaded, Path("corrections/j.jsonl"), Path("results"))
    assert command == "make all CONFIG=configs/tickets.yaml"
