"""Matches the energy bins of a mask with those of a gammapy geometry."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask._utils.words import counted
from hpmask.energy.axis import EnergyAxis, difference

__all__ = ["bins_at_centers", "bins_with_same_edges", "energy_axis_of"]

_NAMES = ("energy", "energy_true")


def energy_axis_of(geom: Any, name: str | None = None) -> Any:
    """The energy axis of a geometry, or None if it has none.

    Where a geometry has both "energy" and "energy_true", `name` decides.

    Raises
    ------
    ValueError
        If the geometry has both axes and `name` is neither.
    """
    found = [axis for axis in geom.axes if axis.name in {name, *_NAMES}]
    named = [axis for axis in found if axis.name == name]
    if len(found) > 1 and not named:
        names = " and ".join(repr(axis.name) for axis in found)
        raise ValueError(
            f"geom has the axes {names}, but the mask's energy axis is called {name!r}: it must have one of these names"
        )
    return (named or found or [None])[0]


def bins_with_same_edges(energy: EnergyAxis | None, geom: Any) -> NDArray[np.intp]:
    """The bin of a mask for each energy bin of a geometry, shape (n_bins,), or (1,) if the geometry has no energy.

    Edges match if they are equal within a relative 1e-6, in increasing or decreasing order. The names of the axes may
    differ, because a geometry has one energy axis. A mask without energy has its one plane in all bins.

    Raises
    ------
    ValueError
        If the bins differ. The message shows both axes.
    """
    axis = energy_axis_of(geom, energy.name if energy is not None else None)
    if axis is None:
        if energy is None:
            return np.zeros(1, dtype=np.intp)
        raise ValueError(
            f"geom has no energy axis, but the mask has {counted(energy.n_bins, 'bin')}: combine them with "
            "reduce('any') or reduce('all')"
        )
    if energy is None:
        return np.zeros(axis.nbin, dtype=np.intp)
    theirs = EnergyAxis(u.Quantity(axis.edges), name=energy.name, interp=energy.interp)
    bins = np.arange(axis.nbin, dtype=np.intp)
    if energy == theirs[::-1]:
        return bins[::-1]
    what = difference(energy, theirs)
    if what is not None:
        raise ValueError(
            f"the energy bins of the mask are not those of geom: {energy} and {theirs}, whose {what}; "
            "resample_energy converts the mask to the bins of geom"
        )
    return bins


def bins_at_centers(energy: EnergyAxis | None, geom: Any) -> NDArray[np.intp]:
    """The bin of a mask at the centre of each energy bin of a geometry, -1 where the mask has none.

    This is gammapy's rule for maps on bins other than their own. A mask with one bin also fits a geometry without
    energy.
    """
    axis = energy_axis_of(geom, energy.name if energy is not None else None)
    if energy is None or (axis is None and energy.n_bins == 1):
        return np.zeros(1 if axis is None else axis.nbin, dtype=np.intp)
    if axis is None:
        return bins_with_same_edges(energy, geom)
    return np.asarray(energy.bin_of(u.Quantity(axis.center)), dtype=np.intp)
