"""Catalogs to discs: the positions and radii of a table, and which of its rows can be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import Parameter, signature
from os import PathLike
from typing import Any, Literal

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, Table
from astropy.utils.masked import Masked
from numpy.typing import NDArray

from hpmask._utils.arguments import as_angle, check_invalid, float64
from hpmask._utils.warn import warn
from hpmask._utils.words import counted
from hpmask.catalog import columns, files
from hpmask.energy.axis import EnergyAxis

__all__ = ["Discs", "read_discs"]


@dataclass(frozen=True, slots=True)
class Discs:
    """Discs of a catalog.

    Attributes
    ----------
    center : `~astropy.coordinates.SkyCoord`, shape (n,)
        Centres, in the frame of the catalog.
    radius : `~astropy.units.Quantity`, scalar or shape (n,), (n, n_bins) or (1, n_bins)
        Radii.
    summary : str
        Where they come from, for the history of a mask.
    n_skipped : int
        Number of rows that were left out.
    """

    center: SkyCoord
    radius: u.Quantity
    summary: str
    n_skipped: int


def read_discs(
    table: Any,
    radius: u.Quantity | str | Callable[..., u.Quantity],
    *,
    lon: str | None = None,
    lat: str | None = None,
    catalog_frame: str | None = None,
    invalid: Literal["raise", "skip"] = "raise",
    energy: EnergyAxis | None = None,
) -> Discs:
    """Discs round the sources of a catalog.

    Parameters
    ----------
    table : `~astropy.table.Table`, pandas.DataFrame, str or path
        The catalog, or a FITS, ECSV, CSV, VOTable or parquet file that holds it. Of a FITS file the first
        table with positions is taken.
    radius : `~astropy.units.Quantity`, str or callable
        An angle for all sources or one for each, shape (n,), (n, n_bins) or (1, n_bins); the name of a column
        that has a unit of angle, and may have one for each energy bin in each row; or a function that returns angles:
        of the table, of the table and the energy axis, or, if its one argument is called `axis` or `energy`, of the
        axis alone. The table is an astropy Table in which missing numbers are NaN. What a function of the axis returns
        is broadcast to (n, n_bins). A string that is the name of a column is taken for that.
    lon, lat : str, optional
        Columns of the positions, by default found by `hpmask.catalog.columns.find_position`. `lon` alone may
        name a column of SkyCoord.
    catalog_frame : str, optional
        Frame of the positions: any that SkyCoord knows. By default told by the columns.
    invalid : {"raise", "skip"}, optional
        What becomes of rows without a finite position and a radius of 0 to 180 deg: an error that names them,
        or they are left out with a warning that counts them.
    energy : EnergyAxis, optional
        Energy bins, for a function of them.

    Returns
    -------
    Discs

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If a package that reads the file is missing.
    TypeError, ValueError
        If a file cannot be read, columns are not found or have the wrong unit, or rows cannot be used and
        `invalid` is "raise". Rows are numbered from 0.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from hpmask.catalog.to_discs import read_discs
    >>> stars = Table({"RAJ2000": [10.0, 20.0], "DEJ2000": [-5.0, 60.0]})
    >>> read_discs(stars, "0.3 deg").summary
    'a table: 2 discs round RAJ2000, DEJ2000, radius 0.3 deg'
    """
    check_invalid(invalid)
    data, source = files.load(table, lon, lat)
    place = f"{source}: " if isinstance(table, str | PathLike) else ""
    with _faults_at(place):
        position = columns.find_position(data, lon, lat, catalog_frame, source)
        longitude, latitude = position.degrees(data)
        radii, how = _radii(data, radius, energy)

    problems = _problems(longitude, latitude, radii)
    usable = ~np.logical_or.reduce([bad for _, bad in problems])
    n_rows, n_skipped = usable.size, int(np.count_nonzero(~usable))
    summary = f"{source}: {counted(n_rows - n_skipped, 'disc')} round {', '.join(position.names)}, radius {how}"
    if n_skipped:
        _report(problems, n_skipped, n_rows, invalid, place)
        summary += f", {n_skipped} of {n_rows} rows left out"
        longitude, latitude = longitude[usable], latitude[usable]
        if _is_per_row(radii, n_rows):
            radii = radii[usable]
    center = SkyCoord(longitude * u.deg, latitude * u.deg, frame=position.frame)
    return Discs(center, radii, summary, n_skipped)


@contextmanager
def _faults_at(place: str) -> Iterator[None]:
    """Errors begin with the file, if the table comes from one."""
    try:
        yield
    except ValueError as error:
        if type(error) is not ValueError or place.removesuffix(": ") in str(error):
            raise
        raise ValueError(f"{place}{error}") from error


# ---------------------------------------------------------------------- radii


def _radii(table: Table, radius: Any, energy: EnergyAxis | None) -> tuple[u.Quantity, str]:
    """The radii, NaN where they are missing, and how to speak of them."""
    if isinstance(radius, str):
        if radius in table.colnames:
            return _fitting(_column_radii(table, radius), table), f"of column {radius!r}"
        try:
            angle = as_angle(radius, "radius")
        except ValueError as error:
            raise ValueError(
                f"radius {radius!r} is neither an angle such as '0.3 deg' nor a column of the table, "
                f"which has {columns.listed(table)}"
            ) from error
        return _fitting(angle, table), radius
    if callable(radius):
        name = getattr(radius, "__name__", type(radius).__name__)
        what = f"what radius ({name}) returns"
        needed = _needed_arguments(radius)
        arguments = [] if needed in (["axis"], ["energy"]) else [_with_nan(table)]
        if arguments and len(needed) < 2:
            return _fitting(_angles(radius(*arguments), what), table), f"by {name}"
        if energy is None:
            raise ValueError(f"radius ({name}) is a function of the energy axis: energy must be given")
        angles = _angles(radius(*arguments, energy), what)
        shape = len(table), energy.n_bins
        try:
            angles = np.broadcast_to(angles, shape, subok=True)
        except ValueError:
            raise ValueError(f"{what} must broadcast to {shape}, rows and bins, got the shape {angles.shape}") from None
        return _fitting(angles, table), f"by {name}"
    angles = _angles(radius, "radius")
    return _fitting(angles, table), f"{angles:g}" if angles.ndim == 0 else "given for each"


def _angles(value: Any, argument: str) -> u.Quantity:
    """`value` as angles, NaN where they are masked: `invalid` says what becomes of these rows."""
    if isinstance(value, Masked) and isinstance(value, u.Quantity):
        value = float64(value).filled(np.nan)
    return as_angle(value, argument)


def _needed_arguments(function: Callable[..., Any]) -> list[str]:
    """Names of the arguments without which a function cannot be called; none where Python does not know."""
    try:
        parameters = signature(function).parameters.values()
    except (TypeError, ValueError):  # some built-in functions
        return []
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    return [one.name for one in parameters if one.kind in kinds and one.default is Parameter.empty]


def _column_radii(table: Table, name: str) -> u.Quantity:
    column = table[name]
    unit = getattr(column, "unit", None)
    if unit is None:
        raise ValueError(
            f"column {name!r} has no unit, and a radius is not guessed to be in degrees: set "
            f"table[{name!r}].unit, or give radius=lambda table: table[{name!r}] * u.deg"
        )
    if not u.Unit(unit, parse_strict="silent").is_equivalent(u.rad):
        raise ValueError(f"a radius is an angle, but column {name!r} is in {str(unit)!r}")
    return columns.numbers(column, name) * u.Unit(unit)


def _with_nan(table: Table) -> Table:
    """The table with NaN for missing numbers.

    A masked column loses its mask when it is multiplied by a unit; what is behind it would become a radius.
    """
    names = [name for name in table.colnames if isinstance(table[name], MaskedColumn)]
    names = [name for name in names if table[name].dtype.kind in "iuf" and np.any(table[name].mask)]
    if not names:
        return table
    table = table.copy(copy_data=False)
    for name in names:
        masked = table[name]
        values = columns.numbers(masked, name)
        table.replace_column(name, table.Column(values, name=name, unit=masked.unit, meta=masked.meta))
    return table


def _fitting(angles: u.Quantity, table: Table) -> u.Quantity:
    """`angles`, if their shape and, where they hold for all rows, their values do."""
    n = len(table)
    per_bin = angles.ndim == 2 and angles.shape[0] == 1
    if angles.ndim > 2 or (angles.ndim and not _is_per_row(angles, n) and not per_bin):
        raise ValueError(
            f"radius must be a scalar or have the shape ({n},), ({n}, n_bins) or (1, n_bins), got {angles.shape}"
        )
    if not _is_per_row(angles, n):
        degrees = angles.to_value(u.deg)
        if not np.all((degrees >= 0) & (degrees <= 180)):
            raise ValueError(f"radius must be between 0 and 180 deg, got {angles}")
    return angles


def _is_per_row(angles: u.Quantity, n_rows: int) -> bool:
    return bool(angles.ndim > 0 and angles.shape[0] == n_rows)


# ---------------------------------------------------------------------- rows

Problem = tuple[str, NDArray[np.bool_]]


def _problems(lon: NDArray[np.float64], lat: NDArray[np.float64], radii: u.Quantity) -> list[Problem]:
    """What may be wrong with a row, and the rows with which it is."""
    finite = np.isfinite(lon) & np.isfinite(lat)
    problems = [
        ("a position that is missing or not finite", ~finite),
        ("a latitude beyond 90 deg", finite & (np.abs(lat) > 90)),
    ]
    if _is_per_row(radii, lon.size):
        degrees = radii.to_value(u.deg).reshape(lon.size, -1)
        finite = np.isfinite(degrees)
        wrong = finite & ((degrees < 0) | (degrees > 180))
        problems += [
            ("a radius that is missing or not finite", ~finite.all(axis=1)),
            ("a radius that is not between 0 and 180 deg", wrong.any(axis=1)),
        ]
    return problems


def _report(problems: list[Problem], n_bad: int, n_rows: int, invalid: str, place: str) -> None:
    """Raise or warn about rows that cannot be used."""
    reasons = []
    for what, bad in problems:
        rows = np.flatnonzero(bad)
        if rows.size:
            listed = ", ".join(map(str, rows[:10])) + (", ..." if rows.size > 10 else "")
            reasons.append(f"{what} in {rows.size} (row{'s' if rows.size > 1 else ''} {listed})")
    why = "; ".join(reasons)
    if invalid == "raise":
        raise ValueError(
            f"{place}{n_bad} of {n_rows} rows cannot be used: {why}. With invalid='skip' they are left out"
        )
    warn(f"{place}left out {n_bad} of {n_rows} rows: {why}")
