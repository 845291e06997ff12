"""The two frames a mask may live in, and the way from sky positions to angles in them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import BaseCoordinateFrame, CartesianRepresentation, SkyCoord
from numpy.typing import NDArray

from hpmask.arguments import as_quantity

__all__ = [
    "FRAMES",
    "as_angle",
    "as_skycoord",
    "check_frame",
    "lonlat",
    "rotation",
    "rotation_of",
    "to_lonlat",
    "unit_vectors",
]

FRAMES = ("icrs", "galactic")


def check_frame(frame: str) -> str:
    """`frame`, if a mask can have it.

    Raises
    ------
    ValueError
        If it is neither "icrs" nor "galactic".
    """
    if not isinstance(frame, str) or frame.lower() not in FRAMES:
        raise ValueError(f"frame must be 'icrs' or 'galactic', got {frame!r}")
    return frame.lower()


@cache
def rotation(source: str, target: str) -> NDArray[np.float64]:
    """Matrix that takes unit vectors from one frame of `FRAMES` to the other, shape (3, 3)."""
    return rotation_of(source, target)


def rotation_of(source: str | BaseCoordinateFrame, target: str) -> NDArray[np.float64]:
    """Matrix that takes unit vectors from a frame to one of `FRAMES`, shape (3, 3), read-only.

    `source` is fixed to `target` by a rotation alone: ICRS, Galactic or FK5 of any equinox.
    """
    axes = SkyCoord(CartesianRepresentation(np.eye(3)), frame=source)
    matrix = axes.transform_to(target).cartesian.xyz.value
    # Orthonormal to the last bit that astropy's chain of matrices leaves.
    left, _, right = np.linalg.svd(matrix)
    result = np.ascontiguousarray(left @ right)
    result.flags.writeable = False
    return result


def to_lonlat(coord: SkyCoord, frame: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude of `coord` in `frame`, in radians, contiguous, in the shape of `coord`.

    Raises
    ------
    TypeError
        If `coord` is not a SkyCoord or another astropy coordinate.
    ValueError
        If a position is not finite or is masked (the message names the first such row), or its frame has no
        way to `frame`.
    """
    coord = as_skycoord(coord, "coord")
    if coord.frame.name != frame:
        try:
            coord = coord.transform_to(frame)
        except Exception as error:
            raise ValueError(
                f"positions in {coord.frame.name!r} cannot be brought to {frame!r}: {error}"
            ) from error
    spherical = coord.spherical
    lon, lon_ok = _usable(spherical.lon)
    lat, lat_ok = _usable(spherical.lat)
    usable = lon_ok & lat_ok
    if not usable.all():
        bad = np.flatnonzero(~usable.ravel())
        raise ValueError(
            f"positions must be finite, {bad.size} of {usable.size} are not, the first in row {bad[0]}"
        )
    return lon, lat


def _usable(angle: u.Quantity) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Radians, and which of them are finite and not masked."""
    values = np.asarray(angle.to_value(u.rad), dtype=np.float64, order="C")
    return values, np.isfinite(values) & ~np.asarray(getattr(angle, "mask", False))


def unit_vectors(lon: Any, lat: Any) -> NDArray[np.float64]:
    """Unit vectors of longitudes and latitudes in radians, the components on one axis more."""
    x, y, z = np.broadcast_arrays(np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat))
    return np.stack([x, y, z], axis=-1)


def lonlat(vectors: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitudes (-pi to pi) and latitudes, in radians, of vectors of any length, shape (..., 3)."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))


def as_skycoord(coord: SkyCoord, argument: str) -> SkyCoord:
    """`coord` as a SkyCoord; the error names `argument`."""
    if isinstance(coord, SkyCoord):
        return coord
    try:
        return SkyCoord(coord)
    except Exception as error:
        raise TypeError(f"{argument} must be a SkyCoord, got {type(coord).__name__}: {coord!r}") from error


def as_angle(angle: u.Quantity | str, argument: str) -> u.Quantity:
    """`angle` as a Quantity of angle; the error names `argument`.

    Raises
    ------
    TypeError
        If it is a bare number.
    ValueError
        If its unit is not one of angle, or the string is no angle.
    """
    angle = as_quantity(angle, argument, "an angle", "0.3 deg")
    if angle.unit == u.dimensionless_unscaled:
        example = f", such as '{angle.value:g} deg'" if angle.isscalar else ""
        raise ValueError(f"{argument} must be an angle with a unit{example}, got {angle.value} without one")
    if not angle.unit.is_equivalent(u.rad):
        raise ValueError(f"{argument} must be an angle, got the unit {angle.unit.to_string()!r}")
    return angle
