"""The two frames of masks, ICRS and Galactic, and positions given by users as angles in these frames."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import (
    ICRS,
    BaseCoordinateFrame,
    BaseRepresentation,
    CartesianRepresentation,
    Galactocentric,
    SkyCoord,
    SphericalRepresentation,
    UnitSphericalRepresentation,
)
from numpy.typing import NDArray

from hpmask._utils.arguments import float64, unmasked
from hpmask._utils.words import shown

__all__ = [
    "COORDSYS",
    "FRAMES",
    "as_skycoord",
    "check_finite",
    "check_frame",
    "directions",
    "lonlat",
    "own_angles",
    "rotation",
    "rotation_of",
    "seen",
    "to_lonlat",
    "turned",
    "unit_vectors",
]

FRAMES = ("icrs", "galactic")
# The frames in the keyword COORDSYS of HEALPix files and MOCs.
COORDSYS = {"icrs": "C", "galactic": "G"}

# At this distance, the direction of a point does not depend on the position of the observer, to the last bit.
_FAR = 1e20 * u.kpc


def check_frame(frame: str) -> str:
    """`frame` in lower case, checked: a frame of masks.

    Raises
    ------
    ValueError
        If it is not "icrs" or "galactic".
    """
    if not isinstance(frame, str) or frame.lower() not in FRAMES:
        raise ValueError(f"frame must be 'icrs' or 'galactic', got {frame!r}")
    return frame.lower()


@cache
def rotation(source: str, target: str) -> NDArray[np.float64]:
    """Rotation matrix for unit vectors from one frame of `FRAMES` to another, shape (3, 3), read-only."""
    return rotation_of(source, target)


def rotation_of(source: str | BaseCoordinateFrame, target: str) -> NDArray[np.float64]:
    """Rotation matrix for unit vectors from a frame to one of `FRAMES`, shape (3, 3), read-only.

    `source` must differ from `target` by a rotation only: ICRS, Galactic, or FK5 of any equinox.
    """
    axes = SkyCoord(CartesianRepresentation(np.eye(3)), frame=source)
    matrix = axes.transform_to(target).cartesian.xyz.value
    # astropy's product of matrices is orthonormal to some bits only.
    left, _, right = np.linalg.svd(matrix)
    result = np.ascontiguousarray(left @ right)
    result.flags.writeable = False
    return result


def to_lonlat(coord: SkyCoord, frame: str, argument: str = "coord") -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude of `coord` in `frame`, in radians, contiguous, in the shape of `coord`.

    A position means the direction in which it is seen, whatever its distance is: see `directions`.

    Raises
    ------
    TypeError
        If `coord` is not a SkyCoord or another astropy coordinate; the error names `argument`.
    ValueError
        If a position is not finite or is masked (the message names the first such row), or astropy cannot transform
        its frame to `frame`.
    """
    seen = turned(directions(coord, argument), frame, argument).data
    lon, lat = (np.asarray(angle.to_value(u.rad), dtype=np.float64, order="C") for angle in (seen.lon, seen.lat))
    check_finite(lon, lat, argument)
    return lon, lat


def directions(coord: SkyCoord, argument: str) -> BaseCoordinateFrame:
    """The directions of positions from the origin of their frame, as float64, in that frame.

    For the Moon in GCRS, this is the direction that astropy prints as RA and Dec, and in which the Moon is seen. If it
    were transformed to ICRS with its distance, the result would be the direction from the barycentre of the solar
    system. Galactocentric is an exception, because nobody observes from its origin: the position in space is
    transformed to ICRS.

    Parameters
    ----------
    coord : `~astropy.coordinates.SkyCoord`
        Positions with or without distances and motions, in any frame.
    argument : str
        Name of the argument in errors.

    Returns
    -------
    `~astropy.coordinates.BaseCoordinateFrame`
        With the attributes of the frame, and with a UnitSphericalRepresentation as data. It shares the arrays of
        `coord` if these are float64.

    Raises
    ------
    TypeError
        If `coord` is not a SkyCoord or another astropy coordinate.
    ValueError
        If a position is masked or has no direction.
    """
    there = as_skycoord(coord, argument).frame
    if isinstance(there, Galactocentric):
        there = _transformed(there, ICRS(), argument)
    lon, lat = (unmasked(angle, argument) for angle in own_angles(there))
    data = there.data
    if type(data) is UnitSphericalRepresentation and lon is data.lon and lat is data.lat:
        return there
    return there.realize_frame(UnitSphericalRepresentation(lon, lat, copy=False))


def own_angles(coord: SkyCoord | BaseCoordinateFrame) -> tuple[u.Quantity, u.Quantity]:
    """Longitude and latitude of positions in their own frame, as float64. Masked positions remain masked."""
    data = coord.data
    if not isinstance(data, UnitSphericalRepresentation | SphericalRepresentation):
        data = _spherical(data)
    lon, lat = float64(data.lon), float64(data.lat)
    if lat is not data.lat:
        # 90 deg in single precision, in radians, is slightly more than 90 deg in double precision.
        lat = np.clip(lat, -90 * u.deg, 90 * u.deg)
    return lon, lat


def _spherical(data: BaseRepresentation) -> SphericalRepresentation:
    """Positions of any other representation, in float64. The direction of the origin is NaN."""
    parts = {name: float64(getattr(data, name)) for name in data.components}
    spherical = type(data)(**parts, copy=False).represent_as(SphericalRepresentation)
    lon = np.where(spherical.distance > 0, spherical.lon, np.nan * u.rad)
    return SphericalRepresentation(lon, spherical.lat, spherical.distance, copy=False)


def turned(there: BaseCoordinateFrame, frame: str, argument: str) -> BaseCoordinateFrame:
    """Directions in another frame; `there` itself if that is its frame.

    Raises
    ------
    ValueError
        If a direction is not finite, or astropy cannot transform its frame to `frame`.
    """
    if there.name == frame:
        return there
    lon, lat = there.data.lon, there.data.lat
    check_finite(lon, lat, argument)
    # Some of astropy's transformations move the origin, and need distances.
    distance = np.broadcast_to(_FAR, lon.shape, subok=True)
    far = there.realize_frame(SphericalRepresentation(lon, lat, distance, copy=False))
    seen = _transformed(far, SkyCoord(0, 0, unit="deg", frame=frame).frame.replicate_without_data(), argument)
    return seen.realize_frame(seen.data.represent_as(UnitSphericalRepresentation))


def _transformed(there: BaseCoordinateFrame, target: BaseCoordinateFrame, argument: str) -> BaseCoordinateFrame:
    try:
        return there.transform_to(target)
    except Exception as error:
        raise ValueError(f"{argument}, in {there.name!r}, cannot be transformed to {target.name!r}: {error}") from error


def seen(coord: SkyCoord, frame: str, argument: str) -> SkyCoord:
    """The `directions` of positions in one of `FRAMES`, for other packages, which would otherwise use the distances."""
    return SkyCoord(turned(directions(coord, argument), frame, argument))


def check_finite(lon: NDArray[np.float64], lat: NDArray[np.float64], argument: str) -> None:
    """Raise a ValueError that names the first position that is not finite, in degrees.

    `lon` and `lat` are Quantities, or arrays in radians.
    """
    bad = np.flatnonzero(~(np.isfinite(lon) & np.isfinite(lat)))
    if not bad.size:
        return
    row = bad[0]
    where = f"{bad.size} of {np.size(lon)} positions are not, the first in row {row}: " if np.ndim(lon) else "got "
    degrees = [u.Quantity(np.ravel(angle)[row], u.rad).to_value(u.deg) for angle in (lon, lat)]
    raise ValueError(f"{argument} must be finite, {where}lon={degrees[0]:.10g} deg, lat={degrees[1]:.10g} deg")


def unit_vectors(lon: Any, lat: Any) -> NDArray[np.float64]:
    """Unit vectors of longitudes and latitudes in radians, shape (..., 3)."""
    x, y, z = np.broadcast_arrays(np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat))
    return np.stack([x, y, z], axis=-1)


def lonlat(vectors: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitudes (-pi to pi) and latitudes, in radians, of vectors of any length and shape (..., 3)."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))


def as_skycoord(coord: SkyCoord, argument: str) -> SkyCoord:
    """`coord` as a SkyCoord; the error names `argument`."""
    if isinstance(coord, SkyCoord):
        return coord
    try:
        return SkyCoord(coord)
    except Exception as error:
        raise TypeError(f"{argument} must be a SkyCoord, got {type(coord).__name__}: {shown(coord)}") from error
