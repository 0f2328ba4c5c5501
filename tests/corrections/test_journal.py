import itertools
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from pipeline.corrections import journal as journal_module
from pipeline.corrections.decision import Source
from pipeline.corrections.journal import Journal, StaleError, as_lot, encode_line, parse_line
from pipeline.corrections.merge import take_back
from pipeline.corrections.votes import consensus, disagree
from pipeline.frame.errors import DataError, ResourceError


def decide(source: Source, id_: str, decision: str = "keep", who: str = "Ann", **more: str):
    label = {"keep": source.given[id_], "relabel": _other(source, id_)}.get(decision)
    return source.decide(id_, decision, label, reviewer=who, **more)


def _other(source: Source, id_: str) -> str:
    return next(name for name in source.class_names if name != source.given[id_])


def test_decisions_come_back_as_they_were_written(source, tmp_path):
    journal = Journal(tmp_path / "j.jsonl", source)
    made = [
        decide(source, "train/0"),
        decide(source, "train/1", "relabel", note='ein "Zitat"\nZeile \u2028 😀'),
        decide(source, "train/2", "drop", who="Zoë"),
        decide(source, "train/3", "unsure"),
    ]
    for decision in made:
        journal.append([decision])
    again = Journal(journal.path, source)
    assert again.standing.all() == made
    assert again.lines == len(journal.path.read_bytes().splitlines()) == 4


def test_the_later_decision_wins_and_undo_brings_the_earlier_back(source, tmp_path):
    journal = Journal(tmp_path / "j.jsonl", source)
    journal.append([decide(source, "train/0")])
    journal.append([decide(source, "train/0", "drop")])
    assert journal.standing.of("train/0")["Ann"].decision == "drop"
    assert journal.standing.superseded == 1
    assert journal.undo("Ann") == ["train/0"]
    assert journal.standing.of("train/0")["Ann"].decision == "keep"
    assert journal.standing.superseded == 0
    assert journal.undo("Ann") == ["train/0"]
    assert journal.standing.of("train/0") == {}
    assert journal.undo("Ann") == []
    assert Journal(journal.path, source).standing.all() == []


def test_undo_takes_back_the_last_decision_of_that_reviewer_only(source, tmp_path):
    journal = Journal(tmp_path / "j.jsonl", source)
    for id_, who in (("train/0", "Ann"), ("train/1", "Ann"), ("train/2", "Bob")):
        journal.append([decide(source, id_, who=who)])
    assert journal.undo("Ann") == ["train/1"]
    assert {d.id for d in journal.standing.all()} == {"train/0", "train/2"}


def test_a_majority_decides_and_a_tie_does_not(source):
    keep, other, third = (
        decide(source, "train/0", "keep", "Ann"),
        decide(source, "train/0", "relabel", "Bob"),
        decide(source, "train/0", "relabel", "Cleo"),
    )
    unsure = decide(source, "train/0", "unsure", "Dan")
    assert consensus([keep, other]) is None
    assert consensus([keep, other, third]) == other.vote
    assert consensus([keep, unsure]) == keep.vote
    assert consensus([unsure]) is None
    assert disagree([keep, other]) and not disagree([keep, unsure])


def test_an_older_version_is_refused_and_another_reviewer_is_not(source, tmp_path):
    path = tmp_path / "j.jsonl"
    first, second = Journal(path, source), Journal(path, source)
    first.append([decide(source, "train/0")], seen=[0])
    with pytest.raises(StaleError):
        second.append([decide(source, "train/0", "drop")], seen=[0])
    second.append([decide(source, "train/0", "drop", "Bob")], seen=[0])
    second.append([decide(source, "train/0", "drop")], seen=[1])
    assert len(Journal(path, source).standing.of("train/0")) == 2


@pytest.mark.parametrize("cut", [1, 2, 30, 200])
def test_a_torn_last_line_is_cut_off_and_reported(source, tmp_path, cut):
    path = tmp_path / "j.jsonl"
    Journal(path, source).append([decide(source, "train/0")])
    whole = path.read_bytes()
    path.write_bytes(whole + encode_line(decide(source, "train/1"))[:cut])
    journal = Journal(path, source)
    assert "incomplete" in journal.notes[0] and str(cut) in journal.notes[0]
    assert path.read_bytes() != whole  # reading changes nothing
    journal.append([decide(source, "train/2")])
    assert [d.id for d in Journal(path, source).standing.all()] == ["train/0", "train/2"]
    assert path.read_bytes().startswith(whole)


def test_a_last_line_that_only_lacks_its_newline_is_kept(source, tmp_path):
    path = tmp_path / "j.jsonl"
    path.write_bytes(encode_line(decide(source, "train/0")).rstrip(b"\n"))
    journal = Journal(path, source)
    journal.append([decide(source, "train/1")])
    assert len(Journal(path, source).standing.all()) == 2


def test_a_full_disk_leaves_the_journal_as_it_was(source, tmp_path, monkeypatch):
    journal = Journal(tmp_path / "j.jsonl", source)
    journal.append([decide(source, "train/0")])
    before = journal.path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ResourceError, match="No space left"):
            journal.append([decide(source, "train/1")])
    assert journal.path.read_bytes() == before
    journal.append([decide(source, "train/1")])
    assert len(Journal(journal.path, source).standing.all()) == 2


def changed(source: Source, **values: object) -> bytes:
    line = decide(source, "train/0").model_dump() | values
    return json.dumps(line).encode() + b"\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (lambda s: b"{broken\n", "not a line of JSON"),
        (lambda s: b"\xff\xfe\n", "not a line of JSON"),
        (lambda s: b"\n", "not a line of JSON"),
        (lambda s: b"[1]\n", "valid dictionary"),
        (lambda s: b"[" * 100_000 + b"\n", "not a line of JSON"),
        (lambda s: changed(s, dataset="sha256:" + "0" * 64), "another dataset"),
        (lambda s: changed(s, id="train/999"), "unknown id 'train/999'"),
        (lambda s: changed(s, decision="relabel", label="posi"), "unknown class 'posi'; did you"),
        (lambda s: changed(s, given_label="pos", label="pos"), "given_label is 'pos', but"),
        (lambda s: changed(s, text_sha256="0" * 64), "not the one that was reviewed"),
        (lambda s: changed(s, decision="relabel"), "does not go with the label 'neg'"),
        (lambda s: changed(s, decision="delete"), "decision: "),
        (lambda s: changed(s, reviewer="a\x1b[2J"), "reviewer: "),
        (lambda s: changed(s, extra=1), "extra: "),
        (lambda s: changed(s, decision="undo", label=None, reviewer="Zoë"), "nothing to undo"),
        (lambda s: changed(s, time="yesterday"), "time: "),
    ],
)
def test_a_bad_line_in_the_middle_is_named_and_nothing_is_read(source, tmp_path, line, said):
    path = tmp_path / "j.jsonl"
    good = encode_line(decide(source, "train/1"))
    path.write_bytes(good + line(source) + good)
    with pytest.raises(DataError) as caught:
        Journal(path, source)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_lone_surrogate_cannot_get_into_the_journal(source):
    with pytest.raises(DataError, match="reviewer"):
        decide(source, "train/0", who="\ud800")
    with pytest.raises(DataError):
        parse_line(changed(source, note="\ud800"))


WRITER = """
import sys
from pathlib import Path
from pipeline.corrections.decision import Source
from pipeline.corrections.journal import Journal
ids = [f"train/{i}" for i in range(200)]
source = Source("sha256:" + "1" * 64, ["neg", "pos"], dict.fromkeys(ids, "neg"),
                {i: i * 50 for i in ids})
journal = Journal(Path(sys.argv[1]), source)
for i in ids[journal.lines:]:
    journal.append([source.decide(i, "keep", "neg", reviewer="Ann")])
    print(i, flush=True)
    sys.stdin.readline()
"""


def write_until_killed(path: Path, source: Source, ids: list[str], ack: int) -> None:
    try:
        journal = Journal(path, source)
        for id_ in ids[journal.lines :]:
            journal.append([decide(source, id_)])
            os.write(ack, f"{id_}\n".encode())
        signal.pause()
    finally:
        os._exit(1)


def test_every_acknowledged_decision_survives_kill_9(tmp_path):
    """100 writers, each killed right after an acknowledgement, while it writes the next line."""
    ids = [f"train/{i}" for i in range(20_000)]
    texts = {id_: id_ * 50 for id_ in ids}
    source = Source("sha256:" + "1" * 64, ["neg", "pos"], dict.fromkeys(ids, "neg"), texts)
    path = tmp_path / "j.jsonl"
    torn = 0
    for _ in range(100):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            write_until_killed(path, source, ids, write)
        os.close(write)
        acknowledged = os.read(read, 64)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(read, "rb") as rest:
            acknowledged += rest.read()
        journal = Journal(path, source)
        torn += bool(journal.notes)
        assert set(acknowledged.decode().split()) <= set(journal.standing.stacks)
    assert journal.lines >= 100


def test_two_processes_lose_nothing(tmp_path):
    code = textwrap.dedent(WRITER).replace("ids[journal.lines:]", "ids[:40]")
    code = code.replace("sys.stdin.readline()", "").replace('"Ann"', "sys.argv[2]")
    path = tmp_path / "j.jsonl"
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(path), who], stdout=subprocess.DEVNULL)
        for who in ("Ann", "Bob", "Cleo")
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    lines = [json.loads(line) for line in Path(path).read_text().splitlines()]
    assert len({(line["id"], line["reviewer"]) for line in lines}) == len(lines) == 120


# --- lots ------------------------------------------------------------------------------------


def lot_of(source: Source, *ids: str) -> list:
    return as_lot([decide(source, id_, "drop") for id_ in ids])


def test_a_line_of_one_decision_is_as_it_always_was(source):
    line = json.loads(encode_line(decide(source, "train/0")))
    assert not {"lot", "lot_size", "how"} & set(line)
    assert parse_line(json.dumps(line).encode()).lot is None


def test_a_lot_is_undone_with_one_undo_and_what_came_after_it_first(source, tmp_path):
    journal = Journal(tmp_path / "j.jsonl", source)
    journal.append([decide(source, "train/1", "keep")])
    journal.append(lot_of(source, "train/0", "train/1", "train/2"))
    journal.append([decide(source, "train/2", "unsure")])
    assert journal.undo("Ann") == ["train/2"]
    assert journal.undo("Ann") == ["train/0", "train/1", "train/2"]
    assert [(d.id, d.decision) for d in journal.standing.all()] == [("train/1", "keep")]
    assert Journal(journal.path, source).standing == journal.standing


def test_a_lot_that_a_crash_cut_off_anywhere_is_none(source, tmp_path):
    """Cut at every byte: all of it, or nothing; what was there before stays."""
    path = tmp_path / "j.jsonl"
    before = encode_line(decide(source, "train/9"))
    lot = b"".join(map(encode_line, lot_of(source, "train/0", "train/1", "train/2")))
    for cut in range(len(lot) + 1):
        path.write_bytes(before + lot[:cut])
        journal = Journal(path, source)
        ids = {d.id for d in journal.standing.all()}
        assert ids == (
            {"train/9"} | ({f"train/{i}" for i in range(3)} if cut == len(lot) else set())
        )
        if cut % 97 == 0 or cut >= len(lot) - 1:
            journal.append([decide(source, "train/5")])
            size = 3 * (cut >= len(lot) - 1)  # only the newline was missing
            assert len(Journal(path, source).standing.all()) == 2 + size


def test_a_lot_taken_elsewhere_in_parts_is_a_number_of_single_decisions(source, tmp_path):
    part = lot_of(source, "train/0", "train/1", "train/2")[:2]
    journal = Journal(tmp_path / "j.jsonl", source)
    take_back(journal, part)
    assert len(Journal(journal.path, source).standing.all()) == 2


def test_a_stale_member_refuses_the_lot(source, tmp_path):
    journal = Journal(tmp_path / "j.jsonl", source)
    journal.append([decide(source, "train/1")])
    with pytest.raises(StaleError):
        journal.append(lot_of(source, "train/0", "train/1"), seen=[0, 0])
    assert len(journal.standing.all()) == 1


KILLED_IN_A_LOT = """
    import os, sys
    from pathlib import Path
    from tests.review.site import make_examples
    from pipeline.corrections.apply import source_of
    from pipeline.corrections.journal import Journal, as_lot
    from pipeline.data.examples import fingerprint

    examples = make_examples()
    source = source_of(examples, fingerprint(examples))
    journal = Journal(Path(sys.argv[1]), source)
    for start in range(0, 80, 8):
        ids = examples.ids[start : start + 8]
        journal.append(as_lot([source.decide(i, "drop", None, reviewer="Ann") for i in ids]))
        print(start, flush=True)
"""


@pytest.mark.parametrize("wanted", [0, 2, 5, 8])
def test_acknowledged_lots_survive_kill_9_all_or_none(source, tmp_path, wanted):
    path = tmp_path / "j.jsonl"
    code = textwrap.dedent(KILLED_IN_A_LOT)
    writer = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    )
    last = ""
    for line in writer.stdout:
        last = line.strip()
        if int(last) // 8 >= wanted:
            break
    os.kill(writer.pid, signal.SIGKILL)
    last = ([last, *writer.stdout.read().split()])[-1]
    writer.wait()
    writer.stdout.close()
    standing = Journal(path, source).standing.all()
    assert len(standing) % 8 == 0 and len(standing) >= int(last) + 8


PIECE = 60  # bytes that reach the disk at a time


def change_and_die(
    work: Callable[[Journal], object], journal: Journal, step: int, ack: int
) -> None:
    """Do a change that is killed at a step: a piece of what is written, or what makes it last."""
    taken = itertools.count(1)

    def strike() -> None:
        if next(taken) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def write_pieces(file: IO[bytes], data: bytes) -> None:
        for start in range(0, len(data), PIECE):
            os.write(file.fileno(), data[start : start + PIECE])
            strike()

    def sync(descriptor: int) -> None:
        strike()
        real_sync(descriptor)
        strike()

    real_sync, os.fsync = os.fsync, sync
    journal_module.write_all = write_pieces  # type: ignore[attr-defined]
    try:
        work(journal)
        os.write(ack, b"saved")
    finally:
        os._exit(0)


@pytest.mark.parametrize("change", ["a lot", "its undo"])
def test_a_lot_is_there_or_not_at_all_wherever_kill_9_ends_it(source, tmp_path, change):
    ids = [f"train/{i}" for i in range(12)]
    lot = lot_of(source, *ids)
    steps, ends = 0, set[str]()
    while "finished" not in ends:
        steps += 1
        path = tmp_path / f"{steps}.jsonl"
        journal = Journal(path, source)
        journal.append([decide(source, "train/30")])
        if change == "its undo":
            journal.append(lot)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            work = (lambda j: j.undo("Ann")) if change == "its undo" else (lambda j: j.append(lot))
            change_and_die(work, journal, steps, write)
        os.close(write)
        _, status = os.waitpid(child, 0)
        with os.fdopen(read, "rb") as rest:
            saved = bool(rest.read())
        ends.add("finished" if os.WIFEXITED(status) else "killed")
        again = Journal(path, source)
        there = {i for i in ids if again.standing.of(i)}
        assert there in (set(), set(ids))
        done = set() if change == "its undo" else set(ids)
        assert there == done or not saved
        again.append([decide(source, "train/31")])  # what was cut off is in nobody's way
        last = Journal(path, source)
        assert {i for i in ids if last.standing.of(i)} == there
        assert last.standing.of("train/31") and last.standing.of("train/30")
    data = sum(len(encode_line(decision)) for decision in lot)
    assert ends == {"killed", "finished"} and steps >= data // PIECE


def test_a_journal_that_another_took_the_place_of_is_read_from_its_beginning(source, tmp_path):
    """As a version control does it: the same name and size, other lines."""
    journal, other = Journal(tmp_path / "j.jsonl", source), Journal(tmp_path / "k.jsonl", source)
    journal.append([decide(source, "train/0"), decide(source, "train/1")])
    other.append([decide(source, "train/1", "drop"), decide(source, "train/2", "drop")])
    other.append([decide(source, "train/3", note="and one more, so that nothing is cut off")])
    other.path.replace(journal.path)
    journal.refresh()
    assert journal.standing.all() == Journal(journal.path, source).standing.all()
    assert {d.id for d in journal.standing.all()} == {"train/1", "train/2", "train/3"}
    assert journal.lines == 3


def test_what_was_decided_elsewhere_meanwhile_is_not_undone(source, tmp_path, monkeypatch):
    first, second = Journal(tmp_path / "j.jsonl", source), Journal(tmp_path / "j.jsonl", source)
    first.append([decide(source, "train/0")])
    read = first.refresh

    def refresh_too_early() -> None:
        read()
        second.append([decide(source, "train/0", "drop")])

    monkeypatch.setattr(first, "refresh", refresh_too_early)
    with pytest.raises(StaleError):
        first.undo("Ann")
    standing = Journal(first.path, source).standing
    assert standing.of("train/0")["Ann"].decision == "drop"
