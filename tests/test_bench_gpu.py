"""`make bench-gpu` where there is no GPU: every part runs on the CPU, a broken one says why."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import gpu
from pipeline.frame import artifacts


@pytest.mark.parametrize("part", ["placement", "out_of_range", "determinism", "train"])
def test_a_part_answers_in_json(part: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer = json.loads(json.dumps(gpu.PARTS[part]("cpu", 1, 320)))
    if part == "placement":
        assert answer["weights_on"] == ["/job:localhost/replica:0/task:0/device:CPU"]
        assert set(answer["gpu_kernels"]) == set(gpu.OPS)
    elif part == "out_of_range":
        assert answer == {"ours": "refused", "tensorflow": "an error"}
    elif part == "determinism":
        assert answer == {"same_bits": True, "most": 0.0}
    else:
        Path(answer["weights"]).unlink()
        assert len(answer["pred_probs"]) == 4


def test_a_part_that_breaks_says_so_and_stops_nothing() -> None:
    answer = gpu.read_answer("train", "gpu", 3, 1, "", "Traceback\nResourceExhausted: no memory\n")
    assert answer["failed"] == "ResourceExhausted: no memory"
    assert "failed ResourceExhausted: no memory" in gpu.line_of(answer)
    assert gpu.differences(answer, answer)["failed"]


def test_differences_are_those_of_weights_and_probabilities(tmp_path: Path) -> None:
    answers = []
    for number in (0.0, 0.5):
        path = tmp_path / f"{number}.npy"
        np.save(path, np.array([1.0, 2 + number]))
        answers.append({"weights": str(path), "pred_probs": [0.5, 0.25 + number / 2]})
    assert gpu.differences(*answers) == {"weights_most": 0.5, "pred_probs_most": 0.25}


def test_runs_are_compared_by_probabilities_and_issues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, probs in (("cpu", [0.5, 0.25]), ("gpu", [0.5, 0.375])):
        folder = tmp_path / name / "run"
        (folder / "crossval").mkdir(parents=True)
        (folder / "find_issues").mkdir()
        np.save(folder / "crossval/pred_probs_all.npy", np.array(probs))
        (folder / "find_issues/issues_all.csv").write_text(name)
    rows = {"cpu": np.array([3, 1]), "gpu": np.array([3, 2, 4])}
    monkeypatch.setattr(artifacts, "load_issue_rows", lambda path: rows[path.read_text()])
    found = gpu.compare(tmp_path / "cpu", tmp_path / "gpu")
    assert found == {"pred_probs_most": 0.125, "issues": [2, 3], "in_both": 1}
    assert gpu.compare(tmp_path / "cpu", tmp_path / "none")["failed"]


def test_what_is_out_of_time_is_not_begun_and_what_was_found_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu, "OUTPUT", tmp_path / "gpu.json")
    begun = []

    def ask(part: str, device: str, number: int = 1, *, quick: bool = False) -> gpu.Answer:
        begun.append(part)
        return {"part": part, "device": device}

    monkeypatch.setattr(gpu, "ask", ask)
    gpu.bench_gpu(minutes=0)
    assert begun == ["devices", "placement"]
    kept = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    assert [each["part"] for each in kept["parts"]] == ["placement"]
    assert "cut after 0 minutes" in capsys.readouterr().out
