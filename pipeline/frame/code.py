"""Which code decides what a stage computes: one hash of it, and the libraries it calls.

From the stage's function on, every definition of this package that is named is followed, methods
by their names. Each counts with its meaning (see pipeline.frame.meaning), so that a comment, a
message or a function that the stage never reaches does not run it again.
"""

import ast
import functools
import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.frame.meaning import annotations, meaning

PACKAGE = "pipeline"
ROOT = Path(__file__).parent.parent
# They decide how a stage is run and told of, not what it computes.
DECIDE_NOTHING = tuple(
    f"{PACKAGE}.{name}"
    for name in (
        *("frame.cli", "frame.code", "frame.errors", "frame.lock", "frame.meaning"),
        *("frame.finished", "frame.messages", "frame.progress", "frame.record"),
        *("frame.section", "frame.stage", "frame.start", "frame.terminal", "frame.versions"),
        *("config", "report", "compute.engine", "compute.local", "compute.ray_engine"),
        *("compute.ray_node", "compute.resources"),
    )
)
# They only choose: a stage names the code that its config chose.
TABLES = {
    (f"{PACKAGE}.data.sources", "SOURCES"),
    (f"{PACKAGE}.issues.arms", "ARMS"),
    (f"{PACKAGE}.models.table", "CLASSIFIERS"),
    (f"{PACKAGE}.models.table", "INPUTS"),
    (f"{PACKAGE}.models.members", "FINDERS"),
    (f"{PACKAGE}.models.members", "MEMBERS"),
}
COMPUTING = {
    "cleanlab": "cleanlab", "keras": "keras", "numpy": "numpy", "pandas": "pandas",
    "pyarrow": "pyarrow", "scikeras": "scikeras", "scipy": "scipy", "sklearn": "scikit-learn",
    "tensorflow": "tensorflow", "tensorflow_datasets": "tensorflow-datasets",
}  # fmt: skip
Place = tuple[str, str]  # a module, and a name at its top


@dataclass(frozen=True)
class Code:
    """sha256: of all that decides. libraries: the distributions it calls, sorted."""

    sha256: str
    libraries: tuple[str, ...]


@dataclass
class _Module:
    """A module as written: its definitions, and what its names mean.

    copies: the definitions once more, until their meaning is asked for.
    """

    definitions: dict[str, list[ast.stmt]]
    imported: dict[str, Place]
    copies: dict[str, list[ast.stmt]]
    meanings: dict[str, list[ast.stmt]] = field(default_factory=dict)

    def meaning_of(self, name: str) -> list[ast.stmt]:
        if name not in self.meanings:
            self.meanings[name] = [meaning(node) for node in self.copies[name]]
            del self.copies[name]
        return self.meanings[name]


def code_of(roots: Iterable[str]) -> Code:
    """Return the code that is reached from `roots`, names like "pipeline.crossval:crossval".

    A root outside this package is a module of the user's: it counts as a whole, with the modules
    beside it that it imports.
    """
    roots = tuple(roots)
    return _code_of(roots, source_of(roots))


def source_of(roots: Iterable[str]) -> str:
    """Return a hash of every source there is: while it is the same, so is all that decides."""
    digest = hashlib.sha256(_package().encode())
    for root in roots:
        if not root.startswith(f"{PACKAGE}."):
            digest.update(repr(sorted(_own_modules(root.partition(":")[0]).items())).encode())
    return f"sha256:{digest.hexdigest()}"


def read_again() -> None:
    """Take the sources for what they are now, not for what they were at the first look."""
    before = _package()
    _package.cache_clear()
    _code_of.cache_clear()
    if _package() != before:
        read_module.cache_clear()


@functools.cache
def _package() -> str:
    digest = hashlib.sha256()
    for path in sorted(ROOT.rglob("*.py")):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


@functools.lru_cache(maxsize=64)
def _code_of(roots: tuple[str, ...], source: str) -> Code:
    digest = hashlib.sha256()
    found = _Reached()
    for root in roots:
        module, _, name = root.partition(":")
        if module.partition(".")[0] == PACKAGE:
            found.add((module, name))
        else:
            for path, text in sorted(_own_modules(module).items()):
                digest.update(f"{path}\0{text}\0".encode())
    for line in found.lines():
        digest.update(line.encode() + b"\0")
    libraries = {COMPUTING[name] for name in found.outside & COMPUTING.keys()}
    return Code(f"sha256:{digest.hexdigest()}", tuple(sorted(libraries)))


class _Reached:
    """Definitions that are followed until nothing new is named.

    Of a class only those methods count whose name occurs somewhere in what is reached; all of them
    where a base is a library's, which calls what it knows by name.
    """

    def __init__(self) -> None:
        self.places: set[Place] = set()
        self.outside: set[str] = set()
        self._named: set[str] = set()  # attributes
        self._methods: dict[str, list[tuple[str, str, ast.stmt, ast.AST]]] = {}
        self._waiting: list[Place] = []
        self.counted: list[tuple[str, str, ast.stmt]] = []  # module, qualified name, meaning

    def add(self, place: Place) -> None:
        self._waiting.append(place)
        while self._waiting:
            self._take(*self._waiting.pop())

    def lines(self) -> list[str]:
        """Return what is reached as text, sorted."""
        return sorted(f"{name}:{part} {ast.dump(node)}" for name, part, node in self.counted)

    def _take(self, name: str, symbol: str) -> None:
        if decides_nothing(name) or (name, symbol) in TABLES:
            return
        module = read_module(name)
        if module is None or (name, symbol) in self.places:
            return
        if symbol in module.definitions:
            self.places.add((name, symbol))
            pairs = zip(module.definitions[symbol], module.meaning_of(symbol), strict=True)
            for written, bare in pairs:
                self._count(name, symbol, written, bare)
        elif symbol in module.imported:
            self._reach(module.imported[symbol])

    def _count(self, name: str, symbol: str, written: ast.AST, bare: ast.stmt) -> None:
        if isinstance(bare, ast.ClassDef):
            methods = [n for n in bare.body if isinstance(n, ast.FunctionDef)]
            sources = {n.name: n for n in ast.walk(written) if isinstance(n, ast.FunctionDef)}
            rest = ast.ClassDef(**{f: getattr(bare, f) for f in bare._fields})
            rest.body = [n for n in bare.body if n not in methods]
            self._follow(name, rest, list(ast.iter_child_nodes(written)))
            self.counted.append((name, bare.name, rest))
            all_count = _is_called_by_libraries(name, bare)
            for method in methods:
                entry = (name, f"{bare.name}.{method.name}", method, sources[method.name])
                if all_count or method.name.startswith("_") or method.name in self._named:
                    self._count_method(*entry)
                else:
                    self._methods.setdefault(method.name, []).append(entry)
        else:
            self._follow(name, bare, [written])
            self.counted.append((name, symbol, bare))

    def _count_method(self, name: str, part: str, method: ast.stmt, written: ast.AST) -> None:
        self._follow(name, method, [written])
        self.counted.append((name, part, method))

    def _follow(self, name: str, bare: ast.AST, written: list[ast.AST]) -> None:
        module = read_module(name)
        if module is None:
            return
        imported = module.imported | _imports_in(bare)
        types = [a for node in written for a in _own_annotations(node)]
        for tree in (bare, *types):
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute):
                    self._name(node.attr)
                    if isinstance(node.value, ast.Name) and node.value.id in imported:
                        base, symbol = imported[node.value.id]
                        self._reach((f"{base}.{symbol}" if symbol else base, node.attr))
                elif isinstance(node, ast.Name):
                    self._reach(imported.get(node.id, (name, node.id)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    self._reach(imported.get(node.value, (name, node.value)))

    def _reach(self, place: Place) -> None:
        top = place[0].partition(".")[0]
        if top == PACKAGE:
            self._waiting.append(place)
        else:
            self.outside.add(top)

    def _name(self, attribute: str) -> None:
        if attribute not in self._named:
            self._named.add(attribute)
            for entry in self._methods.pop(attribute, []):
                self._count_method(*entry)


def reached(roots: Iterable[str]) -> set[Place]:
    """Return what is counted from `roots` on: (module, "function") and (module, "Class.method")."""
    found = _Reached()
    for root in roots:
        module, _, name = root.partition(":")
        found.add((module, name))
    return {(module, part) for module, part, _ in found.counted}


def decides_nothing(module: str) -> bool:
    """Return whether a module never counts."""
    return any(module == name or module.startswith(f"{name}.") for name in DECIDE_NOTHING)


def _is_called_by_libraries(name: str, node: ast.ClassDef) -> bool:
    """Return whether a class has a base outside this package, even if only through a base."""
    module = read_module(name)
    if module is None or decides_nothing(name):
        return False
    for base in node.bases:
        symbol = next(part.id for part in ast.walk(base) if isinstance(part, ast.Name))
        where, symbol = module.imported.get(symbol, (name, symbol))
        own = read_module(where) if where.partition(".")[0] == PACKAGE else None
        classes = own.definitions.get(symbol, []) if own else [None]
        if not all(
            isinstance(c, ast.ClassDef) and not _is_called_by_libraries(where, c) for c in classes
        ):
            return True
    return False


def _own_annotations(node: ast.AST) -> list[ast.expr]:
    """Return the annotations in a definition; those of a class without its methods'."""
    if not isinstance(node, ast.ClassDef):
        return annotations(node)
    return [a for part in node.body if isinstance(part, ast.AnnAssign) for a in annotations(part)]


@functools.cache
def read_module(name: str) -> _Module | None:
    """Return a module of this package, None where there is none of that name."""
    path = ROOT.joinpath(*name.split(".")[1:])
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not path.is_file():
        return None
    source = path.read_bytes()
    tree, again = ast.parse(source), ast.parse(source)  # a fifth of what a copy of a tree takes
    return _Module(_definitions(tree), _imports_in(tree, nested=False), _definitions(again))


def _definitions(tree: ast.Module) -> dict[str, list[ast.stmt]]:
    found: dict[str, list[ast.stmt]] = {}
    for node in tree.body:
        for target in _names_of(node):
            found.setdefault(target, []).append(node)
    return found


def _names_of(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign | ast.AugAssign):
        targets = [node.target]
    return [part.id for t in targets for part in ast.walk(t) if isinstance(part, ast.Name)]


def _imports_in(tree: ast.AST, *, nested: bool = True) -> dict[str, Place]:
    """Return what each imported name stands for: (module, symbol), or (module, "")."""
    found: dict[str, Place] = {}
    nodes: Iterator[ast.AST] = ast.walk(tree) if nested else ast.iter_child_nodes(tree)
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            found |= {a.asname or a.name: (str(node.module), a.name) for a in node.names}
        elif isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name if alias.asname else alias.name.partition(".")[0]
                found[alias.asname or top] = (top, "")
    return found


def _own_modules(name: str) -> dict[str, str]:
    """Return {name: source} of a user's module and of those beside it that it imports."""
    found: dict[str, str] = {}
    waiting, home = [name], None
    while waiting:
        module = waiting.pop()
        path = source_file(module)
        if module in found or path is None:
            continue
        home = home or path.parents[module.count(".") + (path.name == "__init__.py")]
        if path.is_relative_to(home) and "site-packages" not in path.parts:
            found[module] = path.read_text(encoding="utf-8", errors="replace")
            try:
                imported = _imports_in(ast.parse(found[module]))
            except (SyntaxError, ValueError):
                continue  # said when the function is imported
            waiting += [base for base, _ in imported.values()]
            waiting += [f"{base}.{symbol}" for base, symbol in imported.values() if symbol]
    return found


def source_file(module: str) -> Path | None:
    """Return the file of a module, None for one of the standard library or without a source."""
    if module.partition(".")[0] in sys.stdlib_module_names:
        return None
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return None
    origin = Path(spec.origin) if spec and spec.origin else None
    return origin if origin is not None and origin.suffix == ".py" and origin.is_file() else None
