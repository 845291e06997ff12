"""Energies given by users: their units, strings, and the tolerance within which two energies are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u

from hpmask._utils.arguments import as_quantity

__all__ = ["as_energy", "energies_of", "how_to_get_bins", "is_spectral", "per_bin", "same_energies"]

# Edges still mean the same axis after a conversion of units, or after a table of float32.
_EDGE_RTOL = 1e-6


def same_energies(a: Any, b: Any) -> Any:
    """Whether energies in the same unit agree within the tolerance of edges."""
    return np.abs(a - b) <= _EDGE_RTOL * np.minimum(a, b)


def is_spectral(unit: u.UnitBase) -> bool:
    """Whether a unit is one of energy, frequency, wavelength or wavenumber."""
    return bool(unit.is_equivalent(u.J, u.spectral()))


def energies_of(values: u.Quantity) -> u.Quantity:
    """Frequencies, wavelengths or wavenumbers as energies in eV."""
    # The energies of the wavelengths 0 and infinity are infinity and 0.
    with np.errstate(divide="ignore"):
        return values.to(u.eV, u.spectral())


def as_energy(energy: u.Quantity | str, argument: str) -> u.Quantity:
    """`energy` as a Quantity of energy; the error names `argument`.

    Frequencies, wavelengths and wavenumbers become energies in eV.

    Raises
    ------
    TypeError, ValueError
        If it is a bare number, has another unit, or is NaN or masked.
    """
    energy = as_quantity(energy, argument, "an energy", "1 TeV")
    if not is_spectral(energy.unit):
        raise ValueError(f"{argument} must be an energy, got the unit {energy.unit.to_string()!r}")
    bad = np.flatnonzero(np.isnan(energy.value))
    if bad.size:
        raise ValueError(f"{argument} must not be NaN, value {bad[0]} is")
    return energy if energy.unit.is_equivalent(u.J) else energies_of(energy)


def how_to_get_bins(of: str) -> str:
    """The end of an error about energy bins that `of` does not have: how a mask gets some, or nothing."""
    if of != "the mask":
        return ""
    return ": give it some with energy=axis where it is made, or with mask.resample_energy(axis)"


def per_bin(value: Any, energy: Any, argument: str, *, of: str = "the mask") -> Any:
    """`value`, or its result for the axis `energy` if it is a function; the error names `argument` and its owner `of`.

    Raises
    ------
    ValueError
        If `value` is a function and there is no energy axis.
    """
    if not callable(value):
        return value
    if energy is None:
        raise ValueError(
            f"{argument} is a function of the energy axis, but {of} has no energy bins{how_to_get_bins(of)}"
        )
    return value(energy)
