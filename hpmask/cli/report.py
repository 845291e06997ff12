"""What the commands print: text in columns, and facts for JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import click
import numpy as np

from hpmask._utils.words import counted, percent_text
from hpmask.cli.messages import is_verbose, note
from hpmask.core.rangeset import RangeSet
from hpmask.energy.axis import EnergyAxis
from hpmask.mask import Mask
from hpmask.plotting.static import bin_title

__all__ = [
    "area",
    "areas",
    "bin_titles",
    "columns",
    "echo_json",
    "facts",
    "facts_of_bins",
    "facts_of_file",
    "kept",
    "line_about",
    "note_histories",
]


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text in columns, ragged on the right."""
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows)))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def area(sky: RangeSet) -> str:
    """The area of a part of the sky, as text."""
    degrees = sky.sky_fraction * 4 * 180**2 / math.pi
    number = f"{degrees:.2f}" if sky.is_empty or degrees >= 0.01 else f"{degrees:.3g}"
    return f"{number} deg2, {percent_text(sky, 4)} of the sky"


def areas(mask: Mask) -> str:
    """The area that a mask keeps, as text; with energy bins, the smallest and the largest."""
    planes = sorted(mask.planes, key=lambda plane: plane.sky_fraction)
    return " to ".join(dict.fromkeys([area(planes[0]), area(planes[-1])]))


def line_about(mask: Mask, name: str) -> str:
    """A file or layer that was written, and what its mask keeps, as one line of text."""
    bins = "" if mask.energy is None else f"{counted(mask.energy.n_bins, 'energy bin')}, "
    grid = f"{mask.frame}, order {mask.order}, {bins}{counted(mask.n_ranges, 'range')}"
    return f"{name}: keeps {areas(mask)} ({grid})"


def note_histories(name: str, layers: Mapping[str, Mask]) -> None:
    """Note how the masks of a file were made."""
    if is_verbose():
        for layer, mask in layers.items():
            note(f"history of {name}{f', {layer}' * bool(layer)}: {mask.history.partition(chr(10))[0]}")


def bin_titles(mask: Mask) -> list[str]:
    """The title of each energy bin; a single empty one for a mask without energy."""
    return [""] if mask.energy is None else [bin_title(mask.energy, i) for i in range(mask.energy.n_bins)]


def kept(mask: Mask) -> list[list[str]]:
    """The area that a mask keeps in each bin, as rows of text."""
    rows = zip(bin_titles(mask), mask.planes, strict=True)
    return [["" if i else "kept", f"{title}: " * bool(title) + area(plane)] for i, (title, plane) in enumerate(rows)]


def echo_json(content: Any) -> None:
    """Print facts as JSON."""
    click.echo(json.dumps(content, indent=2, allow_nan=False))


def facts(mask: Mask) -> dict[str, Any]:
    """What is known about a mask, for JSON."""
    return {
        "title": mask.title or None,
        "frame": mask.frame,
        "order": mask.order,
        "energy": None if mask.energy is None else _axis(mask.energy),
        "sky_fraction": np.asarray(mask.sky_fraction).tolist(),
        "area_deg2": np.asarray(mask.area.value).tolist(),
        "n_ranges": mask.n_ranges,
        "nbytes": mask.nbytes,
        "history": mask.history,
    }


def _axis(energy: EnergyAxis) -> dict[str, Any]:
    """What is known about energy bins, for JSON."""
    return {
        "name": energy.name,
        "interp": energy.interp,
        "unit": energy.unit.to_string(),
        "edges": energy.edges.value.tolist(),
    }


def facts_of_bins(mask: Mask) -> list[dict[str, Any] | None]:
    """The bounds of each energy bin, for JSON; a single None for a mask without energy."""
    if mask.energy is None:
        return [None]
    edges = mask.energy.edges.value.tolist()
    return [{"unit": mask.energy.unit.to_string(), "min": low, "max": high} for low, high in pairwise(edges)]


def facts_of_file(name: str, layers: Mapping[str, Mask]) -> dict[str, Any]:
    """What is known about the mask or the layers of a file, for JSON."""
    if list(layers) == [""]:
        return {"file": name, **facts(layers[""])}
    return {"file": name, "layers": {layer: facts(mask) for layer, mask in layers.items()}}
