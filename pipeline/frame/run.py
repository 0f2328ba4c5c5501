"""The results folder of a run: the name of every file in it, and no path is written elsewhere."""

import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.frame.errors import ConfigError

SCOPES = ("all", "train", "test")


@dataclass(frozen=True)
class Run:
    """The results folder of one run."""

    folder: Path

    def stage(self, name: str) -> Path:
        return self.folder / name

    @property
    def examples(self) -> Path:
        return self.folder / "prepare" / "examples.parquet"

    @property
    def dataset(self) -> Path:
        return self.folder / "prepare" / "dataset.json"

    @property
    def truth(self) -> Path:
        return self.folder / "prepare" / "truth.parquet"

    @property
    def text_groups(self) -> Path:
        return self.folder / "prepare" / "text_groups.npy"

    @property
    def metadata(self) -> Path:
        return self.folder / "prepare" / "metadata.parquet"

    @property
    def corrections(self) -> Path:
        return self.folder / "prepare" / "corrections.parquet"

    def tokens(self, scope: str) -> Path:
        return self.folder / "vectorize" / f"{scope}.npy"

    def inputs(self, scope: str, suffix: str) -> Path:
        """What the classifier gets; see pipeline.models.table.INPUTS."""
        return self.folder / "vectorize" / f"{scope}.{suffix}"

    def vocabulary(self, scope: str) -> Path:
        return self.folder / "vectorize" / f"vocabulary_{scope}.json"

    def fold(self, scope: str, fold: int) -> Path:
        return self.folder / "crossval" / scope / f"fold_{fold:02d}.npz"

    def member(self, name: str, scope: str) -> Path:
        return self.folder / "crossval" / "members" / name / f"{scope}.npz"

    def member_pred_probs(self, name: str, scope: str) -> Path:
        return self.folder / "crossval" / "members" / name / f"pred_probs_{scope}.npy"

    def pred_probs(self, scope: str) -> Path:
        return self.folder / "crossval" / f"pred_probs_{scope}.npy"

    @property
    def document_vectors(self) -> Path:
        return self.folder / "crossval" / "document_vectors.npy"

    @property
    def crossval_metrics(self) -> Path:
        return self.folder / "crossval" / "metrics.json"

    def issues(self, scope: str) -> Path:
        return self.folder / "find_issues" / f"issues_{scope}.csv"

    @property
    def scores(self) -> Path:
        return self.folder / "find_issues" / "scores_all.parquet"

    @property
    def health(self) -> Path:
        return self.folder / "find_issues" / "health.json"

    @property
    def data_issues(self) -> Path:
        return self.folder / "find_issues" / "data_issues.csv"

    def linear_model(self, name: str) -> Path:
        return self.folder / "cleanlearn" / f"{name}.npz"

    def keras_model(self, name: str) -> Path:
        return self.folder / "cleanlearn" / f"{name}.keras"

    @property
    def test_pred_probs(self) -> Path:
        return self.folder / "cleanlearn" / "test_pred_probs.npz"

    @property
    def training(self) -> Path:
        return self.folder / "cleanlearn" / "training.json"

    @property
    def metrics(self) -> Path:
        return self.folder / "evaluate" / "metrics.json"

    @property
    def study(self) -> Path:
        return self.folder / "study"

    @property
    def report(self) -> Path:
        return self.folder / "report" / "report.html"

    @property
    def report_summary(self) -> Path:
        return self.folder / "report" / "summary.md"

    @property
    def report_made_from(self) -> Path:
        return self.folder / "report" / "made_from.json"


def check_apart(paths: list[str], run: Run) -> None:
    """Refuse to read a folder that holds the results: it would change with each of them.

    Raises:
        ConfigError: one of `paths` does.
    """
    for path in paths:
        is_folder = os.path.isdir(path)  # noqa: PTH112  # Path's raises where it may not look
        if is_folder and run.folder.resolve().is_relative_to(Path(path).resolve()):
            raise ConfigError(
                f"{path}: the results in {run.folder} lie in this folder of the dataset, which "
                "would change with them; name another --results (of check: --out)"
            )
