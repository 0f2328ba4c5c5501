"""How a run is made again: its commands and its whole config."""

import io

from ruamel.yaml import YAML

from pipeline.config.load import Loaded


def commands(loaded: Loaded) -> str:
    """Return the lines that make this run again, and that make this page again."""
    arguments = f"CONFIG={loaded.path}"
    if loaded.overrides:
        arguments += f' SET="{" ".join(loaded.overrides)}"'
    return f"# the run\nmake all {arguments}\n# this page alone\nmake report {arguments}\n"


def config_yaml(loaded: Loaded) -> str:
    """Return the config as the run used it, overrides applied."""
    text = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.representer.sort_base_mapping_type_on_output = False  # type: ignore[attr-defined]
    yaml.dump(loaded.config.model_dump(mode="json"), text)
    return text.getvalue()
