"""TensorFlow's start-up: quiet, one thread per process, the device that was asked for."""

import gc
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.frame.errors import ConfigError

NVIDIA_DRIVER = Path("/dev/nvidia0")
ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "KERAS_BACKEND": "tensorflow",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
}


def has_nvidia() -> bool:
    """Return whether the driver of an NVIDIA GPU is there, used or not."""
    return NVIDIA_DRIVER.exists()


def choose_device(asked: str) -> str:
    """Return "cpu" or "gpu": what was asked for; for auto, a GPU where TensorFlow sees one.

    Raises:
        ConfigError: a GPU was asked for and TensorFlow sees none.
    """
    if asked == "cpu" or (asked == "auto" and not has_nvidia()):
        return "cpu"
    if load_tensorflow("gpu").config.list_physical_devices("GPU"):
        return "gpu"
    if asked == "gpu":
        raise ConfigError(
            "compute.device: gpu was asked for and TensorFlow sees none; install its libraries "
            "with `make gpu`, or use compute.device=auto"
        )
    return "cpu"


def load_tensorflow(device: str = "cpu") -> Any:
    """Return the tensorflow module, imported quietly and set to one thread.

    One thread makes a training's bits independent of how many run beside it, and two
    trainings on two cores are faster than one on both.

    Args:
        device: "cpu" hides any GPU from TensorFlow.
    """
    tf = import_tensorflow()
    with quiet_start():
        tf.config.list_physical_devices("GPU")
    if tf.config.threading.get_intra_op_parallelism_threads() == 1:
        return tf
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    else:
        # Else a GPU multiplies with 10 bits, and weights end 0.005 from those of a CPU, not 1e-6.
        tf.config.experimental.enable_tensor_float_32_execution(False)
    # scikeras turns op determinism on for good unless it was asked about once before.
    from tensorflow.python.framework import config as framework_config

    framework_config.is_op_determinism_enabled()
    return tf


def import_tensorflow() -> Any:
    """Return the tensorflow module, imported quietly; no device or thread of it is started.

    The garbage collector never looks at what is imported: that would take a fifth of the import
    and most of a second at exit, and unshare the memory of forked workers.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    first = "tensorflow" not in sys.modules
    if first:
        gc.disable()
    try:
        with quiet_start():
            import tensorflow as tf

            tf.get_logger().setLevel(logging.ERROR)
    finally:
        if first:
            gc.freeze()
            gc.enable()
    return tf


def is_started() -> bool:
    """Return whether TensorFlow has been used in this process: it may have threads, or a GPU."""
    if "tensorflow" not in sys.modules:
        return False
    from tensorflow.python.eager import context

    return context.context_safe() is not None


@contextmanager
def quiet_start() -> Iterator[None]:
    """Hold back what C++ writes to stderr while libraries load; show it if loading fails."""
    with tempfile.TemporaryFile() as held:
        kept = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
