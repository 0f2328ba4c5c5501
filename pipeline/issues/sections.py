"""The sections `find_issues` and `evaluate` of a config as types."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from pipeline.frame.section import Count, Name, Section, about

FilterBy = Literal[
    "prune_by_noise_rate",
    "prune_by_class",
    "both",
    "confident_learning",
    "predicted_neq_given",
    "low_normalized_margin",
    "low_self_confidence",
]
BATCHED_FILTERS = ("low_self_confidence", "low_normalized_margin")  # of cleanlab's batched finder
RankedBy = Literal["self_confidence", "normalized_margin", "confidence_weighted_entropy"]


class FindIssues(Section):
    filter_by: Annotated[
        FilterBy, about("which rule of cleanlab.filter.find_label_issues: docs/datasets.md")
    ]
    return_indices_ranked_by: Annotated[
        RankedBy, about("self_confidence | normalized_margin | confidence_weighted_entropy")
    ]
    frac_noise: Annotated[float, about("share of the estimated errors that is listed", gt=0, le=1)]
    min_examples_per_class: Annotated[int, about("labels of a class that are never listed", ge=0)]
    neighbors: Annotated[bool, about("near duplicates and outliers among the document vectors")]
    batch_size: Annotated[
        Count | None,
        about("above so many examples: cleanlab's batched finder, so many at once"),
    ]

    def is_batched(self, count: int) -> bool:
        """Return whether so many examples go through cleanlab's batched finder."""
        return self.batch_size is not None and count > self.batch_size

    def filter_options(self) -> dict[str, Any]:
        """Return the arguments of cleanlab.filter.find_label_issues, apart from the ranking."""
        return self.model_dump(exclude={"return_indices_ranked_by", "neighbors", "batch_size"})


class PublishedFigure(Section):
    figure: Annotated[Name, about("what it is called")]
    metric: Annotated[
        str, about("where in metrics.json it is", pattern=r"^[a-z_0-9]+(\.[a-z_0-9]+)*$")
    ]
    published: Annotated[float, about("the value to compare with")]
    tolerance: Annotated[float, about("how far it may be off", ge=0)]


class Evaluate(Section):
    top_rows: Annotated[Count, about("how many of the top issues metrics.json lists")]
    calibration_bins: Annotated[
        int, about("equal-width bins of the calibration error", ge=2, le=1000)
    ]
    bootstrap_samples: Annotated[
        int, about("for the interval of the accuracy difference", ge=100, le=1_000_000)
    ]
    published: Annotated[
        list[PublishedFigure], about("figures to compare with; configs/imdb.yaml has some")
    ]
    published_top_rows: Annotated[
        list[Annotated[int, Field(ge=0)]], about("rows that a publication lists first")
    ]
    verified_labels: Annotated[
        Name | Annotated[list[Name], Field(min_length=1)] | None,
        about("labels people checked: a CSV or a list of them, see docs/study.md"),
    ]

    @property
    def key_files(self) -> list[Path]:
        """Return the answer keys' files."""
        value = self.verified_labels
        return [Path(path) for path in ([value] if isinstance(value, str) else value or [])]

    @property
    def key_paths(self) -> dict[str, Path]:
        """Return the answer keys by name, the file's without its ending."""
        return {path.stem: path for path in self.key_files}

    @property
    def estimate_samples(self) -> int:
        """Return the samples of an estimate of errors, which is shown in whole labels."""
        return min(self.bootstrap_samples, 2000)
