"""`make bench-gpu` where there is no GPU: every part runs on the CPU, a broken one says why."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import gpu


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
