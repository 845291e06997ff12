"""Masks as HATS catalogs of the type "map", for LSDB: a table of tiles that cover the sky, in partitions.

A row is a tile: ``_healpix_29`` is its first cell of order 29, ``order`` its order, and the other columns, one for each
layer or energy bin, are True where the tile is kept. Tiles are the largest cells in which no column changes, and cover
the whole sky. Sorted by ``_healpix_29``, the tile of a source is the last one whose number is not larger than that of
the source. Partitions are cells with a limited number of tiles; one with a single tile is divided no further.

The properties ``hpmask_*`` hold what the columns cannot: the order, the names of the columns, the energies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from hpmask._files.hats_folder import SPATIAL_INDEX, HatsFolder, Partition, is_hats, need_pyarrow
from hpmask._files.hats_writer import HatsWriter, split
from hpmask._utils.arguments import MAX_ORDER, check_order
from hpmask._utils.words import brief, listed
from hpmask.core.rangeset import RangeSet, from_starts_stops, joined, trusted
from hpmask.core.value import MaskValue, new_mask
from hpmask.energy.axis import EnergyAxis
from hpmask.io.format import Format

__all__ = ["FORMAT", "read", "read_set", "write", "write_set"]

_KEPT = "kept"
_ORDER = "order"

# Tiles of a partition, which a reader has in memory.
_MOST_TILES = 1_000_000
_MOST_PARTITION_ORDER = 10

Numbers = NDArray[np.uint64]


def write(mask: MaskValue, folder: Path) -> None:
    """Write a mask into an empty folder; see the module."""
    if mask.energy is None:
        columns = {_KEPT: mask.planes[0]}
    else:
        columns = {f"{_KEPT}_{k}": plane for k, plane in enumerate(mask.planes)}
    _write(columns, mask, folder, {"hpmask_layers": json.dumps([""]), "hpmask_history": json.dumps(mask.history)})


def write_set(layers: Mapping[str, MaskValue], folder: Path) -> None:
    """Write the layers of a set into an empty folder; see the module."""
    if not layers:
        raise ValueError("a map of HATS needs a layer, and the set has none")
    first = next(iter(layers.values()))
    for name, mask in layers.items():
        if mask.energy is not None:
            raise ValueError(f"a map of HATS holds layers without energy bins, and {name!r} has {mask.energy}")
        if name in (_ORDER, SPATIAL_INDEX) or not name:
            raise ValueError(f"a layer of a map of HATS cannot have the name {name!r}")
    columns = {name: mask.planes[0] for name, mask in layers.items()}
    words = {"hpmask_layers": json.dumps(list(layers)), "hpmask_orders": json.dumps([m.order for m in layers.values()])}
    _write(columns, first, folder, words)


def _write(columns: Mapping[str, RangeSet], mask: MaskValue, folder: Path, words: dict[str, str]) -> None:
    need_pyarrow()
    import pyarrow as pa

    if mask.frame != "icrs":
        raise ValueError(f"catalogs of HATS are in ICRS, and the mask is in {mask.frame!r}: use to_frame('icrs')")
    starts, orders = _tiles(list(columns.values()))
    arrays = {SPATIAL_INDEX: starts.view(np.int64), _ORDER: orders}
    arrays |= {name: _inside(plane, starts) for name, plane in columns.items()}
    table = pa.table(arrays)
    properties: dict[str, Any] = {"hpmask_order": max(plane.order for plane in columns.values()), **words}
    properties["hpmask_columns"] = json.dumps(list(columns))
    if mask.energy is not None:
        axis = mask.energy
        properties["hpmask_energy"] = json.dumps(
            {
                "edges": [float(edge).hex() for edge in axis.edges.value],
                "unit": axis.edges.unit.to_string("vounit"),
                "name": axis.name,
                "interp": axis.interp,
            }
        )
    with HatsWriter(folder, table.schema, name="mask", kind="map", properties=properties) as writer:
        for partition, rows in split(starts.view(np.int64), _MOST_TILES, _MOST_PARTITION_ORDER):
            writer.write(partition, table.slice(rows.start, rows.stop - rows.start))


def _tiles(planes: Sequence[RangeSet]) -> tuple[Numbers, NDArray[np.uint8]]:
    """The largest cells in which no set changes: their first cells of order 29, ascending, and their orders."""
    edges = np.sort(np.concatenate([np.array([0, 12 << 2 * MAX_ORDER], np.uint64), *(p.boundaries for p in planes)]))
    # np.unique of numpy 2.3 and later hashes integers, which takes ten times as long for these: their low bits are 0.
    edges = edges[np.append(True, edges[1:] != edges[:-1])]
    order = max(plane.order for plane in planes)
    # Two neighbouring ranges would become one: those of even and of odd number are two sets.
    pieces = []
    for k in range(2):
        starts, stops = edges[:-1][k::2], edges[1:][k::2]
        boundaries = np.stack([starts, stops], axis=1).ravel()
        cells, orders = trusted(boundaries, order).multi_order_cells()
        shift = np.uint64(2) * (np.uint64(MAX_ORDER) - orders.astype(np.uint64))
        pieces.append((cells << shift, orders))
    first, orders = (np.concatenate(both) for both in zip(*pieces, strict=True))
    by = np.argsort(first, kind="stable")
    return first[by], orders[by]


def _inside(plane: RangeSet, starts: Numbers) -> NDArray[np.bool_]:
    return np.asarray(np.searchsorted(plane.boundaries, starts, side="right") % 2 == 1)


# ---------------------------------------------------------------------- reading


def read(path: Path | str, name: str = "", **words: Any) -> MaskValue:
    """The mask of a folder that `write` wrote.

    Parameters
    ----------
    path : path or str
        The folder or its URL.
    name : str, optional
        Its name.
    within : callable, optional
        The sky that is wanted: only partitions that touch it are read.

    Raises
    ------
    ValueError
        If it is not such a folder, or is damaged.
    """
    folder, columns, layers = _opened(path)
    if layers != [""]:
        raise ValueError(f"this map has the layers {', '.join(map(repr, layers))}: read it with MaskSet.read or layer=")
    planes = _planes(folder, columns, **words)
    try:
        history = json.loads(folder.properties["hpmask_history"])
    except (KeyError, ValueError):
        history = None
    history = history if isinstance(history, str) and history else f"read({name!r})"
    return new_mask(planes, order=_order(folder), frame="icrs", energy=_energy(folder), history=history)


def read_set(path: Path | str, name: str = "", **words: Any) -> dict[str, MaskValue]:
    """The layers of a folder that `write_set` wrote. The parameters are those of `read`."""
    folder, columns, layers = _opened(path)
    if layers == [""]:
        raise ValueError("this map has a single mask without a name: read it with Mask.read")
    try:
        orders = [check_order(one) for one in json.loads(folder.properties["hpmask_orders"])]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the property hpmask_orders is not valid: {brief(error)}") from error
    planes = _planes(folder, columns, **words)
    if len({len(orders), len(planes), len(layers)}) > 1:
        raise ValueError("the properties of the mask are not valid: layers, columns and orders differ in number")
    for layer, order, plane in zip(layers, orders, planes, strict=True):
        if plane.at_order(min(order, plane.order), mode="center") != plane:
            raise ValueError(f"the layer {layer!r} has tiles that are smaller than the cells of its order {order}")
    planes = [plane.at_order(order, mode="center") for order, plane in zip(orders, planes, strict=True)]
    return {
        layer: new_mask(plane, order=order, frame="icrs", history=f"read({name!r}, layer={layer!r})")
        for layer, order, plane in zip(layers, orders, planes, strict=True)
    }


def _opened(path: Path | str) -> tuple[HatsFolder, list[str], list[str]]:
    """The folder, the names of its columns of booleans, and those of its layers."""
    need_pyarrow()
    folder = HatsFolder.open(path)
    if folder.kind != "map" or "hpmask_columns" not in folder.properties:
        raise ValueError(f"this is a HATS catalog of the type {folder.kind!r}, and no mask: see Mask.from_hats")
    try:
        columns, layers = (json.loads(folder.properties[key]) for key in ("hpmask_columns", "hpmask_layers"))
    except (KeyError, ValueError) as error:
        raise ValueError(f"the properties of the mask are not valid: {brief(error)}") from error
    for names in (columns, layers):
        if not isinstance(names, list) or not names or not all(isinstance(one, str) for one in names):
            raise ValueError(f"the properties of the mask are not valid: {names!r} is not a list of names")
    if missing := {SPATIAL_INDEX, _ORDER, *columns} - set(folder.schema().names):
        raise ValueError(f"the column {min(missing)!r} is missing")
    return folder, columns, layers


def _order(folder: HatsFolder) -> int:
    text = folder.properties.get("hpmask_order", "")
    if not (text.isascii() and text.isdigit() and int(text[:4]) <= MAX_ORDER):
        raise ValueError(f"the property hpmask_order must be an integer from 0 to {MAX_ORDER}, got {text[:20]!r}")
    return int(text)


def _energy(folder: HatsFolder) -> EnergyAxis | None:
    text = folder.properties.get("hpmask_energy")
    if text is None:
        return None
    try:
        words = json.loads(text)
        edges = u.Quantity([float.fromhex(edge) for edge in words["edges"]], words["unit"])
        return EnergyAxis(edges, name=words["name"], interp=words["interp"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the property hpmask_energy is not valid: {brief(error)}") from error


def _planes(folder: HatsFolder, columns: Sequence[str], within: Any = None) -> list[RangeSet]:
    """The sets of the columns, from the partitions that touch the sky that is wanted."""
    order = _order(folder)
    wanted = folder.partitions
    if within is not None:
        footprint = within(order, "icrs").planes[0]
        wanted = [one for one in wanted if footprint.overlaps(RangeSet.from_cells([one.pixel], one.order))]
    found: list[list[tuple[Numbers, Numbers]]] = [[] for _ in columns]
    covered = 0
    for partition in wanted:
        names = [SPATIAL_INDEX, _ORDER, *columns]
        table = folder.read(partition, names)
        if lost := [name for name in names if table.column_names.count(name) != 1]:
            raise ValueError(f"the column {listed(lost[:1])} is missing or there twice, in the partition {partition}")
        starts, stops = _tiles_of(table, partition, order)
        covered += int((stops - starts).sum())
        for ranges, column in zip(found, columns, strict=True):
            kept = table[column].to_numpy()
            if kept.dtype != np.bool_:
                raise ValueError(f"the column {column!r} must hold booleans, in the partition {partition}")
            boundaries = joined(starts[kept], stops[kept])
            ranges.append((boundaries[0::2], boundaries[1::2]))
    if within is None and covered != 12 << 2 * MAX_ORDER:
        raise ValueError("the tiles of the partitions do not cover the sky: is a partition missing?")
    return [_united(ranges, order) for ranges in found]


def _united(ranges: Sequence[tuple[Numbers, Numbers]], order: int) -> RangeSet:
    if not ranges:
        return RangeSet.empty(order)
    starts, stops = (np.concatenate(side) for side in zip(*ranges, strict=True))
    return from_starts_stops(starts, stops, order)


def _tiles_of(table: Any, partition: Partition, order: int) -> tuple[Numbers, Numbers]:
    """Where the tiles of a partition begin and end."""
    numbers, orders = table[SPATIAL_INDEX].to_numpy(), table[_ORDER].to_numpy()
    if numbers.dtype.kind not in "iu" or orders.dtype.kind not in "iu":
        raise ValueError(f"{SPATIAL_INDEX} and {_ORDER} must be integers, in the partition {partition}")
    if not np.all((orders >= 0) & (orders <= order)):
        raise ValueError(f"{_ORDER} must be from 0 to {order}, in the partition {partition}")
    if not np.all((numbers >= 0) & (numbers < 12 << 2 * MAX_ORDER)):
        raise ValueError(f"{SPATIAL_INDEX} must be cells of order 29, in the partition {partition}")
    starts = numbers.astype(np.uint64)
    sizes = np.uint64(1) << (np.uint64(2) * (np.uint64(MAX_ORDER) - orders.astype(np.uint64)))
    stops = starts + sizes
    if np.any(starts % sizes) or np.any(starts[1:] < stops[:-1]):
        raise ValueError(f"the tiles must be cells of their orders, sorted and apart, in the partition {partition}")
    return starts, stops


def _matches_folder(path: Path) -> bool:
    if not is_hats(path):
        return False
    try:
        folder = HatsFolder.open(path)
    except (OSError, ValueError):
        return False
    return folder.kind == "map" and "hpmask_columns" in folder.properties


FORMAT = Format(
    name="hats",
    description="A folder: a HATS catalog of the type map, for LSDB. Masks in ICRS, with energy bins or layers.",
    suffixes=(),
    matches=lambda start: False,
    read=read,
    write=None,
    options=("within",),
    read_set=read_set,
    matches_folder=_matches_folder,
    write_folder=write,
    write_set_folder=write_set,
)
