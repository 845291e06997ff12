"""Mutants: the small changes of a source that a test should notice. `mutate.py` runs the tests on them.

A mutant replaces a piece of text and keeps all line numbers, in Python (by `ast`) as in kernels (by regular expressions
over the code without comments and strings).
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COMPARISONS = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: ("in", "not in"),
    ast.NotIn: (r"not\s+in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: (r"is\s+not", "is"),
}
ARITHMETIC = {
    ast.Add: (r"\+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: (r"\*", "//"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "//"),
    ast.Pow: (r"\*\*", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: (r"\|", "&"),
    ast.BitXor: (r"\^", "|"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
}


@dataclass(frozen=True)
class Mutant:
    """One change: the bytes from `start` to `stop` of a file become `becomes`."""

    file: str
    start: int
    stop: int
    becomes: str
    line: int
    # First and last line of the statement: the tests that run one of them reach the mutant. None: the whole file.
    reach: tuple[int, int] | None = None
    # The name that a statement of the module assigns.
    assigns: str | None = None

    def apply(self, source: bytes) -> bytes:
        return source[: self.start] + self.becomes.encode() + source[self.stop :]

    def lines(self, source: bytes) -> tuple[str, str]:
        """The line without and with the change."""
        changed = self.apply(source)
        return tuple(text.split(b"\n")[self.line - 1].decode().strip() for text in (source, changed))  # type: ignore[return-value]


def mutants_of(file: str, source: bytes) -> list[Mutant]:
    """All mutants of a file, in the order of the text."""
    found = _Python(file, source).found if file.endswith(".py") else _of_kernel(file, source)
    return sorted(set(found), key=lambda mutant: (mutant.start, mutant.stop, mutant.becomes))


def equal_mutants(path: Path) -> set[tuple[str, str, str]]:
    """Mutants that behave as the original does: file, line, and what the line becomes."""
    entries = tomllib.loads(path.read_text("utf-8")).get("equal", [])
    assert all(entry["reason"] for entry in entries)
    return {(entry["file"], entry["line"], entry["becomes"]) for entry in entries}


class _Python(ast.NodeVisitor):
    """Mutants of the functions of a module, and of the plain values that the module names.

    Left out: docstrings, annotations, default values, decorators, the bodies of classes, and what a `raise` says.
    """

    def __init__(self, file: str, source: bytes) -> None:
        self.file = file
        self.source = source
        self.found: list[Mutant] = []
        self._starts = [0]
        for line in source.split(b"\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._reach: tuple[int, int] | None = None
        self._assigns: str | None = None
        for node in ast.parse(source).body:
            self._top(node)

    def _top(self, node: ast.stmt) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self.visit(node)
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.ClassDef | ast.FunctionDef):
                    self._top(inner)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            # Types such as Literal[...] are no values, either.
            computed = any(isinstance(part, ast.Call | ast.Lambda | ast.Subscript) for part in ast.walk(node.value))
            if not computed and not node.targets[0].id.startswith("__"):
                self._assigns = node.targets[0].id
                self.visit(node.value)
                self._assigns = None

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self._starts[node.lineno - 1] + node.col_offset
        return start, self._starts[node.end_lineno - 1] + node.end_col_offset

    def _add(self, start: int, stop: int, becomes: str) -> None:
        line = self.source.count(b"\n", 0, start) + 1
        lost = self.source.count(b"\n", start, stop) - becomes.count("\n")
        becomes += "\n" * lost
        self.found.append(Mutant(self.file, start, stop, becomes, line, self._reach, self._assigns))

    def _replace(self, node: ast.expr | ast.stmt, before: str, after: str = "") -> None:
        start, stop = self._span(node)
        self._add(start, stop, before + self.source[start:stop].decode() + after)

    def _operator(self, left: ast.expr, right: ast.expr, pattern: str, becomes: str) -> None:
        start, stop = self._span(left)[1], self._span(right)[0]
        for match in re.finditer(rf"(?<![\w]){pattern}(?![\w])", self.source[start:stop].decode("latin-1")):
            self._add(start + match.start(), start + match.end(), becomes)
            return

    def visit(self, node: ast.AST) -> None:
        if not isinstance(node, ast.stmt):
            super().visit(node)
            return
        outer = self._reach
        body = getattr(node, "body", None)
        last = body[0].lineno - 1 if body else node.end_lineno or node.lineno
        self._reach = (node.lineno, max(node.lineno, last))
        super().visit(node)
        self._reach = outer

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for inner in node.body:
            self.visit(inner)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_arg(self, node: ast.arg) -> None:
        pass

    def visit_Assert(self, node: ast.Assert) -> None:
        pass

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        pass

    def visit_Raise(self, node: ast.Raise) -> None:
        self._add(*self._span(node), "pass")

    def visit_Continue(self, node: ast.Continue) -> None:
        self._add(*self._span(node), "break")

    def visit_Break(self, node: ast.Break) -> None:
        self._add(*self._span(node), "continue")

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
            self._add(*self._span(node.value), "None")
            self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        if isinstance(node.targets[0], ast.Attribute | ast.Subscript):
            self._add(*self._span(node), "pass")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._add(*self._span(node), "pass")
        if type(node.op) in ARITHMETIC:
            pattern, becomes = ARITHMETIC[type(node.op)]
            self._operator(node.target, node.value, pattern + "=", becomes + "=")
        self.visit(node.value)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self._add(*self._span(node), "pass")
            self.visit(node.value)
        elif not isinstance(node.value, ast.Constant):
            self.visit(node.value)

    def _condition(self, node: ast.If | ast.While | ast.IfExp) -> None:
        # Comparisons, "and", "or" and "not" have mutants of their own.
        if isinstance(node.test, ast.Call | ast.Name | ast.Attribute):
            self._replace(node.test, "not (", ")")
        self.generic_visit(node)

    visit_If = visit_While = visit_IfExp = _condition

    def visit_Call(self, node: ast.Call) -> None:
        # The second argument of isinstance may be a union of types.
        if not (isinstance(node.func, ast.Name) and node.func.id in ("isinstance", "cast")):
            self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        for left, operator, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
            self._operator(left, right, *COMPARISONS[type(operator)])
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        texts = any(
            isinstance(side, ast.JoinedStr) or (isinstance(side, ast.Constant) and isinstance(side.value, str | bytes))
            for side in (node.left, node.right)
        )
        if type(node.op) in ARITHMETIC and not texts:
            self._operator(node.left, node.right, *ARITHMETIC[type(node.op)])
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        operator = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            self._operator(left, right, *operator)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            start = self._span(node)[0]
            self._add(start, start + len("not"), "")
        self.generic_visit(node)

    def visit_Slice(self, node: ast.Slice) -> None:
        if node.lower is not None:
            self._replace(node.lower, "(", ") + 1")
        if node.upper is not None:
            self._replace(node.upper, "(", ") - 1")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self._add(*self._span(node), str(not value))
        elif isinstance(value, int | float):
            self._add(*self._span(node), repr(value + 1))
        elif isinstance(value, str) and re.fullmatch(r"\w+", value) and value not in ("ascii", "utf8"):
            self._add(*self._span(node), repr(value + "_"))


_HIDDEN = re.compile(r'"""[\s\S]*?"""|"[^"\n]*"|\'[^\'\n]*\'|#[^\n]*')
_NUMBER = re.compile(r"(?<![\w.:])(0x[0-9a-fA-F]+|\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?)(?![\w.])")
# A cast has no spaces around its brackets.
_COMPARISON = re.compile(r"(?<= )(<=|>=|==|!=|<|>)(?= )")
_OPPOSITE = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
# Lengths of arrays and exception values change nothing, or do not compile.
_NO_CODE = re.compile(
    r"\s*(from|import|cimport|raise|@|cdef extern|def )|.*(except\??|noexcept)\b.*:$|\s*cdef [^=]*\[\d"
)


def _of_kernel(file: str, source: bytes) -> Iterator[Mutant]:
    # One character for one byte.
    text = _HIDDEN.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), source.decode("latin-1"))
    start = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not _NO_CODE.match(line.rstrip()):
            for match in _NUMBER.finditer(line):
                yield Mutant(file, start + match.start(), start + match.end(), _next_number(match[0]), number)
            for match in _COMPARISON.finditer(line):
                yield Mutant(file, start + match.start(), start + match.end(), _OPPOSITE[match[0]], number)
        start += len(line) + 1


def _next_number(text: str) -> str:
    """A whole number and the next; twice a number with a point or an exponent, which may be a tolerance."""
    if re.fullmatch(r"0x[0-9a-fA-F]+|[\d_]+", text):
        return hex(int(text, 16) + 1) if text.startswith("0x") else str(int(text) + 1)
    return repr(2 * float(text) or 1.0)
