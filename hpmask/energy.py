"""The energy axis of a mask: strictly increasing bin edges with a unit."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

__all__ = ["EnergyAxis"]

# Edges that went through float32 tables or unit conversions still mean the same axis.
_EDGE_RTOL = 1e-6


class EnergyAxis:
    """Contiguous energy bins.

    Parameters
    ----------
    edges : `~astropy.units.Quantity`, shape (n_bins + 1,)
        Bin edges: finite, positive, strictly increasing, in a unit of energy.
    name : str, optional
        What the axis is called, as in gammapy: "energy" (reconstructed) or "energy_true".
    interp : {"log", "lin"}, optional
        How the space between two edges is measured.

    Raises
    ------
    TypeError
        If `edges` is not a Quantity, or `name` no string.
    ValueError
        If the unit is not one of energy, or the edges do not increase.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from hpmask import EnergyAxis
    >>> axis = EnergyAxis([0.1, 1, 10] * u.TeV)
    >>> axis
    EnergyAxis([0.1, 1, 10] TeV, name='energy', interp='log')
    >>> axis.n_bins
    2
    >>> axis.bin_of([0.5, 10, 300] * u.TeV)
    array([ 0, -1, -1])
    """

    __slots__ = ("_edges", "_interp", "_name")

    def __init__(
        self, edges: u.Quantity, *, name: str = "energy", interp: Literal["log", "lin"] = "log"
    ) -> None:
        if not isinstance(edges, u.Quantity):
            raise TypeError(
                f"edges must be a Quantity such as [0.1, 1, 10] * u.TeV, got {type(edges).__name__}"
            )
        if not edges.unit.is_equivalent(u.J):
            raise ValueError(f"edges must be energies, got the unit {edges.unit.to_string()!r}")
        if edges.ndim != 1 or edges.size < 2:
            raise ValueError(f"edges must be 1-D with at least two values, got shape {edges.shape}")
        values = np.array(edges.value, dtype=np.float64)
        bad = np.flatnonzero(~np.isfinite(values) | (values <= 0) | _masked(edges))
        if bad.size:
            raise ValueError(f"edges must be finite and positive, edge {bad[0]} is {edges[bad[0]]}")
        bad = np.flatnonzero(np.diff(values) <= 0)
        if bad.size:
            i = int(bad[0])
            raise ValueError(
                f"edges must increase strictly, edge {i} is {edges[i]} and edge {i + 1} is {edges[i + 1]}"
            )
        if not isinstance(name, str):
            raise TypeError(f"name must be a string, got {name!r}")
        if interp not in ("log", "lin"):
            raise ValueError(f"interp must be 'log' or 'lin', got {interp!r}")
        values.flags.writeable = False
        self._edges = u.Quantity(values, edges.unit, copy=False)
        self._name = name
        self._interp = interp

    @property
    def edges(self) -> u.Quantity:
        """Bin edges, shape (n_bins + 1,), read-only."""
        # A view of its own for each caller: even the shape of a Quantity can be set.
        return self._edges[:]

    @property
    def name(self) -> str:
        """Name of the axis."""
        return self._name

    @property
    def interp(self) -> str:
        """Interpolation between the edges, "log" or "lin"."""
        return self._interp

    @property
    def unit(self) -> u.UnitBase:
        """Unit of the edges."""
        return self._edges.unit

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return int(self._edges.size) - 1

    @property
    def energy_min(self) -> u.Quantity:
        """Lower edge of each bin, shape (n_bins,)."""
        return self._edges[:-1]

    @property
    def energy_max(self) -> u.Quantity:
        """Upper edge of each bin, shape (n_bins,)."""
        return self._edges[1:]

    def __len__(self) -> int:
        return self.n_bins

    def bin_of(self, energy: u.Quantity | str) -> NDArray[np.intp]:
        """Number of the bin that holds each energy; -1 where none does.

        Parameters
        ----------
        energy : `~astropy.units.Quantity` or str, any shape
            Energies. A bin holds its lower edge and not its upper one, as in gammapy.

        Returns
        -------
        numpy.ndarray of int, shape of `energy`

        Raises
        ------
        TypeError, ValueError
            If `energy` is a bare number, has another unit, or is NaN or masked.
        """
        energy = as_energy(energy, "energy")
        values = np.asarray(energy.to_value(self.unit), dtype=np.float64)
        index = np.asarray(np.searchsorted(self._edges.value, values, side="right") - 1)
        return np.where((index < 0) | (index >= self.n_bins), -1, index)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EnergyAxis):
            return NotImplemented
        return difference(self, other) is None

    def __hash__(self) -> int:
        # Edges are equal within a tolerance, so they cannot take part.
        return hash((self.n_bins, self._name, self._interp))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (np.array(self._edges.value), self.unit, self._name, self._interp)

    def __repr__(self) -> str:
        values = ", ".join(f"{value:.6g}" for value in _shortened(self._edges.value))
        values = values.replace("nan", "...")
        return f"EnergyAxis([{values}] {self.unit.to_string()}, name={self._name!r}, interp={self._interp!r})"


def _masked(values: u.Quantity) -> NDArray[np.bool_]:
    """Which values astropy holds as masked; none of a plain Quantity's."""
    return np.asarray(getattr(values, "mask", False))


def _shortened(values: NDArray[np.float64]) -> NDArray[np.float64]:
    if values.size <= 8:
        return values
    return np.concatenate([values[:3], [np.nan], values[-3:]])


def _rebuild(values: NDArray[np.float64], unit: u.UnitBase, name: str, interp: Any) -> EnergyAxis:
    return EnergyAxis(u.Quantity(values, unit), name=name, interp=interp)


def difference(a: EnergyAxis, b: EnergyAxis) -> str | None:
    """What sets two axes apart, in words; None if they are equal."""
    for what in ("n_bins", "name", "interp"):
        mine, theirs = getattr(a, what), getattr(b, what)
        if mine != theirs:
            return f"{what} is {mine!r} and {theirs!r}"
    x, y = a.edges.value, b.edges.to_value(a.unit)
    apart = np.flatnonzero(np.abs(x - y) > _EDGE_RTOL * np.maximum(x, y))
    if apart.size:
        return f"edge {apart[0]} is {a.edges[apart[0]]} and {b.edges[apart[0]]}"
    return None


def as_energy(energy: u.Quantity | str, argument: str) -> u.Quantity:
    """`energy` as a Quantity of energy; the error names `argument`."""
    if isinstance(energy, str):
        try:
            energy = u.Quantity(energy)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{argument} must be an energy such as '1 TeV', got {energy!r}") from error
    if not isinstance(energy, u.Quantity):
        raise TypeError(f"{argument} must be a Quantity or a string such as '1 TeV', got {energy!r}")
    if not energy.unit.is_equivalent(u.J):
        raise ValueError(f"{argument} must be an energy, got the unit {energy.unit.to_string()!r}")
    bad = np.flatnonzero(np.isnan(np.asarray(energy.value)) | _masked(energy))
    if bad.size:
        raise ValueError(f"{argument} must not be NaN or masked, value {bad[0]} is")
    return energy
