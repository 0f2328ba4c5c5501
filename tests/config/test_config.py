"""Configs: all that is wrong is said at once, a line each, before anything heavy is imported."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.config.load import load_config
from pipeline.config.schema import Config
from pipeline.config.yaml_file import MAX_BYTES
from pipeline.frame.errors import ConfigError
from pipeline.frame.record import changed_keys
from tests.guard import ends
from tests.tiny import STAGES, TINY, below, command, imported_in, sets

# Those that are shipped; `pipeline.init` writes those of users beside them.
NAMES = ("ag_news", "imdb", "imdb_ensemble", "sample", "scale")
CONFIGS = [Path("configs", f"{name}.yaml") for name in NAMES]
SAMPLE = TINY.read_text(encoding="utf-8")

Problems = Callable[..., list[str]]


@pytest.fixture
def problems_of(tmp_path: Path) -> Problems:
    """Return the problems of a text as a config, without the folder in front."""

    def find(text: str | bytes, *overrides: str) -> list[str]:
        path = tmp_path / "x.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        try:
            load_config(path, overrides)
        except ConfigError as error:
            return [problem.replace(f"{tmp_path}/", "") for problem in error.problems]
        return []

    return find


def with_value(key: str, value: str) -> str:
    """Return the sample config with the first line `key: …` changed."""
    changed, count = re.subn(rf"(?m)^( *){key}:.*$", rf"\g<1>{key}: {value}", SAMPLE, count=1)
    assert count == 1
    return changed


def line_of(key: str) -> int:
    return next(
        n for n, line in enumerate(SAMPLE.splitlines(), 1) if line.strip().startswith(f"{key}:")
    )


# --- what is refused -----------------------------------------------------------------------

WRONG_VALUES = [
    ("seed", "true", "must be a whole number (got true)"),
    ("seed", '"10"', 'must be a whole number (got "10")'),
    ("seed", "5.0", "must be a whole number (got 5.0)"),
    ("seed", "1e3", "must be a whole number (got 1000.0)"),
    ("seed", "null", "must be a whole number (got null)"),
    ("seed", "2020-01-01", "must be a whole number (got datetime.date(2020, 1, 1))"),
    ("seed", "[1]", "must be a whole number (got [1])"),
    ("seed", "-1", "must be at least 0 (got -1)"),
    ("seed", str(2**32), "must be at most 4294967295 (got 4294967296)"),
    ("num_train", "19", "must be at least 20 (got 19)"),
    ("error_rate", "0.5", "must be less than 0.5 (got 0.5)"),
    ("max_tokens", "2", "must be at least 3 (got 2)"),
    ("sequence_length", "0", "must be at least 1 (got 0)"),
    ("embedding_dim", "0", "must be at least 1 (got 0)"),
    ("dropout", "1", "must be less than 1.0 (got 1)"),
    ("dropout", "-0.1", "must be at least 0.0 (got -0.1)"),
    ("optimizer", "sgd", "must be 'adam' or 'keras_adam' (got \"sgd\")"),
    ("learning_rate", "0", "must be greater than 0.0 (got 0)"),
    ("learning_rate", ".nan", "must be a finite number (got NaN)"),
    ("learning_rate", ".inf", "must be a finite number (got Infinity)"),
    ("learning_rate", "true", "must be a number (got true)"),
    ("epochs", "0", "must be at least 1 (got 0)"),
    ("batch_size", "0", "must be at least 1 (got 0)"),
    ("folds", "1", "must be at least 2 (got 1)"),
    ("shuffle", "yes", 'must be true or false (got "yes")'),
    ("shuffle", "0", "must be true or false (got 0)"),
    ("frac_noise", "0", "must be greater than 0.0 (got 0)"),
    ("max_pruned_fraction", "1.5", "must be at most 1.0 (got 1.5)"),
    ("calibration_bins", "1", "must be at least 2 (got 1)"),
    ("bootstrap_samples", "99", "must be at least 100 (got 99)"),
    ("published", "{}", "must be a list (got {})"),
    ("published_top_rows", "3", "must be a list (got 3)"),
    ("verified_labels", "3", "must be a text or a list of them (got 3)"),
    ("verified_labels", "[]", "must have at least 1 item(s) (got [])"),
    ("verified_labels", '""', 'must not be empty (got "")'),
    ("verified_labels", "[a/k.csv, b/k.csv]", "names 'k' twice"),
    ("workers", "0", "must be auto or at least 1 (got 0)"),
    ("workers", "two", 'must be auto or a whole number (got "two")'),
    ("device", "tpu", "must be 'auto', 'cpu' or 'gpu' (got \"tpu\")"),
]


@pytest.mark.parametrize(("key", "value", "words"), WRONG_VALUES)
def test_a_wrong_value_is_one_line_with_its_place(
    problems_of: Problems, key: str, value: str, words: str
) -> None:
    (problem,) = problems_of(with_value(key, value))
    line = SAMPLE.splitlines()[line_of(key) - 1]
    column = len(line) - len(line.lstrip()) + 1
    assert problem.startswith(f"x.yaml:{line_of(key)}:{column}: ")
    assert re.search(rf"\b{key}: {re.escape(words)}$", problem)


@pytest.mark.parametrize(
    ("key", "value"), [("learning_rate", "1e-3"), ("learning_rate", "1"), ("seed", "0x10")]
)
def test_numbers_that_are_exactly_what_is_asked_for_pass(
    problems_of: Problems, key: str, value: str
) -> None:
    assert problems_of(with_value(key, value)) == []


def test_an_override_may_add_a_key_that_a_config_need_not_have(tmp_path: Path) -> None:
    path = tmp_path / "old.yaml"
    lines = SAMPLE.splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("  arm:")))
    assert load_config(path).config.cleanlearn.arm == "prune"
    assert load_config(path, ["cleanlearn.arm=weight"]).config.cleanlearn.arm == "weight"


def test_all_problems_are_reported_together(problems_of: Problems) -> None:
    text = SAMPLE.replace("  epochs:", "  epoch:").replace("dropout: 0.2", "dropout: 1.5")
    text = text.replace("shuffle: true", "shuffle: 3") + "seed: 4\nsede: 5\n"
    end = SAMPLE.count("\n")
    found = problems_of(text, "model.batch_sice=8", "vectorize.max_tokens=1", "nonsense")
    assert sorted(found) == sorted(
        [
            f"x.yaml:{end + 1}:1: found duplicate key seed",
            f"x.yaml:{end + 2}:1: sede: unknown key; did you mean seed?",
            f"x.yaml:{line_of('model')}:1: model.epochs: is missing",
            f"x.yaml:{line_of('epochs')}:3: model.epoch: unknown key; did you mean epochs?",
            f"x.yaml:{line_of('dropout')}:3: model.dropout: must be less than 1.0 (got 1.5)",
            f"x.yaml:{SAMPLE[: SAMPLE.index('shuffle: true')].count(chr(10)) + 1}:5: "
            "crossval.train.shuffle: must be true or false (got 3)",
            "--set model.batch_sice=8: model.batch_sice: unknown key; "
            "did you mean model.batch_size?",
            "--set vectorize.max_tokens=1: vectorize.max_tokens: must be at least 3 (got 1)",
            "--set nonsense: write it as section.key=value",
        ]
    )


def leaves(values: dict[str, Any], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from leaves(value, (*prefix, key))
        else:
            yield (*prefix, key)


@pytest.mark.parametrize(
    "key", ["seed", "dataset", "num_test", "sequence_length", "model", "optimizer", "filter_by"]
)
def test_a_transposed_letter_gets_the_right_name_back(problems_of: Problems, key: str) -> None:
    typo = key[:-2] + key[-1] + key[-2]
    found = problems_of(re.sub(rf"(?m)^( *){key}:", rf"\g<1>{typo}:", SAMPLE, count=1))
    assert any(problem.endswith(f"unknown key; did you mean {key}?") for problem in found)


NOT_A_CONFIG = [
    ("", "x.yaml:1:1: is empty; copy configs/imdb.yaml to start from"),
    (
        "a: # c\n|\n  b: 1\n\nc: 1\n",
        "x.yaml:1:1: the value under this line cannot be read together with its comment; "
        "delete one of them",
    ),
    ("# only a comment\n", "x.yaml:1:1: is empty; copy configs/imdb.yaml to start from"),
    ("- a\n- b\n", "x.yaml:1:1: must hold `key: value` lines at the top"),
    ("hello", "x.yaml:1:1: must hold `key: value` lines at the top"),
    ("a: 1\n---\nb: 2\n", "x.yaml:2:1: but found another document"),
    ("a:\n\tb: 1\n", "x.yaml:2:1: found character '\\t' that cannot start any token"),
    ("a: 'x", "x.yaml:1:6: found unexpected end of stream"),
    ("a: b: c", "x.yaml:1:5: mapping values are not allowed here"),
    ("a: &x 1\nb: *x\n", "x.yaml:1:4: anchors and aliases are not used in configs"),
    ("a: &x [*x]\n", "x.yaml:1:4: anchors and aliases are not used in configs"),
    ("a: !!str 1\n", "x.yaml:1:4: tags are not used in configs"),
    ("a: !own 1\n", "x.yaml:1:4: tags are not used in configs"),
    ("a: " + "[" * 3000 + "]" * 3000, "x.yaml:1:23: is nested too deeply"),
    ("a: " + "{a: " * 50 + "}" * 50, "x.yaml:1:80: is nested too deeply"),
    (b"a: 1\nb: \xff\n", "x.yaml:2:1: is not UTF-8 (byte 8)"),
    (
        "a: " + "b" * MAX_BYTES,
        f"x.yaml: is {MAX_BYTES + 3} bytes; a config has at most {MAX_BYTES}",
    ),
]


@pytest.mark.parametrize(("text", "problem"), NOT_A_CONFIG)
def test_what_is_not_a_config_is_one_line(
    problems_of: Problems, text: str | bytes, problem: str
) -> None:
    with ends():
        assert problems_of(text) == [problem]


def test_a_nul_is_named(problems_of: Problems) -> None:
    (problem,) = problems_of("a: \x00")
    assert problem.startswith("x.yaml:1:1: is not YAML: unacceptable character #x0000")


def test_a_byte_order_mark_is_no_problem(problems_of: Problems) -> None:
    assert problems_of("\ufeff" + SAMPLE) == []


@pytest.mark.parametrize("value", ["python/object/apply:os.system", "python/name:os.system"])
def test_a_python_tag_is_refused_and_nothing_runs(
    problems_of: Problems, tmp_path: Path, value: str
) -> None:
    canary = tmp_path / "canary"
    attack = f"!!{value} ['touch {canary}']"
    (problem,) = problems_of(with_value("seed", attack))
    assert problem == f"x.yaml:{line_of('seed')}:7: tags are not used in configs"
    (problem,) = problems_of(SAMPLE, f"seed={attack}")
    assert problem.endswith("the value is not plain YAML")
    assert not canary.exists()


@pytest.mark.parametrize(
    "override",
    ["seed=[", "seed=&a 1", "seed=&a [*a]", "seed=" + "[" * 3000, "seed=1\n--- 2", "seed=\x00"],
)
def test_an_override_takes_plain_yaml_only(problems_of: Problems, override: str) -> None:
    assert problems_of(SAMPLE, override) == [f"--set {override}: the value is not plain YAML"]


@pytest.mark.parametrize("override", ["a", "=3", "model..epochs=3", ".=1"])
def test_an_override_is_key_equals_value(problems_of: Problems, override: str) -> None:
    assert problems_of(SAMPLE, override) == [f"--set {override}: write it as section.key=value"]


@pytest.mark.parametrize(
    ("override", "name", "hint"),
    [
        ("model.epoch=3", "model.epoch", "; did you mean model.epochs?"),
        ("seed.x=3", "seed.x", "; did you mean seed?"),
        ("zzzzzz=3", "zzzzzz", ""),
    ],
)
def test_an_unknown_override_is_named(
    problems_of: Problems, override: str, name: str, hint: str
) -> None:
    assert problems_of(SAMPLE, override) == [f"--set {override}: {name}: unknown key{hint}"]


def test_an_override_replaces_the_value_and_can_be_given_again() -> None:
    loaded = load_config(TINY, ["model.epochs=3", "crossval.all.folds=7", "seed=1"])
    assert (loaded.config.model.epochs, loaded.config.crossval.all.folds) == (3, 7)
    arguments = "--set model.epochs=3 --set crossval.all.folds=7 --set seed=1"
    assert loaded.arguments == f"--config {TINY} {arguments}"


def test_a_missing_file_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"no such config file; did you mean configs/imdb\.yaml"):
        load_config(Path("configs/imbd.yaml"))
    with pytest.raises(ConfigError, match=r"no such config file$"):
        load_config(Path("no/such/folder/x.yaml"))


@pytest.mark.parametrize(
    "name",
    [".yaml", "..yaml", "-x.yaml", "a b.yaml", "x.txt", "x", "a" * 65 + ".yaml", "a\nb.yaml",
     "é.yaml", "C:\\x.yaml", "a\0b.yaml"],
)  # fmt: skip
def test_a_run_name_is_safe_as_a_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"a config is named NAME\.yaml"):
        load_config(tmp_path / name)


def test_a_folder_as_config_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path / "x.yaml")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("smaple", "dataset.source: must be "),
        ("tfds", "dataset.name: is missing"),
    ],
)
def test_the_dataset_section_follows_its_source(
    problems_of: Problems, source: str, problem: str
) -> None:
    found = problems_of(with_value("source", source))
    assert any(problem in line for line in found)
    assert not any("dataset.tfds" in line or "dataset.sample" in line for line in found)


def test_a_dataset_without_source_says_so(problems_of: Problems) -> None:
    (problem,) = problems_of(re.sub(r"(?m)^  source:.*\n", "", SAMPLE))
    assert problem == f"x.yaml:{line_of('dataset')}:1: dataset.source: is missing"


# --- as a command --------------------------------------------------------------------------


def test_a_refused_config_costs_no_tensorflow(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(with_value("epochs", "0") + "sede: 1\n", encoding="utf-8")
    watched = {"PYTHONPROFILEIMPORTTIME": "1"}
    done = command("crossval", "--config", path, *sets("model.foo=1"), env=watched)
    assert done.returncode == 2
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert len(lines) == 3
    assert all(line.startswith("error: ") and len(line) <= 300 for line in lines)
    assert not imported_in(done.stderr) & {"tensorflow", "keras", "cleanlab", "sklearn"}


@pytest.mark.parametrize("name", [*STAGES, "status", "predict"])
def test_a_command_starts_without_tensorflow(name: str) -> None:
    done = command(name, "--help", env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert done.returncode == 0, done.stderr
    imported = imported_in(done.stderr)
    assert f"pipeline.{name}" not in imported  # it is __main__
    assert "pipeline.frame.errors" in imported
    assert not imported & {"tensorflow", "keras", "cleanlab"}


# --- the shipped configs -------------------------------------------------------------------


@pytest.mark.parametrize("path", CONFIGS, ids=str)
def test_a_shipped_config_loads(path: Path) -> None:
    assert load_config(path).run == path.stem


# Keys whose meaning is their name and their value, in a section whose comment says the rest.
EVIDENT = {
    "dataset", "vectorize", "model", "crossval", "cleanlearn", "evaluate", "compute", "find_issues",
    "name", "text_keys", "label_key", "train_split", "test_split", "num_train", "num_test",
    "embedding_dim", "learning_rate", "epochs", "batch_size", "folds", "shuffle",
    "filter_by", "return_indices_ranked_by", "frac_noise", "min_examples_per_class",
    "lowercase", "seeds", "arms", "kinds", "rates", "study", "noise",
    "figure", "metric", "published", "tolerance", "published_top_rows", "seed",
}  # fmt: skip


@pytest.mark.parametrize("path", CONFIGS, ids=str)
def test_every_key_of_a_shipped_config_is_commented_or_evident(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    for above, line in zip(["", *lines], lines, strict=False):
        if key := re.match(r" *-? *([a-z_]+):", line):
            explained = "#" in line or above.lstrip().startswith("#")
            assert explained or key[1] in EVIDENT, f"{path}: {line.strip()}"


def test_a_config_cannot_be_changed_after_loading() -> None:
    config = load_config(TINY).config
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 3


# --- which stage reads what ----------------------------------------------------------------

# For every key: the stages whose own section it is in. Those below follow by their inputs.
READERS = {
    "seed": {"prepare", "crossval", "cleanlearn", "evaluate"},
    "dataset": {"prepare"},
    "corrections": {"prepare"},
    "vectorize": {"vectorize"},
    "model": {"crossval", "cleanlearn"},
    "crossval": {"crossval", "cleanlearn"},  # its folds fit the temperatures
    "finder": {"crossval", "find_issues"},
    "find_issues": {"find_issues", "cleanlearn"},
    "cleanlearn": {"cleanlearn"},
    "evaluate": {"evaluate"},
    "study": set(),  # read by `make study` alone
    "tracking": set(),  # read by `make track` alone
    "compute": set(),  # where the folds run changes no result
}
OTHER_VALUE = {
    "seed": 1, "num_train": 300, "num_test": 300, "error_rate": 0.1,
    "corrections": "reviewed.jsonl",
    "max_tokens": 77, "words": "unicode", "sequence_length": 9, "embedding_dim": 3, "dropout": 0.5,
    "optimizer": "keras_adam", "learning_rate": 0.5, "epochs": 1, "batch_size": 1,
    "folds": 3, "shuffle": None, "group_duplicates": None, "filter_by": "both",
    "return_indices_ranked_by": "normalized_margin", "frac_noise": 0.5, "neighbors": 3,
    "min_examples_per_class": 2, "max_pruned_fraction": 0.1, "top_rows": 3, "calibration_bins": 3,
    "bootstrap_samples": 100, "published": None, "published_top_rows": [1],
    "workers": 1, "device": "cpu", "engine": "ray", "address": "127.0.0.1:6379",
    "tracking": "tensorboard", "even_if_unfit": None, "same_updates": None, "calibrate": None,
    "max_class_weight": 2.0, "arm": "weight", "min_class_size": 2,
}  # fmt: skip
ONE_OF_ITS_KIND = {
    ("dataset", "source"),
    ("model", "name"),
    ("vectorize", "kind"),
    ("evaluate", "verified_labels"),
    ("finder", "by"),
}
ALL_KEYS = sorted(leaves(load_config(TINY).config.model_dump(mode="json")))


def must_run(old: Config, new: Config) -> set[str]:
    """Return the stages of whose sections one differs, and those that read one of them."""
    before, after = old.model_dump(mode="json"), new.model_dump(mode="json")
    stale: set[str] = set()
    for name, stage in STAGES.items():
        differs = any(before[section] != after[section] for section in stage.sections)
        if differs or stale & set(stage.reads):
            stale.add(name)
    return stale


@pytest.mark.parametrize("key", ALL_KEYS, ids=".".join)
def test_a_changed_key_runs_its_readers_and_all_below(key: tuple[str, ...]) -> None:
    assert key[0] in READERS, "a new section needs a line in READERS"
    if key[0] == "study":
        assert not any("study" in stage.sections for stage in STAGES.values())
        return
    assert key[-1] in OTHER_VALUE or key in ONE_OF_ITS_KIND, "a new key needs a value"
    old = load_config(TINY).config
    values = old.model_dump(mode="json")
    section = values
    for part in key[:-1]:
        section = section[part]
    other = OTHER_VALUE.get(key[-1])
    if isinstance(section[key[-1]], bool):
        other = not section[key[-1]]
    elif key[-1] == "published":
        other = [{"figure": "x", "metric": "y", "published": 1.0, "tolerance": 1.0}]
    if key in ONE_OF_ITS_KIND:
        return
    section[key[-1]] = other
    new = Config.model_validate(values)
    assert must_run(old, new) == set().union(*map(below, READERS[key[0]]))
    (line,) = changed_keys({"": old.model_dump(mode="json")}, {"": values})
    assert line.startswith("." + ".".join(key))


def test_a_stage_names_sections_that_there_are() -> None:
    for stage in STAGES.values():
        assert set(stage.sections) <= set(Config.model_fields)


def test_changed_keys_says_old_and_new() -> None:
    old, new = {"a": {"b": 1, "c": [1]}, "d": 1}, {"a": {"b": 2, "c": [1]}, "e": "x"}
    assert changed_keys(old, new) == ["a.b 1 -> 2", "d 1 -> null", 'e null -> "x"']


def test_another_kind_of_section_takes_all_its_keys() -> None:
    override = "model.name=logistic_regression"
    with pytest.raises(ConfigError) as caught:
        load_config(Path("configs/imdb.yaml"), [override])
    (hint,) = str(caught.value).splitlines()  # not one line a key that the other kind has not
    assert hint.startswith(f"--set {override}: a section with another name has other keys; give ")
    assert "model={name: logistic_regression, ...}" in hint


def test_the_kind_a_section_has_already_hides_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(SAMPLE.replace("  epochs:", "  epohcs:"), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path, ["model.name=fasttext"])
    assert "did you mean epochs?" in str(caught.value)
    assert "another name" not in str(caught.value)
