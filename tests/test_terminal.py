"""No text of a stranger reaches a terminal as a command."""

import io
import unicodedata
from pathlib import Path

import pytest

from pipeline.frame.cli import exit_code_of
from pipeline.frame.errors import ConfigError, DataError
from pipeline.frame.messages import for_terminal, readable
from pipeline.frame.progress import StageProgress
from pipeline.frame.run import Run
from pipeline.predict import predict
from pipeline.review.__main__ import review
from tests.review.site import make_examples, write_run
from tests.tiny import ROOT, command

HOSTILE = "\x1b[2J\x1b]0;title\x07 \x9b31m \x90q \u202edlrow\u2066 \u2028\x08\x7f\r gone"


def obeyed(text: str) -> set[str]:
    """Return the characters in a text that a terminal could obey, tabs and line ends aside."""
    kinds = {"Cc", "Zl", "Zp", "Cs"}
    turns = {c for c in text if unicodedata.bidirectional(c) in BIDIRECTIONAL}
    return {c for c in text if unicodedata.category(c) in kinds and c not in "\n\t"} | turns


BIDIRECTIONAL = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def test_every_character_that_could_be_obeyed_is_replaced() -> None:
    every = "".join(map(chr, range(0x110000)))
    assert len(obeyed(every)) > 2000  # surrogates are most of them
    made = for_terminal(every)
    assert len(made) == len(every)
    assert obeyed(made) == set()
    assert not set("\u061c\u200e\u200f") & set(made)


def test_what_was_there_can_be_seen() -> None:
    assert for_terminal("a\x00b\x1b[2J\r\x7f\x9b") == "a␀b␛[2J␍\ufffd\ufffd"
    assert for_terminal(HOSTILE).startswith("␛[2J␛]0;title␇ ")


@pytest.mark.parametrize("text", ["Zoë said “no”\n\té 🙂 שלום", "👩‍👩‍👧 می‌خواهم", "e\u0301"])
def test_ordinary_text_stays(text: str) -> None:
    assert for_terminal(text) == text


def test_a_readable_text_breaks_its_lines() -> None:
    assert readable("a<br /><BR>b\r\nc<br/>d \x1b") == "a\n\nb\nc\nd ␛"
    assert readable("<brown> <b>") == "<brown> <b>"


# --- the ways out ----------------------------------------------------------------------------


def test_an_error_line(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ConfigError([f"first {HOSTILE}\nof all", "second \x1b"])

    assert exit_code_of(fail) == 2
    said = capsys.readouterr().err
    assert obeyed(said) == set()
    assert said.splitlines()[0].endswith("gone␊of all")
    assert said.splitlines()[1] == "error: second ␛"
    assert len(said.splitlines()) == 2


def test_a_line_of_a_stage(capsys: pytest.CaptureFixture[str]) -> None:
    StageProgress("prepare").say(HOSTILE)
    assert obeyed(capsys.readouterr().out) == set()


def test_a_labelled_text(tiny_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    predict([HOSTILE, "\udcff\udcfe good"], tiny_run.keras_model("cleaned"))
    out = capsys.readouterr().out
    assert obeyed(out) == set()
    assert len(out.splitlines()) == 2
    assert out.endswith("\t?? good\n")  # bytes of the command line that are not UTF-8


@pytest.mark.parametrize("bad", [b"b\xffd", b"caf\xe9", b"\xed\xa0\x80", b"\x80"])
def test_a_line_that_is_not_utf8_is_labelled_like_the_others(
    bad: bytes, tiny_run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = b"good\n" + bad + b"\n\nbad"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))
    predict(None, tiny_run.keras_model("cleaned"))
    said = capsys.readouterr()
    assert [line.split("\t")[2] for line in said.out.splitlines()] == [
        "good", bad.decode("utf-8", "replace"), "", "bad",
    ]  # fmt: skip
    assert said.err.endswith("line 2 holds bytes that are not UTF-8, read as \ufffd\n")


def test_utf16_is_one_line_of_an_error(tiny_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    data = "good\n".encode("utf-16")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))
    with pytest.raises(DataError, match="stdin: is UTF-16"):
        predict(None, tiny_run.keras_model("cleaned"))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_is_not_utf8_is_told_what_it_can_show(
    encoding: str, tmp_path: Path
) -> None:
    """Five classes of other scripts: their names, and the ellipsis behind the fourth."""
    rows = [f"text {n} of some,{'αβγδε'[n % 5]}" for n in range(60)]
    data, config = tmp_path / "data.csv", tmp_path / "mine.yaml"
    data.write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    env = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    assert command("init", data, "--output", config, env=env).returncode == 0
    arguments = ["--config", config, "--results", tmp_path / "results"]
    for said in ("done in", "up to date"):
        done = command("prepare", *arguments, env=env)
        assert done.returncode == 0, done.stderr
        assert said in done.stdout


def test_a_note_of_the_journal_and_what_is_asked_about_an_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The journal's path, an id, a class name and a text, all of somebody else."""
    examples = make_examples([f"{HOSTILE} {i}" for i in range(10)], (f"a{HOSTILE}", "b"))
    examples.ids[:] = [f"{id_}{HOSTILE}" for id_ in examples.ids]
    run = write_run(tmp_path / "results" / "sample", examples)
    journal = tmp_path / "j\x1b[2J\u202e.jsonl"
    journal.write_text('{"torn"')
    answers = iter(["k", "z", "n", "x\x1b", "q"])
    monkeypatch.setattr("rich.console.Console.input", lambda *_, **__: next(answers))
    config = ROOT / "configs" / "sample.yaml"
    value = str(journal).replace("\x1b", "\\e").replace("\u202e", "\\u202e")
    overrides = [f'corrections="{value}"']
    review(config, overrides, run.folder.parent, terminal=True, reviewer="Ann")
    said = capsys.readouterr()
    assert " is incomplete" in said.err
    assert "saved: " in said.out and "undone: " in said.out
    assert obeyed(said.out) | obeyed(said.err) == set()
