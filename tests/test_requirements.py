"""The pins hold also tomorrow, when the index has newer versions than those pinned."""

import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.tiny import ROOT

FILES = sorted(set(ROOT.glob("requirements*.txt")) - {ROOT / "requirements-pip.txt"})
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pins(text: str) -> list[Requirement]:
    """Return what a requirements file pins in this environment, without the hashes."""
    lines = text.replace("\\\n", " ").splitlines()
    entries = [Requirement(line.split(" --hash=")[0]) for line in lines if re.match(r"\w", line)]
    return [pin for pin in entries if pin.marker is None or pin.marker.evaluate()]


def asked(requirements: list[str], extras: set[str]) -> Iterator[Requirement]:
    """Yield the requirements that hold in this environment for one who has `extras`."""
    for requirement in map(Requirement, requirements):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": e}) for e in ["", *extras]):
            yield requirement


def stripped_extras(text: str, project: list[str]) -> list[str]:
    """Return who asks for an extra with which the file `text` does not pin.

    Asked are the project and every pinned distribution that is installed in its pinned version.
    """
    extras: dict[str, set[str]] = {}
    for pin in pins(text):
        extras.setdefault(canonicalize_name(pin.name), set()).update(pin.extras)
    askers = {"the project": asked(project, set())}
    for pin in pins(text):
        name = canonicalize_name(pin.name)
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if pin.specifier.contains(found.version, prereleases=True):
            askers[name] = asked(found.requires or [], extras[name])
    return [
        f"{asker} asks for {requirement}"
        for asker, requirements in askers.items()
        for requirement in requirements
        # Extras made of extras of the same distribution are resolved into what they need.
        if canonicalize_name(requirement.name) != asker
        and not requirement.extras <= extras.get(canonicalize_name(requirement.name), set())
    ]


def wanted_by_project(path: Path) -> list[str]:
    """Return the project's dependencies that a requirements file was compiled from."""
    extra = path.stem.removeprefix("requirements").removeprefix("-")
    return [*PROJECT["dependencies"], *PROJECT["optional-dependencies"].get(extra, [])]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_pins_name_the_extras_that_are_asked_for(path: Path) -> None:
    assert stripped_extras(path.read_text(encoding="utf-8"), wanted_by_project(path)) == []


@pytest.mark.parametrize(
    ("name", "asker"),
    [
        ("cleanlab", "the project"),
        ("coverage", "pytest-cov"),
        ("etils", "tensorflow-datasets"),
    ],
)
def test_a_stripped_extra_is_found(name: str, asker: str) -> None:
    path = ROOT / "requirements-dev.txt"
    text = path.read_text(encoding="utf-8")
    stripped = re.sub(rf"(?m)^{name}\[.+?\]==", f"{name}==", text)
    found = stripped_extras(stripped, wanted_by_project(path))
    assert any(line.startswith(f"{asker} asks for {name}[") for line in found)


# --- real installations, into empty environments, from an index with newer versions ----------


def wheel(folder: Path, name: str, version: str, *metadata: str) -> str:
    """Write a wheel without content and return its hash."""
    about = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *metadata]
    files = {
        "METADATA": "\n".join([*about, ""]),
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(f"{name}-{version}.dist-info/{file}", text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder of wheels, and the hashes of those that are pinned: measure 7.11 is not."""
    folder = tmp_path_factory.mktemp("index")
    measure = (
        "Provides-Extra: toml",
        "Provides-Extra: html",
        "Requires-Dist: toml-reader; extra == 'toml'",
    )
    hashes = {
        "plugin": wheel(folder, "plugin", "1", "Requires-Dist: measure[toml]>=7"),
        "viewer": wheel(folder, "viewer", "1", "Requires-Dist: measure[html,toml]"),
        "measure": wheel(folder, "measure", "7.10", *measure),
        "toml-reader": wheel(folder, "toml_reader", "1"),
    }
    wheel(folder, "measure", "7.11", *measure)
    return folder, hashes


@pytest.fixture(scope="module")
def pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment as `python -m venv` makes it, with the pip that this Python brings."""
    folder = tmp_path_factory.mktemp("pip") / "venv"
    if subprocess.run([sys.executable, "-m", "venv", folder], check=False).returncode != 0:
        pytest.skip("needs a Python that brings pip")
    return folder


Install = Callable[..., tuple[dict[str, str], str]]


@pytest.fixture(params=["pip", "uv"])
def install(
    request: pytest.FixtureRequest, tmp_path: Path, index: tuple[Path, dict[str, str]]
) -> Install:
    """A function that lets pip or uv install pins from the index into an empty environment.

    It returns what is installed then, with its version, and what was printed on stderr.
    """
    folder, hashes = index
    empty = tmp_path / "empty"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", empty], check=True)
    python = empty / "bin" / "python"
    if request.param == "uv":
        if shutil.which("uv") is None:
            pytest.skip("needs uv")
        program = ["uv", "pip", "install", "--python", python]
    else:
        pip = request.getfixturevalue("pip") / "bin" / "pip"
        program = [pip, "--python", python, "install"]

    def run(*pinned: str) -> tuple[dict[str, str], str]:
        requirements = tmp_path / "requirements.txt"
        lines = [f"{pin} --hash=sha256:{hashes[Requirement(pin).name]}\n" for pin in pinned]
        requirements.write_text("".join(lines), encoding="utf-8")
        done = subprocess.run(
            [*program, "--require-hashes", "-r", requirements],
            env=only_from(folder),
            capture_output=True,
            text=True,
            check=False,
        )
        return installed_in(empty), done.stderr

    return run


def installed_in(environment: Path) -> dict[str, str]:
    folders = [str(path) for path in environment.glob("lib/python*/site-packages")]
    return {d.name: d.version for d in importlib.metadata.distributions(path=folders)}


def only_from(folder: Path) -> dict[str, str]:
    """Return an environment in which pip and uv know that folder and no configuration."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "UV_"))}
    for tool in ("PIP", "UV"):
        kept |= {f"{tool}_NO_INDEX": "1", f"{tool}_FIND_LINKS": str(folder)}
    return kept | {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
        "UV_NO_CONFIG": "1",
        "UV_NO_CACHE": "1",
    }


INSTALLED = {"plugin": "1", "measure": "7.10", "toml_reader": "1"}


def test_a_pin_with_its_extra_holds(install: Install) -> None:
    installed, stderr = install("plugin==1", "measure[toml]==7.10", "toml-reader==1")
    assert installed == INSTALLED, stderr


def test_one_version_may_be_pinned_with_and_without_extras(install: Install) -> None:
    """As TensorFlow is in requirements-gpu.txt."""
    both = ["measure==7.10", f"measure[toml]==7.10 ; os_name == '{os.name}'"]
    installed, stderr = install("plugin==1", *both, "toml-reader==1")
    assert installed == INSTALLED, stderr


ONE_ASKS = ("plugin==1", "measure==7.10", "toml-reader==1")
TWO_ASK = ("plugin==1", "viewer==1", "measure[html,toml]==7.10", "toml-reader==1")
# To an older pip a pin is one only for those who ask for its very extras. Of several who ask, the
# compiled files serve one at most: hence requirements-pip.txt.
KNOWS_EXTRAS = Version("23.3")


@pytest.mark.parametrize("pinned", [ONE_ASKS, TWO_ASK], ids=["no extra", "more extras"])
@pytest.mark.parametrize("install", ["pip"], indirect=True)
def test_only_an_old_pip_refuses_a_pin_with_other_extras(
    install: Install, pip: Path, pinned: tuple[str, ...]
) -> None:
    installed, stderr = install(*pinned)
    if Version(installed_in(pip)["pip"]) >= KNOWS_EXTRAS:
        assert installed["measure"] == "7.10"
    else:
        assert installed == {}
        assert "all requirements must have their versions pinned" in stderr
        assert "measure[toml]>=7" in stderr


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_installs_by_a_pip_that_knows_extras() -> None:
    [pinned] = pins((ROOT / "requirements-pip.txt").read_text(encoding="utf-8"))
    assert pinned.name == "pip"
    assert all(Version(pin.version) >= KNOWS_EXTRAS for pin in pinned.specifier)
    done = subprocess.run(
        ["make", "-n", "-B", ".venv/ready", "UV="],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))},
        capture_output=True,
        text=True,
        check=True,
    )
    files = re.findall(r"--require-hashes -r (\S+)", done.stdout)
    assert files == ["requirements-pip.txt", "requirements.txt"]
