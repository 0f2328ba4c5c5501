"""The schema that editors get is that of the types, and every YAML names it."""

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.config.json_schema import HINT, PAGE, SCHEMA, config_page, config_schema, place_schema
from pipeline.config.load import load_config
from pipeline.config.schema import Config
from tests.config.test_config import CONFIGS
from tests.tiny import ROOT


def test_what_is_shipped_is_what_the_types_say() -> None:
    remedy = "python -m pipeline.config.json_schema"
    assert SCHEMA.read_text(encoding="utf-8") == config_schema(), remedy
    assert PAGE.read_text(encoding="utf-8") == config_page(), remedy


def test_every_key_has_its_description_from_the_types() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert list(schema["properties"]) == list(Config.model_fields)
    epochs = schema["$defs"]["FastTextModel"]["properties"]["epochs"]
    assert epochs["description"] in PAGE.read_text(encoding="utf-8")
    assert schema["$defs"]["FastTextModel"]["additionalProperties"] is False


@pytest.mark.parametrize("path", CONFIGS, ids=str)
def test_every_config_names_the_schema_and_obeys_it(path: Path) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    first = text.splitlines()[0]
    assert first.startswith(HINT)
    assert (ROOT / path.parent / first.removeprefix(HINT)).resolve() == SCHEMA
    jsonschema = pytest.importorskip("jsonschema", reason="needs the `jsonschema` library")
    values: Any = YAML(typ="safe", pure=True).load(text)
    jsonschema.validate(values, json.loads(SCHEMA.read_text(encoding="utf-8")))
    values["seed"] = "x"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_the_hint_leads_to_the_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = place_schema(Path("configs")).removeprefix(HINT)
    assert beside == "../pipeline/config/config.schema.json"
    monkeypatch.chdir(tmp_path)  # as where the package is installed: no path of this machine
    hint = place_schema(Path("configs")).removeprefix(HINT)
    assert hint == Path(hint).name
    assert (tmp_path / "configs" / hint).read_bytes() == SCHEMA.read_bytes()


def test_a_comment_is_no_setting(tmp_path: Path) -> None:
    text = (ROOT / CONFIGS[0]).read_text(encoding="utf-8").split("\n", 1)[1]
    (tmp_path / "plain.yaml").write_text(text, encoding="utf-8")
    assert load_config(tmp_path / "plain.yaml").config == load_config(ROOT / CONFIGS[0]).config
