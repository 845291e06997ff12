"""The energies of the planes of a cube. Each plane has a bin, or a single energy at which its values are valid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import Table

from hpmask._files.fits_text import unescaped
from hpmask.energy.axis import EnergyAxis
from hpmask.energy.tables import node_column, pair_of, parsed, values_of

__all__ = ["Planes", "planes_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """The energies of the planes of a cube: bins, or single energies (`nodes`) with bins that end between them."""

    axis: EnergyAxis
    nodes: u.Quantity | None = None

    @property
    def n(self) -> int:
        return self.axis.n_bins

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Planes) and self.axis == other.axis and (self.nodes is None) == (other.nodes is None)

    def __str__(self) -> str:
        ends = self.axis.edges if self.nodes is None else self.nodes
        what = "bins" if self.nodes is None else "single energies"
        return f"{self.n} {what} from {ends[0]:.6g} to {ends[-1]:.6g}"


def planes_of(hdu: fits.BinTableHDU | fits.TableHDU) -> Planes:
    """The energies of the planes of a cube, from a table with a row for each plane.

    Raises
    ------
    ValueError
        If the table has no energies, or they do not increase from row to row.
    """
    table = Table.read(hdu)
    found = pair_of(table.colnames, table.meta)
    if found is not None:
        edges, name, interp = parsed(table, f"in {hdu.name}")
        lower = values_of(table[found[0]])
        if lower.size != edges.size - 1:
            raise ValueError(f"each row must be another bin, but {found[0]} has repeated bins")
        return Planes(EnergyAxis(edges, name=_axis_name(hdu, name), interp=interp))
    column = node_column(table.colnames, table.meta)
    if column is None:
        raise ValueError(f"no columns of energies, the table has {', '.join(table.colnames)}")
    # gammapy also takes the energies in Fermi's tables as true energies in MeV.
    nodes = u.Quantity(values_of(table[column]), table[column].unit or u.MeV)
    if nodes.size < 2 or not (np.isfinite(nodes.value) & (nodes.value > 0)).all() or (np.diff(nodes.value) <= 0).any():
        raise ValueError(f"{column} must have at least two positive energies, which increase from row to row")
    middle = np.sqrt(nodes[1:] * nodes[:-1])
    ends = nodes[[0, -1]] ** 2 / middle[[0, -1]]
    edges = u.Quantity([ends[0], *middle, ends[1]])
    named = "energy_true" if hdu.name.upper() == "ENERGIES" else column.lower()
    return Planes(EnergyAxis(edges, name=_axis_name(hdu, named)), nodes)


def _axis_name(hdu: fits.BinTableHDU | fits.TableHDU, name: str) -> str:
    """The name of the axis as hpmask wrote it, or else `name`; the names of columns are in capitals."""
    written = hdu.header.get("AXISNAME")
    return name if written is None else unescaped(str(written))
