"""Whatever a file or a config holds: it comes back as it was, or is refused in one line."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.config.load import load_config
from pipeline.data.columnar import read_parquet
from pipeline.data.records import read_csv, read_jsonl
from pipeline.frame import artifacts
from pipeline.frame.errors import ConfigError
from tests.guard import ends
from tests.tiny import TINY

EXAMPLES = 500 if os.environ.get("FAULTS") == "all" else 50
often = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
records = st.lists(st.tuples(texts, texts), min_size=1, max_size=8)


def columns(rows: list[tuple[str, str]]) -> dict[str, list[str]]:
    return {"text": [text for text, _ in rows], "label": [label for _, label in rows]}


@often
@given(rows=records, delimiter=st.sampled_from([",", ";", "\t"]))
def test_csv_comes_back_exactly(tmp_path: Path, rows: list[Any], delimiter: str) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        writer.writerow(["text", "label"])
        writer.writerows(rows)
    wanted = ["text", "label"]
    read = read_csv(path, wanted, columns=None, delimiter=delimiter, encoding="utf-8")
    assert read.columns == columns(rows)


@often
@given(rows=records, ascii_only=st.booleans())
def test_jsonl_comes_back_exactly(tmp_path: Path, rows: list[Any], ascii_only: bool) -> None:
    path = tmp_path / "a.jsonl"
    lines = [json.dumps({"text": t, "label": la}, ensure_ascii=ascii_only) for t, la in rows]
    path.write_bytes("\n".join(lines).encode() + b"\n")
    assert read_jsonl(path, ["text", "label"]).columns == columns(rows)


@often
@given(rows=records)
def test_parquet_comes_back_exactly(tmp_path: Path, rows: list[Any]) -> None:
    pq.write_table(pa.table(columns(rows)), tmp_path / "a.parquet")
    assert read_parquet(tmp_path / "a.parquet", ["text", "label"]).columns == columns(rows)


@often
@given(rows=records, score=st.floats(allow_nan=False, allow_infinity=False))
def test_issues_come_back_exactly(tmp_path: Path, rows: list[Any], score: float) -> None:
    lines = [(n, n, la, "train", la, "b", score, score, t, "") for n, (t, la) in enumerate(rows)]
    artifacts.save_issues(tmp_path / "issues.csv", iter(lines))
    read = artifacts.load_issues(tmp_path / "issues.csv")
    assert [(row["text"], row["given_label"]) for row in read] == rows
    assert all(float(row["self_confidence"]) == score for row in read)


# --- configs ---------------------------------------------------------------------------------

LINES = TINY.read_text(encoding="utf-8").splitlines()
values = st.one_of(
    texts.filter(lambda text: "\n" not in text),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(
        ["", "null", "true", "[]", "{}", "- a", "&a", "*a", "!!python/name:os", "'", "|"]
    ),
)


@st.composite
def configs(draw: Any) -> bytes:
    """Return the demo's config after up to three accidents."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 3))):
        if not lines:  # cut to its first line, and that dropped
            break
        number = draw(st.integers(0, len(lines) - 1))
        accident = draw(st.sampled_from(["value", "drop", "twice", "indent", "insert", "cut"]))
        if accident == "value":
            lines[number] = f"{lines[number].split(':')[0]}: {draw(values)}"
        elif accident == "drop":
            del lines[number]
        elif accident == "twice":
            lines.insert(number, lines[number])
        elif accident == "indent":
            lines[number] = " " * draw(st.integers(1, 5)) + lines[number]
        elif accident == "insert":
            lines.insert(number, draw(values))
        else:
            lines = lines[: number + 1]
    data = "\n".join(lines).encode()
    if not data or draw(st.booleans()):
        return data
    place = draw(st.integers(0, len(data) - 1))
    return data[:place] + draw(st.binary(max_size=3)) + data[place + 1 :]


@often
@given(data=configs())
@example(data="\U00018cd6: 1\n".encode())  # a letter that Unicode has since 13.0
def test_a_config_is_valid_or_one_line_a_problem(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(data)
    try:
        with ends():
            load_config(path)
    except ConfigError as error:
        assert error.problems
        for problem in error.problems:
            assert problem.startswith(f"{path}"), problem
            assert len(problem.splitlines()) == 1, problem
            assert problem.isprintable(), ascii(problem)
