"""The rows of a catalog that can be used: their positions, and their radii or other sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from os import PathLike
from typing import Any, Literal

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, Table
from astropy.utils.masked import Masked
from numpy.typing import NDArray

from hpmask._files.digest import digest_of
from hpmask._utils.arguments import as_angle, check_invalid, float64
from hpmask._utils.parallel import thread_map
from hpmask._utils.warn import warn
from hpmask._utils.words import counted
from hpmask.catalog import columns, files
from hpmask.energy.axis import EnergyAxis

__all__ = ["Rows", "read_rows"]


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a catalog that can be used.

    Attributes
    ----------
    center : `~astropy.coordinates.SkyCoord`, shape (n,)
        Positions, in the frame of the catalog.
    sizes : `~astropy.units.Quantity`, scalar or shape (n,), (n, k) or (1, k)
        Radii, or other angles from 0 to 180 deg.
    summary : str
        The table and its columns, for the history of a mask.
    n_skipped : int
        Number of rows that were left out.
    n_filled : int
        Number of the other rows that got a size from `missing`.
    """

    center: SkyCoord
    sizes: u.Quantity
    summary: str
    n_skipped: int
    n_filled: int


def read_rows(
    table: Any,
    radius: u.Quantity | str | Callable[..., u.Quantity],
    *,
    missing: u.Quantity | str | None = None,
    lon: str | None = None,
    lat: str | None = None,
    catalog_frame: str | None = None,
    invalid: Literal["raise", "skip"] = "raise",
    energy: EnergyAxis | None = None,
    n_threads: int | None = None,
) -> Rows:
    """The positions and radii of a catalog. The arguments are those of `hpmask.Mask.from_catalog`.

    A function may also return other angles, a column for each, instead of radii. In `missing`, NaN stands for a column
    whose missing values stay missing.

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
    >>> from hpmask.catalog.rows import read_rows
    >>> stars = Table({"RAJ2000": [10.0, 20.0], "DEJ2000": [-5.0, 60.0]})
    >>> rows = read_rows(stars, "0.3 deg")
    >>> rows.summary
    'a table, positions RAJ2000 and DEJ2000'
    """
    check_invalid(invalid)
    data, source, digest = _loaded(table, lon, lat, n_threads)
    place = f"{source}: " if isinstance(table, str | PathLike) else ""
    with _errors_name(place):
        position = columns.find_position(data, lon, lat, catalog_frame, source)
        longitude, latitude = position.degrees(data)
        sizes, origin = _sizes(data, radius, energy)
        filled = np.zeros(len(data), dtype=np.bool_)
        if missing is not None:
            sizes, filled = _filled(sizes, missing, len(data))

    problems = _problems(longitude, latitude, sizes)
    usable = ~np.logical_or.reduce([bad for _, bad in problems])
    n_rows, n_skipped = usable.size, int(np.count_nonzero(~usable))
    summary = f"{source}{digest}, positions {' and '.join(position.names)}{origin}"
    if n_skipped:
        advice = "With invalid='skip' they are left out"
        if missing is None and np.isnan(sizes).any():
            advice += ", and missing='0.3 deg' gives a radius to rows without one"
        _report(problems, n_skipped, n_rows, invalid, place, advice)
        summary += f", {n_skipped} of {n_rows} rows left out"
        longitude, latitude = longitude[usable], latitude[usable]
        if _is_per_row(sizes, n_rows):
            sizes = sizes[usable]
    n_filled = int(np.count_nonzero(filled & usable))
    if missing is not None:
        summary += f", {as_angle(missing, 'missing')} for {counted(n_filled, 'row')} without a radius"
    center = SkyCoord(longitude * u.deg, latitude * u.deg, frame=position.frame)
    return Rows(center, sizes, summary, n_skipped, n_filled)


def _loaded(table: Any, lon: str | None, lat: str | None, n_threads: int | None) -> tuple[Table, str, str]:
    """A catalog as a Table, its name, and the digest of its file."""
    if not isinstance(table, str | PathLike):
        data, source = files.load(table, lon, lat)
        return data, source, ""

    def digest() -> str:
        return f", sha256 {digest_of(table)}"

    # For a FITS file, the digest takes about a quarter of the time of reading it: it gets a thread of its own.
    works: tuple[Callable[[], Any], ...] = (lambda: files.load(table, lon, lat), digest)
    (data, source), text = thread_map(lambda work: work(), works, n_threads)
    return data, source, text


@contextmanager
def _errors_name(place: str) -> Iterator[None]:
    """Begin the messages of errors with the file, if the table comes from one."""
    try:
        yield
    except ValueError as error:
        if type(error) is not ValueError or place.removesuffix(": ") in str(error):
            raise
        raise ValueError(f"{place}{error}") from error


# ---------------------------------------------------------------------- radii


def _sizes(table: Table, radius: Any, energy: EnergyAxis | None) -> tuple[u.Quantity, str]:
    """The radii, NaN where they are missing, and their origin for the history."""
    if isinstance(radius, str):
        if radius in table.colnames:
            return _fitting(_column_radii(table, radius), table), f", radius of column {radius!r}"
        try:
            angle = as_angle(radius, "radius")
        except ValueError as error:
            raise ValueError(
                f"radius {radius!r} is neither an angle such as '0.3 deg' nor a column of the table, "
                f"which has {columns.listed(table)}"
            ) from error
        return _fitting(angle, table), ""
    if callable(radius):
        name = getattr(radius, "__name__", type(radius).__name__)
        return _fitting(_returned(table, radius, name, energy), table), f", radius by {name}"
    angles = _angles(radius, "radius")
    return _fitting(angles, table), ""


def _returned(table: Table, radius: Callable[..., Any], name: str, energy: EnergyAxis | None) -> u.Quantity:
    """The angles that a function returns; with energy bins, of shape (n, n_bins)."""
    arguments = (_with_nan(table),) if energy is None else (_with_nan(table), energy)
    _check_takes(radius, name, arguments)
    what = f"the result of radius ({name})"
    angles = _angles(radius(*arguments), what)
    if energy is None:
        return angles
    shape = len(table), energy.n_bins
    try:
        return np.broadcast_to(angles, shape, subok=True)
    except ValueError:
        rows = ": a radius for each row has the shape (n, 1)" if angles.shape == shape[:1] else ""
        raise ValueError(
            f"{what} must broadcast to {shape}, rows and bins, got the shape {angles.shape}{rows}"
        ) from None


def _check_takes(function: Callable[..., Any], name: str, arguments: tuple[Any, ...]) -> None:
    """Raise a TypeError if a function cannot be called with the arguments. If its signature is not known, it may be."""
    try:
        form = signature(function)
    except (TypeError, ValueError):  # some built-in functions
        return
    try:
        form.bind(*arguments)
    except TypeError as error:
        what = "the table and the energy axis" if len(arguments) > 1 else "the table, as the mask has no energy bins"
        raise TypeError(f"radius ({name}) is called with {what}: {error}") from error


def _angles(value: Any, argument: str) -> u.Quantity:
    """`value` as angles, NaN where they are masked."""
    if isinstance(value, Masked) and isinstance(value, u.Quantity):
        value = float64(value).filled(np.nan)
    return as_angle(value, argument)


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

    A masked column loses its mask when it is multiplied by a unit: the masked numbers would become radii.
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
    """`angles`, if their shape is valid, and their values as well if they apply to all rows."""
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


def _filled(sizes: u.Quantity, missing: u.Quantity | str, n_rows: int) -> tuple[u.Quantity, NDArray[np.bool_]]:
    """The sizes with `missing` in place of NaN, and the rows that this changes."""
    missing = as_angle(missing, "missing")
    degrees = missing.to_value(u.deg)
    if np.any((degrees < 0) | (degrees > 180)):
        raise ValueError(f"missing must be between 0 and 180 deg, got {missing}")
    if not _is_per_row(sizes, n_rows):
        raise ValueError("missing is for rows without a radius, but all rows have the same radius")
    if missing.shape not in ((), sizes.shape[1:]):
        bins = f", or have the shape {sizes.shape[1:]}" if sizes.ndim > 1 else ""
        raise ValueError(f"missing must be a single angle{bins}, got the shape {missing.shape}")
    empty = np.isnan(sizes) & ~np.isnan(missing)
    return np.where(empty, missing, sizes), empty.reshape(n_rows, -1).any(axis=1)


def _is_per_row(angles: u.Quantity, n_rows: int) -> bool:
    return bool(angles.ndim > 0 and angles.shape[0] == n_rows)


# ---------------------------------------------------------------------- rows

Problem = tuple[str, NDArray[np.bool_]]


def _problems(lon: NDArray[np.float64], lat: NDArray[np.float64], sizes: u.Quantity) -> list[Problem]:
    """The possible faults of a row, and the rows that have them."""
    finite = np.isfinite(lon) & np.isfinite(lat)
    problems = [
        ("a position that is missing or not finite", ~finite),
        ("a latitude beyond 90 deg", finite & (np.abs(lat) > 90)),
    ]
    if _is_per_row(sizes, lon.size):
        degrees = sizes.to_value(u.deg).reshape(lon.size, -1)
        finite = np.isfinite(degrees)
        wrong = finite & ((degrees < 0) | (degrees > 180))
        problems += [
            ("a radius that is missing or not finite", ~finite.all(axis=1)),
            ("a radius that is not between 0 and 180 deg", wrong.any(axis=1)),
        ]
    return problems


def _report(problems: list[Problem], n_bad: int, n_rows: int, invalid: str, place: str, advice: str) -> None:
    """Raise or warn about rows that cannot be used."""
    reasons = []
    for what, bad in problems:
        rows = np.flatnonzero(bad)
        if rows.size:
            listed = ", ".join(map(str, rows[:10])) + (", ..." if rows.size > 10 else "")
            reasons.append(f"{what} in {rows.size} (row{'s' if rows.size > 1 else ''} {listed})")
    why = "; ".join(reasons)
    if invalid == "raise":
        raise ValueError(f"{place}{n_bad} of {n_rows} rows cannot be used: {why}. {advice}")
    warn(f"{place}left out {n_bad} of {n_rows} rows: {why}")
