"""The floors: which package may import which, wherever an import stands; and who may use private names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import hpmask

PACKAGE = Path(hpmask.__file__).parent

# From the ground to the roof. A module imports from its own package, or from a lower floor.
FLOORS = (
    ("_kernels",),
    ("_utils",),
    ("_files", "geometry"),
    ("energy",),
    ("core",),
    ("morphology", "regions", "io"),
    ("values",),
    ("catalog", "wcs"),
    ("plotting", "interop"),
    ("mask",),
    ("maskset",),
    ("scale",),
    ("testing", "recipe"),
    ("cli",),
)
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}
# Mask and MaskSet import these inside their methods, so that `import hpmask` stays fast.
HAND_OVERS = ("io", "plotting", "interop")


@cache
def parsed(text: str) -> ast.Module:
    return ast.parse(text)


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_of(path): path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}


def imports(tree: ast.Module, known: set[str]) -> Iterator[tuple[str, bool]]:
    """What a module imports from hpmask, and whether it does so inside a function."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {node for function in functions for node in ast.walk(function)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            package = node.module == "hpmask" or str(node.module).startswith("hpmask._kernels")
            names = [name if package or name in known else str(node.module) for name in full]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "hpmask":
            names = [f"hpmask.{node.attr}"]  # what stands after `import hpmask`
        else:
            continue
        for name in names:
            # The version is in the package itself.
            if name.startswith("hpmask.") and name != "hpmask.__version__":
                yield name, node in inside


def import_faults(sources: dict[str, str]) -> list[str]:
    """Imports that point up, inside functions or in circles."""
    found = []
    arrows: dict[str, set[str]] = {}
    for module in sorted(sources.keys() - {"hpmask"}):
        package = module.split(".")[1]
        for name, inside in imports(parsed(sources[module]), set(sources)):
            other = name.split(".")[1]
            if inside and not (module in ("hpmask.mask", "hpmask.maskset") and other in HAND_OVERS):
                found.append(f"{module} imports {name} inside a function")
            if other != package and FLOOR.get(other, len(FLOORS)) >= FLOOR[package]:
                found.append(f"{module} imports {name}, which is not on a lower floor")
            arrows.setdefault(module, set()).add(name)
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        found.append(f"circle: {' -> '.join(reversed(error.args[1]))}")
    return found


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def attributes(tree: ast.Module) -> set[str]:
    """The attributes that the classes of a module define."""
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and of_own(node, store=True)}
    for one in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        for node in one.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names.add(node.name)
            else:  # class variables, fields of dataclasses, __slots__
                names |= {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
                names |= {inner.value for inner in ast.walk(node) if isinstance(inner, ast.Constant)}
    return names


def of_own(node: ast.Attribute, *, store: bool = False) -> bool:
    own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
    return own and (not store or isinstance(node.ctx, ast.Store))


def private_faults(sources: dict[str, str]) -> list[str]:
    """Private names of another module, or of another module's objects, that a module uses.

    Types are not known here: a private attribute passes if a class of the same module has one of that name.
    """
    trees = {module: parsed(text) for module, text in sources.items()}
    own = {module: attributes(tree) for module, tree in trees.items()}
    found = []
    for module, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and is_private(node.attr) and not of_own(node):
                # Another library's object may be given an attribute, as long as no class of hpmask has it.
                given = isinstance(node.ctx, ast.Store) and not any(node.attr in names for names in own.values())
                if node.attr not in own[module] and not given:
                    found.append(f"{module} uses {ast.unparse(node)}")
            elif isinstance(node, ast.ImportFrom):
                names = [alias.name for alias in node.names if is_private(alias.name)]
                found += [f"{module} imports {name}" for name in names if f"{node.module}.{name}" not in sources]
    return found


def test_imports_point_down():
    assert import_faults(SOURCES) == []


def test_private_names_stay_in_their_module():
    assert private_faults(SOURCES) == []


def test_every_module_has_a_floor():
    assert {module.split(".")[1] for module in SOURCES if module != "hpmask"} <= set(FLOOR)


def test_faults_that_are_found():
    a, b = "hpmask.core.a", "hpmask.core.b"
    circle = {a: "from hpmask.core import b", b: "if TYPE_CHECKING:\n    import hpmask.core.a"}
    assert import_faults(circle) == [f"circle: {a} -> {b} -> {a}"]
    up = {a: "def f():\n    from hpmask.mask import Mask", "hpmask.mask": ""}
    assert import_faults(up) == [
        f"{a} imports hpmask.mask inside a function",
        f"{a} imports hpmask.mask, which is not on a lower floor",
    ]
    for text in ("from hpmask import Mask", "import hpmask\nhpmask.Mask.full()"):
        assert import_faults({a: text}) == [f"{a} imports hpmask.Mask, which is not on a lower floor"]
    own = "class A:\n    __slots__ = ('_x',)\n    _y: int\n    def f(self, other):\n        self._z = 1"
    private = {
        a: f"{own}\n        return other._x + other._y + other._z",
        b: "from hpmask.core.a import _g\none._x = one._y\nself._x\nother._new = 1",
    }
    assert private_faults(private) == [f"{b} imports _g", f"{b} uses one._x", f"{b} uses one._y"]
