"""Positions in a mask: `contains`, which searches an index of the ranges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask.core.positions import Positions
from hpmask.core.rangeset import RangeSet, index_of
from hpmask.energy.axis import EnergyAxis
from hpmask.energy.units import as_energy

__all__ = ["bins_at", "contains", "contains_lonlat"]


def contains(
    planes: Sequence[RangeSet],
    order: int,
    energy: EnergyAxis | None,
    positions: Positions,
    at_energy: u.Quantity | str | None,
    *,
    invalid: str = "raise",
    n_threads: int | None = None,
) -> Any:
    """See `hpmask.Mask.contains`."""
    bins = None if at_energy is None else bins_at(energy, at_energy, invalid)
    distinct = list({id(plane): plane for plane in planes}.values())
    answers = _answers(distinct, order, positions, invalid=invalid, n_threads=n_threads)
    place = {id(plane): k for k, plane in enumerate(distinct)}
    rows = np.array([place[id(plane)] for plane in planes])
    if bins is None:
        return _plain(answers[rows] if energy is not None else answers[0])
    if energy is None:
        return _plain(np.asarray(answers[0] & (bins >= 0)))
    return _plain(_pick(answers, rows, bins))


def bins_at(energy: EnergyAxis | None, at_energy: u.Quantity | str, invalid: str) -> NDArray[np.intp]:
    """The bin of each energy, -1 outside all of them and for a NaN that may be skipped; 0 for a mask without energy."""
    missing = None
    if invalid == "skip" and isinstance(at_energy, u.Quantity):
        missing = np.isnan(at_energy)
        at_energy = np.where(missing, 1 * at_energy.unit, at_energy)
    bins = (
        energy.bin_of(at_energy)
        if energy is not None
        else np.zeros(as_energy(at_energy, "energy").shape, dtype=np.intp)
    )
    return bins if missing is None else np.where(missing, -1, bins)


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
    return _answers(planes, order, Positions.of_angles(lon, lat, matrix=matrix), invalid="skip", n_threads=n_threads)


def _answers(
    planes: Sequence[RangeSet], order: int, positions: Positions, *, invalid: str, n_threads: int | None
) -> NDArray[np.bool_]:
    """Whether each position is in each plane, shape (n_planes, ...)."""
    out = np.empty((len(planes), positions.size), dtype=np.bool_)
    indices = [index_of(plane) for plane in planes]

    def work(rows: slice, numbers: NDArray[np.uint64]) -> None:
        for k, index in enumerate(indices):
            index.inside(numbers, out[k, rows].view(np.uint8))

    positions.look_up(order, work, invalid=invalid, n_threads=n_threads)
    return out.reshape(len(planes), *positions.shape)
