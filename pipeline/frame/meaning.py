"""What of a definition decides a result: its syntax tree without all that only speaks to people.

Gone are docstrings, comments and annotations, the words of errors, progress and print, and what
is computed for those words alone. A reworded message leaves the tree as it was.
"""

import ast
from typing import Any

# Calls that change nothing, so that a name which only held their result may go with its words.
PURE = {"ascii", "float", "format", "int", "join", "len", "list", "map", "max", "min", "repr"}
PURE |= {"round", "set", "shown", "short", "more_rows", "sorted", "str", "sum", "tolist"}
WORDS = ast.Constant("words")


def meaning(node: ast.stmt) -> ast.stmt:
    """Return a definition with nothing but what decides its result; `node` is used up for it."""
    bare: ast.stmt = _Bare().visit(node)
    for inner in ast.walk(bare):
        if isinstance(inner, ast.FunctionDef):
            while _drop_unused(inner):
                pass
    return bare


def annotations(node: ast.AST) -> list[ast.expr]:
    """Return the annotations in a definition: they name the types it works with."""
    found: list[ast.expr | None] = []
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(inner.returns)
        elif isinstance(inner, ast.AnnAssign | ast.arg):
            found.append(inner.annotation)
    return [annotation for annotation in found if annotation is not None]


class _Bare(ast.NodeTransformer):
    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.returns = None
        node.body = _without_docstring(node.body)
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        node.returns = None
        node.body = _without_docstring(node.body)
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        node.body = _without_docstring(node.body)
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> Any:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        value = node.value or ast.Constant(...)
        return self.visit(ast.Assign([node.target], value, lineno=node.lineno))

    def visit_Raise(self, node: ast.Raise) -> Any:
        return ast.Raise(exc=None, cause=None)

    def visit_Call(self, node: ast.Call) -> Any:
        return WORDS if _last_name(node.func).endswith("Error") else self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> Any:
        return ast.Pass() if _speaks(node.value) else self.generic_visit(node)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0]
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return (body[1:] or [ast.Pass()]) if is_text else body


def _speaks(value: ast.expr) -> bool:
    """Return whether an expression prints, or tells of progress."""
    if not isinstance(value, ast.Call):
        return False
    name = _last_name(value.func)
    owner = _last_name(value.func.value) if isinstance(value.func, ast.Attribute) else ""
    return name in ("print", "say") or (owner == "progress" and name in ("update", "restart"))


def _is_pure(value: ast.expr) -> bool:
    calls = (inner for inner in ast.walk(value) if isinstance(inner, ast.Call))
    return all(_last_name(call.func) in PURE for call in calls)


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _drop_unused(function: ast.FunctionDef) -> bool:
    """Take out what sets only names that nothing reads, and branches left empty by that."""
    read = {
        inner.id
        for inner in ast.walk(function)
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)
    }
    for inner in ast.walk(function):
        if isinstance(inner, ast.Global | ast.Nonlocal):
            read.update(inner.names)  # someone else reads it
    dropper = _Dropper(read)
    function.body = dropper.kept(function.body)
    return dropper.dropped


class _Dropper(ast.NodeTransformer):
    def __init__(self, read: set[str]) -> None:
        self.read = read
        self.dropped = False

    def kept(self, body: list[ast.stmt]) -> list[ast.stmt]:
        visited = [self.visit(statement) for statement in body]
        return [s for s in visited if s is not None and not isinstance(s, ast.Pass)] or [ast.Pass()]

    def visit_Assign(self, node: ast.Assign) -> Any:
        return self._unless_unused(node, node.targets)

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        return self._unless_unused(node, [node.target])

    def _unless_unused(self, node: Any, targets: list[Any]) -> Any:
        names = [inner for target in targets for inner in ast.walk(target)]
        unused = all(
            isinstance(name, ast.Name | ast.Tuple | ast.Store)
            and getattr(name, "id", "") not in self.read
            for name in names
        )
        if unused and _is_pure(node.value):
            self.dropped = True
            return None
        return node

    def visit_If(self, node: ast.If) -> Any:
        node.body = self.kept(node.body)
        node.orelse = [s for s in map(self.visit, node.orelse) if s is not None]
        rest = [*node.body, *node.orelse]
        if _is_pure(node.test) and all(isinstance(statement, ast.Pass) for statement in rest):
            self.dropped = True
            return None
        return node

    def visit_For(self, node: ast.For) -> Any:
        node.body = self.kept(node.body)
        return node

    def visit_With(self, node: ast.With) -> Any:
        node.body = self.kept(node.body)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        if node.name not in self.read and not node.decorator_list:
            self.dropped = True
            return None
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        return node
