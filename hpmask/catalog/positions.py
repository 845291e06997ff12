"""Positions of any make: a SkyCoord, angles, or the rows of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import BaseCoordinateFrame, SkyCoord
from astropy.table import Table
from numpy.typing import NDArray

from hpmask._files.tables import column_names, columns_of, data_frame, is_partitioned, plain_values
from hpmask._utils.arguments import MAX_ORDER, values_and_unit
from hpmask._utils.words import shown
from hpmask.catalog import columns
from hpmask.catalog.columns import NoPositionError, Position
from hpmask.core.positions import Positions
from hpmask.core.value import MaskValue
from hpmask.geometry import frames

__all__ = ["CELLS", "Locator", "energies_of", "is_table", "locator_of", "positions_of"]

CELLS = "_healpix_29"
"""The column of HATS catalogs with the NESTED cell of order 29, in ICRS, that holds a row."""

# Rows of a table that show what its columns hold.
_HEAD = 20


def positions_of(
    where: Any,
    lat: Any = None,
    *,
    frame: str,
    lon: str | None = None,
    catalog_frame: str | None = None,
    invalid: str = "raise",
    argument: str = "positions",
) -> Positions:
    """Positions of any make, for masks in a frame. The arguments are those of `hpmask.Mask.contains`.

    Parameters
    ----------
    where : `~astropy.coordinates.SkyCoord`, `~astropy.units.Quantity`, array-like or table
        The positions, longitudes in the frame of the masks (numbers are degrees), or a table of any kind.
    lat : `~astropy.units.Quantity`, array-like or str, optional
        The latitudes, or their column in the table.
    frame : {"icrs", "galactic"}
        Frame of the masks.
    lon : str, optional
        The column of longitudes, or of SkyCoord, in the table.
    catalog_frame : str, optional
        Frame of the columns.
    invalid : {"raise", "skip"}, optional
        With "skip", a position of a SkyCoord that is masked or not finite is one of a row that is nowhere.
    argument : str, optional
        Name of `where` in errors.

    Returns
    -------
    Positions

    Raises
    ------
    TypeError
        If `where` is none of these, or is a table whose partitions are worked on later.
    ValueError
        If a table has no columns of positions, or they cannot be read; or a position of a SkyCoord is masked.
    """
    if isinstance(where, SkyCoord | BaseCoordinateFrame):
        _check_not_given("a SkyCoord", lat=lat, lon=lon, catalog_frame=catalog_frame)
        return _of_some(where, frame, argument) if invalid == "skip" else Positions.of_coord(where, frame, argument)
    if isinstance(where, MaskValue):
        raise TypeError(
            f"{argument} must be positions, got a mask: write b <= a to ask whether the mask a contains the mask b"
        )
    if is_partitioned(where):
        raise TypeError(
            f"{argument} is a {type(where).__name__}, whose partitions are worked on later: use select or flag, or "
            "compute it first"
        )
    names = column_names(where)
    if names is not None:
        if lat is not None and not isinstance(lat, str):
            raise TypeError(f"lat must be the name of a column for a table, got {shown(lat)}")
        locator = locator_of(where, lon, lat, frame=frame, catalog_frame=catalog_frame)
        return locator.positions(where, argument)
    if lat is not None:
        _check_not_given("longitudes and latitudes", lon=lon, catalog_frame=catalog_frame)
        return _of_angles(where, lat, argument)
    try:
        coord = frames.as_skycoord(where, argument)
    except TypeError:
        raise TypeError(
            f"{argument} must be a SkyCoord, a table, or longitudes together with latitudes, got "
            f"{type(where).__name__}: {shown(where)}"
        ) from None
    return Positions.of_coord(coord, frame, argument)


def is_table(where: Any) -> bool:
    """Whether an argument is a table of any kind, which has columns."""
    return not isinstance(where, SkyCoord) and (is_partitioned(where) or column_names(where) is not None)


def energies_of(where: Any, energy: Any, unit: Any = None) -> Any:
    """Energies as the user gave them, or those of the column that they name.

    Parameters
    ----------
    where : object
        The table, or anything else.
    energy : `~astropy.units.Quantity`, str or None
        The energies, or the name of a column of the table.
    unit : `~astropy.units.Unit` or str, optional
        The unit of a column that has none.

    Raises
    ------
    TypeError
        If there is a unit, and no column is named.
    ValueError
        If the column has no unit and none is given, or has another one.
    """
    if not isinstance(energy, str) or energy not in (column_names(where) or ()):
        if unit is not None:
            raise TypeError(f"energy_unit is for a column of energies, and energy is {shown(energy)}")
        return energy
    column = columns_of(where, [energy])[energy]
    own = getattr(column, "unit", None)
    if own is None and unit is None:
        raise ValueError(f"column {energy!r} has no unit: give it by energy_unit, such as energy_unit='TeV'")
    try:
        unit = None if unit is None else u.Unit(unit)
    except ValueError:
        raise ValueError(f"energy_unit must be a unit of energy such as 'TeV', got {unit!r}") from None
    if own is not None and unit is not None and u.Unit(own) != unit:
        raise ValueError(f"column {energy!r} is in {str(own)!r}, and energy_unit is {str(unit)!r}")
    return columns.numbers(column, energy) * u.Unit(unit if own is None else own)


def _check_not_given(what: str, **given: Any) -> None:
    """Raise if arguments that go with a table are given for something else."""
    for name, value in given.items():
        if value is not None:
            advice = ": energies are given by energy=" if name == "lat" else ""
            raise TypeError(f"{name} does not go with {what}{advice}")


def _of_some(coord: SkyCoord, frame: str, argument: str) -> Positions:
    """Positions of a SkyCoord of which some may be masked or not finite: these are nowhere."""
    coord = frames.as_skycoord(coord, argument)
    lon, lat = (values_and_unit(angle.to(u.deg))[0] for angle in frames.own_angles(coord.frame))
    good = np.isfinite(lon) & np.isfinite(lat)
    if not good.all():
        shape, coord = coord.shape, coord[good] if coord.shape else SkyCoord([], [], unit="deg")
        lon, lat = np.full(shape, np.nan), np.full(shape, np.nan)
        lon[good], lat[good] = frames.to_lonlat(coord, frame, argument)
        return Positions.of_angles(lon, lat, argument=argument)
    return Positions.of_coord(coord, frame, argument)


# ---------------------------------------------------------------------- angles


def _of_angles(lon: Any, lat: Any, argument: str) -> Positions:
    (lon, lon_unit), (lat, lat_unit) = _angle(lon, "lon"), _angle(lat, "lat")
    if lon_unit != lat_unit:
        lat = (lat * lat_unit).to_value(lon_unit)
    try:
        lon, lat = np.broadcast_arrays(lon, lat)
    except ValueError:
        raise ValueError(f"lon and lat must broadcast, got the shapes {lon.shape} and {lat.shape}") from None
    return Positions.of_angles(lon, lat, unit=float(lon_unit.to(u.rad)), argument=argument)


def _angle(values: Any, argument: str) -> tuple[NDArray[np.float64], u.UnitBase]:
    """Angles as float64 with their unit; masked ones are NaN."""
    array, unit = values_and_unit(plain_values(values))
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{argument} must be angles: a Quantity, or numbers in degrees, got {shown(values)}")
    if unit is not None and not unit.is_equivalent(u.rad):
        raise ValueError(f"{argument} must be an angle, got the unit {unit.to_string()!r}")
    return array.astype(np.float64, copy=False), u.deg if unit is None else unit


# ---------------------------------------------------------------------- tables


@dataclass(frozen=True, slots=True)
class Locator:
    """Which columns of a table say where its rows are, for masks in one frame.

    Attributes
    ----------
    names : tuple of str
        Names of the columns.
    position : Position or None
        What they are; None for cells.
    frame : str
        Frame of the masks.
    cells_order : int
        Order of the cells.
    """

    names: tuple[str, ...]
    position: Position | None
    frame: str
    cells_order: int = MAX_ORDER

    def positions(self, table: Any, argument: str = "table") -> Positions:
        """The positions of the rows of a table, or of a part of it.

        Raises
        ------
        TypeError, ValueError
            If the columns cannot be read, or a cell is not one of its order.
        """
        some = columns_of(table, self.names)
        if self.position is None:
            cells = some[self.names[0]]
            missing = np.ma.getmaskarray(cells) if np.ma.is_masked(cells) else None
            values = cells if missing is None else np.ma.getdata(cells)
            return Positions.of_cells(values, self.cells_order, f"{argument}[{self.names[0]!r}]", missing=missing)
        lon, lat = self.position.degrees(some)
        there = self.position.frame
        name = there if isinstance(there, str) else there.name
        if name in frames.FRAMES:
            matrix = None if name == self.frame else frames.rotation(name, self.frame)
            return Positions.of_angles(lon, lat, unit=_DEGREE, matrix=matrix, argument=argument)
        good = np.isfinite(lon) & (np.abs(lat) <= 90)
        coord = SkyCoord(lon[good] * u.deg, lat[good] * u.deg, frame=there)
        lon[good], lat[good] = np.degrees(frames.to_lonlat(coord, self.frame, argument))
        return Positions.of_angles(lon, lat, unit=_DEGREE, argument=argument)


_DEGREE = float(u.deg.to(u.rad))


def locator_of(
    table: Any,
    lon: str | None = None,
    lat: str | None = None,
    *,
    frame: str,
    catalog_frame: str | None = None,
    source: str = "the table",
) -> Locator:
    """The columns of a table that say where its rows are.

    If no column is named, and the masks are in ICRS, the column `_healpix_29` of HATS catalogs comes first, because it
    needs no trigonometry. Otherwise `hpmask.catalog.columns.find_position` chooses.

    Parameters
    ----------
    table : object
        A table that `hpmask._files.tables.column_names` knows. Its first rows suffice.
    lon, lat, catalog_frame : str, optional
        The columns and their frame, if they are known.
    frame : {"icrs", "galactic"}
        Frame of the masks.
    source : str, optional
        Name of the table in errors.

    Returns
    -------
    Locator

    Raises
    ------
    NoPositionError
        If there are no such columns.
    ValueError
        If their frame is not known.
    """
    names = column_names(table) or []
    given = lon is not None or lat is not None or catalog_frame is not None
    if CELLS in names and not given and frame == "icrs":
        return Locator((CELLS,), None, frame)
    head = table if isinstance(table, Table) else _head(table, names, (lon, lat))
    try:
        position = columns.find_position(head, lon, lat, catalog_frame, source)
    except NoPositionError as error:
        if CELLS not in names or given:
            raise
        raise NoPositionError(f"{error}. The cells in {CELLS} are in ICRS, and the mask is in {frame}") from None
    return Locator(position.names, position, frame)


def _head(table: Any, names: list[str], named: tuple[str | None, ...]) -> Table:
    """The first rows of a table that is not one of astropy."""
    if data_frame(table) is None:
        return columns_of(table, names, _HEAD)
    # Its columns have names alone. Those that have no positions may cost much, if the frame is lazy.
    possible = [name for name in names if columns.is_usual(name) or name in named]
    head = columns_of(table, possible, _HEAD) if possible else Table()
    nothing = np.zeros(len(head))
    return Table({name: head[name] if name in head.colnames else nothing for name in names}, copy=False)
