"""Energy axes to and from gammapy's `MapAxis`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpmask.energy.axis import EnergyAxis, with_nodes
from hpmask.interop.gammapy._import import need_gammapy

if TYPE_CHECKING:
    from gammapy.maps import MapAxis

__all__ = ["axis_from_gammapy", "axis_to_gammapy"]


def axis_from_gammapy(axis: MapAxis) -> EnergyAxis:
    """The bins of a `MapAxis`.

    Parameters
    ----------
    axis : gammapy.maps.MapAxis
        An axis of energies. Where its nodes are centres, its edges are those that gammapy puts between them.

    Returns
    -------
    EnergyAxis
        With the edges as gammapy gives them, to the last bit, and with its name. It keeps the nodes, which decide how
        energies are rounded to edges.

    Raises
    ------
    ImportError
        If gammapy is not installed.
    TypeError
        If it is no MapAxis.
    ValueError
        If it does not hold positive energies, or interpolates in another way than "log" or "lin".
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
    """The axis as a `MapAxis` with nodes at its edges, in the order of increasing energy.

    gammapy finds no bin of an axis whose edges decrease.

    Parameters
    ----------
    axis : EnergyAxis
        The axis.

    Returns
    -------
    gammapy.maps.MapAxis

    Raises
    ------
    ImportError
        If gammapy is not installed.
    """
    need_gammapy()
    from gammapy.maps import MapAxis

    return MapAxis.from_edges(axis.ascending().edges, name=axis.name, interp=axis.interp)
