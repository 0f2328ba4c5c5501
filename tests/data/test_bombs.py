"""Inputs that would take for ever or more than there is: one line each."""

import gzip
import re
from pathlib import Path

import pytest

from pipeline.data import files
from pipeline.data.files import open_bytes, open_text
from pipeline.frame.errors import DataError
from pipeline.models import counts
from pipeline.models.counts import make_vectorizer
from pipeline.models.sections import Counts


def of_pattern(pattern: str) -> Counts:
    return Counts(
        kind="counts",
        lowercase=True,
        token_pattern=pattern,
        max_ngram=1,
        min_df=1,
        max_features=None,
    )


@pytest.mark.parametrize("pattern", ["(?:a+)+b", "(?:a|a)*b", "(?:a|aa)+$", "(?:.*a){25}b"])
def test_a_pattern_that_goes_back_for_ever(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "PATIENCE", 0.2)
    with pytest.raises(DataError, match=r"vectorize\.token_pattern: needs too long") as refused:
        make_vectorizer(of_pattern(pattern)).fit_transform(["good film", "a" * 60 + "c"])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("pattern", [r"\w+", r"(?u)\b\w\w+\b", "[^ ]+"])
def test_an_ordinary_pattern_finds_what_it_found(
    pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["Good film, é", "a" * 100_000, "", "bad " * 1000]
    found = make_vectorizer(of_pattern(pattern)).build_analyzer()
    assert [found(t) for t in texts] == [re.findall(pattern, t.lower()) for t in texts]


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("content", [b"\0", b"a", b"text,label\n"])
def test_a_file_that_unpacks_to_far_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, members: int
) -> None:
    monkeypatch.setattr(files, "MOST_UNPACKED", 1 << 20)
    path = tmp_path / "bomb.csv.gz"
    packed = gzip.compress(content * ((8 << 20) // len(content) // members))
    path.write_bytes(packed * members)
    with open_bytes(path) as file, pytest.raises(DataError, match="unpacks to more than 100 times"):
        while file.read(1 << 16):
            pass
    with open_text(path, "utf-8") as lines, pytest.raises(DataError, match="unpacks to more"):
        for _ in lines:
            pass


def test_packed_text_is_read_as_it_is(tmp_path: Path) -> None:
    text = "".join(f"text {n},{n % 2}\n" for n in range(50_000))
    path = tmp_path / "text.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    with open_text(path, "utf-8") as lines:
        assert "".join(lines) == text
