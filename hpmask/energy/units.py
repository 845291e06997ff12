"""Energies from the user: units, strings, and when two energies are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u

from hpmask._utils.arguments import as_quantity

__all__ = ["as_energy", "energies_of", "is_spectral", "per_bin", "same_energies"]

# Edges that went through float32 tables or unit conversions still mean the same axis.
_EDGE_RTOL = 1e-6


def same_energies(a: Any, b: Any) -> Any:
    """Whether energies in one unit are the same within the tolerance of edges."""
    return np.abs(a - b) <= _EDGE_RTOL * np.minimum(a, b)


def is_spectral(unit: u.UnitBase) -> bool:
    return bool(unit.is_equivalent(u.J, u.spectral()))


def energies_of(values: u.Quantity) -> u.Quantity:
    """Frequencies, wavelengths or wave numbers as energies in eV."""
    # A wavelength of 0 or of infinity is an energy of infinity or 0.
    with np.errstate(divide="ignore"):
        return values.to(u.eV, u.spectral())


def as_energy(energy: u.Quantity | str, argument: str) -> u.Quantity:
    """`energy` as a Quantity of energy; the error names `argument`.

    Frequencies, wavelengths and wave numbers become energies in eV.

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


def per_bin(value: Any, energy: Any, argument: str) -> Any:
    """What a function of the energy axis returns, or `value` itself if it is none; the error names `argument`.

    Raises
    ------
    ValueError
        If it is a function and there is no energy axis.
    """
    if not callable(value):
        return value
    if energy is None:
        raise ValueError(f"{argument} is a function of the energy axis, but the mask has no energy bins")
    return value(energy)
