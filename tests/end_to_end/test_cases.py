"""Files after public reports, where they lie on this machine: each through the command line.

What each of them stands for has tests of its own, on inputs of their own.
"""

import os
from pathlib import Path
from typing import NamedTuple

import pytest

from pipeline.config.load import load_config
from pipeline.data.prepared import load_labels
from pipeline.frame import artifacts
from pipeline.frame.cli import exit_code_of
from pipeline.frame.record import load_record
from pipeline.frame.run import Run
from pipeline.init import init
from tests.tiny import run_stage

PLACES = [
    Path(os.environ.get("PIPELINE_TEST_DATA", "nowhere")),
    Path(__file__).parent.parent.parent.parent / "shared",
]
FOUND = next((place / "cases" for place in PLACES if (place / "cases").is_dir()), None)
pytestmark = pytest.mark.skipif(
    FOUND is None,
    reason="the cases are not on this machine: set PIPELINE_TEST_DATA to what holds cases/",
)


class Read(NamedTuple):
    """A case that is read: how many examples, which classes or how many, what init says."""

    examples: int
    classes: str = "neg pos"
    says: str = ""


class Refused(NamedTuple):
    """A case that is refused: what the line says, and whether there is a config to edit."""

    says: str
    config: bool = True


DAMAGED, ALIKE = "hf-damaged", "labels-alike"
CASES: dict[str, Read | Refused] = {
    "argilla-1.x/records.jsonl": Read(44, "4"),
    "chance-level/zh2.csv": Read(400, says="Chinese"),
    "classes-map-keys/y_01.csv": Read(60, "01 02"),
    "classes-map-keys/y_bool.csv": Read(60, "false true"),
    "classes-map-keys/y_float.csv": Read(60, "0.0 1.0"),
    "encoding-guess/mixenc.csv": Refused("mixenc.csv:62: byte"),
    "encoding-guess/sjis.csv": Refused("sjis.csv:2: byte"),
    "encoding-guess/utf16nobom.csv": Read(60),
    f"{DAMAGED}/brokenstate": Refused("state.json names no files", config=False),
    f"{DAMAGED}/emptydict": Refused("names no splits", config=False),
    f"{DAMAGED}/lfs": Refused("Git LFS pointer", config=False),
    f"{DAMAGED}/missingarrow": Refused("is missing", config=False),
    f"{DAMAGED}/zeropq": Refused("is empty (0 bytes)", config=False),
    "hf-folders-merged/backup": Refused("not the splits of one set", config=False),
    "hf-folders-merged/converted": Read(120, says="80 train, 40 test"),
    "hf-folders-merged/multiconf": Refused("'emotion', 'hate'", config=False),
    "init-dead-ends/c150.csv": Read(6000, "150"),
    "init-dead-ends/glue": Read(100, says="'test (it has no labels)'"),
    "init-dead-ends/l_01.csv": Refused("label '01' is not a number"),
    "init-dead-ends/l_pm1.csv": Refused("often means no label"),
    "init-dead-ends/unused": Read(120),
    "init-knows-fewer-types/boollab": Read(120, "false true"),
    "init-knows-fewer-types/boollabel.parquet": Read(60, "false true"),
    "init-knows-fewer-types/categorical.parquet": Read(60),
    "init-knows-fewer-types/dictlarge.parquet": Read(60, "0 1"),
    "init-knows-fewer-types/floatlabel.parquet": Read(60, "0.0 1.0"),
    "init-knows-fewer-types/hetero.jsonl": Read(59, says="records: '1 without a label'"),
    "init-knows-fewer-types/polars_enum.parquet": Read(60),
    "init-knows-fewer-types/view.parquet": Read(60),
    f"{ALIKE}/fullwidth.csv": Refused("differs from"),
    f"{ALIKE}/inner.csv": Refused("differs from"),
    f"{ALIKE}/l_nfc.csv": Refused("differs from"),
    f"{ALIKE}/l_zwj.csv": Refused("differs from"),
    "null-in-unused-column/missingkey_later.jsonl": Read(60, says="columns: 'x'"),
    "null-in-unused-column/nulllabel_extra.jsonl": Read(60, says="columns: 'comment'"),
    "null-in-unused-column/nullnote": Read(120, "0 1", says="columns: 'note'"),
    "null-in-unused-column/othernull.parquet": Read(60, says="columns: 'comment'"),
    "one-class-test/colone.csv": Refused("all 12 test examples are 'pos'"),
    "one-class-test/imbal.csv": Refused("all 60 test examples are 'common'"),
    "one-class-test/s3/train.csv": Refused("all 30 test examples are 'c0'"),
    "pandas-index-csv/dup.csv": Read(60),
    "pandas-index-csv/dupempty.csv": Read(60),
    "pandas-index-csv/pdindex.csv": Read(60),
    "pandas-index-csv/survey.csv": Read(60),
    "pandas-index-csv/trailcomma.csv": Read(60),
    "results-collision/Label.csv": Read(60),
    "results-collision/crlf.csv": Read(60),
    "split-column/split3.csv": Read(96, says="splits: 'val'"),
    "split-column/splitval.csv": Read(120, says="96 train, 24 test"),
    "tsv-quotes/startquote.tsv": Read(60, says="quoting      none"),
    "tsv-quotes/swallow.psv.csv": Read(120, says="quoting      none"),
    "tsv-quotes/swallow.tsv": Read(60, says="quoting      none"),
    "tsv-quotes/swallow3.tsv": Read(120, says="quoting      none"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_file_is_read_as_its_report_expects(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert FOUND is not None
    config, results, expected = tmp_path / "case.yaml", tmp_path / "results", CASES[name]
    code = exit_code_of(init, data=FOUND / name, output=config)
    said = capsys.readouterr()
    if isinstance(expected, Refused):
        assert (code, config.exists()) == (3, expected.config), said.err
        assert expected.says in said.err
        assert len(said.err.splitlines()) == 1
        assert ("DECIDE" in said.err) == expected.config
        return
    assert code == 0, said.err
    assert expected.says in said.out
    run_stage("prepare", load_config(config), results)
    made = Run(results / "case")
    names = artifacts.load_json(made.dataset)["class_names"]
    assert len(load_labels(made).given) == expected.examples
    if expected.classes.isdigit():
        assert len(names) == int(expected.classes)
    else:
        assert sorted(names) == sorted(expected.classes.split())
    not_read = load_record(made.stage("prepare"))["not_read"]
    assert ("not read" in said.out) == bool(not_read)
