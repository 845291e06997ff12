"""Positions in a mask: `contains`, which searches an index of the ranges."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from hpmask._kernels import cells as _kernel
from hpmask._utils.parallel import thread_count, thread_map
from hpmask.core.rangeset import RangeSet, index_of
from hpmask.energy.axis import EnergyAxis
from hpmask.energy.units import as_energy
from hpmask.geometry import frames

__all__ = ["NO_ROTATION", "angles_of", "contains", "contains_lonlat"]

# Positions in one step: their cell numbers stay in the processor's cache. A thread takes at least one step.
_CHUNK = 1 << 15
# Stands for "no rotation" in the kernels.
NO_ROTATION = np.empty((0, 3))


def contains(
    planes: Sequence[RangeSet],
    order: int,
    frame: str,
    energy: EnergyAxis | None,
    coord: SkyCoord,
    at_energy: u.Quantity | str | None,
    *,
    n_threads: int | None = None,
) -> Any:
    """See `hpmask.Mask.contains`."""
    lon, lat, unit, matrix, shape = angles_of(coord, frame)
    bins = None
    if at_energy is not None and energy is not None:
        bins = energy.bin_of(at_energy)
    elif at_energy is not None:
        bins = np.zeros(as_energy(at_energy, "energy").shape, dtype=np.intp)
    distinct = list({id(plane): plane for plane in planes}.values())
    answers, bad = _answers(distinct, order, lon, lat, unit, matrix, n_threads=n_threads)
    if bad >= 0:
        frames.check_finite(lon.reshape(shape) * unit, lat.reshape(shape) * unit, "coord")
    answers = answers.reshape(len(distinct), *shape)
    place = {id(plane): k for k, plane in enumerate(distinct)}
    rows = np.array([place[id(plane)] for plane in planes])
    if bins is None:
        return _plain(answers[rows] if energy is not None else answers[0])
    if energy is None:
        return _plain(np.broadcast_arrays(answers[0], bins)[0].copy())
    return _plain(_pick(answers, rows, bins))


def _pick(answers: NDArray[np.bool_], rows: NDArray[np.intp], bins: NDArray[np.intp]) -> NDArray[np.bool_]:
    """The answer for each position in the plane of its bin; False outside all bins."""
    shape = np.broadcast_shapes(answers.shape[1:], bins.shape)
    each = np.array([np.broadcast_to(answer, shape) for answer in answers])
    bins = np.broadcast_to(bins, shape)
    picked = np.take_along_axis(each, rows[np.maximum(bins, 0)][np.newaxis], axis=0)[0]
    return np.asarray(picked & (bins >= 0))


def _plain(answer: NDArray[np.bool_]) -> Any:
    return bool(answer) if answer.ndim == 0 else answer


def contains_lonlat(
    planes: Sequence[RangeSet],
    order: int,
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    *,
    matrix: NDArray[np.float64] | None = None,
    n_threads: int | None = 1,
) -> NDArray[np.bool_]:
    """Whether positions are in each of several sets. A position that is not finite is in none of them.

    Parameters
    ----------
    planes : sequence of RangeSet
        The sets.
    order : int
        The finest of their orders.
    lon, lat : numpy.ndarray of float, one shape
        Radians.
    matrix : numpy.ndarray of float, shape (3, 3), optional
        Rotation of unit vectors from the frame of the positions to the frame of the sets.
    n_threads : int, optional
        Number of threads; None is that of `hpmask.set_num_threads`.

    Returns
    -------
    numpy.ndarray of bool, shape (n_planes, ...)
    """
    matrix = NO_ROTATION if matrix is None else np.ascontiguousarray(matrix, dtype=np.float64)
    answers, _ = _answers(planes, order, _flat(lon), _flat(lat), 1.0, matrix, n_threads=n_threads)
    return answers.reshape(len(planes), *np.shape(lon))


def angles_of(
    coord: SkyCoord, frame: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, NDArray[np.float64], tuple[int, ...]]:
    """Longitudes and latitudes of positions, and their rotation to `frame`, for the kernels.

    The angles stay in the frame and the unit of `coord`, because a copy of millions of positions costs time.

    Returns
    -------
    lon, lat : numpy.ndarray of float, shape (n,)
        Angles, flat.
    unit : float
        Their unit, in radians.
    matrix : numpy.ndarray of float, shape (3, 3) or (0, 3)
        Rotation of unit vectors to `frame`; `NO_ROTATION` if there is none.
    shape : tuple of int
        Shape of `coord`.
    """
    there = frames.directions(coord, "coord")
    matrix = NO_ROTATION
    if there.name in frames.FRAMES and there.name != frame:
        matrix = frames.rotation(there.name, frame)
    else:
        there = frames.turned(there, frame, "coord")
    unit = there.data.lat.unit
    lon, lat = (_flat(angle.to_value(unit)) for angle in (there.data.lon, there.data.lat))
    return lon, lat, float(unit.to(u.rad)), matrix, there.shape


def _flat(values: Any) -> NDArray[np.float64]:
    """Values as a flat contiguous array."""
    return np.ascontiguousarray(values, dtype=np.float64).reshape(-1)


def _answers(
    planes: Sequence[RangeSet],
    order: int,
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    unit: float,
    matrix: NDArray[np.float64],
    *,
    n_threads: int | None,
) -> tuple[NDArray[np.bool_], int]:
    """Whether each position is in each plane, shape (n_planes, n), and the first row that is not finite (or -1)."""
    n = lon.size
    out = np.empty((len(planes), n), dtype=np.bool_)
    indices = [index_of(plane) for plane in planes]

    def work(part: slice) -> int:
        numbers = np.empty(min(_CHUNK, part.stop - part.start), dtype=np.uint64)
        first = -1
        for start in range(part.start, part.stop, _CHUNK):
            chunk = slice(start, min(start + _CHUNK, part.stop))
            some = numbers[: chunk.stop - chunk.start]
            bad = _kernel.numbers(lon[chunk], lat[chunk], unit, order, matrix, some)
            if bad >= 0 and first < 0:
                first = start + bad
            for k, index in enumerate(indices):
                index.inside(some, out[k, chunk].view(np.uint8))
        return first

    threads = min(thread_count(n_threads), -(-n // _CHUNK))
    if threads <= 1:
        return out, work(slice(0, n))
    cuts = np.linspace(0, n, threads + 1).astype(int)
    parts = [slice(int(a), int(b)) for a, b in pairwise(cuts)]
    bad = [first for first in thread_map(work, parts, threads) if first >= 0]
    return out, min(bad, default=-1)
