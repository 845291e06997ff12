"""Widths that follow a PSF: its containment radius in each energy bin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask.energy import EnergyAxis
from hpmask.frames import as_angle
from hpmask.interop.gammapy.needed import need_gammapy

__all__ = ["PsfContainment", "containment"]


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
            If the PSF knows no radius for a bin.
        """
        edges = energy.edges.value
        low, high = edges[:-1], edges[1:]
        middle = np.sqrt(low * high) if energy.interp == "log" else (low + high) / 2
        radii = [self._at(u.Quantity(values, energy.unit)) for values in (low, middle, high)]
        largest = np.nanmax(np.where(np.isfinite(radii), radii, -1.0), axis=0)
        bad = np.flatnonzero(largest <= 0)
        if bad.size:
            k = int(bad[0])
            raise ValueError(
                f"the PSF has no containment radius in energy bin {k}, {energy.edges[k]} to {energy.edges[k + 1]}"
            )
        return u.Quantity(largest, u.deg)

    def _at(self, energy: u.Quantity) -> np.ndarray[Any, Any]:
        if hasattr(self.psf, "psf_map"):
            name = getattr(self.psf, "energy_name", "energy_true")
            options = {name: energy, "position": self.position}
        else:
            options = {"energy_true": energy, "offset": self.offset}
        radius = self.psf.containment_radius(fraction=self.fraction, **options)
        return np.asarray(u.Quantity(radius).to_value(u.deg), dtype=np.float64).reshape(energy.shape)


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
    return PsfContainment(psf, float(fraction), position, as_angle(offset, "offset"))
