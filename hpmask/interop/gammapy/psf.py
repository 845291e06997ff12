"""Widths that follow a PSF: its containment radius in each energy bin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from hpmask._utils.arguments import as_angle
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry.frames import seen
from hpmask.interop.gammapy._import import need_gammapy

__all__ = ["PsfContainment", "containment"]

# How far the containment at a radius may be from the one that was asked for: gammapy's radii come in steps.
_TOLERANCE = 0.03


@dataclass(frozen=True)
class PsfContainment:
    """The containment radius of a PSF as a function of the energy axis of a mask; made by `containment`."""

    psf: Any
    fraction: float
    position: SkyCoord | None
    offset: u.Quantity

    @property
    def __name__(self) -> str:
        # What the history of a mask says.
        return f"{100 * self.fraction:g}% containment of {type(self.psf).__name__}"

    def __call__(self, energy: EnergyAxis) -> u.Quantity:
        """The largest radius in each bin, shape (n_bins,): of those at its edges and in its middle.

        Raises
        ------
        ValueError
            If the PSF has no such radius in a bin, as one that is cut off too near.
        """
        places = (energy.energy_min, energy.center, energy.energy_max)
        radii, reached = zip(*map(self._at, places), strict=True)
        # gammapy gives the nearest radius that it has, for want of a better one.
        sound = np.isfinite(radii) & (np.abs(np.array(reached) - self.fraction) < _TOLERANCE)
        bad = np.flatnonzero(~sound.all(axis=0))
        if bad.size:
            k = int(bad[0])
            raise ValueError(
                f"the PSF has no radius of {100 * self.fraction:g}% containment in energy bin {k}, "
                f"{energy.energy_min[k]} to {energy.energy_max[k]}: "
                f"it reaches {100 * np.array(reached)[:, k].min():.3g}%"
            )
        return u.Quantity(np.max(radii, axis=0), u.deg)

    def _at(self, energy: u.Quantity) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Radii in degrees at some energies, and the containment that the PSF has there."""
        if hasattr(self.psf, "psf_map"):
            options = {getattr(self.psf, "energy_name", "energy_true"): energy, "position": self.position}
        else:
            options = {"energy_true": energy, "offset": self.offset}
        radius = self.psf.containment_radius(fraction=self.fraction, **options).reshape(energy.shape)
        reached = self.psf.containment(rad=radius, **options)
        return np.asarray(radius.to_value(u.deg)), np.asarray(u.Quantity(reached).value).reshape(energy.shape)


def containment(
    psf: Any, fraction: float, *, position: SkyCoord | None = None, offset: u.Quantity | str = "0 deg"
) -> PsfContainment:
    """The containment radius of a PSF, as a width or radius for each energy bin of a mask.

    Parameters
    ----------
    psf : `~gammapy.irf.PSFMap`, `~gammapy.irf.RecoPSFMap` or a PSF of gammapy's IRFs
        PSF3D, EnergyDependentMultiGaussPSF, PSFKing: what has a ``containment_radius``.
    fraction : float
        Part of the events within the radius, above 0 and below 1.
    position : `~astropy.coordinates.SkyCoord`, optional
        Where on the sky, for the map of a PSF: by default its middle.
    offset : `~astropy.units.Quantity` or str, optional
        Offset from the pointing, for a PSF of the IRFs.

    Returns
    -------
    callable
        From the energy axis to radii of shape (n_bins,). A PSF is known by true energy: a mask in reconstructed energy
        takes the radius at the same energy.

    Raises
    ------
    ImportError
        If gammapy is not installed.
    TypeError, ValueError
        If `psf` is no PSF, or `fraction` not between 0 and 1.

    Examples
    --------
    Each energy bin gets a margin of its own::

        wider = excluded.dilate(containment(dataset.psf, 0.95))
        discs = Mask.from_cones(center, containment(dataset.psf, 0.95)(axis)[np.newaxis], order=11, energy=axis)
    """
    need_gammapy()
    if not hasattr(psf, "containment_radius"):
        raise TypeError(f"psf must be a PSF of gammapy, with a containment_radius, got {type(psf).__name__}")
    if not 0 < fraction < 1:
        raise ValueError(f"fraction must be above 0 and below 1, got {fraction}")
    if position is not None:
        position = seen(position, "icrs", "position")
    return PsfContainment(psf, float(fraction), position, as_angle(offset, "offset"))
