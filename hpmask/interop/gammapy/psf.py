"""Widths that follow a PSF: the containment radius in each energy bin."""

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

# How much the containment at a radius may differ from the requested one, because gammapy's radii come in steps.
_TOLERANCE = 0.03


@dataclass(frozen=True)
class PsfContainment:
    """The containment radius of a PSF as a function of the energy axis of a mask. `containment` makes it.

    Parameters
    ----------
    psf : `~gammapy.irf.PSFMap`, `~gammapy.irf.RecoPSFMap` or a PSF of gammapy's IRFs
        The PSF.
    fraction : float
        Fraction of the events within the radius, between 0 and 1.
    position : `~astropy.coordinates.SkyCoord` or None
        Position on the sky, for a PSF map.
    offset : `~astropy.units.Quantity`
        Offset from the pointing, for a PSF of the IRFs.
    """

    psf: Any
    fraction: float
    position: SkyCoord | None
    offset: u.Quantity

    @property
    def __name__(self) -> str:
        # The history of a mask shows this name.
        return f"{100 * self.fraction:g}% containment of {type(self.psf).__name__}"

    def __call__(self, energy: EnergyAxis) -> u.Quantity:
        """The largest of the radii at the edges and at the centre of each bin.

        Parameters
        ----------
        energy : EnergyAxis
            The energy bins.

        Returns
        -------
        `~astropy.units.Quantity`, shape (n_bins,), in deg
            The radii.

        Raises
        ------
        ValueError
            If the PSF does not reach the containment in a bin, for example because its table ends too early.
        """
        places = (energy.energy_min, energy.center, energy.energy_max)
        radii, reached = zip(*map(self._at, places), strict=True)
        # Where the PSF does not reach the containment, gammapy returns its last radius.
        sound = np.isfinite(radii) & (np.abs(np.array(reached) - self.fraction) < _TOLERANCE)
        bad = np.flatnonzero(~sound.all(axis=0))
        if bad.size:
            k = int(bad[0])
            raise ValueError(
                f"the PSF has no radius of {100 * self.fraction:g}% containment in energy bin {k}, "
                f"{energy.energy_min[k]} to {energy.energy_max[k]}: "
                f"its largest radius holds {100 * np.array(reached)[:, k].min():.3g}%"
            )
        return u.Quantity(np.max(radii, axis=0), u.deg)

    def _at(self, energy: u.Quantity) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Radii in degrees at some energies, and the containment of the PSF within these radii."""
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
    """Return the containment radius of a PSF, as a width or radius for each energy bin of a mask.

    Parameters
    ----------
    psf : `~gammapy.irf.PSFMap`, `~gammapy.irf.RecoPSFMap` or a PSF of gammapy's IRFs
        Any object with gammapy's methods ``containment_radius`` and ``containment``. The IRFs are PSF3D,
        EnergyDependentMultiGaussPSF and ParametricPSF.
    fraction : float
        Fraction of the events within the radius, between 0 and 1.
    position : scalar `~astropy.coordinates.SkyCoord`, optional
        Position on the sky, for a PSF map. The default is the centre of the map.
    offset : `~astropy.units.Quantity` or str, optional
        Offset from the pointing, for a PSF of the IRFs.

    Returns
    -------
    callable
        A function from an `hpmask.EnergyAxis` to angles of shape (n_bins,) in deg, for `hpmask.Mask.dilate`, `erode`,
        `from_cones` and other methods that take a function of the energy axis. In each bin it is the largest of the
        radii at the two edges and at the centre. A PSF is given in true energy. For a mask in reconstructed energy,
        the radius at the same energy is taken.

    Raises
    ------
    ImportError
        If gammapy is not installed.
    TypeError, ValueError
        If `psf` is not a PSF, `fraction` is not between 0 and 1, or `offset` is not an angle. The function raises a
        ValueError for energy bins in which the PSF does not reach the containment.

    Examples
    --------
    >>> import pytest
    >>> irf = pytest.importorskip("gammapy.irf", exc_type=ImportError)
    >>> maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from astropy.coordinates import SkyCoord
    >>> from hpmask import EnergyAxis, Mask
    >>> from hpmask.interop.gammapy import containment
    >>> true = maps.MapAxis.from_energy_bounds("0.5 TeV", "200 TeV", nbin=3, name="energy_true")
    >>> psf = irf.PSFMap.from_gauss(true, sigma=[0.2, 0.1, 0.05] * u.deg)

    A disc and a margin that follow the PSF:

    >>> axis = EnergyAxis([1, 10, 100] * u.TeV)
    >>> crab = SkyCoord(83.63, 22.01, unit="deg")
    >>> disc = Mask.from_cones(crab, containment(psf, 0.68), order=11, energy=axis)
    >>> bool(np.all(np.diff(disc.area) < 0))
    True
    >>> wider = disc.dilate(containment(psf, 0.95))
    """
    need_gammapy()
    if not hasattr(psf, "containment_radius"):
        raise TypeError(f"psf must be a PSF of gammapy, with containment_radius, got {type(psf).__name__}")
    if not 0 < fraction < 1:
        raise ValueError(f"fraction must be between 0 and 1, both excluded, got {fraction}")
    if position is not None:
        position = seen(position, "icrs", "position")
    return PsfContainment(psf, float(fraction), position, as_angle(offset, "offset"))
