"""Many trainings, each kept in a file of its own, so that a killed run goes on where it was."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.compute.engine import Engine, make_engine
from pipeline.compute.resources import training_bytes
from pipeline.compute.sections import Compute
from pipeline.data.prepared import check_stamp, dataset_stamp
from pipeline.frame import artifacts
from pipeline.frame.artifacts import Arrays
from pipeline.frame.errors import ArtifactError
from pipeline.frame.progress import StageProgress
from pipeline.frame.run import Run
from pipeline.models.table import Model, Vectorize, device_for, inputs_of, row_of
from pipeline.models.training import Training, train


def training_engine(
    run: Run, vectorize: Vectorize, model: Model, compute: Compute, progress: StageProgress
) -> Engine:
    """Return what trains `model` on the examples of `run`."""
    row = row_of(model)
    held = 0 if row.fast(model) else inputs_of(run, "all", vectorize).stat().st_size
    examples = artifacts.load_json(run.dataset)["num_examples"]
    return make_engine(
        compute.model_copy(update={"device": device_for(model, compute.device)}),
        progress,
        needs_tensorflow=row.tensorflow,
        worker_bytes=training_bytes(examples, inputs=held),
    )


@dataclass(frozen=True)
class Trainings:
    """Runs trainings and keeps each result in a file, with a hash of all it was made from.

    key: of what they have in common. path_of: where the result of a training is kept.
    """

    run_folder: Run
    key: str
    engine: Engine
    path_of: Callable[[Training], Path]

    def run(self, trainings: Sequence[Training], what: str) -> Iterator[tuple[Training, Arrays]]:
        """Yield (training, its result), those kept from before first; say `what` they are."""
        missing = []
        for training in trainings:
            if (kept := self._kept(training)) is not None:
                yield training, kept
            else:
                missing.append(training)
        kept_count = len(trainings) - len(missing)
        kept_words = f", {kept_count} of them kept" if kept_count else ""
        self.engine.progress.say(f"{what}: {len(trainings)} trainings{kept_words}")
        self.engine.progress.restart()
        for training, result in self.engine.run(train, missing):
            stamp = dataset_stamp(self.run_folder, training.labels)
            stamp |= {"key": np.array(self._key_of(training))}
            artifacts.save_arrays(self.path_of(training), result | stamp)
            yield training, result

    def _kept(self, training: Training) -> Arrays | None:
        path = self.path_of(training)
        try:
            arrays = artifacts.load_arrays(path)
            check_stamp(arrays, dataset_stamp(self.run_folder, training.labels), path, "crossval")
            return arrays if str(arrays["key"]) == self._key_of(training) else None
        except (ArtifactError, KeyError):
            return None

    def _key_of(self, training: Training) -> str:
        """Return a hash of what a result is made from; those of a GPU and a CPU never mix."""
        size = getattr(training.model, "batch_size", None)  # the rest of the model is in `key`
        place = (training.name, training.seed, training.path, size)
        made_from = (self.key, self.engine.device, *place)
        digest = hashlib.sha256(" ".join(map(str, made_from)).encode())
        for array in (training.labels, training.held_out, training.weights, training.targets):
            digest.update(b"\0" if array is None else array.tobytes())
        return digest.hexdigest()
