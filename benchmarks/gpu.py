"""`make bench-gpu`: does a GPU compute what the CPU does, how fast, and what goes wrong there.

Every part is a process of its own and leaves a line of JSON; one that fails leaves the reason and
stops no other. What says most comes first, and the file is written again after each part, so a run
that is cut short has told what it could. Without a GPU the parts run on the CPU alone, which tries
the script and no more. Writes results/bench/gpu.json and prints a table.
"""

import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.measure import measure, python
from pipeline.frame import artifacts
from pipeline.frame.cli import run_command
from pipeline.frame.tensorflow import load_tensorflow

OUTPUT = Path("results/bench/gpu.json")
REPLICAS = (1, 3, 9, 30, 100)
SMALL_GPUS = (2_000, 4_000)  # MB: what a part may take of the GPU's memory
OPS = ("ResourceApplyAdam", "SparseSegmentMean", "SparseTensorDenseMatMul", "MatMul", "GatherV2")
VOCABULARY, LENGTH, CLASSES, DIM, BATCH = 10_000, 250, 2, 16, 32
EPOCHS = 3  # a GPU's next one is drawn while one trains
IMDB = ("--config=configs/imdb.yaml",)
SAMPLE = ("--config=configs/sample.yaml", "--set=dataset.num_train=20000")
Answer = dict[str, Any]


def bench_gpu(
    part: Annotated[str, typer.Option(hidden=True)] = "",
    device: Annotated[str, typer.Option(hidden=True)] = "cpu",
    number: Annotated[int, typer.Option(hidden=True)] = 1,
    quick: Annotated[bool, typer.Option(help="Small data: does all of it run?")] = False,
    whole: Annotated[bool, typer.Option(help="With make all, make study and the script.")] = True,
    minutes: Annotated[float, typer.Option(help="Begin no part after these.")] = math.inf,
) -> None:
    """Compare this machine's GPU with its CPU: placement, equality, stacking, memory, time."""
    if part:
        print(json.dumps(PARTS[part](device, number, 2_000 if quick else 25_000)))
        return
    end = time.monotonic() + 60 * minutes
    found: list[Answer] = []
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    gpus = ask("devices", "gpu")
    devices = ("cpu", "gpu") if gpus.get("gpus") else ("cpu",)
    for answer in answers(devices, quick=quick, whole=whole):
        found.append(answer)
        machine = {"cores": os.cpu_count(), "platform": platform.platform()}
        result = {"machine": machine | gpus, "parts": found}
        OUTPUT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        print(line_of(answer), flush=True)
        if time.monotonic() > end:
            print(f"cut after {minutes:g} minutes: some parts were not begun")
            break
    if "gpu" not in devices:
        print("no GPU here that TensorFlow can use: nothing above was tried on one")


def answers(devices: Sequence[str], *, quick: bool, whole: bool) -> Iterator[Answer]:
    """Yield what each part found, what says most first; each part on every device in turn."""
    for part in ("placement", "train", "out_of_range", "determinism"):
        found = [ask(part, device, quick=quick) for device in devices]
        yield from found
        if part == "train" and len(found) == 2:
            yield {"part": "equality", **differences(*found)}
    with tempfile.TemporaryDirectory() as results:
        if whole:
            yield from whole_runs("run", devices, Path(results), quick=quick)
        yield from timings(devices, quick=quick)
        if whole:
            yield from whole_runs("study", devices, Path(results), quick=quick)
            yield from plain_script(devices, quick=quick)


def timings(devices: Sequence[str], *, quick: bool) -> Iterator[Answer]:
    """Yield what trainings as one cost, two at once, and what small GPUs bear."""
    for count in REPLICAS:
        for device in devices:
            if device == "gpu" or count <= REPLICAS[2]:
                yield ask("replicas", device, count, quick=quick)
    for device in devices:
        yield two_at_once(device, quick=quick)
    if "gpu" in devices:
        for megabytes in SMALL_GPUS:
            yield ask("small_gpu", "gpu", megabytes, quick=quick)


def ask(part: str, device: str, number: int = 1, *, quick: bool = False) -> Answer:
    """Return what a part says in a process of its own, or in "failed" why it said nothing."""
    done = start(part, device, number, quick=quick)
    printed, errors = done.communicate()
    return read_answer(part, device, number, done.returncode, printed, errors)


def start(part: str, device: str, number: int, *, quick: bool) -> subprocess.Popen[str]:
    command = [python(), "-m", "benchmarks.gpu", f"--part={part}", f"--device={device}"]
    command += [f"--number={number}", *(["--quick"] if quick else [])]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)


def read_answer(
    part: str, device: str, number: int, code: int, printed: str, errors: str
) -> Answer:
    named = {"part": part, "device": device, "number": number}
    lines = printed.strip().splitlines()
    if code == 0 and lines:
        answer: Answer = json.loads(lines[-1])
        return named | answer
    last = (errors.strip().splitlines() or [f"exit code {code}"])[-1]
    return named | {"failed": last[:300]}


def two_at_once(device: str, *, quick: bool) -> Answer:
    """Return the seconds of two trainings in two processes at once on one device."""
    both = [start("replicas", device, 1, quick=quick) for _ in range(2)]
    said = []
    for each in both:
        printed, errors = each.communicate()
        said.append(read_answer("replicas", device, 1, each.returncode, printed, errors))
    seconds = [answer.get("seconds") for answer in said]
    failed = [answer["failed"] for answer in said if "failed" in answer]
    result = {"part": "two_at_once", "device": device, "seconds": seconds}
    return result | ({"failed": failed[0]} if failed else {})


def line_of(answer: Answer) -> str:
    told = dict(answer)
    part, device, number = (told.pop(key, "") for key in ("part", "device", "number"))
    told.pop("weights", None)
    facts = ", ".join(f"{name} {_short(value)}" for name, value in told.items())
    return f"{part:<14} {device:<4} {number:<6} {facts}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


# --- the parts: (device, number, examples) -> answer -----------------------------------------


def devices_of(device: str, number: int, examples: int) -> Answer:
    tf = load_tensorflow(device)
    found = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(each) for each in found]
    return {"tensorflow": tf.__version__, "gpus": len(found), "details": details}


def placement(device: str, number: int, examples: int) -> Answer:
    """Return where the weights lie after a step, and for which of its ops a GPU has a kernel."""
    from tensorflow.python.framework import kernels

    network = train_replicas(device, 1, 4 * BATCH)[0][0]
    has_gpu = {
        op: any(k.device_type == "GPU" for k in kernels.get_registered_kernels_for_op(op).kernel)
        for op in OPS
    }
    places = {variable.value.device.rpartition(":")[0] for variable in network.weights}
    return {"weights_on": sorted(places), "gpu_kernels": has_gpu}


def determinism(device: str, number: int, examples: int) -> Answer:
    """Return whether the same training gives the same bits twice in one process."""
    first, second = (flat(train_replicas(device, 1, examples // 5)[0][0]) for _ in range(2))
    return {"same_bits": bool((first == second).all()), "most": float(abs(first - second).max())}


def out_of_range(device: str, number: int, examples: int) -> Answer:
    """Return what a token id beyond the vocabulary does: refused by us; what TensorFlow does."""
    tf = load_tensorflow(device)
    network = new_network(0)
    beyond = np.full((BATCH, LENGTH), VOCABULARY + 1, np.int32)
    try:
        network.training_data(beyond, np.zeros(BATCH, int))
        ours = "taken"
    except ValueError:
        ours = "refused"
    try:
        vector = tf.gather(network.embedding.embeddings.value, [VOCABULARY + 5]).numpy()
        theirs = "zeros" if not vector.any() else "numbers"
    except tf.errors.InvalidArgumentError:
        theirs = "an error"
    return {"ours": ours, "tensorflow": theirs}


def replicas(device: str, number: int, examples: int) -> Answer:
    """Return the seconds of an epoch of `number` networks trained as one, the first one apart."""
    examples = max(BATCH, 8 * examples // max(8, number))  # drawing them takes longest
    _, first, seconds = train_replicas(device, number, examples)
    per = seconds / number / examples
    answer = {"first_seconds": first, "seconds": seconds, "microseconds_per_example": 1e6 * per}
    return answer | memory(device)


def small_gpu(device: str, number: int, examples: int) -> Answer:
    """Return how many networks of REPLICAS can be trained as one in `number` MB of the GPU."""
    tf = load_tensorflow(device)
    limit = tf.config.LogicalDeviceConfiguration(memory_limit=number)
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("GPU")[0], [limit])
    most = 0
    for count in REPLICAS[:4]:
        try:
            train_replicas(device, count, examples // 2)
        except tf.errors.ResourceExhaustedError:
            break
        most = count
    return {"most_replicas": most}


def train(device: str, number: int, examples: int) -> Answer:
    """Return the file of the weights that a training gives, for `differences`."""
    (network, *_), _, seconds = train_replicas(device, 1, examples)
    with tempfile.NamedTemporaryFile(suffix=".npy", delete=False) as file:
        np.save(file, flat(network))
    tokens = np.random.default_rng(9).integers(0, VOCABULARY, (BATCH, LENGTH)).astype(np.int32)
    pred_probs = network.predict(tokens)
    return {"seconds": seconds, "weights": file.name, "pred_probs": pred_probs[:4, 0].tolist()}


PARTS: dict[str, Callable[[str, int, int], Answer]] = {
    "devices": devices_of,
    "placement": placement,
    "determinism": determinism,
    "out_of_range": out_of_range,
    "replicas": replicas,
    "small_gpu": small_gpu,
    "train": train,
}


def differences(one: Answer, other: Answer) -> Answer:
    """Return how far two trainings are apart, in weights and in probabilities."""
    if "failed" in one or "failed" in other:
        return {"failed": one.get("failed") or other.get("failed")}
    weights = [np.load(each["weights"]) for each in (one, other)]
    probs = [np.array(each["pred_probs"]) for each in (one, other)]
    return {
        "weights_most": float(abs(weights[0] - weights[1]).max()),
        "pred_probs_most": float(abs(probs[0] - probs[1]).max()),
    }


def new_network(seed: int) -> Any:
    from pipeline.models.network import FastText
    from pipeline.models.optimizer import FusedAdam

    network = FastText(
        vocabulary_size=VOCABULARY,
        num_classes=CLASSES,
        sequence_length=LENGTH,
        embedding_dim=DIM,
        dropout=0.2,
        seed=seed,
    )
    network.compile(FusedAdam(0.001), loss="sparse_categorical_crossentropy")
    return network


def train_replicas(device: str, count: int, examples: int) -> tuple[list[Any], float, float]:
    """Return networks trained side by side, and seconds: of the first epoch, of the others each."""
    load_tensorflow(device)
    import keras

    from pipeline.models.network import Replica, fit_replicas

    rng = np.random.default_rng(0)
    tokens = (VOCABULARY * rng.random((examples, LENGTH)) ** 3).astype(np.uint16)  # few are common
    labels = (tokens[:, :20].mean(axis=1) > VOCABULARY / 4).astype(int)
    networks = [new_network(seed) for seed in range(count)]
    data = networks[0].training_data(tokens, labels)
    laps = [time.perf_counter()]
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: laps.append(time.perf_counter()))
    clock.looks_at_weights = False
    made = [
        Replica(network, data, keras.callbacks.CallbackList(own, add_history=True, model=network))
        for network, own in zip(networks, [[clock], *[None] * (count - 1)], strict=True)
    ]
    fit_replicas(made, batch_size=BATCH, epochs=range(EPOCHS))
    networks[0].get_weights()  # waits for a GPU
    laps[-1] = time.perf_counter()
    return networks, laps[1] - laps[0], (laps[-1] - laps[1]) / (EPOCHS - 1)


def flat(network: Any) -> np.ndarray:
    return np.concatenate([np.ravel(weight) for weight in network.get_weights()])


def memory(device: str) -> Answer:
    if device == "cpu":
        return {}
    tf = load_tensorflow(device)
    return {"gpu_megabytes": tf.config.experimental.get_memory_info("GPU:0")["peak"] / 1e6}


# --- whole commands ----------------------------------------------------------------------------


def whole_runs(
    command: str, devices: Sequence[str], results: Path, *, quick: bool
) -> Iterator[Answer]:
    """Yield what a whole command costs on each device, and how far its answers are apart."""
    config = IMDB if has_imdb(quick) else SAMPLE[: 1 if quick else 2]
    name = "make all" if command == "run" else f"make {command}"
    for device in devices:
        options = (*config, f"--results={results / device}", f"--set=compute.device={device}")
        cost = timed(name, device, [python(), "-m", f"pipeline.{command}", *options])
        yield cost | {"stages": stage_seconds(results / device)}
    if command == "run" and len(devices) == 2:
        yield {"part": "same answers"} | compare(*(results / each for each in devices))


def has_imdb(quick: bool) -> bool:
    data = Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()
    return (data / "imdb_reviews").is_dir() and not quick


def stage_seconds(results: Path) -> Answer:
    for path in results.glob("*/evaluate/metrics.json"):
        return dict(json.loads(path.read_text(encoding="utf-8"))["seconds"])
    return {}


def compare(*results: Path) -> Answer:
    """Return how far the answers of two runs are apart: probabilities and issues of scope all."""
    try:
        probs = [np.load(next(each.glob("*/crossval/pred_probs_all.npy"))) for each in results]
        rows = [
            set(artifacts.load_issue_rows(next(each.glob("*/find_issues/issues_all.csv"))))
            for each in results
        ]
    except StopIteration:
        return {"failed": "one of the runs has no answers"}
    return {
        "pred_probs_most": float(abs(probs[0] - probs[1]).max()),
        "issues": [len(each) for each in rows],
        "in_both": len(rows[0] & rows[1]),
    }


def plain_script(devices: Sequence[str], *, quick: bool) -> Iterator[Answer]:
    for device in devices if has_imdb(quick) else ():
        hidden = {"CUDA_VISIBLE_DEVICES": "-1"} if device == "cpu" else {}
        command = [python(), "benchmarks/plain_script.py"]
        yield timed("plain script", device, command, hidden)


def timed(
    name: str, device: str, command: list[str], environment: dict[str, str] | None = None
) -> Answer:
    print(f"{name} on the {device} …", file=sys.stderr)
    try:
        cost, _ = measure(command, {"TF_CPP_MIN_LOG_LEVEL": "3"} | (environment or {}))
    except RuntimeError as error:
        return {"part": name, "device": device, "failed": str(error).splitlines()[-1][:300]}
    return {"part": name, "device": device, **cost.as_dict()}


if __name__ == "__main__":
    run_command(bench_gpu)
