"""A Hugging Face dataset folder: Parquet with class names, a card, and the decisions beside it."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.corrections.decision import Decision, Source
from pipeline.corrections.journal import Journal, encode_line
from pipeline.corrections.queue import Queue
from pipeline.corrections.votes import consensus
from pipeline.exchange.formats import Format
from pipeline.frame import artifacts
from pipeline.frame.errors import ConfigError, NetworkError
from pipeline.frame.files import atomic_write
from pipeline.frame.run import Run

SPLITS = ("train", "test")
DECISIONS = "decisions.jsonl"


def export(queue: Queue, folder: Path) -> list[Path]:
    """Write data/<split>.parquet, README.md and decisions.jsonl.

    label: after the decisions; examples that reviewers drop are left out. given_label: before.
    """
    tables = {split: split_table(queue, split) for split in SPLITS}
    paths = []
    for split, table in tables.items():
        paths.append(folder / "data" / f"{split}-00000-of-00001.parquet")
        artifacts.save_table(paths[-1], table)
    sizes = {split: table.num_rows for split, table in tables.items()}
    for name, text in (("README.md", card(queue, sizes)), (DECISIONS, _decision_lines(queue))):
        paths.append(folder / name)
        with atomic_write(paths[-1]) as file:
            file.write(text.encode())
    return paths


def split_table(queue: Queue, split: str) -> pa.Table:
    """Return one split as the `datasets` library writes it, with its features in the schema."""
    names, ranks = queue.source.class_names, {item.id: item.rank for item in queue.items}
    run = Run(queue.folder)
    pred_probs = artifacts.load_array(run.pred_probs("all"))
    lines: dict[str, list[Any]] = {name: [] for name in features(names)}
    for example in artifacts.load_table(run.examples).to_pylist():
        outcome = consensus(queue.journal.standing.of(example["id"]).values())
        if example["split"] != split or (outcome and outcome[0] == "drop"):
            continue
        given = queue.source.given[example["id"]]
        probs = pred_probs[example["row"]]
        lines["id"].append(example["id"])
        lines["text"].append(example["text"])
        lines["label"].append(names.index((outcome and outcome[1]) or given))
        lines["given_label"].append(names.index(given))
        lines["suggested_label"].append(int(probs.argmax()))
        lines["self_confidence"].append(float(probs[names.index(given)]))
        lines["issue_rank"].append(ranks.get(example["id"]))
    types = {"ClassLabel": pa.int64(), "string": pa.string(), "float64": pa.float64()}
    schema = pa.schema(
        [
            (name, types.get(feature.get("dtype", feature["_type"]), pa.int64()))
            for name, feature in features(names).items()
        ],
        metadata={"huggingface": json.dumps({"info": {"features": features(names)}})},
    )
    return pa.table(lines, schema=schema)


def features(class_names: list[str]) -> dict[str, dict[str, Any]]:
    """Return the columns as the `datasets` library describes them."""
    label = {"names": class_names, "_type": "ClassLabel"}
    return {
        "id": {"dtype": "string", "_type": "Value"},
        "text": {"dtype": "string", "_type": "Value"},
        "label": label,
        "given_label": label,
        "suggested_label": label,
        "self_confidence": {"dtype": "float64", "_type": "Value"},
        "issue_rank": {"dtype": "int64", "_type": "Value"},
    }


def card(queue: Queue, sizes: dict[str, int]) -> str:
    """Return README.md: what `datasets` must know in its head, what a person must know below."""
    data_files = [{"split": s, "path": f"data/{s}-*.parquet"} for s in SPLITS]
    head = {
        "pretty_name": f"{queue.dataset}, labels reviewed",
        "task_categories": ["text-classification"],
        "configs": [{"config_name": "default", "data_files": data_files}],
    }
    yaml = "\n".join(f"{key}: {json.dumps(value)}" for key, value in head.items())
    standing = queue.journal.standing
    outcomes = [consensus(standing.of(id_).values()) for id_ in standing.stacks]
    relabelled, dropped = (
        sum(outcome is not None and outcome[0] == kind for outcome in outcomes)
        for kind in ("relabel", "drop")
    )
    num_issues = sum(item.rank is not None for item in queue.items)
    return f"""---
{yaml}
---

# {" ".join(queue.dataset.split())}, labels reviewed

{sizes["train"]:,} training and {sizes["test"]:,} test examples. Confident learning found
{num_issues:,} labels that are probably wrong; people changed {relabelled:,} of them and left out
{dropped:,} examples.

| column | |
|---|---|
| `label` | the class after the review |
| `given_label` | the class before it |
| `suggested_label`, `self_confidence` | the out-of-sample prediction: most probable class, and \
probability of the given label |
| `issue_rank` | 1 for the label that is most probably wrong; empty for one that looks right |

`{DECISIONS}` holds every decision: who, when, why. The texts and the labels before the review
keep the licence of their source.
"""


def _decision_lines(queue: Queue) -> str:
    return b"".join(map(encode_line, queue.journal.standing.all())).decode()


def read(path: Path, source: Source, *, reviewer: str) -> list[Decision]:
    """Return the decisions beside a dataset; `path` is the folder or its decisions.jsonl.

    Raises:
        DataError: naming file and line.
    """
    return Journal(path / DECISIONS if path.is_dir() else path, source).standing.all()


def push(folder: Path, repository: str) -> str:
    """Upload the folder to the Hugging Face Hub as a private dataset; return its address.

    Raises:
        ConfigError: no name of a repository. NetworkError: the Hub refused.
    """
    import huggingface_hub
    from huggingface_hub.errors import HFValidationError

    api = huggingface_hub.HfApi()
    try:
        address = api.create_repo(repository, repo_type="dataset", private=True, exist_ok=True)
        api.upload_folder(
            repo_id=repository,
            repo_type="dataset",
            folder_path=folder,
            commit_message="Labels reviewed",
        )
    except HFValidationError as error:
        raise ConfigError(f"--push {repository}: {str(error).splitlines()[0]}") from None
    except Exception as error:  # which HTTP library fails differs between versions of the client
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise NetworkError(
            f"{repository}: could not be uploaded ({reason}); log in with `hf auth login`, or "
            "set HF_TOKEN to a token that may write"
        ) from None
    return str(address)


FORMAT = Format("a Hugging Face dataset folder", export, read, whole=True, push=push)
