"""Set operations on masks in folders of tiles, tile by tile: a few tiles are in memory at a time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
from astropy import units as u

from hpmask._files.atomic import replacing_folder
from hpmask._utils.history import Expression
from hpmask._utils.parallel import thread_map
from hpmask.core.rangeset import RangeSet, trusted
from hpmask.energy.axis import EnergyAxis
from hpmask.io.parquet_folder import MaskFolder, bounds_of, finish, obstacle, write_tile

__all__ = ["combine_folders", "folder_area"]

Operation = Literal["union", "intersection", "difference", "symmetric_difference"]

_SIGNS = {"union": "|", "intersection": "&", "difference": "-", "symmetric_difference": "^"}


def folder_area(path: str | os.PathLike[str]) -> u.Quantity:
    """Return the area of a mask in a folder of tiles. Only the index is read.

    Parameters
    ----------
    path : str or path
        The folder, or its URL.

    Returns
    -------
    `~astropy.units.Quantity`
        In deg2: a scalar, or an array with the area of each energy bin or each layer.

    Raises
    ------
    MaskFormatError
        If it is not a folder of a mask that is complete.

    See Also
    --------
    hpmask.Mask.area : the area of a mask in memory.

    Examples
    --------
    >>> import tempfile
    >>> from hpmask import Mask, io
    >>> mask = Mask.from_zone(lat=("60 deg", "90 deg"), order=8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     mask.write(f"{folder}/mask", format="parquet")
    ...     io.folder_area(f"{folder}/mask") == mask.area
    np.True_
    """
    folder = MaskFolder(path)
    parts = np.array([n / (12 << 2 * folder.order) for n in folder.n_cells])
    area = (parts * 4 * np.pi * u.sr).to(u.deg**2)
    return area if folder.energy is not None or folder.layers is not None else area[0]


def combine_folders(
    folders: Sequence[str | os.PathLike[str]],
    path: str | os.PathLike[str],
    operation: Operation,
    *,
    overwrite: bool = False,
    n_threads: int | None = None,
) -> None:
    """Combine masks in folders of tiles to a new one, tile by tile.

    Parameters
    ----------
    folders : sequence of str or path, shape (n,)
        Two folders or more. They have the same frame and the same energy bins or none, or the same layers. Their orders
        may differ, and those of their tiles.
    path : str or path
        The new folder, which appears when it is complete.
    operation : {"union", "intersection", "difference", "symmetric_difference"}
        The operation. Differences are what the first mask has and none of the others.
    overwrite : bool, optional
        Whether a folder that exists may be replaced.
    n_threads : int, optional
        The largest number of threads; by default that of the process. Each one holds a tile of each mask.

    Raises
    ------
    FileExistsError
        If there is such a folder and `overwrite` is False.
    ValueError
        If there are fewer than two folders, the operation is not one of these, or the masks do not fit.
    MaskFormatError
        If a folder is not a mask that is complete.

    See Also
    --------
    hpmask.Mask.union : the same for masks in memory.

    Examples
    --------
    >>> import tempfile
    >>> from hpmask import Mask, io
    >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=8)
    >>> west = Mask.from_zone(("180 deg", "360 deg"), order=8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     north.write(f"{folder}/north", format="parquet")
    ...     west.write(f"{folder}/west", format="parquet")
    ...     io.combine_folders([f"{folder}/north", f"{folder}/west"], f"{folder}/both", "intersection")
    ...     Mask.read(f"{folder}/both") == north & west
    True
    """
    if operation not in _SIGNS:
        raise ValueError(f"operation must be one of {', '.join(map(repr, _SIGNS))}, got {operation!r}")
    if isinstance(folders, str | os.PathLike) or len(folders) < 2:
        raise ValueError("folders must be two folders or more")
    sources = [_Source(one) for one in folders]
    first = sources[0].folder
    with_bins = next((source.folder for source in sources if source.folder.energy is not None), first)
    for place, source in zip(folders, sources, strict=True):
        _check_fits(first, with_bins.energy, source.folder, place)
    order = max(source.folder.order for source in sources)
    tile_order = max(source.folder.tile_order for source in sources)
    n_planes = max(source.folder.n_planes for source in sources)
    layers = None if first.layers is None else dict.fromkeys(first.layers, (order, ""))
    tiles = [set(source.tiles(tile_order)) for source in sources]
    chosen = tiles[0]
    if operation == "intersection":
        chosen = set.intersection(*tiles)
    elif operation != "difference":
        chosen = set.union(*tiles)

    with replacing_folder(path, overwrite=overwrite, obstacle=obstacle) as new:

        def write(tile: int) -> None:
            parts = [source.planes(tile, tile_order, n_planes) for source in sources]
            planes = [_combined(list(sets), operation).at_order(order) for sets in zip(*parts, strict=True)]
            if any(planes):
                write_tile(new, tile, tile_order, planes, order, layers=None if layers is None else list(layers))

        # In the order of the sky, so that a larger tile is read once.
        list(thread_map(write, sorted(chosen), n_threads))
        history = str(Expression.joined(_SIGNS[operation], [Expression.parse(one.folder.history) for one in sources]))
        if layers is not None:
            layers = dict.fromkeys(layers, (order, history))
        finish(
            new,
            order=order,
            tile_order=tile_order,
            frame=first.frame,
            energy=with_bins.energy,
            history=history,
            layers=layers,
        )


def _combined(sets: list[RangeSet], operation: Operation) -> RangeSet:
    if operation == "union":
        return RangeSet.union_all(sets)
    if operation == "intersection":
        return RangeSet.intersection_all(sets)
    if operation == "difference":
        return sets[0].difference(sets[1:])
    result = sets[0]
    for one in sets[1:]:
        result = result ^ one
    return result


def _check_fits(first: MaskFolder, energy: EnergyAxis | None, other: MaskFolder, place: object) -> None:
    if other.frame != first.frame:
        raise ValueError(f"folders: {place} has the frame {other.frame!r}, the first one has {first.frame!r}")
    names = [None if one.layers is None else list(one.layers) for one in (first, other)]
    if names[0] != names[1]:
        raise ValueError(f"folders: {place} has the layers {names[1]}, the first one has {names[0]}")
    if other.energy is not None and other.energy != energy:
        raise ValueError(f"folders: {place} has the energy bins {other.energy}, and another one has {energy}")


class _Source:
    """A folder whose tiles are read, also as smaller ones."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.folder = MaskFolder(path)
        # A larger tile is used several times in a row, by each thread.
        self._read = lru_cache(maxsize=8)(self.folder.planes)

    def tiles(self, tile_order: int) -> list[int]:
        n = 1 << 2 * (tile_order - self.folder.tile_order)
        return [n * tile + k for tile in self.folder.tiles() for k in range(n)]

    def planes(self, tile: int, tile_order: int, n_planes: int) -> list[RangeSet]:
        """The planes in a tile. A mask without energy has the same one in all bins."""
        step = 2 * (tile_order - self.folder.tile_order)
        planes = self._read(tile >> step) if step else self.folder.planes(tile)
        if step:
            sky = trusted(np.array(bounds_of(tile, tile_order), dtype=np.uint64), tile_order)
            planes = [plane & sky for plane in planes]
        return planes * (n_planes // len(planes))
