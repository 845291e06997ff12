"""Proper motions: the positions of a catalog at another epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, UnitSphericalCosLatDifferential, UnitSphericalRepresentation
from astropy.table import Table
from astropy.time import Time
from numpy.typing import NDArray

from hpmask._utils.words import listed
from hpmask.catalog.columns import Position, numbers

__all__ = ["at_epoch", "columns_of_motion"]

Floats = NDArray[np.float64]

# Usual names of the columns of proper motions, in lower case. The first one includes the factor cos(latitude).
_EQUATORIAL = (
    ("pmra", "pmdec"),
    ("pmra", "pmde"),
    ("pm_ra", "pm_dec"),
    ("pm_ra", "pm_de"),
    ("pmra_cosdec", "pmdec"),
    ("pm_ra_cosdec", "pm_dec"),
    ("mura", "mudec"),
    ("mu_ra", "mu_dec"),
)
_GALACTIC = (("pml", "pmb"), ("pm_l", "pm_b"), ("pmglon", "pmglat"), ("pm_l_cosb", "pm_b"))
_UCDS = {"pos.pm;pos.eq.ra": 0, "pos.pm;pos.eq.dec": 1}
_EPOCHS = ("ref_epoch",)
_RATE = u.mas / u.yr


def at_epoch(
    table: Table,
    position: Position,
    lon: Floats,
    lat: Floats,
    epoch: Any,
    *,
    catalog_epoch: Any = None,
    motion: tuple[str, str] | None = None,
) -> tuple[Floats, Floats, str, int]:
    """Positions at an epoch, by the proper motions of a table.

    The direction of a star that moves uniformly, without a radial velocity and far away, is that of the vector
    ``p + mu * t``, with mu the tangent vector of the proper motion (ESA 1997, The Hipparcos Catalogue, volume 1,
    section 1.5.5).

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.
    position : Position
        Its columns of positions.
    lon, lat : numpy.ndarray of float, shape (n,)
        Positions in degrees.
    epoch : `~astropy.time.Time` or str
        The epoch of the result, such as "J2026.5".
    catalog_epoch : `~astropy.time.Time` or str, optional
        The epoch of the positions, or the name of a column of Julian years. By default, the column ``ref_epoch``, or
        the ``obstime`` of a column of SkyCoord.
    motion : tuple of str, optional
        The columns of the proper motions along longitude, with the factor cos(latitude), and along latitude.

    Returns
    -------
    lon, lat : numpy.ndarray of float, shape (n,)
        Positions in degrees. A row without a proper motion or an epoch stays where it is.
    text : str
        For the history.
    n_still : int
        The number of such rows.

    Raises
    ------
    ValueError
        If an epoch is not known, or columns are not found or have a wrong unit.
    """
    target = _years(epoch, "epoch")
    if len(position.names) == 1 and motion is None:
        along_lon, along_lat, given = _of_skycoord(table[position.names[0]], position.names[0])
        names: tuple[str, ...] = position.names
    else:
        names = motion or _found(table, position)
        along_lon, along_lat = (_rates(table, name) for name in names)
        given = None
    start = _catalog_years(table, catalog_epoch, given)
    years = target - start
    moving = np.isfinite(along_lon) & np.isfinite(along_lat) & np.isfinite(years)
    step = np.where(moving, years, 0.0)
    east, north = (step * np.where(moving, along, 0.0) for along in (along_lon, along_lat))
    sin_lat, cos_lat = np.sin(np.radians(lat)), np.cos(np.radians(lat))
    # The vector in the axes of the star's own meridian.
    x, z = cos_lat - north * sin_lat, sin_lat + north * cos_lat
    new_lon = (lon + np.degrees(np.arctan2(east, x))) % 360.0
    new_lat = np.degrees(np.arctan2(z, np.hypot(x, east)))
    changed = moving & (years != 0)
    text = f"moved to J{target:.6g} by {' and '.join(names)}"
    still = int(np.count_nonzero(~moving))
    return np.where(changed, new_lon, lon), np.where(changed, new_lat, lat), text, still


def columns_of_motion(table: Table, position: Position, catalog_epoch: Any, motion: tuple[str, str] | None) -> set[str]:
    """The columns of a table that `at_epoch` needs.

    Raises
    ------
    ValueError
        If no columns of proper motions are found.
    """
    of_coord = len(position.names) == 1 and motion is None
    needed = set(position.names if of_coord else motion or _found(table, position))
    if isinstance(catalog_epoch, str) and catalog_epoch in table.colnames:
        needed.add(catalog_epoch)
    if catalog_epoch is None:
        needed.update(name for name in table.colnames if name.lower() in _EPOCHS)
    return needed


def _years(epoch: Any, argument: str) -> float:
    """An epoch in Julian years."""
    try:
        time = epoch if isinstance(epoch, Time) else Time(epoch)
        if time.isscalar:
            return float(time.jyear)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{argument} must be an epoch such as 'J2026.5' or a Time, got {epoch!r}: {error}") from error
    raise ValueError(f"{argument} must be a single epoch, got the shape {time.shape}")


def _catalog_years(table: Table, catalog_epoch: Any, given: Any) -> Any:
    """The epoch of the positions in Julian years, one for all rows or one for each."""
    if isinstance(catalog_epoch, str) and catalog_epoch in table.colnames:
        return _column_years(table, catalog_epoch)
    if catalog_epoch is not None:
        return _years(catalog_epoch, "catalog_epoch")
    if given is not None:
        return np.asarray(given.jyear, dtype=np.float64)
    name = next((name for name in table.colnames if name.lower() in _EPOCHS), None)
    if name is None:
        raise ValueError(
            "the epoch of the positions is not known: give it by catalog_epoch, such as 'J2016.0', or by the name of "
            "a column of years"
        )
    return _column_years(table, name)


def _column_years(table: Table, name: str) -> Floats:
    column = table[name]
    if isinstance(column, Time):
        return np.asarray(column.jyear, dtype=np.float64)
    unit = getattr(column, "unit", None)
    if unit is not None and str(unit) not in ("", "yr", "a"):
        raise ValueError(f"column {name!r} must hold years, such as 2016.0, but its unit is {str(unit)!r}")
    return numbers(column, name)


def _rates(table: Table, name: str) -> Floats:
    """A column of proper motions in radians per year."""
    if name not in table.colnames:
        raise ValueError(f"motion names {name!r}, which is not a column of the table")
    unit = getattr(table[name], "unit", None)
    if unit is None or str(unit) == "":
        raise ValueError(f"column {name!r} of proper motions has no unit: set table[{name!r}].unit, such as 'mas / yr'")
    known = u.Unit(unit, parse_strict="silent")
    if not known.is_equivalent(_RATE):
        raise ValueError(f"column {name!r} must hold proper motions, such as in mas / yr, but is in {str(unit)!r}")
    return np.asarray((numbers(table[name], name) * known).to_value(u.rad / u.yr))


def _found(table: Table, position: Position) -> tuple[str, str]:
    """The columns of proper motions, by their UCDs or usual names."""
    is_galactic = str(position.frame) == "galactic"
    by_ucd: dict[int, str] = {}
    for name in table.colnames:
        ucd = str((getattr(table[name].info, "meta", None) or {}).get("ucd", "")).strip().lower()
        if not is_galactic and ucd in _UCDS:
            by_ucd.setdefault(_UCDS[ucd], name)
    if len(by_ucd) == 2:
        return by_ucd[0], by_ucd[1]
    names = {name.lower(): name for name in reversed(table.colnames)}
    for lon, lat in _GALACTIC if is_galactic else _EQUATORIAL:
        if lon in names and lat in names:
            return names[lon], names[lat]
    raise ValueError(
        "no columns of proper motions are known by their names or UCDs: name them by motion=('pmRA', 'pmDE'), the "
        f"first with the factor cos(latitude). The columns are {listed(table.colnames)}"
    )


def _of_skycoord(coord: SkyCoord, name: str) -> tuple[Floats, Floats, Time | None]:
    """The proper motions of a column of SkyCoord in radians per year, and its obstime."""
    if "s" not in coord.data.differentials:
        raise ValueError(f"column {name!r} holds SkyCoords without proper motions")
    data = coord.frame.represent_as(UnitSphericalRepresentation, s=UnitSphericalCosLatDifferential)
    motion = data.differentials["s"]
    rates = (np.asarray(rate.to_value(u.rad / u.yr)) for rate in (motion.d_lon_coslat, motion.d_lat))
    return (*rates, coord.obstime)
