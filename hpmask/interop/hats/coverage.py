"""The sky that a catalog in partitions covers: that of its partitions, or of its map of the number of rows."""

from __future__ import annotations

import os
from typing import Any, Literal

import numpy as np

from hpmask._files.hats_folder import HatsFolder, Partition, is_hats
from hpmask._files.urls import as_place, name_of_place
from hpmask.catalog.partitions import near
from hpmask.catalog.parts import is_lsdb
from hpmask.core.rangeset import RangeSet, from_starts_stops
from hpmask.core.value import MaskValue, new_mask
from hpmask.geometry import healpix
from hpmask.io.healpix_read import read_map

__all__ = ["By", "covered"]

By = Literal["partitions", "point_map"]

_MAPS = ("point_map.fits", "skymap.fits")


def covered(catalog: Any, *, by: By = "partitions") -> MaskValue:
    """See `hpmask.Mask.from_hats`."""
    if by not in ("partitions", "point_map"):
        raise ValueError(f"by must be 'partitions' or 'point_map', got {by!r}")
    if is_lsdb(catalog):
        structure = catalog.hc_structure
        source = f"{structure.catalog_info.catalog_name!r} of LSDB"
        partitions = [Partition(int(one.order), int(one.pixel)) for one in catalog.get_healpix_pixels()]
        if by == "partitions":
            sky, words = _of_partitions(partitions), f"{len(partitions)} partitions"
        elif structure.moc is None:
            raise ValueError(f"the catalog {source} has no point map: give by='partitions'")
        else:
            ranges = structure.moc.to_depth29_ranges.astype(np.uint64)
            sky = from_starts_stops(ranges[:, 0].copy(), ranges[:, 1].copy(), int(structure.moc.max_order))
            words = "point map"
    elif isinstance(catalog, str | os.PathLike):
        if not is_hats(catalog):
            raise FileNotFoundError(f"there is no HATS catalog {os.fspath(catalog)!r}: it has no hats.properties")
        folder = HatsFolder.open(catalog)
        source = f"{name_of_place(as_place(catalog))!r}, properties sha256 {folder.digest()}"
        if by == "partitions":
            sky, words = _of_partitions(folder.partitions), f"{len(folder.partitions)} partitions"
        else:
            sky, words = _of_map(folder)
    else:
        raise TypeError(
            f"catalog must be the path of a HATS catalog or a catalog of LSDB, got {type(catalog).__name__}"
        )
    return new_mask(sky, order=sky.order, frame="icrs", history=f"from_hats({source}, {words})")


def _of_partitions(partitions: list[Partition]) -> RangeSet:
    order = max((one.order for one in partitions), default=0)
    pairs = np.array([(one.start, one.stop) for one in partitions], dtype=np.uint64).reshape(-1, 2)
    return from_starts_stops(pairs[:, 0].copy(), pairs[:, 1].copy(), order)


def _of_map(folder: HatsFolder) -> tuple[RangeSet, str]:
    """The cells with rows, and the name of the map."""
    name = next((one for one in _MAPS if folder.exists(one)), None)
    if name is None:
        raise ValueError(f"{folder.path}: the catalog has no {' or '.join(_MAPS)}: give by='partitions'")
    found = read_map(folder.path_of(name), frame="icrs")
    values = np.asarray(found.values).reshape(-1)
    cells = found.cells[values > 0] if found.cells is not None else np.flatnonzero(values > 0)
    if found.cells is None and not found.nest:
        cells = healpix.ring_to_nested(cells, found.order)
    sky = RangeSet.from_cells(cells.astype(np.uint64), found.order)
    # Other cells with rows mean another order of the cells than the header says, as in files of hipscat.
    touched = [Partition(found.order, int(cell)) for cell in cells.tolist()]
    outside = np.count_nonzero(~near(touched, _of_partitions(folder.partitions), "icrs"))
    if outside:
        raise ValueError(
            f"{folder.path_of(name)}: {outside} of {cells.size} cells with rows are outside all partitions: the map "
            "is of another catalog, or its keyword ORDERING is wrong. Give by='partitions'"
        )
    return sky, name
