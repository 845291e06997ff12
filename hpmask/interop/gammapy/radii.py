"""Radii that are given under another name than `radius`, checked so that errors name the caller's argument."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u

from hpmask._utils.arguments import as_angle
from hpmask.energy.axis import EnergyAxis
from hpmask.energy.units import per_bin

__all__ = ["checked_radii"]


def checked_radii(value: Any, argument: str, energy: EnergyAxis | None, *, n: int | None = None) -> u.Quantity:
    """Radii for `from_cones`: an angle, a string, or a function of the energy axis.

    Parameters
    ----------
    value : `~astropy.units.Quantity`, str or callable
        What the caller gave.
    argument : str
        The name of the caller's argument, for errors.
    energy : EnergyAxis or None
        The energy bins of the mask.
    n : int, optional
        The number of positions, if each of them may have its own radius.

    Returns
    -------
    `~astropy.units.Quantity`
        Angles from 0 to 180 deg: a scalar or shape (1, n_bins); with `n` also (n,) or (n, n_bins).

    Raises
    ------
    TypeError, ValueError
        If the value is not an angle, its shape does not fit, or an angle is not between 0 and 180 deg.
    """
    angle = as_angle(per_bin(value, energy, argument), argument)
    if callable(value) and angle.ndim == 1:
        # One value for each bin.
        angle = angle[np.newaxis]
    shapes: list[tuple[int, ...]] = [()]
    if n is not None:
        shapes.append((n,))
    if energy is not None:
        shapes += [(rows, energy.n_bins) for rows in dict.fromkeys((1, 1 if n is None else n))]
    if angle.shape not in shapes:
        needs = "; a radius per energy bin needs energy" if angle.ndim == 2 and energy is None else ""
        fitting = " or ".join(["a scalar", *(f"of shape {shape}" for shape in shapes[1:])])
        raise ValueError(f"{argument} must be {fitting}, got shape {angle.shape}{needs}")
    degrees = angle.to_value(u.deg)
    # 180 deg in other units may be slightly larger.
    bad = np.argwhere(~((degrees >= 0) & (degrees <= 180 * (1 + 1e-12))))
    if len(bad):
        where = f", the first of {len(bad)} that are not is at {tuple(map(int, bad[0]))}: " if angle.ndim else ", got "
        raise ValueError(f"{argument} must be from 0 to 180 deg{where}{angle[tuple(bad[0])]}")
    return angle
