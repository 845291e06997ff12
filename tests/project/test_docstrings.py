"""Docstrings of all public names: complete, and in the format of numpydoc."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import hpmask

validate = pytest.importorskip("numpydoc.validate")
NumpyDocString = pytest.importorskip("numpydoc.docscrape").NumpyDocString

API = Path(__file__).parents[2] / "docs" / "api.md"

# numpydoc's checks, without those of another style (GL01, RT02, SS05) and those that ask for optional sections.
CHECKS = {
    *("GL02", "GL03", "GL05", "GL06", "GL07", "GL08", "SS01", "SS02", "SS03", "SS04", "SS06", "RT03", "RT04", "RT05"),
    *("PR01", "PR02", "PR03", "PR04", "PR05", "PR06", "PR07", "PR08", "PR09", "PR10", "SA02"),
}

# Users make these by hand; the others are returned by functions, whose examples show them.
MAIN_CLASSES = ("EnergyAxis", "Mask", "MaskSet", "RangeSet")


def resolve(path: str) -> Any:
    """The object of a dotted name below hpmask, its modules imported on the way."""
    value: Any = hpmask
    for name in path.split("."):
        if inspect.ismodule(value) and not hasattr(value, name):
            importlib.import_module(f"{value.__name__}.{name}")
        value = inspect.getattr_static(value, name) if inspect.isclass(value) else getattr(value, name)
    return value


def public() -> Iterator[str]:
    """Dotted names below hpmask: what the reference lists and what the package exports, and the members of classes."""
    listed = re.findall(r"^   ([\w.]+)$", API.read_text("utf-8"), flags=re.M)
    for path in dict.fromkeys([*listed, *hpmask.__all__]):
        value = resolve(path)
        if not path.endswith("__version__"):
            yield path
        if inspect.isclass(value):
            for name, member in vars(value).items():
                kinds = (staticmethod, classmethod, property, functools.cached_property)
                is_own = inspect.isfunction(member) or isinstance(member, kinds)
                if is_own and not name.startswith("_") and not overrides(value, name):
                    yield f"{path}.{name}"


def overrides(one: type, name: str) -> bool:
    """Whether a method replaces that of a base class of another package, where it is documented."""
    others = (base for base in one.__mro__ if base.__module__.split(".")[0] != "hpmask")
    return any(name in vars(base) for base in others)


def function_of(value: Any) -> Callable[..., Any] | None:
    """The function behind a function or method, or None."""
    value = inspect.unwrap(getattr(value, "__func__", value))
    return value if inspect.isfunction(value) else None


@functools.cache
def body(function: Callable[..., Any]) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(function)))


def called(function: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """The functions of hpmask that a function calls by their names."""
    for node in ast.walk(body(function)):
        if isinstance(node, ast.Call):
            first, *rest = ast.unparse(node.func).split(".") if not isinstance(node.func, ast.Call) else ("",)
            value = function.__globals__.get(first)
            for name in rest:
                value = getattr(value, name, None)
            other = function_of(value)
            if other is not None and other.__module__.split(".")[0] == "hpmask":
                yield other


def raises(function: Callable[..., Any], depth: int = 2) -> bool:
    """Whether a function raises: itself, in its worker, or in a check of arguments that the worker calls."""
    if any(isinstance(node, ast.Raise) and node.exc is not None for node in ast.walk(body(function))):
        return True
    return depth > 0 and any(raises(other, depth - 1) for other in called(function) if other is not function)


def complaints(path: str) -> list[str]:
    """What a docstring lacks."""
    value = resolve(path)
    text = inspect.getdoc(getattr(value, "__func__", value)) or ""
    if (other := re.fullmatch(r"See `hpmask\.([\w.]+)`\.", text)) is not None:
        return [] if other[1] in PUBLIC else [f"{other[1]} is not public"]
    errors = validate.validate(f"hpmask.{path}")["errors"]
    doc = NumpyDocString(text)
    function = function_of(value)
    if inspect.isclass(value) and not issubclass(value, Exception):
        # The fields of a dataclass may be described as attributes.
        described = {
            name.strip() for part in ("Parameters", "Attributes") for one in doc[part] for name in one.name.split(",")
        }
        missing = [name for name in inspect.signature(value).parameters if name not in described]
        errors = [(code, text) for code, text in errors if code != "PR01"] + [("PR01", f"{missing}")] * bool(missing)
    found = [f"{code}: {text}" for code, text in errors if code in CHECKS]
    if function is not None:
        returns = inspect.signature(function).return_annotation
        if returns not in (None, "None", "NoReturn") and not doc["Returns"] and not doc["Yields"]:
            found.append("Returns is missing")
        if raises(function) and not doc["Raises"]:
            found.append("Raises is missing")
    if (function is not None or path in MAIN_CLASSES) and not doc["Examples"]:
        found.append("Examples is missing")
    return found


PUBLIC = sorted(set(public()))


def test_public_names_are_found() -> None:
    assert {"EnergyAxis.edges", "Mask.union", "RangeSet.from_cells", "testing.assert_masks_equal"} <= set(PUBLIC)
    assert raises(function_of(resolve("Mask.union")))
    assert not raises(is_plain)


def is_plain() -> None:
    """A function that raises nothing."""


@pytest.mark.parametrize("path", PUBLIC)
def test_docstring(path: str) -> None:
    assert complaints(path) == []
