"""The house: which package may import which. Imports count wherever they stand, also in functions and for type checks."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import hpmask

PACKAGE = Path(hpmask.__file__).parent

# From the ground to the roof. A module imports from its own package, or from a lower floor.
FLOORS = (
    ("_kernels", "_utils"),
    ("_files", "geometry"),
    ("energy",),
    ("core",),
    ("morphology", "regions", "io"),
    ("catalog", "wcs"),
    ("plotting", "interop"),
    ("mask",),
    ("testing", "recipe"),
    ("cli",),
)
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}
# The version is in the package itself, and the face hands masks over to what would slow down its import.
HAND_OVERS = ("io", "plotting", "interop")


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in PACKAGE.rglob("*.py")}


def imports(text: str, known: set[str]) -> Iterator[tuple[str, bool]]:
    """The modules of hpmask that a module imports, and whether it does so inside a function."""
    tree = ast.parse(text)
    inside = {id(node) for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) for node in ast.walk(one)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in known or name.startswith("hpmask._kernels") else str(node.module) for name in full]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "hpmask" and name != "hpmask":
                yield name, id(node) in inside


def faults(sources: dict[str, str]) -> list[str]:
    """What is wrong with the imports of some modules."""
    found = []
    arrows: dict[str, set[str]] = {}
    known = set(sources)
    for module, text in sources.items():
        if module == "hpmask":
            continue
        floor = module.split(".")[1]
        for name, inside in imports(text, known):
            other = name.split(".")[1]
            if inside and not (module == "hpmask.mask" and other in HAND_OVERS):
                found.append(f"{module} imports {name} inside a function")
            if other != floor and FLOOR[other] >= FLOOR[floor]:
                found.append(f"{module} imports {name}, which is not below it")
            arrows.setdefault(module, set()).add(name)
    return found + [f"circle: {' -> '.join(circle)}" for circle in circles(arrows)]


def circles(arrows: dict[str, set[str]]) -> Iterator[list[str]]:
    """The circles that a walk from each module meets."""
    done: set[str] = set()

    def walk(module: str, path: list[str]) -> Iterator[list[str]]:
        if module in path:
            yield [*path[path.index(module) :], module]
        elif module not in done:
            for other in sorted(arrows.get(module, ())):
                yield from walk(other, [*path, module])
            done.add(module)

    for module in sorted(arrows):
        yield from walk(module, [])


def test_arrows_point_down():
    assert faults({module: path.read_text("utf-8") for module, path in MODULES.items()}) == []


def test_every_module_has_a_floor():
    assert {module.split(".")[1] for module in MODULES if module != "hpmask"} <= set(FLOOR)


def test_what_the_walk_finds():
    two = {"hpmask.core.a": "from hpmask.core import b", "hpmask.core.b": "if TYPE_CHECKING:\n    import hpmask.core.a"}
    assert faults(two) == ["circle: hpmask.core.a -> hpmask.core.b -> hpmask.core.a"]
    up = {"hpmask.core.a": "def f():\n    from hpmask.mask import Mask", "hpmask.mask": ""}
    assert faults(up) == [
        "hpmask.core.a imports hpmask.mask inside a function",
        "hpmask.core.a imports hpmask.mask, which is not below it",
    ]
