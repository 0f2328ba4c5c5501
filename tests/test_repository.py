"""What the repository holds, and what it must never hold."""

import ast
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.config.test_config import CONFIGS
from tests.tiny import ROOT

LARGEST = 700_000
LONGEST_MODULE, LONGEST_STAGE = 350, 200  # lines
# Built from parts, so that this file is not what it looks for.
FORBIDDEN = re.compile(
    "|".join(
        [
            "https?:" + "//[^/ ]*(pypi|npm" + "|debian)",
            "--(extra-)?" + "index-url",
            "--find" + "-links",
            "file:" + "///",
            r"(^|[^A-Za-z0-9_.\-])/(work|farm" + r"|opt|root)/",
        ]
    )
)


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    names = [name for name in listed.stdout.split("\0") if name]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def test_no_file_names_a_registry_or_a_place_on_one_machine() -> None:
    found = []
    for path in tracked_files():
        lines = path.read_text(encoding="utf-8", errors="ignore").splitlines()
        found += [
            f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
            for number, line in enumerate(lines, 1)
            if FORBIDDEN.search(line)
        ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "--extra-" + "index-url x",
        "see https:" + "//pypi.org/x",
        'Path("/wo' + 'rk/x")',
        "file:" + "///x",
        "/ro" + "ot/x",
    ],
)
def test_the_pattern_finds_what_it_is_for(line: str) -> None:
    assert FORBIDDEN.search(line)


def test_no_data_model_or_large_file_is_tracked() -> None:
    kinds = {".pkl", ".pickle", ".h5", ".keras", ".tfrecord", ".npy", ".npz", ".parquet", ".joblib"}
    for path in tracked_files():
        assert path.suffix not in kinds, path
        assert ".tfrecord" not in path.name, path
        assert path.stat().st_size <= LARGEST, path


def test_every_shipped_config_is_tested() -> None:
    shipped = [path for path in tracked_files() if path.parent == ROOT / "configs"]
    assert [path.relative_to(ROOT) for path in shipped] == CONFIGS


SOURCES = sorted((ROOT / "pipeline").rglob("*.py"))
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml"}
SAFE_IMPORTS = {"from joblib import cpu_count"}  # of them
UNSAFE_CALLS = {"eval", "exec", "__import__"}
UNSAFE_METHODS = {
    "read_pickle", "to_pickle", "enable_unsafe_deserialization", "unsafe_load", "full_load",
    "system", "popen",
}  # fmt: skip


def constants(call: ast.Call) -> set[tuple[str | None, object]]:
    return {(k.arg, k.value.value) for k in call.keywords if isinstance(k.value, ast.Constant)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_unsafe_is_used(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        where = f"{path}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            assert not {a.name.split(".")[0] for a in node.names} & UNSAFE_MODULES, where
        elif isinstance(node, ast.ImportFrom):
            unsafe = (node.module or "").split(".")[0] in UNSAFE_MODULES
            assert not unsafe or ast.unparse(node) in SAFE_IMPORTS, where
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                assert node.func.id not in UNSAFE_CALLS, where
            if isinstance(node.func, ast.Attribute):
                assert node.func.attr not in UNSAFE_METHODS, where
                if ast.unparse(node.func) in {"np.load", "numpy.load"}:
                    assert ("allow_pickle", False) in constants(node), where
                if node.func.attr == "load_model":
                    assert path.name == "predict.py", where
            for keyword in node.keywords:
                value = getattr(keyword.value, "value", None)
                assert (keyword.arg, value) != ("allow_pickle", True), where
                assert (keyword.arg, value) != ("safe_mode", False), where
                assert (keyword.arg, value) != ("shell", True), where


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_and_functions_stay_short(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    is_stage = "\nSTAGE = Stage(" in source
    assert source.count("\n") <= (LONGEST_STAGE if is_stage else LONGEST_MODULE), path
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, f"{path}: {node.name}"


@pytest.mark.parametrize("suffix", ["py", "html"])
def test_a_difference_of_nothing_has_a_plus(suffix: str) -> None:
    """-0.00001 is "+0.0000", not "-0.0000": every format of a sign says so with a z."""
    for path in (ROOT / "pipeline").rglob(f"*.{suffix}"):
        found = re.findall(r"""[:"']\+,?\.\d[fg]""", path.read_text(encoding="utf-8"))
        assert found == [], path


LINTER = Path(sys.executable).with_name("lint-imports")


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the package and of what says how its rooms stand on each other."""
    if not LINTER.exists():
        pytest.skip("import-linter is not installed")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "pipeline", tmp_path / "pipeline", ignore=leave)
    return tmp_path


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINTER, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_every_room_stands_on_the_rooms_below_it(house: Path) -> None:
    done = lint_imports(house)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "imports"),
    [
        ("vectorize", "prepare"),  # a stage meets another only through files
        ("frame.files", "models.table"),
        ("report.page", "review.security"),
        ("study.seeds", "cleanlearn"),
    ],
)
def test_an_import_from_beside_or_above_is_found(house: Path, module: str, imports: str) -> None:
    path = house / "pipeline" / f"{module.replace('.', '/')}.py"
    source = path.read_text(encoding="utf-8")
    path.write_text(f"{source}\nimport pipeline.{imports}\n", encoding="utf-8")
    done = lint_imports(house)
    assert done.returncode == 1, done.stdout
    assert f"pipeline.{module} -> pipeline.{imports}" in done.stdout


def test_a_module_without_a_floor_is_found(house: Path) -> None:
    (house / "pipeline" / "attic.py").write_text("")
    done = lint_imports(house)
    assert done.returncode == 1, done.stdout
    assert "attic" in done.stdout + done.stderr


@pytest.mark.parametrize("path", sorted(ROOT.glob("requirements*.txt")), ids=lambda p: p.name)
def test_every_requirement_is_pinned_and_hashed(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    entries = [line for line in text.splitlines() if line and line[0] not in "# "]
    assert len(entries) > (0 if path.stem == "requirements-pip" else 50)
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+(\[[^]]+\])?==\S+ ", entry), entry[:80]
        assert "--hash=sha256:" in entry, entry[:80]


def version(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in importlib.metadata.version(name).split(".")[:2])


def test_keras_has_its_security_fixes() -> None:
    assert version("keras") >= (3, 14)
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("tf-keras")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "keras>=3.14,<4" in project["dependencies"]


def test_every_dependency_is_imported_or_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = (ROOT / "requirements.txt").read_text(encoding="utf-8").lower()
    for dependency in project["dependencies"]:
        name = re.match(r"[A-Za-z0-9._-]+", dependency)
        assert name is not None
        pin = rf"(?m)^{name[0].lower().replace('_', '-')}(\[.*\])?=="
        assert re.search(pin, pinned), dependency
