"""The outlines of masks as region files: ds9, CRTF, GeoJSON and STC-S. `hpmask.Mask.from_regions` reads them.

A reader takes the smaller side of a ring. Polygons that are larger than about half of the sky are therefore cut along
the edges of base cells.

Coordinates are in degrees, in the frame of the mask. They have as many decimals as are needed for a ten thousandth of a
cell: the same cells are inside as by the exact outline.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import IO, Any, NoReturn

import numpy as np
from astropy import units as u

from hpmask.core.outline import Rings, one_ring_each, outline
from hpmask.core.value import MaskValue
from hpmask.geometry import healpix
from hpmask.io.format import Format

__all__ = ["FORMATS"]


def _rings(mask: MaskValue, simplify: u.Quantity | str | None) -> Rings:
    rings = outline(mask, simplify=simplify, split=True).rings
    if not rings.lon.size:
        why = "the mask is empty" if all(plane.is_empty for plane in mask.planes) else "no ring is larger than simplify"
        raise ValueError(f"{why}, and a region file without regions could not be read")
    return rings


def _decimals(mask: MaskValue) -> int:
    return max(6, math.ceil(4 - math.log10(math.degrees(healpix.cell_side(mask.order)))))


def _one_ring_each(mask: MaskValue, simplify: u.Quantity | str | None) -> Iterator[list[tuple[str, str]]]:
    """The points of each polygon, with its holes joined to its outer ring, as texts."""
    rings = one_ring_each(_rings(mask, simplify))
    form = f"%.{_decimals(mask)}f"
    lon, lat = np.degrees(rings.lon), np.degrees(rings.lat)
    for a, b in pairwise(rings.ring_offsets):
        yield [(form % x, form % y) for x, y in zip(lon[a:b].tolist(), lat[a:b].tolist(), strict=True)]


def _write_ds9(mask: MaskValue, file: IO[bytes], *, simplify: u.Quantity | str | None = None) -> None:
    file.write(f"# Region file format: DS9 version 4.1\n{mask.frame}\n".encode("ascii"))
    for ring in _one_ring_each(mask, simplify):
        file.write(f"polygon({','.join(f'{lon},{lat}' for lon, lat in ring)})\n".encode("ascii"))


def _write_crtf(mask: MaskValue, file: IO[bytes], *, simplify: u.Quantity | str | None = None) -> None:
    file.write(f"#CRTFv0\nglobal coord={mask.frame.upper()}\n".encode("ascii"))
    for ring in _one_ring_each(mask, simplify):
        file.write(f"poly[{', '.join(f'[{lon}deg, {lat}deg]' for lon, lat in ring)}]\n".encode("ascii"))


def _write_stcs(mask: MaskValue, file: IO[bytes], *, simplify: u.Quantity | str | None = None) -> None:
    # In STC-S, a polygon is anticlockwise seen from inside the sphere: the other way round than in an outline.
    texts = [
        f"Polygon {mask.frame.upper()} {' '.join(f'{lon} {lat}' for lon, lat in reversed(ring))}"
        for ring in _one_ring_each(mask, simplify)
    ]
    if len(texts) == 1:
        file.write(f"{texts[0]}\n".encode("ascii"))
        return
    frame = f" {mask.frame.upper()}"
    file.write(f"Union{frame} (\n".encode("ascii"))
    for text in texts:
        file.write(f"  {text.replace(frame, '', 1)}\n".encode("ascii"))
    file.write(b")\n")


def _write_geojson(mask: MaskValue, file: IO[bytes], *, simplify: u.Quantity | str | None = None) -> None:
    rings = _rings(mask, simplify)
    lon, lat = np.degrees(rings.lon), np.degrees(rings.lat)
    lon = np.where(lon > 180, lon - 360, lon)
    places = np.stack([lon, lat], axis=1).round(_decimals(mask)).tolist()
    head: dict[str, Any] = {"type": "FeatureCollection", "frame": mask.frame, "order": mask.order}
    file.write(json.dumps(head)[:-1].encode("ascii") + b', "features": [')
    separator = b"\n"
    for first, stop in pairwise(rings.polygon_offsets):
        ends = rings.ring_offsets[first : stop + 1].tolist()
        # The first point of a ring is repeated at its end.
        coordinates = [places[a:b] + places[a : a + 1] for a, b in pairwise(ends)]
        geometry = {"type": "Polygon", "coordinates": coordinates}
        feature = {"type": "Feature", "properties": {}, "geometry": geometry}
        file.write(separator + json.dumps(feature, separators=(",", ":")).encode("ascii"))
        separator = b",\n"
    file.write(b"\n]}\n")


def _read(file: IO[bytes], name: str) -> NoReturn:
    raise ValueError("this is a region file, which has no order of cells: read it with Mask.from_regions(path, order=)")


def _format(name: str, suffixes: tuple[str, ...], title: str, write: Any, beginning: bytes) -> Format:
    pattern = re.compile(beginning, re.IGNORECASE)
    return Format(
        name=name,
        description=f"{title} of the outline, for masks with the same sky in all energy bins. "
        "Mask.from_regions reads it.",
        suffixes=suffixes,
        matches=lambda start: pattern.match(start) is not None,
        read=_read,
        write=write,
        write_options=("simplify",),
    )


FORMATS = (
    _format("ds9", (".reg", ".ds9"), "ds9 regions", _write_ds9, rb"\s*# Region file format: DS9"),
    _format("crtf", (".crtf",), "CASA regions (CRTF)", _write_crtf, rb"\s*#CRTF"),
    _format("geojson", (".geojson",), "GeoJSON polygons", _write_geojson, rb'\s*\{\s*"type"\s*:'),
    _format("stcs", (".stcs",), "STC-S polygons", _write_stcs, rb"\s*(union|polygon)\s"),
)
"""The formats of region files."""
