"""The rows of a catalog that can be used: their positions, and their radii or other sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from inspect import signature
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, Table
from astropy.utils.masked import Masked
from numpy.typing import NDArray

from hpmask._files.digest import digest_of
from hpmask._files.urls import local_file
from hpmask._utils.arguments import as_angle, check_invalid, float64
from hpmask._utils.parallel import thread_map
from hpmask._utils.warn import warn
from hpmask._utils.words import counted, listed
from hpmask.catalog import columns, files
from hpmask.catalog.conditions import rows_where
from hpmask.catalog.laws import MagnitudeLaw
from hpmask.catalog.motion import at_epoch, columns_of_motion
from hpmask.catalog.parts import columns_used
from hpmask.energy.axis import EnergyAxis

__all__ = ["Account", "Faults", "Rows", "angles_of", "columns_needed", "find_rows", "listed_faults", "read_rows"]

Faults = tuple[tuple[str, NDArray[np.intp]], ...]
"""What is wrong with rows, and their numbers, ascending."""


@dataclass(frozen=True, slots=True)
class Account:
    """What the history of a mask says about the rows of a catalog. Accounts of parts of a catalog can be added.

    Attributes
    ----------
    positions, condition, motion, origins, missing : str
        The columns of positions, the conditions, the motion to an epoch, where the sizes come from, and the sizes of
        rows without one. Each is "" if there is none.
    n_rows, n_chosen, n_skipped, n_filled, n_still : int
        Number of rows; of those that fulfil the conditions; of those of them that were left out; of the others that got
        a size from `missing`; and of rows that have no proper motion.
    """

    positions: str
    condition: str
    motion: str
    origins: str
    missing: str
    n_rows: int
    n_chosen: int
    n_skipped: int
    n_filled: int
    n_still: int

    def __add__(self, other: Account) -> Account:
        names = ("n_rows", "n_chosen", "n_skipped", "n_filled", "n_still")
        return replace(self, **{name: getattr(self, name) + getattr(other, name) for name in names})

    def text(self, source: str) -> str:
        """The account after the name of the catalog."""
        text = f"{source}, {self.positions}"
        if self.condition:
            text += f", {self.condition} ({self.n_chosen} of {self.n_rows} rows)"
        if self.motion:
            still = f" ({self.n_still} of {self.n_rows} rows have no motion)" if self.n_still else ""
            text += f", {self.motion}{still}"
        text += self.origins
        if self.n_skipped:
            text += f", {self.n_skipped} of {self.n_rows} rows left out"
        if self.missing:
            text += f", {self.missing.format(counted(self.n_filled, 'row'))}"
        return text


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a catalog that can be used.

    Attributes
    ----------
    center : `~astropy.coordinates.SkyCoord`, shape (n,)
        Positions, in the frame of the catalog.
    sizes : dict of str to `~astropy.units.Quantity`, scalar or shape (n,), (n, n_bins) or (1, n_bins)
        The radii, or other angles, by their names.
    source : str
        The name of the catalog, and the digest of its file.
    account : Account
        The columns and the numbers of rows.
    faults : tuple
        What is wrong with the rows that were left out, and their numbers.
    advice : str
        What the user can do about them, for a message.
    """

    center: SkyCoord
    sizes: dict[str, u.Quantity]
    source: str
    account: Account
    faults: Faults
    advice: str

    @property
    def summary(self) -> str:
        """The table and its columns, for the history of a mask."""
        return self.account.text(self.source)


def read_rows(
    table: Any,
    sizes: Mapping[str, Any],
    *,
    missing: Mapping[str, u.Quantity | str] | None = None,
    where: Any = None,
    lon: str | None = None,
    lat: str | None = None,
    catalog_frame: str | None = None,
    epoch: Any = None,
    catalog_epoch: Any = None,
    motion: tuple[str, str] | None = None,
    invalid: Literal["raise", "skip"] = "raise",
    energy: EnergyAxis | None = None,
    n_threads: int | None = None,
    warns: bool = True,
) -> Rows:
    """The positions and sizes of a catalog. The arguments are those of `hpmask.Mask.from_catalog`.

    Parameters
    ----------
    table : object
        The catalog.
    sizes : mapping of str to `~astropy.units.Quantity`, str or callable
        What `hpmask.Mask.from_catalog` takes as radius, by the name of the size: one of "radius", "semi_major",
        "semi_minor", "width", "height", "position_angle", "inner_radius" and "outer_radius".
    missing : mapping of str to `~astropy.units.Quantity` or str, optional
        The angles of the rows without a value, by the name of the size.
    warns : bool, optional
        Whether to warn about rows that are left out.

    Returns
    -------
    Rows

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
    >>> rows = read_rows(stars, {"radius": "0.3 deg"})
    >>> rows.summary
    'a table, positions RAJ2000 and DEJ2000'
    """
    check_invalid(invalid)
    data, source, digest = _loaded(table, lon, lat, n_threads)
    place = f"{source}: " if isinstance(table, str | PathLike) else ""
    rows = find_rows(
        data,
        sizes,
        source,
        digest=digest,
        place=place,
        missing=missing,
        where=where,
        lon=lon,
        lat=lat,
        catalog_frame=catalog_frame,
        epoch=epoch,
        catalog_epoch=catalog_epoch,
        motion=motion,
        energy=energy,
    )
    n_bad, n_rows = rows.account.n_skipped, rows.account.n_rows
    if n_bad and invalid == "raise":
        why = listed_faults(rows.faults)
        raise ValueError(f"{place}{n_bad} of {n_rows} rows cannot be used: {why}. {rows.advice}")
    if n_bad and warns:
        warn(f"{place}left out {n_bad} of {n_rows} rows: {listed_faults(rows.faults)}")
    return rows


def find_rows(
    data: Table,
    sizes: Mapping[str, Any],
    source: str,
    *,
    digest: str = "",
    place: str = "",
    missing: Mapping[str, u.Quantity | str] | None = None,
    where: Any = None,
    lon: str | None = None,
    lat: str | None = None,
    catalog_frame: str | None = None,
    epoch: Any = None,
    catalog_epoch: Any = None,
    motion: tuple[str, str] | None = None,
    energy: EnergyAxis | None = None,
) -> Rows:
    """As `read_rows`, for a table, and without a word about rows that cannot be used: they are in the result.

    `source` is the name of the table, `digest` what the history says of its file, and `place` begins the errors.
    """
    missing = missing or {}
    n_rows = len(data)
    with _errors_name(place):
        position = columns.find_position(data, lon, lat, catalog_frame, source)
        longitude, latitude = position.degrees(data)
        chosen, condition = np.ones(n_rows, dtype=np.bool_), ""
        if where is not None:
            chosen, condition = rows_where(data, where)
        moved, n_still = "", 0
        if epoch is not None:
            longitude, latitude, moved, n_still = at_epoch(
                data, position, longitude, latitude, epoch, catalog_epoch=catalog_epoch, motion=motion
            )
        elif catalog_epoch is not None or motion is not None:
            raise ValueError("catalog_epoch and motion are for the epoch to move the positions to: give epoch as well")
        angles, filled, origins = angles_of(data, sizes, missing, energy)
        laws = {name: given.faults(data) for name, given in sizes.items() if isinstance(given, MagnitudeLaw)}

    problems = [(what, bad & chosen) for what, bad in _problems(longitude, latitude, angles, laws)]
    usable = chosen & ~np.logical_or.reduce([bad for _, bad in problems])
    n_chosen = int(np.count_nonzero(chosen))
    n_skipped = n_chosen - int(np.count_nonzero(usable))
    advice = "With invalid='skip' they are left out"
    if n_skipped:
        empty = [name for name, some in angles.items() if name not in missing and np.isnan(some).any()]
        if empty:
            value = "'0.3 deg'" if len(sizes) == 1 else f"{{{empty[0]!r}: '0.3 deg'}}"
            advice += f", and missing={value} gives {_noun(empty[0])} to rows without one"
        beyond = [
            f"{end}='hold'"
            for end in ("brighter", "fainter")
            if any(f"magnitude {end} than" in what and bad.any() for what, bad in problems)
        ]
        if beyond:
            advice += f", and {' and '.join(beyond)} of MagnitudeLaw gives those beyond the law the size at its end"
    if n_skipped or n_chosen < n_rows:
        longitude, latitude = longitude[usable], latitude[usable]
        angles = {name: some[usable] if _is_per_row(some, n_rows) else some for name, some in angles.items()}
    n_filled = int(np.count_nonzero(filled & usable))
    filling = ""
    if missing:
        values = ", ".join(f"{as_angle(value, 'missing')}" for value in missing.values())
        filling = f"{values} for {{}} without {' or '.join(map(_noun, missing))}"
    center = SkyCoord(longitude * u.deg, latitude * u.deg, frame=position.frame)
    account = Account(
        positions=f"positions {' and '.join(position.names)}",
        condition=condition,
        motion=moved,
        origins=origins,
        missing=filling,
        n_rows=n_rows,
        n_chosen=n_chosen,
        n_skipped=n_skipped,
        n_filled=n_filled,
        n_still=n_still,
    )
    faults = tuple((what, rows) for what, bad in problems if (rows := np.flatnonzero(bad)).size)
    return Rows(center, angles, source + digest, account, faults, advice)


def angles_of(
    table: Table, sizes: Mapping[str, Any], missing: Mapping[str, u.Quantity | str], energy: EnergyAxis | None
) -> tuple[dict[str, u.Quantity], NDArray[np.bool_], str]:
    """The sizes of all rows, NaN where they are missing; the rows that got one from `missing`; and their origin."""
    angles: dict[str, u.Quantity] = {}
    filled = np.zeros(len(table), dtype=np.bool_)
    origins = ""
    for name, given in sizes.items():
        angles[name], origin = _sizes(table, name, given, None if name == "position_angle" else energy)
        origins += origin
        if name in missing:
            angles[name], these = _filled(name, angles[name], missing[name], len(table))
            filled |= these
    return angles, filled, origins


def _loaded(table: Any, lon: str | None, lat: str | None, n_threads: int | None) -> tuple[Table, str, str]:
    """A catalog as a Table, its name, and the digest of its file."""
    if not isinstance(table, str | PathLike):
        data, source = files.load(table, lon, lat)
        return data, source, ""

    def digest(path: Path) -> str:
        return f", sha256 {digest_of(path)}"

    with local_file(table) as path:
        # For a FITS file, the digest takes about a quarter of the time of reading it: it gets a thread of its own.
        works: tuple[Callable[[], Any], ...] = (lambda: files.load(path, lon, lat), lambda: digest(path))
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


def columns_needed(
    example: Table,
    sizes: Mapping[str, Any],
    *,
    where: Any = None,
    lon: str | None = None,
    lat: str | None = None,
    catalog_frame: str | None = None,
    epoch: Any = None,
    catalog_epoch: Any = None,
    motion: tuple[str, str] | None = None,
    energy: EnergyAxis | None = None,
    source: str,
) -> tuple[list[str], list[str]]:
    """The columns of a catalog that `read_rows` needs, and those of them that the sizes need.

    Parameters
    ----------
    example : `~astropy.table.Table`
        A few rows with all columns.
    sizes, where, lon, lat, catalog_frame, epoch, catalog_epoch, motion, energy
        As in `read_rows`.
    source : str
        The name of the catalog in messages.
    """
    position = columns.find_position(example, lon, lat, catalog_frame, source)
    of_sizes: set[str] = set()
    for name, given in sizes.items():
        if callable(given):
            arguments = () if energy is None or name == "position_angle" else (energy,)
            of_sizes |= columns_used(example, partial(_called, given, arguments))
        elif isinstance(given, str) and given in example.colnames:
            of_sizes.add(given)
    needed = of_sizes | set(position.names)
    if where is not None:
        needed |= columns_used(example, lambda table: rows_where(table, where))
    if epoch is not None:
        needed |= columns_of_motion(example, position, catalog_epoch, motion)
    return tuple([name for name in example.colnames if name in some] for some in (needed, of_sizes))  # type: ignore[return-value]


def _called(function: Callable[..., Any], arguments: tuple[Any, ...], table: Table) -> Any:
    return function(table, *arguments)


# ---------------------------------------------------------------------- sizes

# The largest value of each size in degrees, and whether a shape may have that value, or 0.
_LIMITS: dict[str, tuple[float, bool]] = {
    "radius": (180.0, True),
    "inner_radius": (180.0, True),
    "outer_radius": (180.0, True),
    "semi_major": (90.0, False),
    "semi_minor": (90.0, False),
    "width": (180.0, False),
    "height": (180.0, False),
}

# Of two sizes, the one that must be smaller, and whether it may be equal.
_PAIRS = (("inner_radius", "outer_radius", False), ("semi_minor", "semi_major", True))


def _noun(name: str) -> str:
    """A size in messages, such as "a semi-major axis"."""
    noun = {"semi_major": "semi-major axis", "semi_minor": "semi-minor axis"}.get(name, name.replace("_", " "))
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _sizes(table: Table, name: str, given: Any, energy: EnergyAxis | None) -> tuple[u.Quantity, str]:
    """The sizes, NaN where they are missing, and their origin for the history."""
    if isinstance(given, str):
        if given in table.colnames:
            return _fitting(name, _column_angles(table, name, given), table), f", {name} of column {given!r}"
        try:
            angle = as_angle(given, name)
        except ValueError as error:
            raise ValueError(
                f"{name} {given!r} is neither an angle such as '0.3 deg' nor a column of the table, "
                f"which has {listed(table.colnames)}"
            ) from error
        return _fitting(name, angle, table), ""
    if callable(given):
        by = getattr(given, "__name__", type(given).__name__)
        return _fitting(name, _returned(table, name, given, by, energy), table), f", {name} by {by}"
    return _fitting(name, _angles(given, name), table), ""


def _returned(table: Table, name: str, function: Callable[..., Any], by: str, energy: EnergyAxis | None) -> u.Quantity:
    """The angles that a function returns; with energy bins, of shape (n, n_bins)."""
    arguments = (_with_nan(table),) if energy is None else (_with_nan(table), energy)
    _check_takes(name, function, by, arguments)
    what = f"the result of {name} ({by})"
    angles = _angles(function(*arguments), what)
    if energy is None:
        return angles
    shape = len(table), energy.n_bins
    try:
        return np.broadcast_to(angles, shape, subok=True)
    except ValueError:
        rows = f": {_noun(name)} for each row has the shape (n, 1)" if angles.shape == shape[:1] else ""
        raise ValueError(
            f"{what} must broadcast to {shape}, rows and bins, got the shape {angles.shape}{rows}"
        ) from None


def _check_takes(name: str, function: Callable[..., Any], by: str, arguments: tuple[Any, ...]) -> None:
    """Raise a TypeError if a function cannot be called with the arguments. If its signature is not known, it may be."""
    try:
        form = signature(function)
    except (TypeError, ValueError):  # some built-in functions
        return
    try:
        form.bind(*arguments)
    except TypeError as error:
        what = (
            "the table and the energy axis, as lambda table, axis: ..."
            if len(arguments) > 1
            else "the table, as the mask has no energy bins (energy=axis gives it some)"
        )
        raise TypeError(f"{name} ({by}) is called with {what}: {error}") from error


def _angles(value: Any, argument: str) -> u.Quantity:
    """`value` as angles, NaN where they are masked."""
    if isinstance(value, Masked) and isinstance(value, u.Quantity):
        value = float64(value).filled(np.nan)
    return as_angle(value, argument)


def _column_angles(table: Table, size: str, name: str) -> u.Quantity:
    column = table[name]
    unit = getattr(column, "unit", None)
    if unit is None:
        raise ValueError(
            f"column {name!r} has no unit, and {_noun(size)} is not guessed to be in degrees: set "
            f"table[{name!r}].unit, or give {size}=lambda table: table[{name!r}] * u.deg"
        )
    if not u.Unit(unit, parse_strict="silent").is_equivalent(u.rad):
        raise ValueError(f"{_noun(size)} is an angle, but column {name!r} is in {str(unit)!r}")
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


def _fitting(name: str, angles: u.Quantity, table: Table) -> u.Quantity:
    """`angles`, if their shape is valid, and their values as well if they apply to all rows."""
    n = len(table)
    if name == "position_angle" and angles.shape not in ((), (n,)):
        raise ValueError(f"position_angle must be a scalar or have the shape ({n},), got {angles.shape}")
    per_bin = angles.ndim == 2 and angles.shape[0] == 1
    if angles.ndim > 2 or (angles.ndim and not _is_per_row(angles, n) and not per_bin):
        raise ValueError(
            f"{name} must be a scalar or have the shape ({n},), ({n}, n_bins) or (1, n_bins), got {angles.shape}"
        )
    if not _is_per_row(angles, n) and (not np.isfinite(angles).all() or np.any(_out_of_limits(name, angles))):
        raise ValueError(f"{name} must be {_limits_text(name)}, got {angles}")
    return angles


def _out_of_limits(name: str, angles: u.Quantity) -> NDArray[np.bool_]:
    """Which angles no shape can have. A position angle may have any value."""
    if name not in _LIMITS:
        return np.zeros(angles.shape, dtype=np.bool_)
    most, closed = _LIMITS[name]
    degrees = angles.to_value(u.deg)
    return np.asarray((degrees < 0) | (degrees > most) if closed else (degrees <= 0) | (degrees >= most))


def _limits_text(name: str) -> str:
    if name not in _LIMITS:
        return "finite"
    most, closed = _LIMITS[name]
    return f"between 0 and {most:g} deg" if closed else f"above 0 and below {most:g} deg"


def _filled(
    name: str, sizes: u.Quantity, missing: u.Quantity | str, n_rows: int
) -> tuple[u.Quantity, NDArray[np.bool_]]:
    """The sizes with `missing` in place of NaN, and the rows that this changes."""
    missing = as_angle(missing, "missing")
    if np.any(_out_of_limits(name, missing)):
        raise ValueError(f"missing must be {_limits_text(name)}, got {missing}")
    if not _is_per_row(sizes, n_rows):
        raise ValueError(f"missing is for rows without {_noun(name)}, but all rows have the same {name}")
    if missing.shape not in ((), sizes.shape[1:]):
        bins = f", or have the shape {sizes.shape[1:]}" if sizes.ndim > 1 else ""
        raise ValueError(f"missing must be a single angle{bins}, got the shape {missing.shape}")
    empty = np.isnan(sizes) & ~np.isnan(missing)
    return np.where(empty, missing, sizes), empty if empty.ndim == 1 else empty.any(axis=1)


def _is_per_row(angles: u.Quantity, n_rows: int) -> bool:
    return bool(angles.ndim > 0 and angles.shape[0] == n_rows)


# ---------------------------------------------------------------------- rows

Problem = tuple[str, NDArray[np.bool_]]


def _problems(
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    sizes: Mapping[str, u.Quantity],
    laws: Mapping[str, list[Problem]],
) -> list[Problem]:
    """The possible faults of a row, and the rows that have them. `laws` are the reasons for sizes that are missing."""
    finite = np.isfinite(lon) & np.isfinite(lat)
    problems = [
        ("a position that is missing or not finite", ~finite),
        ("a latitude beyond 90 deg", finite & (np.abs(lat) > 90)),
    ]
    for name, angles in sizes.items():
        if _is_per_row(angles, lon.size):
            by_row = _by_row(angles, lon.size)
            finite = np.isfinite(by_row)
            missing = ~finite.all(axis=1)
            for what, rows in laws.get(name, []):
                problems.append((what, rows & missing))
                missing = missing & ~rows
            wrong = finite & _out_of_limits(name, by_row)
            problems += [
                (f"{_noun(name)} that is missing or not finite", missing),
                (f"{_noun(name)} that is not {_limits_text(name)}", wrong.any(axis=1)),
            ]
    for small, large, may_equal in _PAIRS:
        if small in sizes and large in sizes:
            one, two = _by_row(sizes[small], lon.size), _by_row(sizes[large], lon.size)
            # As in the check of the shapes: numbers of single precision may differ in their last digits.
            above = one > two * (1 + 1e-6) if may_equal else one >= two
            rule = "above" if may_equal else "not below"
            problems.append(
                (
                    f"{_noun(small)} {rule} {_noun(large).replace('an ', 'the ').replace('a ', 'the ')}",
                    above.any(axis=1),
                )
            )
    return problems


def _by_row(angles: u.Quantity, n_rows: int) -> u.Quantity:
    """Angles of shape (n, n_bins) or (n, 1)."""
    columns = angles if angles.ndim == 2 else angles.reshape(-1, 1)
    return np.broadcast_to(columns, (n_rows, columns.shape[1]), subok=True)


def listed_faults(faults: Faults) -> str:
    """What is wrong with rows, for a message."""
    reasons = []
    for what, rows in faults:
        some = ", ".join(map(str, rows[:10])) + (", ..." if rows.size > 10 else "")
        reasons.append(f"{what} in {rows.size} (row{'s' if rows.size > 1 else ''} {some})")
    return "; ".join(reasons)
