"""Draw the packages of hpmask and their imports into docs/pictures/house.svg.

    python docs/make_house.py

The floors and the imports are those that tests/project/test_floors.py checks: the picture shows the code as it is. An
arrow is left out if a path of other arrows leads to the same package. The build of the pages runs this script.
"""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from types import ModuleType

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

PICTURE = Path(__file__).parent / "pictures" / "house.svg"
FLOORS_TEST = Path(__file__).parents[1] / "tests" / "project" / "test_floors.py"

INK = "#37474f"
STONE = "#d5e6f1"
COLOURS = ["#16425b", "#b4482d", "#2f6690", "#8a6d3b", "#5b92b8", "#7a4e7e"]
# Of the boxes, and from one to the next.
WIDTH, HEIGHT, STEP = 1.25, 0.46, 2.2


def walk() -> ModuleType:
    """The test that walks the imports, as a module."""
    spec = importlib.util.spec_from_file_location("test_floors", FLOORS_TEST)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def arrows() -> dict[str, set[str]]:
    """The packages that each package imports, without itself."""
    floors = walk()
    found: dict[str, set[str]] = {name: set() for names in floors.FLOORS for name in names}
    for module, source in floors.SOURCES.items():
        if module == "hpmask":
            continue
        package = module.split(".")[1]
        for name, _ in floors.imports(ast.parse(source), set(floors.SOURCES)):
            found[package].add(name.split(".")[1])
    return {package: others - {package} for package, others in found.items()}


def reduced(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """A graph without circles, without the arrows that follow from others."""

    def reached(package: str) -> set[str]:
        return graph[package].union(*(reached(other) for other in graph[package]))

    return {
        package: {other for other in others if not any(other in reached(one) for one in others - {other})}
        for package, others in graph.items()
    }


def places(graph: dict[str, set[str]]) -> dict[str, tuple[float, float]]:
    """Where each package stands: on its floor, below the packages that use it."""
    found: dict[str, tuple[float, float]] = {}
    floors = walk().FLOORS
    for floor in reversed(range(len(floors))):

        def aim(name: str) -> float:
            users = [x for other, (x, _) in found.items() if name in graph[other]]
            return sum(users) / len(users) if users else 0.0

        names = sorted(floors[floor], key=aim)
        for i, name in enumerate(names):
            found[name] = ((i - (len(names) - 1) / 2) * STEP, float(floor))
    return found


def draw() -> Figure:
    """The floors from the roof down to the ground, with the arrows of `reduced`."""
    graph = reduced(arrows())
    place = places(graph)
    top = max(y for _, y in place.values())
    figure = Figure(figsize=(8.2, 0.8 * (top + 1)), layout="constrained")
    ax = figure.subplots()
    for i, (package, others) in enumerate(graph.items()):
        x, y = place[package]
        for j, other in enumerate(sorted(others, key=lambda one: place[one])):
            to_x, to_y = place[other]
            from_x = x + (j - (len(others) - 1) / 2) * WIDTH / (len(others) + 1)
            start = (from_x, y - HEIGHT / 2)
            end = (to_x + (from_x - to_x) / 8, to_y + HEIGHT / 2)
            bend = 0.0
            if y - to_y > 1:
                # An arrow that passes a floor goes from side to side, around the boxes there.
                side = 1 if (to_x, x) > (x, 0.0) else -1
                start, end = (x + side * WIDTH / 2, y), (to_x + side * WIDTH / 2, to_y)
                bend = -0.55 * side
            ax.add_patch(
                FancyArrowPatch(
                    start,
                    end,
                    arrowstyle="-|>",
                    mutation_scale=9,
                    connectionstyle=f"arc3,rad={bend}",
                    color=COLOURS[i % len(COLOURS)],
                    linewidth=1.1,
                    shrinkA=0,
                    shrinkB=1,
                )
            )
    for name, (x, y) in place.items():
        ax.add_patch(
            FancyBboxPatch(
                (x - WIDTH / 2, y - HEIGHT / 2),
                WIDTH,
                HEIGHT,
                boxstyle="round,pad=0,rounding_size=0.08",
                facecolor=STONE,
                edgecolor=INK,
                linewidth=0.8,
                zorder=3,
            )
        )
        ax.text(x, y, name, ha="center", va="center", family="monospace", color=INK, fontsize=10, zorder=4)
    ax.set_xlim(-3.4, 3.4)
    ax.set_ylim(-0.4, top + 0.4)
    ax.set_aspect("equal")
    ax.set_axis_off()
    return figure


def main(picture: Path = PICTURE) -> None:
    """Draw the picture."""
    picture.parent.mkdir(exist_ok=True, parents=True)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "hpmask"}):
        draw().savefig(picture, facecolor="white", metadata={"Date": None} if picture.suffix == ".svg" else None)


if __name__ == "__main__":
    main()
