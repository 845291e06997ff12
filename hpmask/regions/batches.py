"""The noun `Shapes`: many shapes of one kind, as users give them in arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, UnitSphericalRepresentation
from numpy.typing import NDArray

from hpmask._utils.arguments import as_angle, check_order
from hpmask._utils.modes import Mode, check_mode
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry import frames
from hpmask.regions import arrays
from hpmask.regions.convert import to_shapes
from hpmask.regions.rasterize import ranges_and_misses
from hpmask.regions.sizes import BELOW_90, BELOW_180, UP_TO_180, WIDE, GivenSize, SizeLike, check_pair, span_text
from hpmask.regions.vertices import Chains, read_chains

__all__ = ["Shapes", "columns_of", "text_of"]

Angles = NDArray[np.float64]

# A step along an axis, in radians. See `hpmask.regions.from_astropy`.
_STEP = 1e-3


class _Source(Protocol):
    """Shapes as they were given, of which the frame and the energy bins of the mask are not known yet."""

    def __len__(self) -> int: ...

    def counted(self) -> str:
        """Their number and noun."""

    def columns(self, frame: str, energy: EnergyAxis | None) -> list[arrays.Batch]:
        """The shapes in a frame: one batch, or one for each energy bin. Equal batches are the same object."""

    def text(self, energy: EnergyAxis | None) -> str:
        """Their sizes, for the history."""


class Shapes:
    """Many shapes of one kind on the sphere, given by arrays.

    Make them with one of the class methods, such as `Shapes.boxes`. The constructors of `hpmask.Mask` for many shapes,
    such as `hpmask.Mask.from_boxes`, take the same arguments, and `hpmask.coverage` counts how many shapes cover each
    cell.

    Shapes are spherical: the sides of boxes and polygons are great circles, and sizes are true angles. Positions may be
    in any frame. Position angles are counted from north through east in the frame of the positions.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.coordinates import SkyCoord
    >>> from hpmask import Shapes
    >>> centers = SkyCoord([10, 20, 30], [0, 40, 80], unit="deg")
    >>> boxes = Shapes.boxes(centers, "0.1 deg", "0.2 deg", [0, 30, 60] * u.deg)
    >>> boxes, len(boxes)
    (<Shapes: 3 boxes>, 3)
    """

    __slots__ = ("_source",)

    _source: _Source

    def __init__(self) -> None:
        raise TypeError("Shapes are made by a class method, such as Shapes.boxes(center, width, height)")

    @classmethod
    def _of(cls, source: _Source) -> Shapes:
        self = object.__new__(cls)
        self._source = source
        return self

    @classmethod
    def cones(cls, center: SkyCoord, radius: SizeLike) -> Shapes:
        """Return discs.

        Parameters
        ----------
        center, radius
            As in `hpmask.Mask.from_cones`.

        Returns
        -------
        Shapes
            One shape for each centre.

        Raises
        ------
        TypeError, ValueError
            As in `hpmask.Mask.from_cones`.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Shapes
        >>> Shapes.cones(SkyCoord([10, 20], [0, 40], unit="deg"), "20 arcsec")
        <Shapes: 2 discs>
        """
        there, n = _centers(center)
        return cls._of(_Cones(there, GivenSize(radius, "radius", n, UP_TO_180, "centre")))

    @classmethod
    def annuli(cls, center: SkyCoord, inner_radius: SizeLike, outer_radius: SizeLike) -> Shapes:
        """Return annuli: discs without a smaller disc around the same centre.

        Parameters
        ----------
        center, inner_radius, outer_radius
            As in `hpmask.Mask.from_annuli`.

        Returns
        -------
        Shapes
            One shape for each centre.

        Raises
        ------
        TypeError, ValueError
            As in `hpmask.Mask.from_annuli`.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Shapes
        >>> Shapes.annuli(SkyCoord([10, 20], [0, 40], unit="deg"), "0.1 deg", "0.2 deg")
        <Shapes: 2 annuli>
        """
        there, n = _centers(center)
        inner = GivenSize(inner_radius, "inner_radius", n, UP_TO_180, "centre")
        outer = GivenSize(outer_radius, "outer_radius", n, WIDE, "centre")
        return cls._of(_checked(_Annuli(there, inner, outer)))

    @classmethod
    def ellipses(
        cls, center: SkyCoord, semi_major: SizeLike, semi_minor: SizeLike, position_angle: u.Quantity | str
    ) -> Shapes:
        """Return spherical ellipses.

        Parameters
        ----------
        center, semi_major, semi_minor, position_angle
            As in `hpmask.Mask.from_ellipses`.

        Returns
        -------
        Shapes
            One shape for each centre.

        Raises
        ------
        TypeError, ValueError
            As in `hpmask.Mask.from_ellipses`.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Shapes
        >>> Shapes.ellipses(SkyCoord([10, 20], [0, 40], unit="deg"), "3 arcmin", "1 arcmin", "30 deg")
        <Shapes: 2 ellipses>
        """
        there, n = _centers(center)
        major = GivenSize(semi_major, "semi_major", n, BELOW_90, "centre")
        minor = GivenSize(semi_minor, "semi_minor", n, BELOW_90, "centre")
        return cls._of(_checked(_Ellipses(there, major, minor, _position_angles(position_angle, n))))

    @classmethod
    def boxes(
        cls, center: SkyCoord, width: SizeLike, height: SizeLike, position_angle: u.Quantity | str = "0 deg"
    ) -> Shapes:
        """Return rectangles with sides on great circles.

        Parameters
        ----------
        center, width, height, position_angle
            As in `hpmask.Mask.from_boxes`.

        Returns
        -------
        Shapes
            One shape for each centre.

        Raises
        ------
        TypeError, ValueError
            As in `hpmask.Mask.from_boxes`.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Shapes
        >>> Shapes.boxes(SkyCoord([10, 20], [0, 40], unit="deg"), "1 arcmin", "2 deg", "45 deg")
        <Shapes: 2 boxes>
        """
        there, n = _centers(center)
        sides = GivenSize(width, "width", n, BELOW_180, "centre"), GivenSize(height, "height", n, BELOW_180, "centre")
        return cls._of(_Boxes(there, *sides, _position_angles(position_angle, n)))

    @classmethod
    def polygons(
        cls,
        vertices: Any,
        *,
        offsets: Any = None,
        holes: Any = None,
        larger: Any = False,
        vertex_frame: str = "icrs",
    ) -> Shapes:
        """Return polygons with great-circle edges.

        Parameters
        ----------
        vertices, offsets, holes, larger, vertex_frame
            As in `hpmask.Mask.from_polygons`.

        Returns
        -------
        Shapes
            One shape for each polygon.

        Raises
        ------
        TypeError, ValueError
            As in `hpmask.Mask.from_polygons`.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Shapes
        >>> Shapes.polygons(SkyCoord([[10, 11, 11], [20, 21, 21]], [[0, 0, 1], [0, 0, 1]], unit="deg"))
        <Shapes: 2 polygons>
        """
        chains = read_chains(vertices, offsets, holes, closed=True, vertex_frame=vertex_frame, noun="polygon")
        n = chains.owners.size - 1
        flags = np.asarray(larger)
        if flags.dtype != np.bool_ or flags.shape not in ((), (n,)):
            raise TypeError(
                f"larger must be True or False, or booleans with one for each polygon ({n}), "
                f"got {flags.dtype} of shape {flags.shape}"
            )
        return cls._of(_Polygons(chains, np.broadcast_to(flags, (n,)).astype(np.uint8)))

    @classmethod
    def paths(cls, vertices: Any, width: SizeLike, *, offsets: Any = None, vertex_frame: str = "icrs") -> Shapes:
        """Return lines with a width: all points near lines of great-circle arcs.

        Parameters
        ----------
        vertices, width, offsets, vertex_frame
            As in `hpmask.Mask.from_paths`.

        Returns
        -------
        Shapes
            One shape for each line.

        Raises
        ------
        TypeError, ValueError
            As in `hpmask.Mask.from_paths`.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Shapes
        >>> Shapes.paths(SkyCoord([[10, 11], [20, 25]], [[0, 5], [40, 41]], unit="deg"), "10 arcsec")
        <Shapes: 2 paths>
        """
        chains = read_chains(vertices, offsets, None, closed=False, vertex_frame=vertex_frame, noun="path")
        return cls._of(_Paths(chains, GivenSize(width, "width", chains.offsets.size - 1, BELOW_180, "path")))

    @classmethod
    def regions(cls, regions: Any) -> Shapes:
        """Return regions of any kind, which are treated one by one.

        Parameters
        ----------
        regions : str, path, astropy Region or Regions, or a list of these
            As in `hpmask.Mask.from_regions`, but not a function.

        Returns
        -------
        Shapes
            One shape for each region.

        Raises
        ------
        TypeError, ValueError, FileNotFoundError
            As in `hpmask.Mask.from_regions`.

        Examples
        --------
        >>> from hpmask import Shapes
        >>> Shapes.regions("icrs; circle(10, 20, 1) ; ellipse(30, 40, 2, 1, 30)")
        <Shapes: 2 regions>
        """
        if isinstance(regions, Iterator):
            regions = list(regions)
        return cls._of(_Regions(regions, arrays.Objects(to_shapes(regions, "icrs"))))

    def __len__(self) -> int:
        return len(self._source)

    def __repr__(self) -> str:
        return f"<Shapes: {self._source.counted()}>"

    def ranges(
        self, *, order: int, mode: Mode = "center", frame: str = "icrs", n_threads: int | None = None
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.intp]]:
        """Return the cells of each shape, as ranges that may overlap those of other shapes.

        Parameters
        ----------
        order : int
            Order of the cells, 0 to 29.
        mode : {"center", "overlap", "inside"}, optional
            Whether a cell is in a shape if its centre is, if any part of it is, or only if all of it is.
        frame : {"icrs", "galactic"}, optional
            Frame of the cells.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`.

        Returns
        -------
        starts, stops : numpy.ndarray of uint64, shape (n_ranges,)
            The ranges ``[start, stop)`` in NESTED numbers of order 29. A cell is in as many ranges as shapes cover it.
        missed : numpy.ndarray of int, shape (n_missed,)
            The rows of the shapes without a cell, ascending.

        Raises
        ------
        TypeError, ValueError
            If an argument is not valid, or the shapes have a size for each energy bin.

        Examples
        --------
        >>> from astropy import units as u
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Shapes
        >>> discs = Shapes.cones(SkyCoord([10, 10, 50], [0, 0, 0], unit="deg"), [18000, 18000, 1] * u.arcsec)
        >>> starts, stops, missed = discs.ranges(order=4)
        >>> int((stops - starts).sum()) >> 2 * (29 - 4), missed
        (12, array([2]))
        """
        order, checked = check_order(order), check_mode(mode)
        batch = columns_of(self, frames.check_frame(frame), None)[0]
        return ranges_and_misses(batch, order=order, mode=checked, n_threads=n_threads)


def columns_of(shapes: Shapes, frame: str, energy: EnergyAxis | None) -> list[arrays.Batch]:
    """The shapes in a frame: one batch, or one for each energy bin. Equal batches are the same object."""
    if not isinstance(shapes, Shapes):
        raise TypeError(f"shapes must be Shapes, such as Shapes.boxes(...), got {type(shapes).__name__}")
    return shapes._source.columns(frame, energy)


def text_of(shapes: Shapes, energy: EnergyAxis | None) -> str:
    """The number of the shapes and their sizes, for the history of a mask."""
    source = shapes._source
    return ", ".join(filter(None, [source.counted(), source.text(energy) if len(source) else ""]))


# ---------------------------------------------------------------------- positions


def _centers(center: SkyCoord) -> tuple[SkyCoord, int]:
    """Centres of shape (n,), and their number."""
    there = SkyCoord(frames.directions(center, "center"))
    if there.ndim > 1:
        raise ValueError(f"center must be a scalar or 1-D, got shape {there.shape}")
    frames.check_finite(there.data.lon, there.data.lat, "center")
    return there.reshape(-1), there.size


def _position_angles(given: u.Quantity | str, n: int) -> Angles:
    """Position angles in radians, shape (n,)."""
    angle = as_angle(given, "position_angle")
    values = np.asarray(angle.to_value(u.rad), dtype=np.float64)
    if values.ndim > 1 or (values.ndim == 1 and values.size not in (1, n)):
        raise ValueError(
            f"position_angle must be a scalar or have one value per centre ({n}), got the shape {values.shape}"
        )
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        value = angle.reshape(-1)[bad[0]]
        raise ValueError(
            f"position_angle must be finite, {bad.size} of {values.size} are not, the first in row {bad[0]}: {value}"
        )
    return np.broadcast_to(values.reshape(-1), (n,))


def _placed(center: SkyCoord, angle: Angles, frame: str) -> tuple[Angles, Angles, Angles]:
    """Longitudes, latitudes and position angles in a frame, in radians."""
    if center.frame.name == frame:
        return *frames.to_lonlat(center, frame, "center"), angle
    # The position angle of a second point, a short step away from the centre. In the axes of the point itself:
    # towards its zenith, its east and its north.
    lon, lat = center.data.lon.to_value(u.rad), center.data.lat.to_value(u.rad)
    x, y, z = np.cos(_STEP), np.sin(_STEP) * np.sin(angle), np.sin(_STEP) * np.cos(angle)
    x, z = x * np.cos(lat) - z * np.sin(lat), x * np.sin(lat) + z * np.cos(lat)
    both = UnitSphericalRepresentation(
        np.append(lon, lon + np.arctan2(y, x)) * u.rad,
        np.append(lat, np.arctan2(z, np.hypot(x, y))) * u.rad,
        copy=False,
    )
    lon, lat = frames.to_lonlat(SkyCoord(center.frame.realize_frame(both)), frame, "center")
    (lon, lon2), (lat, lat2) = np.split(lon, 2), np.split(lat, 2)
    # The four-part formula of spherical trigonometry, with the difference of the latitudes taken out of the northern
    # component, so that it stays exact for close points.
    east = np.cos(lat2) * np.sin(lon2 - lon)
    north = np.sin(lat2 - lat) + 2 * np.cos(lat2) * np.sin(lat) * np.sin((lon2 - lon) / 2) ** 2
    return lon, lat, np.arctan2(east, north)


def _per_column(sizes: Sequence[Angles], build: Callable[..., arrays.Batch]) -> list[arrays.Batch]:
    """What `build` makes of each column of some sizes. Equal columns give the same object."""
    sizes = np.broadcast_arrays(*sizes)
    columns: list[arrays.Batch] = []
    for k in range(sizes[0].shape[1]):
        same = next((j for j in range(k) if all(np.array_equal(one[:, j], one[:, k]) for one in sizes)), None)
        columns.append(build(*(one[:, k] for one in sizes)) if same is None else columns[same])
    return columns


# ---------------------------------------------------------------------- the kinds


def _checked(source: Any) -> Any:
    """A source, whose sizes are checked against each other at once if they do not depend on the energy bins."""
    if all(size.is_known for size in source.pair):
        source.sizes(None)
    return source


@dataclass(frozen=True, slots=True, eq=False)
class _Cones:
    center: SkyCoord
    radius: GivenSize

    def __len__(self) -> int:
        return int(self.center.size)

    def counted(self) -> str:
        return arrays.Discs.counted_as(len(self))

    def columns(self, frame: str, energy: EnergyAxis | None) -> list[arrays.Batch]:
        radii = self.radius.radians(energy)
        lon, lat = frames.to_lonlat(self.center, frame, "center")
        return _per_column([radii], lambda radius: arrays.Discs(lon, lat, radius))

    def text(self, energy: EnergyAxis | None) -> str:
        return _size_text(self.radius, energy)


def _size_text(size: GivenSize, energy: EnergyAxis | None) -> str:
    return span_text(size.radians(energy), size.angle(energy).unit)


@dataclass(frozen=True, slots=True, eq=False)
class _Annuli:
    center: SkyCoord
    inner: GivenSize
    outer: GivenSize

    def __len__(self) -> int:
        return int(self.center.size)

    def counted(self) -> str:
        return arrays.Annuli.counted_as(len(self))

    @property
    def pair(self) -> tuple[GivenSize, GivenSize]:
        return self.inner, self.outer

    def sizes(self, energy: EnergyAxis | None) -> tuple[Angles, Angles]:
        return check_pair(self.inner, self.outer, energy, equal=False)

    def columns(self, frame: str, energy: EnergyAxis | None) -> list[arrays.Batch]:
        radii = self.sizes(energy)
        lon, lat = frames.to_lonlat(self.center, frame, "center")
        return _per_column(radii, lambda inner, outer: arrays.Annuli(lon, lat, inner, outer))

    def text(self, energy: EnergyAxis | None) -> str:
        return f"inner {_size_text(self.inner, energy)}, outer {_size_text(self.outer, energy)}"


@dataclass(frozen=True, slots=True, eq=False)
class _Ellipses:
    center: SkyCoord
    major: GivenSize
    minor: GivenSize
    angle: Angles

    def __len__(self) -> int:
        return int(self.center.size)

    def counted(self) -> str:
        return arrays.Ellipses.counted_as(len(self))

    @property
    def pair(self) -> tuple[GivenSize, GivenSize]:
        return self.minor, self.major

    def sizes(self, energy: EnergyAxis | None) -> tuple[Angles, Angles]:
        return check_pair(self.minor, self.major, energy, equal=True)

    def columns(self, frame: str, energy: EnergyAxis | None) -> list[arrays.Batch]:
        axes = self.sizes(energy)
        lon, lat, angle = _placed(self.center, self.angle, frame)
        return _per_column(axes, lambda minor, major: arrays.Ellipses(lon, lat, minor, major, angle))

    def text(self, energy: EnergyAxis | None) -> str:
        return f"{_size_text(self.major, energy)} by {_size_text(self.minor, energy)}"


@dataclass(frozen=True, slots=True, eq=False)
class _Boxes:
    center: SkyCoord
    width: GivenSize
    height: GivenSize
    angle: Angles

    def __len__(self) -> int:
        return int(self.center.size)

    def counted(self) -> str:
        return arrays.Boxes.counted_as(len(self))

    def columns(self, frame: str, energy: EnergyAxis | None) -> list[arrays.Batch]:
        sides = self.width.radians(energy), self.height.radians(energy)
        lon, lat, angle = _placed(self.center, self.angle, frame)
        return _per_column(sides, lambda width, height: arrays.Boxes(lon, lat, 0.5 * width, 0.5 * height, angle))

    def text(self, energy: EnergyAxis | None) -> str:
        return f"{_size_text(self.width, energy)} by {_size_text(self.height, energy)}"


@dataclass(frozen=True, slots=True, eq=False)
class _Polygons:
    chains: Chains
    larger: NDArray[np.uint8]

    def __len__(self) -> int:
        return self.larger.size

    def counted(self) -> str:
        return arrays.Polygons.counted_as(len(self))

    def columns(self, frame: str, energy: EnergyAxis | None) -> list[arrays.Batch]:
        chains = self.chains
        return [arrays.Polygons(chains.placed(frame), chains.offsets, chains.owners, self.larger)]

    def text(self, energy: EnergyAxis | None) -> str:
        return ""


@dataclass(frozen=True, slots=True, eq=False)
class _Paths:
    chains: Chains
    width: GivenSize

    def __len__(self) -> int:
        return self.chains.offsets.size - 1

    def counted(self) -> str:
        return arrays.Paths.counted_as(len(self))

    def columns(self, frame: str, energy: EnergyAxis | None) -> list[arrays.Batch]:
        vectors = self.chains.placed(frame)
        return _per_column(
            [self.width.radians(energy)], lambda width: arrays.Paths(vectors, self.chains.offsets, 0.5 * width)
        )

    def text(self, energy: EnergyAxis | None) -> str:
        return _size_text(self.width, energy)


@dataclass(frozen=True, slots=True, eq=False)
class _Regions:
    given: Any
    in_icrs: arrays.Objects

    def __len__(self) -> int:
        return len(self.in_icrs)

    def counted(self) -> str:
        return arrays.Objects.counted_as(len(self))

    def columns(self, frame: str, energy: EnergyAxis | None) -> list[arrays.Batch]:
        return [self.in_icrs if frame == "icrs" else arrays.Objects(to_shapes(self.given, frame))]

    def text(self, energy: EnergyAxis | None) -> str:
        return ""
