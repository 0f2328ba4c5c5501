"""TensorFlow's start-up."""

import os
import subprocess
import sys

import pytest

from pipeline.frame.errors import ConfigError
from pipeline.frame.tensorflow import choose_device, load_tensorflow, quiet_start
from tests.tiny import ROOT


def test_a_start_is_quiet_and_on_one_thread() -> None:
    source = (
        "from pipeline.frame.tensorflow import load_tensorflow\n"
        "tf = load_tensorflow('auto')\n"
        "assert load_tensorflow('auto') is tf\n"
        "assert float(tf.reduce_sum(tf.ones([3]))) == 3\n"
        "print(tf.config.threading.get_intra_op_parallelism_threads())\n"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "KERAS"))}
    done = subprocess.run(
        [sys.executable, "-c", source],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_a_gpu_that_is_not_there_is_the_configs_fault() -> None:
    tf = load_tensorflow()
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("there is one")
    with pytest.raises(ConfigError, match="gpu was asked for and TensorFlow sees none"):
        choose_device("gpu")
    assert choose_device("auto") == choose_device("cpu") == "cpu"


def test_what_was_held_back_is_shown_when_loading_fails(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with quiet_start():
        os.write(2, b"chatter\n")
    assert capfd.readouterr().err == ""
    with pytest.raises(ImportError), quiet_start():
        os.write(2, b"why\n")
        raise ImportError
    assert capfd.readouterr().err == "why\n"
