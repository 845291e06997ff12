"""The sources of sky for the entries of a recipe. Here are those with shapes: catalogs, regions and zones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from hpmask._utils.arguments import CLOSED, Closed
from hpmask._utils.modes import Mode
from hpmask.catalog import files, rows
from hpmask.energy.axis import EnergyAxis
from hpmask.mask import Mask
from hpmask.recipe.columns import Condition, Size
from hpmask.recipe.maps import Image, Map, Masks, Skymap, names_of
from hpmask.recipe.protocols import Grid, Invalid, Loaded, Source, check_per_bin
from hpmask.recipe.sections import Section
from hpmask.regions.batches import Shapes, columns_of
from hpmask.regions.convert import checked_shapes
from hpmask.regions.masks import mask_of_shapes
from hpmask.regions.order import order_of_batches, order_of_shapes
from hpmask.regions.shapes import Shape
from hpmask.regions.shapes import Zone as ZoneShape

__all__ = ["SOURCES", "read_source"]


def _order_of_shapes(some: Sequence[Shape], noun: str) -> int | None:
    """The order that the shapes need; None if none of them has an edge and an area."""
    # Order 0 has cells enough only for the whole sky.
    return order_of_shapes(some, noun) or None if any(shape.sizes for shape in some) else None


@dataclass(frozen=True, slots=True)
class _Discs:
    """Discs, with radii of shape (n, 1) or (n, n_bins)."""

    center: SkyCoord
    radii: u.Quantity
    counts: dict[str, int]

    def order(self, grid: Grid) -> int | None:
        radii, frame, energy = self._radii_and_frame(grid)
        discs = columns_of(Shapes.cones(self.center, radii), frame, energy)
        return order_of_batches(discs) or None if radii.any() else None

    def _radii_and_frame(self, grid: Grid) -> tuple[u.Quantity, str, EnergyAxis | None]:
        if self.radii.shape[1] > 1:
            return self.radii, grid.frame, grid.energy
        return self.radii[:, 0], grid.frame, None

    def build(self, grid: Grid, order: int, mode: Mode, n_threads: int | None) -> tuple[Mask, dict[str, int]]:
        radii, frame, energy = self._radii_and_frame(grid)
        mask = Mask.from_cones(
            self.center, radii, order=order, mode=mode, frame=frame, energy=energy, n_threads=n_threads
        )
        return mask, self.counts


@dataclass(frozen=True, slots=True)
class _Shapes:
    """Regions, as shapes in the frame of the recipe."""

    shapes: list[Shape]
    n_skipped: int
    noun: str
    counts: dict[str, int]

    def order(self, grid: Grid) -> int | None:
        return _order_of_shapes(self.shapes, self.noun)

    def build(self, grid: Grid, order: int, mode: Mode, n_threads: int | None) -> tuple[Mask, dict[str, int]]:
        bins = [(self.shapes, self.n_skipped)]
        mask = mask_of_shapes(bins, order, f"order={order}", mode=mode, frame=grid.frame, n_threads=n_threads)
        return cast(Mask, mask), self.counts


@dataclass(frozen=True, slots=True)
class Catalog:
    """Discs or ellipses around the sources of a table."""

    key: ClassVar[str] = "catalog"
    has_shapes: ClassVar[bool] = True

    path: Path
    hdu: str | int | None
    lon: str | None
    lat: str | None
    frame: str | None
    where: list[Condition]
    invalid: Invalid
    radius: list[Size]
    axes: tuple[Size, Size, Size] | None

    @classmethod
    def read(cls, section: Section, grid: Grid) -> Catalog:
        path = section.file("catalog")
        options = {
            "hdu": section.get("hdu", str, int),
            "lon": section.get("lon", str),
            "lat": section.get("lat", str),
            "frame": section.get("frame", str),
            "where": Condition.read(section, "where"),
            "invalid": _invalid(section, grid),
        }
        radius, axes = [], None
        if "radius" in section:
            radius = cls._radius(section, grid)
            for key in ("semi_major", "semi_minor", "position_angle"):
                if key in section:
                    raise section.error(f"{key} is for ellipses, and 'radius' is for discs: give one or the other", key)
        elif any([key in section for key in ("semi_major", "semi_minor", "position_angle")]):  # noqa: C419, all are asked
            angle = Size.read(section, "position_angle", direction=True)
            axes = Size.read(section, "semi_major"), Size.read(section, "semi_minor"), angle
        else:
            # A misspelt key is the more likely cause.
            section.close()
            raise section.error(
                "a catalog needs a 'radius', or 'semi_major', 'semi_minor' and 'position_angle'", "catalog"
            )
        return cls(path=path, radius=radius, axes=axes, **options)

    @staticmethod
    def _radius(section: Section, grid: Grid) -> list[Size]:
        value = section.require("radius", str, float, dict, list)
        if not isinstance(value, list):
            return [Size.read(section, "radius")]
        check_per_bin(section, "radius", value, grid)
        return [Size.parse(section, "radius", one) for one in value]

    @property
    def files(self) -> Sequence[Path]:
        return [self.path]

    @property
    def title(self) -> str:
        return self.path.name if self.hdu is None else f"{self.path.name} [{self.hdu}]"

    def load(self, grid: Grid) -> Loaded:
        table, _ = files.load(self.path, self.lon, self.lat, self.hdu)
        wanted = np.ones(len(table), dtype=bool)
        for condition in self.where:
            wanted &= condition(table)
        if not wanted.any():
            raise ValueError(f"no row of {self.path.name} fulfils the conditions in 'where': it has {len(table)} rows")
        table = table[wanted]
        try:
            found = rows.read_rows(
                table,
                self._angles,
                missing=self._missing,
                lon=self.lon,
                lat=self.lat,
                catalog_frame=self.frame,
                invalid=self.invalid,
            )
        except ValueError as error:
            # The key of a recipe is called frame, and the argument catalog_frame.
            raise ValueError(str(error).replace("catalog_frame", "frame")) from error
        counts = {"sources": found.center.size, "skipped": found.n_skipped, "missing": found.n_filled}
        if self.axes is None:
            return _Discs(found.center, found.sizes, counts)
        some, _ = checked_shapes(_ellipses(found.center, found.sizes), grid.frame, "raise")
        return _Shapes(some, 0, "ellipse", counts)

    def _angles(self, table: Table) -> u.Quantity:
        """The angles of each row, shape (n, k): the radii, or both semi-axes and the position angle."""
        if self.axes is None:
            return u.Quantity([size(table) for size in self.radius]).T
        major, minor, angle = self.axes
        return u.Quantity([major(table), minor(table), _turned(angle(table))]).T

    @property
    def _missing(self) -> u.Quantity | None:
        """The angles of rows without a value, shape (k,): NaN for those that stay without, None if all do."""
        sizes = self.radius if self.axes is None else self.axes
        if all(size.missing is None for size in sizes):
            return None
        angles = [np.nan * u.deg if size.missing is None else size.missing for size in sizes]
        if self.axes is not None:
            angles[2] = _turned(angles[2])
        return u.Quantity(angles)


def _turned(angle: u.Quantity) -> u.Quantity:
    """A position angle from 0 to 180 deg, as sizes must not be negative. An ellipse is symmetric under half a turn."""
    return angle % (180 * u.deg)


def _ellipses(center: SkyCoord, angles: u.Quantity) -> list[Any]:
    from regions import EllipseSkyRegion

    return [
        EllipseSkyRegion(position, width=2 * minor, height=2 * major, angle=angle)
        for position, (major, minor, angle) in zip(center, angles, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Regions:
    """The regions of ds9 or CRTF files."""

    key: ClassVar[str] = "regions"
    has_shapes: ClassVar[bool] = True

    paths: list[Path]
    invalid: Invalid

    @classmethod
    def read(cls, section: Section, grid: Grid) -> Regions:
        return cls(section.files("regions"), _invalid(section, grid))

    @property
    def files(self) -> Sequence[Path]:
        return self.paths

    @property
    def title(self) -> str:
        return names_of(self.paths)

    def load(self, grid: Grid) -> Loaded:
        # Errors in a list would also name the item.
        given = self.paths[0] if len(self.paths) == 1 else self.paths
        return _Shapes(*checked_shapes(given, grid.frame, self.invalid), "region", {})


def _invalid(section: Section, grid: Grid) -> Invalid:
    """The key of an entry that says what happens to rows or regions that cannot be used."""
    return cast(Invalid, section.choice("invalid", ("raise", "skip"), default=grid.invalid))


@dataclass(frozen=True, slots=True)
class Ds9:
    """Regions in the recipe itself."""

    key: ClassVar[str] = "ds9"
    has_shapes: ClassVar[bool] = True

    text: str
    invalid: Invalid

    @classmethod
    def read(cls, section: Section, grid: Grid) -> Ds9:
        return cls(section.require("ds9", str), _invalid(section, grid))

    @property
    def files(self) -> Sequence[Path]:
        return []

    @property
    def title(self) -> str:
        line = " ".join(self.text.split())
        return line if len(line) <= 40 else line[:37] + "..."

    def load(self, grid: Grid) -> Loaded:
        # With a line end, the text cannot be mistaken for the name of a file.
        return _Shapes(*checked_shapes(self.text + "\n", grid.frame, self.invalid), "region", {})


@dataclass(frozen=True, slots=True)
class Zone:
    """The sky between two longitudes and two latitudes."""

    key: ClassVar[str] = "zone"
    has_shapes: ClassVar[bool] = True

    lon: tuple[u.Quantity, u.Quantity] | None
    lat: tuple[u.Quantity, u.Quantity] | None
    frame: str
    closed: Closed

    @classmethod
    def read(cls, section: Section, grid: Grid) -> Zone:
        section.require("zone", dict)
        table = section.table("zone")
        assert table is not None
        lon, lat = _pair(table, "lon"), _pair(table, "lat")
        frame = table.get("frame", str, default="icrs")
        closed = table.choice("closed", CLOSED, default="left")
        table.close()
        if lon is None and lat is None:
            raise table.error("a zone needs 'lon', 'lat' or both")
        return cls(lon, lat, frame, cast(Closed, closed))

    @property
    def files(self) -> Sequence[Path]:
        return []

    @property
    def title(self) -> str:
        spans = [
            f"{name} {span[0]} to {span[1]}"
            for name, span in (("lon", self.lon), ("lat", self.lat))
            if span is not None
        ]
        return f"{self.frame} {', '.join(spans)}"

    def load(self, grid: Grid) -> Loaded:
        return self

    def order(self, grid: Grid) -> int | None:
        zone = ZoneShape.from_angles(self.lon, self.lat, zone_frame=self.frame, frame=grid.frame, closed=self.closed)
        return _order_of_shapes([zone], "zone")

    def build(self, grid: Grid, order: int, mode: Mode, n_threads: int | None) -> tuple[Mask, dict[str, int]]:
        mask = Mask.from_zone(
            self.lon,
            self.lat,
            order=order,
            closed=self.closed,
            zone_frame=self.frame,
            mode=mode,
            frame=grid.frame,
        )
        return mask, {}


def _pair(section: Section, key: str) -> tuple[u.Quantity, u.Quantity] | None:
    value = section.get(key, list)
    if value is None:
        return None
    if len(value) != 2:
        raise section.error(f"{key} must be two angles such as ['-2 deg', '2 deg'], got {value!r}", key)
    return section.as_angle(value[0], key), section.as_angle(value[1], key)


SOURCES: tuple[type[Source], ...] = (Catalog, Regions, Ds9, Zone, Masks, Image, Map, Skymap)


def read_source(section: Section, grid: Grid) -> Source:
    """The source that an entry of a recipe names."""
    named = [source for source in SOURCES if source.key in section]
    if len(named) != 1:
        if not named:
            section.close()
        keys = ", ".join(repr(source.key) for source in SOURCES)
        got = " and ".join(repr(source.key) for source in named) or "none"
        raise section.error(f"an entry needs exactly one of {keys}, got {got}", named[-1].key if named else None)
    return named[0].read(section, grid)
