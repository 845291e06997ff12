"""The energy axis of a mask: bin edges with a unit, strictly increasing or strictly decreasing."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask._utils.arguments import as_flag, unmasked
from hpmask._utils.pickles import rebuilder
from hpmask._utils.stable import stable_hash
from hpmask._utils.words import counted
from hpmask.energy import tables
from hpmask.energy.units import as_energy, energies_of, is_spectral, same_energies

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["EnergyAxis", "check_axis", "difference", "nodes_of", "summary", "with_nodes"]

Interp = Literal["log", "lin"]

_OPPOSITE = "bins have opposite orders: mask[::-1] reverses those of a mask"


class EnergyAxis:
    """Contiguous energy bins.

    Parameters
    ----------
    edges : `~astropy.units.Quantity`, shape (n_bins + 1,)
        Bin edges: finite, positive, and strictly increasing or strictly decreasing. Energies keep their unit.
        Frequencies, wavelengths and wavenumbers become energies in eV. The bins have the order of the edges: bin 0 is
        between the first two edges, whatever the unit is. Increasing wavelengths give decreasing energies.
    name : str, optional
        Name of the axis. gammapy has "energy" (reconstructed energies) and "energy_true".
    interp : {"log", "lin"}, optional
        Whether positions between two edges are measured in the logarithm of the energy or in the energy.

    Raises
    ------
    TypeError
        If `edges` is not a Quantity, or `name` is not a string.
    ValueError
        If the unit of `edges` is not an energy, frequency, wavelength or wavenumber, the edges do not strictly increase
        or decrease, or `interp` is neither "log" nor "lin".

    Notes
    -----
    Two axes are equal if their edges agree to within 1e-6 (in any units), and if they have the same name and `interp`.
    Two axes with the same bins in opposite order are not equal.

    An axis is a sequence of bins. ``len(axis)`` is their number, ``axis[0]`` is the axis of the first bin,
    ``axis[2:5]`` the axis of three bins, and ``axis[::-1]`` that of all bins in the opposite order. Iteration yields
    the axis of each bin.

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
    >>> axis[1]
    EnergyAxis([1, 10] TeV, name='energy', interp='log')
    >>> EnergyAxis([500, 600, 700] * u.nm)
    EnergyAxis([2.47968, 2.0664, 1.7712] eV, name='energy', interp='log')
    """

    __slots__ = ("_edges", "_interp", "_name", "_nodes")

    def __init__(self, edges: u.Quantity, *, name: str = "energy", interp: Interp = "log") -> None:
        if not isinstance(edges, u.Quantity):
            raise TypeError(f"edges must be a Quantity such as [0.1, 1, 10] * u.TeV, got {type(edges).__name__}")
        if not is_spectral(edges.unit):
            raise ValueError(f"edges must be energies, got the unit {edges.unit.to_string()!r}")
        if edges.ndim != 1 or edges.size < 2:
            raise ValueError(f"edges must be 1-D with at least two values, got shape {edges.shape}")
        values = np.array(unmasked(edges, "edges").value, dtype=np.float64)
        bad = np.flatnonzero(~np.isfinite(values) | (values <= 0))
        if bad.size:
            raise ValueError(f"edges must be finite and positive, edge {bad[0]} is {edges[bad[0]]}")
        steps = np.diff(values)
        bad = np.flatnonzero(steps >= 0 if values[0] > values[-1] else steps <= 0)
        if bad.size:
            i = int(bad[0])
            raise ValueError(
                "edges must increase strictly or decrease strictly, "
                f"edge {i} is {edges[i]} and edge {i + 1} is {edges[i + 1]}"
            )
        unit = edges.unit
        if not unit.is_equivalent(u.J):
            energies = energies_of(u.Quantity(values, unit))
            values, unit = np.array(energies.value), energies.unit
        if not isinstance(name, str):
            raise TypeError(f"name must be a string, got {name!r}")
        if interp not in ("log", "lin"):
            raise ValueError(f"interp must be 'log' or 'lin', got {interp!r}")
        values.flags.writeable = False
        self._edges = u.Quantity(values, unit, copy=False)
        self._name = name
        self._interp = interp
        # Positions are measured between nodes: the n_bins + 1 edges or, for some axes of gammapy, the n_bins centres.
        self._nodes: NDArray[np.float64] = values

    # ------------------------------------------------------------------ constructors

    @classmethod
    def from_bounds(
        cls,
        energy_min: u.Quantity | str,
        energy_max: u.Quantity | str,
        n_bins: int,
        *,
        per_decade: bool = False,
        interp: Interp = "log",
        name: str = "energy",
    ) -> EnergyAxis:
        """Return an axis with bins of equal width, like gammapy's ``MapAxis.from_energy_bounds``.

        Parameters
        ----------
        energy_min, energy_max : `~astropy.units.Quantity` or str
            Lower edge of the first bin and upper edge of the last bin. The edges have the unit of `energy_max`.
        n_bins : int
            Number of bins, or of bins per decade.
        per_decade : bool, optional
            Whether `n_bins` is the number of bins per factor of ten in energy. The total is rounded up.
        interp : {"log", "lin"}, optional
            Whether the bins have equal widths in the logarithm of the energy or in the energy.
        name : str, optional
            Name of the axis.

        Returns
        -------
        EnergyAxis

        Raises
        ------
        TypeError, ValueError
            If a bound is not an energy, `energy_min` is not below `energy_max`, or `n_bins` is not a positive integer.

        Examples
        --------
        >>> from hpmask import EnergyAxis
        >>> EnergyAxis.from_bounds("0.1 TeV", "10 TeV", 2, per_decade=True)
        EnergyAxis([0.1, 0.316228, 1, 3.16228, 10] TeV, name='energy', interp='log')
        """
        low, high = as_energy(energy_min, "energy_min"), as_energy(energy_max, "energy_max")
        start, stop = float(low.to_value(high.unit)), float(high.value)
        if not 0 < start < stop < np.inf:
            raise ValueError(f"energy_min must be positive and below energy_max, got {energy_min} and {energy_max}")
        if isinstance(n_bins, bool) or not isinstance(n_bins, int | np.integer):
            raise TypeError(f"n_bins must be an integer, got {n_bins!r}")
        if n_bins < 1:
            raise ValueError(f"n_bins must be positive, got {n_bins}")
        if interp not in ("log", "lin"):
            raise ValueError(f"interp must be 'log' or 'lin', got {interp!r}")
        count = int(n_bins)
        if as_flag(per_decade, "per_decade"):
            if interp != "log":
                raise ValueError("bins per decade are equal in the logarithm: per_decade needs interp='log'")
            # Minus a tolerance: 0.7 / 0.07 is more than ten in floating point.
            count = max(1, int(np.ceil(np.log10(stop / start) * count - 1e-9)))
        spaced = np.geomspace if interp == "log" else np.linspace
        return cls(u.Quantity(spaced(start, stop, count + 1), high.unit), name=name, interp=interp)

    @classmethod
    def from_table(
        cls,
        table: Table | Any | str | PathLike[str],
        *,
        hdu: str | int | None = None,
        name: str | None = None,
        interp: Interp | None = None,
    ) -> EnergyAxis:
        """Return the axis of a table of lower and upper bin edges, such as the FITS table EBOUNDS.

        Parameters
        ----------
        table : `~astropy.table.Table`, FITS table HDU, HDUList, str or path
            A table, or a FITS file with one. The columns are E_MIN and E_MAX (OGIP's EBOUNDS, gammapy), ENERG_LO and
            ENERG_HI (OGIP's responses, GADF), or ENERGY_MIN and ENERGY_MAX and the like, with any unit that an axis
            takes.
        hdu : str or int, optional
            Name or number of the table in the file. By default EBOUNDS, or else the first table with such columns.
        name : str, optional
            Name of the axis. By default the columns decide between "energy" and "energy_true".
        interp : {"log", "lin"}, optional
            By default the value in the header (gammapy's INTERP1), or else "log".

        Returns
        -------
        EnergyAxis

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        TypeError, ValueError
            If the table has no such columns, they have no unit, or a bin does not begin where the one before ends.

        See Also
        --------
        to_table : the other way.

        Examples
        --------
        >>> from astropy import units as u
        >>> from astropy.table import QTable
        >>> from hpmask import EnergyAxis
        >>> EnergyAxis.from_table(QTable({"E_MIN": [1, 3] * u.keV, "E_MAX": [3, 10] * u.keV}))
        EnergyAxis([1, 3, 10] keV, name='energy', interp='log')
        """
        edges, columns_name, told_interp = tables.read(table, hdu)
        return cls(edges, name=columns_name if name is None else name, interp=interp or told_interp)

    @classmethod
    def stack(cls, axes: Iterable[EnergyAxis]) -> EnergyAxis:
        """Return one axis with the bins of several axes.

        Parameters
        ----------
        axes : iterable of EnergyAxis
            Axes with the same name and `interp`. Each must begin where the one before ends.

        Returns
        -------
        EnergyAxis
            In the unit of the first axis.

        Raises
        ------
        TypeError, ValueError
            If there is no axis, the names or `interp` differ, or there is a gap or an overlap.

        Examples
        --------
        >>> from astropy import units as u
        >>> from hpmask import EnergyAxis
        >>> EnergyAxis.stack([EnergyAxis([0.1, 1] * u.TeV), EnergyAxis([1, 10] * u.TeV)])
        EnergyAxis([0.1, 1, 10] TeV, name='energy', interp='log')
        """
        axes = list(axes)
        if not axes:
            raise ValueError("at least one axis is needed, got none")
        for i, axis in enumerate(axes):
            check_axis(axis, f"axes[{i}]")
        first = axes[0]
        values = [first._edges.value]
        for i, axis in enumerate(axes[1:], start=1):
            for what in ("name", "interp"):
                if getattr(axis, what) != getattr(first, what):
                    raise ValueError(
                        f"axes must have one {what}, axis {i} has {getattr(axis, what)!r} and axis 0 "
                        f"{getattr(first, what)!r}"
                    )
            edges = axis._edges.to_value(first.unit)
            if not same_energies(edges[0], values[-1][-1]):
                raise ValueError(
                    f"axis {i} begins at {axis.edges[0]}, but axis {i - 1} ends at {axes[i - 1].edges[-1]}"
                )
            values.append(edges[1:])
        return cls(u.Quantity(np.concatenate(values), first.unit), name=first.name, interp=first._interp)

    # ------------------------------------------------------------------ properties and queries

    @property
    def edges(self) -> u.Quantity:
        """Bin edges, shape (n_bins + 1,), read-only."""
        # A new view for each caller, because a caller can set the shape of a Quantity.
        return self._edges[:]

    @property
    def name(self) -> str:
        """Name of the axis."""
        return self._name

    @property
    def interp(self) -> Interp:
        """Whether positions between two edges are measured in the logarithm ("log") or not ("lin")."""
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
        return self._edges[:-1] if self._ascends else self._edges[1:]

    @property
    def energy_max(self) -> u.Quantity:
        """Upper edge of each bin, shape (n_bins,)."""
        return self._edges[1:] if self._ascends else self._edges[:-1]

    @property
    def _ascends(self) -> bool:
        """Whether bin 0 has the lowest energy."""
        return bool(self._edges.value[0] < self._edges.value[-1])

    def ascending(self) -> EnergyAxis:
        """Return the axis with its bins in the order of increasing energy.

        Returns
        -------
        EnergyAxis
            This axis if its energies increase, or else ``axis[::-1]``.

        Examples
        --------
        >>> from astropy import units as u
        >>> from hpmask import EnergyAxis
        >>> EnergyAxis([500, 600, 700] * u.nm).ascending()
        EnergyAxis([1.7712, 2.0664, 2.47968] eV, name='energy', interp='log')
        """
        return self if self._ascends else self[::-1]

    @property
    def center(self) -> u.Quantity:
        """Centre of each bin, shape (n_bins,): the geometric mean of its edges for "log", the arithmetic for "lin"."""
        low, high = self._edges.value[:-1], self._edges.value[1:]
        middle = low * np.sqrt(high / low) if self._interp == "log" else (low + high) / 2
        return u.Quantity(middle, self.unit)

    def __len__(self) -> int:
        return self.n_bins

    def __getitem__(self, bins: int | slice) -> EnergyAxis:
        if isinstance(bins, slice):
            chosen = range(self.n_bins)[bins]
            if chosen.step not in (1, -1):
                raise ValueError(
                    f"the bins of an axis are contiguous: the step of a slice must be 1 or -1, got {chosen.step}"
                )
            if not chosen:
                raise ValueError(f"an axis has at least one bin, but {bins} selects none of {self.n_bins}")
            if bins.step in (None, 1) and len(chosen) == self.n_bins:
                return self
        else:
            start = operator.index(bins)
            if not -self.n_bins <= start < self.n_bins:
                raise IndexError(f"bin {bins} is not one of an axis with {counted(self.n_bins, 'bin')}")
            chosen = range(self.n_bins)[start % self.n_bins :][:1]
        edges = self._edges[min(chosen) : max(chosen) + 2]
        return self._with_edges(edges[:: chosen.step])

    def __iter__(self) -> Iterator[EnergyAxis]:
        return (self[i] for i in range(self.n_bins))

    def bin_of(self, energy: u.Quantity | str) -> NDArray[np.intp]:
        """Return the number of the bin of each energy.

        Parameters
        ----------
        energy : `~astropy.units.Quantity` or str, any shape
            Energies, frequencies, wavelengths or wavenumbers.

        Returns
        -------
        numpy.ndarray of int, shape of `energy`
            -1 outside all bins. A bin includes its lower edge and excludes its upper edge, as in gammapy.

        Raises
        ------
        TypeError, ValueError
            If `energy` is a bare number, has another unit, or is NaN or masked.

        Examples
        --------
        >>> from astropy import units as u
        >>> from hpmask import EnergyAxis
        >>> EnergyAxis([1, 10, 100] * u.TeV).bin_of([0.5, 1, 10, 100] * u.TeV)
        array([-1,  0,  1, -1])
        """
        energy = as_energy(energy, "energy")
        values = np.asarray(energy.to_value(self.unit), dtype=np.float64)
        index = np.asarray(np.searchsorted(self.ascending()._edges.value, values, side="right") - 1)
        bins = index if self._ascends else self.n_bins - 1 - index
        return np.where((index < 0) | (index >= self.n_bins), -1, bins)

    # ------------------------------------------------------------------ transformations

    def rename(self, name: str) -> EnergyAxis:
        """Return the axis with another name.

        Parameters
        ----------
        name : str
            The new name.

        Returns
        -------
        EnergyAxis
            The same bins under the new name.

        Raises
        ------
        TypeError
            If `name` is not a string.

        Examples
        --------
        >>> from astropy import units as u
        >>> from hpmask import EnergyAxis
        >>> EnergyAxis([1, 10] * u.TeV).rename("energy_true")
        EnergyAxis([1, 10] TeV, name='energy_true', interp='log')
        """
        return with_nodes(EnergyAxis(self._edges, name=name, interp=self._interp), self._nodes)

    def downsample(self, factor: int) -> EnergyAxis:
        """Return the axis with groups of bins merged into one bin each, as in gammapy.

        Parameters
        ----------
        factor : int
            Number of bins in a group. ``axis.downsample(axis.n_bins)`` has a single bin.

        Returns
        -------
        EnergyAxis
            An axis with fewer bins. Its edges are edges of this axis.

        Raises
        ------
        TypeError, ValueError
            If `factor` is not a positive integer, or does not divide the number of bins.

        Examples
        --------
        >>> from astropy import units as u
        >>> from hpmask import EnergyAxis
        >>> EnergyAxis([1, 2, 4, 8, 16] * u.TeV).downsample(2)
        EnergyAxis([1, 4, 16] TeV, name='energy', interp='log')
        """
        factor = _check_factor(factor)
        if self.n_bins % factor:
            raise ValueError(f"factor must divide the number of bins, {self.n_bins}, got {factor}")
        return self._with_edges(self._edges[::factor])

    def upsample(self, factor: int) -> EnergyAxis:
        """Return the axis with each bin divided into bins of equal width (in the logarithm for "log").

        Parameters
        ----------
        factor : int
            Number of new bins in each old bin.

        Returns
        -------
        EnergyAxis
            The old edges are among the new edges, to the last bit.

        Raises
        ------
        TypeError, ValueError
            If `factor` is not a positive integer.

        Examples
        --------
        >>> from astropy import units as u
        >>> from hpmask import EnergyAxis
        >>> EnergyAxis([1, 4] * u.TeV).upsample(2)
        EnergyAxis([1, 2, 4] TeV, name='energy', interp='log')
        """
        factor = _check_factor(factor)
        low, high = self._edges.value[:-1], self._edges.value[1:]
        spaced = np.geomspace if self._interp == "log" else np.linspace
        # The old edges must stay the same to the last bit.
        values = np.append(spaced(low, high, factor + 1)[:-1].T, self._edges.value[-1])
        values[:-1:factor] = low
        return self._with_edges(u.Quantity(values, self.unit))

    def _with_edges(self, edges: u.Quantity) -> EnergyAxis:
        return EnergyAxis(edges, name=self._name, interp=self._interp)

    # ------------------------------------------------------------------ export

    def to_table(self) -> Table:
        """Return the axis as an EBOUNDS table, for OGIP tools and gammapy.

        Returns
        -------
        `~astropy.table.Table`
            A row for each bin, in their order. The columns are CHANNEL, E_MIN and E_MAX; for an axis with another name
            than "energy", they have its name, such as ENERGY_TRUE_MIN and ENERGY_TRUE_MAX. The header keeps the name
            and `interp` as gammapy does, so that `from_table` returns an equal axis.

        Examples
        --------
        >>> from astropy import units as u
        >>> from hpmask import EnergyAxis
        >>> axis = EnergyAxis([1, 3, 10] * u.TeV)
        >>> axis.to_table().colnames
        ['CHANNEL', 'E_MIN', 'E_MAX']
        >>> EnergyAxis.from_table(axis.to_table()) == axis
        True
        """
        return tables.table_of(self.energy_min, self.energy_max, self.name, self.interp)

    # ------------------------------------------------------------------ comparison, copies and text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EnergyAxis):
            return NotImplemented
        return difference(self, other) is None

    def __hash__(self) -> int:
        # Equality of edges has a tolerance: the hash must not depend on them.
        return stable_hash("energies", self.n_bins, self._name, self._interp)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (np.array(self._edges.value), self.unit, self._name, self._interp, np.array(self._nodes))

    def __repr__(self) -> str:
        values = ", ".join(f"{value:.6g}" for value in _shortened(self._edges.value))
        values = values.replace("nan", "...")
        return f"EnergyAxis([{values}] {self.unit.to_string()}, name={self._name!r}, interp={self._interp!r})"


def _shortened(values: NDArray[np.float64]) -> NDArray[np.float64]:
    if values.size <= 8:
        return values
    return np.concatenate([values[:3], [np.nan], values[-3:]])


@rebuilder("EnergyAxis")
def _rebuild(values: Any, unit: Any, name: Any, interp: Any, nodes: Any) -> EnergyAxis:
    if not isinstance(unit, u.UnitBase) or not all(isinstance(one, np.ndarray) for one in (values, nodes)):
        raise TypeError("its edges and nodes are not arrays with a unit")
    axis = EnergyAxis(u.Quantity(values, unit), name=name, interp=interp)
    nodes = np.array(nodes, dtype=np.float64)
    steps = np.diff(nodes) if nodes.ndim == 1 else nodes
    if nodes.shape not in ((axis.n_bins,), (axis.n_bins + 1,)) or not (
        np.isfinite(nodes).all() and (nodes > 0).all() and ((steps > 0).all() or (steps < 0).all())
    ):
        raise ValueError("its nodes are not energies in order, with one for each bin or edge")
    return with_nodes(axis, nodes)


def with_nodes(axis: EnergyAxis, nodes: NDArray[np.float64]) -> EnergyAxis:
    """The same bins with other nodes: n_bins + 1 edges or n_bins centres, between which positions are measured."""
    new = EnergyAxis(axis._edges, name=axis._name, interp=axis._interp)
    new._nodes = np.array(nodes)
    new._nodes.flags.writeable = False
    return new


def nodes_of(axis: EnergyAxis) -> NDArray[np.float64]:
    """The nodes of an axis, between which positions are measured: its edges, or the centres of its bins."""
    return axis._nodes


def _check_factor(factor: int) -> int:
    if isinstance(factor, bool) or not isinstance(factor, int | np.integer):
        raise TypeError(f"factor must be an integer, got {factor!r}")
    if factor < 1:
        raise ValueError(f"factor must be positive, got {factor}")
    return int(factor)


def _apart(a: EnergyAxis, b: EnergyAxis) -> NDArray[np.intp]:
    return np.flatnonzero(~same_energies(a.edges.value, b.edges.to_value(a.unit)))


def check_axis(axis: Any, argument: str = "energy") -> EnergyAxis:
    """`axis`, if it is an EnergyAxis; the error names `argument`.

    Raises
    ------
    TypeError
        If it is anything else, such as the edges of bins.
    """
    if not isinstance(axis, EnergyAxis):
        # gammapy is not imported to find out.
        hint = (
            f": hpmask.interop.gammapy.axis_from_gammapy({argument}) makes one"
            if type(axis).__name__ == "MapAxis"
            else ""
        )
        raise TypeError(f"{argument} must be an EnergyAxis, got {type(axis).__name__}{hint}")
    return axis


def summary(axis: EnergyAxis) -> str:
    """The bins of an axis in a few words, "4 bins 1-100 TeV"."""
    edges = axis.edges
    return f"{counted(axis.n_bins, 'bin')} {edges[0].value:.4g}-{edges[-1].value:.4g} {edges.unit.to_string()}"


def difference(a: EnergyAxis, b: EnergyAxis) -> str | None:
    """The difference between two axes in words, for error messages; None if they are equal."""
    for what in ("n_bins", "name", "interp"):
        mine, theirs = getattr(a, what), getattr(b, what)
        if mine != theirs:
            return f"{what} is {mine!r} and {theirs!r}"
    apart = _apart(a, b)
    if apart.size and not _apart(a, b[::-1]).size:
        # A single bin has no order.
        return None if a.n_bins == 1 else _OPPOSITE
    if apart.size:
        return f"edge {apart[0]} is {a.edges[apart[0]]} and {b.edges[apart[0]]}"
    return None
