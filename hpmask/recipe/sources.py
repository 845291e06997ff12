"""The sources of sky for the entries of a recipe. Here are those with shapes: catalogs, regions and zones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
from astropy import units as u
from astropy.table import Table

from hpmask._utils.arguments import CLOSED, Closed
from hpmask._utils.modes import Mode
from hpmask.catalog import files, rows
from hpmask.catalog.conditions import Condition
from hpmask.catalog.masks import KINDS, kind_of
from hpmask.catalog.partitioned import PartitionedShapes
from hpmask.catalog.parts import parts_of
from hpmask.core.value import new_mask
from hpmask.energy.axis import EnergyAxis
from hpmask.mask import Mask
from hpmask.recipe.columns import Size, conditions
from hpmask.recipe.maps import Image, Map, Masks, Skymap, names_of
from hpmask.recipe.protocols import Grid, Invalid, Loaded, Source, check_per_bin
from hpmask.recipe.sections import Section
from hpmask.regions.batches import Shapes, columns_of
from hpmask.regions.convert import Checked, checked_shapes
from hpmask.regions.masks import context_of, from_shapes, mask_of_shapes
from hpmask.regions.order import order_of_batches, order_of_shapes
from hpmask.regions.parse import FORMATS
from hpmask.regions.shapes import Shape
from hpmask.regions.shapes import Zone as ZoneShape
from hpmask.regions.within import footprints_of
from hpmask.scale.build import from_catalog
from hpmask.wcs.pixel_frame import pixel_frame

__all__ = ["SOURCES", "Catalog", "read_source"]


def _order_of_shapes(some: Sequence[Shape], noun: str) -> int | None:
    """The order that the shapes need; None if none of them has an edge and an area."""
    # Order 0 has cells enough only for the whole sky.
    return order_of_shapes(some, noun) or None if any(shape.sizes for shape in some) else None


@dataclass(frozen=True, slots=True)
class _Placed:
    """Shapes around sources, in a footprint if there is one."""

    shapes: Shapes
    per_bin: bool
    within: Mask | None
    counts: dict[str, int]

    def order(self, grid: Grid) -> int | None:
        batches = columns_of(self.shapes, grid.frame, self._energy(grid))
        return order_of_batches(batches) or None if any(batch.sizes.area.size for batch in batches) else None

    def _energy(self, grid: Grid) -> EnergyAxis | None:
        return grid.energy if self.per_bin else None

    def build(self, grid: Grid, order: int, mode: Mode, n_threads: int | None) -> tuple[Mask, dict[str, int]]:
        mask = from_shapes(
            self.shapes,
            "from_catalog",
            order=order,
            mode=mode,
            frame=grid.frame,
            energy=self._energy(grid),
            within=self.within,
            n_threads=n_threads,
        )
        return cast(Mask, mask), self.counts


@dataclass(frozen=True, slots=True)
class _InPartitions:
    """Shapes around the sources of a catalog in partitions, which is read for each step."""

    placed: PartitionedShapes
    path: Path
    within: Mask | None

    def order(self, grid: Grid) -> int | None:
        with _words_of_recipes():
            return self.placed.order() or None

    def build(self, grid: Grid, order: int, mode: Mode, n_threads: int | None) -> tuple[Mask, dict[str, int]]:
        footprints = None if self.within is None else footprints_of(self.within, grid.frame, grid.energy)
        with _words_of_recipes():
            cells = self.placed.cells(order, f"order={order}", mode=mode, footprints=footprints, n_threads=n_threads)
        rows = cells.account
        if self.within is None and (rows is None or not rows.n_chosen):
            raise _no_row(self.path, 0 if rows is None else rows.n_rows)
        energy = grid.energy if isinstance(cells.planes, list) else None
        mask = new_mask(cells.planes, frame=grid.frame, energy=energy, history=f"from_catalog({cells.text})")
        mask = mask if self.within is None else mask & self.within
        counts = {"skipped": rows.n_skipped, "missing": rows.n_filled} if rows is not None else {}
        return cast(Mask, mask), {"sources": cells.n_shapes, **counts}


@contextmanager
def _words_of_recipes() -> Iterator[None]:
    """Name the keys of recipes in errors, in place of the arguments that they become."""
    try:
        yield
    except ValueError as error:
        # The key of a recipe is called frame, and the argument catalog_frame; each size has its own missing.
        message = str(error).replace("catalog_frame", "frame")
        message = re.sub(r"missing=\{'(\w+)': ('[^']*')\}", r"\1 = { ..., missing=\2 }", message)
        raise ValueError(message) from error


def _no_row(path: Path, n_rows: int) -> ValueError:
    return ValueError(f"no row of {path.name} fulfils the conditions in 'where': it has {n_rows} rows")


@dataclass(frozen=True, slots=True)
class _Shapes:
    """Regions, as shapes in the frame of the recipe."""

    checked: Checked
    noun: str
    counts: dict[str, int]

    def order(self, grid: Grid) -> int | None:
        return _order_of_shapes(self.checked.shapes, self.noun)

    def build(self, grid: Grid, order: int, mode: Mode, n_threads: int | None) -> tuple[Mask, dict[str, int]]:
        mask = mask_of_shapes([self.checked], order, f"order={order}", mode=mode, frame=grid.frame, n_threads=n_threads)
        return cast(Mask, mask), self.counts


@dataclass(frozen=True, slots=True)
class Catalog:
    """Discs, ellipses or boxes around the sources of a table."""

    key: ClassVar[str] = "catalog"
    has_shapes: ClassVar[bool] = True

    path: Path
    hdu: str | int | None
    lon: str | None
    lat: str | None
    frame: str | None
    where: list[Condition]
    epoch: str | None
    catalog_epoch: str | None
    motion: tuple[str, str] | None
    within: Path | None
    invalid: Invalid
    sizes: dict[str, list[Size]]

    @classmethod
    def read(cls, section: Section, grid: Grid) -> Catalog:
        path = section.file("catalog")
        options = {
            "hdu": section.get("hdu", str, int),
            "lon": section.get("lon", str),
            "lat": section.get("lat", str),
            "frame": section.get("frame", str),
            "where": conditions(section, "where"),
            "epoch": section.get("epoch", str),
            "catalog_epoch": section.get("catalog_epoch", str),
            "motion": _names(section, "motion"),
            "within": section.file("within") if "within" in section else None,
            "invalid": _invalid(section, grid),
        }
        return cls(path=path, sizes=cls._sizes(section, grid), **options)

    @staticmethod
    def _sizes(section: Section, grid: Grid) -> dict[str, list[Size]]:
        given = {names: [key for key in names if key in section] for names in _names_of_sizes()}
        # A position angle alone leaves open what it turns.
        given = {names: keys for names, keys in given.items() if keys not in ([], ["position_angle"])}
        if not given:
            # A misspelt key is the more likely cause.
            section.close()
            raise section.error(
                "a catalog needs a 'radius', or 'inner_radius' and 'outer_radius', or 'semi_major', 'semi_minor' and "
                "'position_angle', or 'width' and 'height'",
                "catalog",
            )
        if len(given) > 1:
            (first, *_), (second, *_) = list(given.values())[:2]
            raise section.error(f"{second} and {first} are sizes of different shapes: give one or the other", second)
        (names,) = given
        if "position_angle" not in names and "position_angle" in section:
            what = "radius is for discs" if names == ("radius",) else "the radii are those of annuli"
            raise section.error(f"position_angle is for ellipses and boxes, and {what}", "position_angle")
        sizes = {}
        for key in names:
            if key == "position_angle" and key not in section and "width" in names:
                continue
            direction = key == "position_angle"
            kinds = (str, float, dict) if direction else (str, float, dict, list)
            value = section.require(key, *kinds)
            if isinstance(value, list):
                check_per_bin(section, key, value, grid)
            several = value if isinstance(value, list) else [value]
            sizes[key] = [Size.parse(section, key, one, direction=direction) for one in several]
        return sizes

    @property
    def files(self) -> Sequence[Path]:
        return [self.path] if self.within is None else [self.path, self.within]

    @property
    def title(self) -> str:
        return self.path.name if self.hdu is None else f"{self.path.name} [{self.hdu}]"

    @property
    def _reading(self) -> dict[str, Any]:
        """The arguments of `hpmask.Mask.from_catalog` about rows."""
        return {
            "missing": {key: value for key, sizes in self.sizes.items() if (value := _missing(sizes)) is not None},
            "where": self.where or None,
            "lon": self.lon,
            "lat": self.lat,
            "catalog_frame": self.frame,
            "epoch": self.epoch,
            "catalog_epoch": self.catalog_epoch,
            "motion": self.motion,
            "invalid": self.invalid,
        }

    @property
    def _per_bin(self) -> bool:
        return any(len(several) > 1 for several in self.sizes.values())

    def on_workers(self, grid: Grid, order: int, mode: Mode, workers: Any) -> tuple[Mask, dict[str, int]]:
        """The sky of the source as `load` and `build` make it, on workers of `hpmask.scale`."""
        table = self.path if self.hdu is None else files.load(self.path, self.lon, self.lat, self.hdu)[0]
        sizes: dict[str, Any] = {key: _size_of(several) for key, several in self.sizes.items()}
        if self._per_bin:
            sizes = {
                key: size if key == "position_angle" else partial(_angles_of_bins, size) for key, size in sizes.items()
            }
        with _words_of_recipes():
            built = from_catalog(
                table,
                **sizes,
                **self._reading,
                within=None if self.within is None else Mask.read(self.within),
                order=order,
                mode=mode,
                frame=grid.frame,
                energy=grid.energy if self._per_bin else None,
                workers=workers,
            )
        if not built.counts["chosen"]:
            raise _no_row(self.path, built.counts["rows"])
        return built.mask, {name: built.counts[name] for name in ("sources", "skipped", "missing")}

    def load(self, grid: Grid) -> Loaded:
        sizes = {key: _size_of(several) for key, several in self.sizes.items()}
        reading, per_bin = self._reading, self._per_bin
        within = None if self.within is None else Mask.read(self.within)
        parts = parts_of(self.path)
        if parts is not None:
            with _words_of_recipes():
                placed = PartitionedShapes(
                    parts,
                    kind_of(self.sizes),
                    sizes,
                    {**reading, "energy": None},
                    frame=grid.frame,
                    energy=grid.energy if per_bin else None,
                )
            return _InPartitions(placed, self.path, within)
        table, _ = files.load(self.path, self.lon, self.lat, self.hdu)
        with _words_of_recipes():
            found = rows.read_rows(table, sizes, **reading)
        if not found.account.n_chosen:
            raise _no_row(self.path, found.account.n_rows)
        counts = {"sources": found.center.size, "skipped": found.account.n_skipped, "missing": found.account.n_filled}
        return _Placed(kind_of(self.sizes)(found.center, **found.sizes), per_bin, within, counts)


def _names_of_sizes() -> list[tuple[str, ...]]:
    """The sizes of each kind of shape."""
    return [(*needed, *more) for needed, more in KINDS.values()]


def _size_of(sizes: Sequence[Size]) -> Callable[[Table], u.Quantity]:
    """A size as the catalog takes it. Of a law, the catalog knows why rows have no size."""
    if len(sizes) == 1 and sizes[0].law is not None:
        return sizes[0].law
    return partial(_angles, sizes)


def _angles(sizes: Sequence[Size], table: Table) -> u.Quantity:
    """The angles of each row, shape (n,), or (n, n_bins) if there is a size for each bin."""
    return sizes[0](table) if len(sizes) == 1 else u.Quantity([size(table) for size in sizes]).T


def _angles_of_bins(size: Callable[[Table], u.Quantity], table: Table, energy: EnergyAxis) -> u.Quantity:
    """The angles of a size, of shape (n, n_bins) or (n, 1)."""
    angles = size(table)
    return angles if angles.ndim == 2 else angles[:, np.newaxis]


def _missing(sizes: Sequence[Size]) -> u.Quantity | None:
    """The angle of rows without a value, or those of the bins: NaN for bins that stay without, None if all do."""
    if all(size.missing is None for size in sizes):
        return None
    angles = u.Quantity([np.nan * u.deg if size.missing is None else size.missing for size in sizes])
    return angles[0] if len(sizes) == 1 else angles


def _names(section: Section, key: str) -> tuple[str, str] | None:
    """Two names of columns."""
    value = section.get(key, list)
    if value is None:
        return None
    if len(value) != 2 or not all(isinstance(one, str) for one in value):
        raise section.error(f"{key} must be two names of columns such as ['pmRA', 'pmDE'], got {value!r}", key)
    return value[0], value[1]


@dataclass(frozen=True, slots=True)
class _Extent:
    """The image that regions in pixels belong to, and the widths of lines and points."""

    wcs: Path | None
    line_width: u.Quantity | None
    point_radius: u.Quantity | None

    @classmethod
    def read(cls, section: Section) -> _Extent:
        wcs = section.file("wcs") if "wcs" in section else None
        return cls(wcs, section.angle("line_width"), section.angle("point_radius"))

    @property
    def files(self) -> list[Path]:
        return [] if self.wcs is None else [self.wcs]

    def checked(self, regions: Any, grid: Grid, invalid: Invalid, **reading: Any) -> Checked:
        """The shapes of regions; `reading` as in `checked_shapes`."""
        context = context_of(pixel_frame(self.wcs), self.line_width, self.point_radius)
        return checked_shapes(regions, grid.frame, invalid, context, **reading)


@dataclass(frozen=True, slots=True)
class Regions:
    """The regions of region files."""

    key: ClassVar[str] = "regions"
    has_shapes: ClassVar[bool] = True

    paths: list[Path]
    invalid: Invalid
    extent: _Extent
    reading: dict[str, Any]

    @classmethod
    def read(cls, section: Section, grid: Grid) -> Regions:
        reading = {
            "format": section.get("format", str),
            "region_frame": section.get("region_frame", str),
            "min_weight": section.get("min_weight", float),
            "columns": section.get("columns", list),
        }
        if reading["format"] is not None:
            section.choice("format", tuple(FORMATS), default="ds9")
        return cls(section.files("regions"), _invalid(section, grid), _Extent.read(section), reading)

    @property
    def files(self) -> Sequence[Path]:
        return [*self.paths, *self.extent.files]

    @property
    def title(self) -> str:
        return names_of(self.paths)

    def load(self, grid: Grid) -> Loaded:
        # Errors in a list would also name the item.
        given = self.paths[0] if len(self.paths) == 1 else self.paths
        return _Shapes(self.extent.checked(given, grid, self.invalid, **self.reading), "region", {})


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
    extent: _Extent

    @classmethod
    def read(cls, section: Section, grid: Grid) -> Ds9:
        return cls(section.require("ds9", str), _invalid(section, grid), _Extent.read(section))

    @property
    def files(self) -> Sequence[Path]:
        return self.extent.files

    @property
    def title(self) -> str:
        line = " ".join(self.text.split())
        return line if len(line) <= 40 else line[:37] + "..."

    def load(self, grid: Grid) -> Loaded:
        # With a line end, the text cannot be mistaken for the name of a file.
        return _Shapes(self.extent.checked(self.text + "\n", grid, self.invalid, format="ds9"), "region", {})


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
