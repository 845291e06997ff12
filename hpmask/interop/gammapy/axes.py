"""Energy axes to and from gammapy's `MapAxis`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpmask.energy.axis import EnergyAxis, check_axis, with_nodes
from hpmask.interop.gammapy._import import need_gammapy

if TYPE_CHECKING:
    from gammapy.maps import MapAxis

__all__ = ["axis_from_gammapy", "axis_to_gammapy"]


def axis_from_gammapy(axis: MapAxis) -> EnergyAxis:
    """Return the bins of a gammapy `MapAxis` as an EnergyAxis.

    Parameters
    ----------
    axis : `~gammapy.maps.MapAxis`
        An axis of energies, frequencies or wavelengths with the interpolation "log" or "lin". If its nodes are bin
        centres, the edges are those that gammapy puts between them.

    Returns
    -------
    EnergyAxis
        The same edges, in the unit of `axis` and exact to the last bit, with the same name. It also keeps the nodes,
        which decide how energies are rounded to edges (``round_to_edge`` of `hpmask.Mask.from_energy`).

    Raises
    ------
    ImportError
        If gammapy is not installed.
    TypeError
        If `axis` is not a MapAxis.
    ValueError
        If the axis does not hold positive energies, or has another interpolation.

    Examples
    --------
    >>> import pytest
    >>> maps = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    >>> from hpmask.interop.gammapy import axis_from_gammapy
    >>> axis_from_gammapy(maps.MapAxis.from_energy_bounds("1 TeV", "100 TeV", nbin=2))
    EnergyAxis([1, 10, 100] TeV, name='energy', interp='log')
    """
    need_gammapy()
    from gammapy.maps import MapAxis

    if not isinstance(axis, MapAxis):
        raise TypeError(f"axis must be a gammapy MapAxis, got {type(axis).__name__}")
    if axis.interp not in ("log", "lin"):
        raise ValueError(f"axis must have the interp 'log' or 'lin', the axis {axis.name!r} has {axis.interp!r}")
    bins = EnergyAxis(axis.edges, name=axis.name, interp=axis.interp)
    if bins.unit != axis.unit:
        # Frequencies and wavelengths, which gammapy rounds in their own unit.
        return bins
    nodes = axis.edges if axis.node_type == "edges" else axis.center
    return with_nodes(bins, nodes.value)


def axis_to_gammapy(axis: EnergyAxis) -> MapAxis:
    """Return an EnergyAxis as a gammapy `MapAxis` with nodes at its edges.

    The bins are in the order of increasing energy, because gammapy finds no bin in an axis whose edges decrease.

    Parameters
    ----------
    axis : EnergyAxis
        The axis.

    Returns
    -------
    `~gammapy.maps.MapAxis`
        With the unit, name and interpolation of `axis`.

    Raises
    ------
    ImportError
        If gammapy is not installed.
    TypeError
        If `axis` is not an EnergyAxis.

    Examples
    --------
    >>> import pytest
    >>> _ = pytest.importorskip("gammapy.maps", exc_type=ImportError)
    >>> from hpmask import EnergyAxis
    >>> from hpmask.interop.gammapy import axis_to_gammapy
    >>> axis_to_gammapy(EnergyAxis.from_bounds("1 TeV", "100 TeV", 2)).edges
    <Quantity [  1.,  10., 100.] TeV>
    """
    need_gammapy()
    from gammapy.maps import MapAxis

    check_axis(axis, "axis")
    return MapAxis.from_edges(axis.ascending().edges, name=axis.name, interp=axis.interp)
