"""The sections of a config as types: every key, its kind and its range, and no defaults."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.compute.sections import Compute
from pipeline.data.sources import Dataset, find_dataset_contradictions
from pipeline.frame.section import Name, Section, about
from pipeline.issues.arms import ArmName, Cleanlearn
from pipeline.issues.sections import BATCHED_FILTERS, Evaluate, FindIssues
from pipeline.models.members import Finder, ModelFinder
from pipeline.models.sections import Crossval
from pipeline.models.table import Model, Vectorize, row_of

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Seeds = Annotated[list[Seed], Field(min_length=1)]


class Noise(Section):
    rates: Annotated[
        list[Annotated[float, Field(ge=0, lt=1)]], about("share of labels flipped", min_length=1)
    ]
    kinds: Annotated[
        list[Literal["uniform", "class_dependent", "instance_dependent"]],
        about("uniform | class_dependent | instance_dependent", min_length=1),
    ]
    seeds: Annotated[Seeds, about("of the flips, and of the trainings")]


class Study(Section):
    seeds: Annotated[Seeds, about("each repeats the whole experiment")]
    arms: Annotated[
        list[ArmName], about("docs/study.md; human: the corrections of a journal", min_length=1)
    ]
    noise: Annotated[Noise, about("labels of the training split flipped on purpose")]


class Config(Section):
    seed: Annotated[Seed, about("of folds, drawn splits, initial weights, shuffling and dropout")]
    dataset: Annotated[Dataset, about("where the texts and labels come from: docs/datasets.md")]
    corrections: Annotated[
        Name | None, about("a journal of reviewed labels (make review), applied by prepare")
    ]
    vectorize: Annotated[
        Vectorize, about("what the classifier takes: tokens | counts | texts | vectors")
    ]
    model: Annotated[Model, about("the classifier; docs/datasets.md has the keys of each")]
    crossval: Annotated[Crossval, about("an out-of-sample probability for every example")]
    finder: Annotated[
        Finder, about("who judges the labels: the model itself, an ensemble, or a file of yours")
    ] = ModelFinder(by="model")
    find_issues: Annotated[
        FindIssues, about("the names and values of cleanlab.filter.find_label_issues")
    ]
    cleanlearn: Annotated[Cleanlearn, about("training again without the issues")]
    evaluate: Annotated[Evaluate, about("the comparison on the test split")]
    study: Annotated[Study, about("make study, make noise: is the gain real?")]
    compute: Annotated[Compute, about("where trainings run; it changes no result")]
    tracking: Annotated[
        Literal["none", "mlflow", "tensorboard"],
        about("where `make track` logs a finished run, under results/tracking"),
    ]


def find_contradictions(config: Config) -> list[tuple[tuple[str, ...], str]]:
    """Return (key, what is wrong) for keys that are right alone and wrong together."""
    problems: list[tuple[tuple[str, ...], str]] = []
    kind, needed = config.vectorize.kind, row_of(config.model).inputs
    if needed not in ("", kind):
        problems.append(
            (("vectorize", "kind"), f"must be {needed} for model.name {config.model.name}")
        )
    issues = config.find_issues
    if issues.batch_size is not None and issues.filter_by not in BATCHED_FILTERS:
        allowed = " or ".join(BATCHED_FILTERS)
        problems.append(
            (("find_issues", "batch_size"), f"must be null unless filter_by is {allowed}")
        )
    if config.compute.address is not None and config.compute.engine != "ray":
        problems.append((("compute", "address"), "must be null for compute.engine local"))
    for key, values in (
        (("evaluate", "verified_labels"), [path.stem for path in config.evaluate.key_files]),
        (("study", "seeds"), config.study.seeds),
        (("study", "arms"), config.study.arms),
        (("study", "noise", "seeds"), config.study.noise.seeds),
        (("study", "noise", "rates"), config.study.noise.rates),
        (("study", "noise", "kinds"), config.study.noise.kinds),
    ):
        repeated = [value for place, value in enumerate(values) if value in values[:place]]
        if repeated:
            problems.append((key, f"names {repeated[0]!r} twice"))
    return [*problems, *find_dataset_contradictions(config.dataset)]
