"""Energy bins of a mask and of a gammapy geometry: which is which."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask._utils.words import counted
from hpmask.energy.axis import EnergyAxis, difference

__all__ = ["bins_at_centres", "bins_by_edges", "energy_axis"]

_NAMES = ("energy", "energy_true")


def energy_axis(geom: Any, name: str | None = None) -> Any:
    """The energy axis of a geometry: the one called `name`, else its only one; None if it has none.

    Raises
    ------
    ValueError
        If it has both "energy" and "energy_true", and `name` is neither.
    """
    found = [axis for axis in geom.axes if axis.name in {name, *_NAMES}]
    named = [axis for axis in found if axis.name == name]
    if len(found) > 1 and not named:
        names = " and ".join(repr(axis.name) for axis in found)
        raise ValueError(
            f"geom has the axes {names}, and the mask's energy axis is called {name!r}: name it as one of them"
        )
    return (named or found or [None])[0]


def bins_by_edges(energy: EnergyAxis | None, geom: Any) -> NDArray[np.intp]:
    """The bin of a mask for each energy bin of a geometry, shape (n_bins,), or (1,) if the geometry has no energy.

    Edges that are equal within a relative 1e-6 match, in increasing or decreasing order; the names of the axes need
    not, as a geometry has one energy axis. A mask without energy has its one plane everywhere.

    Raises
    ------
    ValueError
        If the bins do not match; the message shows both axes.
    """
    axis = energy_axis(geom, energy.name if energy is not None else None)
    if axis is None:
        if energy is None:
            return np.zeros(1, dtype=np.intp)
        raise ValueError(
            f"geom has no energy axis, but the mask has {counted(energy.n_bins, 'bin')}: make one sky of them with "
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
            "resample_energy brings the mask to the bins of geom"
        )
    return bins


def bins_at_centres(energy: EnergyAxis | None, geom: Any) -> NDArray[np.intp]:
    """The bin of a mask at the middle of each energy bin of a geometry, -1 where there is none.

    gammapy's rule for maps on other bins than their own. A mask of one bin holds for a geometry without energy.
    """
    axis = energy_axis(geom, energy.name if energy is not None else None)
    if energy is None or (axis is None and energy.n_bins == 1):
        return np.zeros(1 if axis is None else axis.nbin, dtype=np.intp)
    if axis is None:
        return bins_by_edges(energy, geom)
    return np.asarray(energy.bin_of(u.Quantity(axis.center)), dtype=np.intp)
