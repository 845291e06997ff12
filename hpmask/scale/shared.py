"""Masks that workers have once: objects that are sent once, and tiles of folders that are read when needed."""

from __future__ import annotations

import pickle
import tempfile
import uuid
import weakref
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpmask._utils.arguments import MAX_ORDER
from hpmask.core.positions import Positions
from hpmask.io.parquet_folder import MaskFolder
from hpmask.mask import Mask
from hpmask.maskset import MaskSet

__all__ = ["Shared", "TiledMasks", "opened", "shared", "value_of"]

# Ranges of tiles that a process keeps: 256 MB.
_MOST_KEPT = 256 << 20

Masks = Mask | MaskSet


class Shared:
    """An object that is in many tasks, and is written to a file once in place of being sent with each of them.

    Processes of this machine read the file once. It is removed together with the object.
    """

    def __init__(self, value: Any) -> None:
        self.value = value
        self._path = ""

    def __reduce__(self) -> tuple[Any, ...]:
        if not self._path:
            file = tempfile.NamedTemporaryFile(prefix="hpmask-", suffix=".pickle", delete=False)  # noqa: SIM115
            try:
                with file:
                    pickle.dump(self.value, file, protocol=5)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
            self._path = file.name
            weakref.finalize(self, Path(file.name).unlink, missing_ok=True)
        return _read, (self._path,)

    def __dask_tokenize__(self) -> str:
        # Objects of equal content may have different tokens. The content of a large mask would take long to hash.
        return f"hpmask-{id(self)}-{uuid.uuid4().hex}"


@lru_cache(maxsize=4)
def _read(path: str) -> Shared:
    with open(path, "rb") as file:
        made = Shared(pickle.load(file))
    made._path = path
    return made


def shared(value: Any) -> Any:
    """Something to put into tasks in place of an object: the object goes to each worker once.

    With a client of dask.distributed, it is sent to all workers now.
    """
    try:
        from distributed import default_client

        client = default_client()
    except (ImportError, ValueError):
        return Shared(value)
    return client.scatter(value, broadcast=True, hash=False)


def value_of(one: Any) -> Any:
    """The object, in a task."""
    return one.value if isinstance(one, Shared) else one


# ---------------------------------------------------------------------- folders


@lru_cache(maxsize=4)
def opened(path: str) -> TiledMasks:
    """A folder of tiles. A process opens it once."""
    return TiledMasks(path)


class TiledMasks:
    """A mask or a set of masks in a folder of tiles, of which only the tiles that are asked for are read.

    Parameters
    ----------
    path : str
        The folder.
    """

    def __init__(self, path: str) -> None:
        self._folder = MaskFolder(path)
        self._kept: OrderedDict[int, Masks] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()
        self.frame = self._folder.frame
        self.energy = self._folder.energy
        self.layers = None if self._folder.layers is None else tuple(self._folder.layers)

    @property
    def empty(self) -> Masks:
        """A mask or a set of this form without sky."""
        return self._of(None)

    def _of(self, tile: int | None) -> Masks:
        folder = self._folder
        planes = Mask.empty(energy=self.energy).planes * folder.n_planes if tile is None else folder.planes(tile)
        words: dict[str, Any] = {"frame": self.frame, "order": folder.order}
        if self.layers is not None:
            return MaskSet({name: Mask(plane, **words) for name, plane in zip(self.layers, planes, strict=True)})
        return Mask(planes[: folder.n_planes], energy=self.energy, **words)

    def _tile(self, tile: int) -> Masks:
        """The sky in a tile."""
        with self._lock:
            if tile in self._kept:
                self._kept.move_to_end(tile)
                return self._kept[tile]
        made = self._of(tile)
        with self._lock:
            if tile not in self._kept:
                self._kept[tile] = made
                self._bytes += _nbytes(made)
            while self._bytes > _MOST_KEPT and len(self._kept) > 1:
                self._bytes -= _nbytes(self._kept.popitem(last=False)[1])
        return made

    def answers(
        self,
        positions: Positions,
        ask: Callable[[Masks, NDArray[np.uint64]], NDArray[Any]],
        out: NDArray[Any],
        invalid: str,
    ) -> None:
        """Write the answers for positions to `out`, tile by tile.

        Parameters
        ----------
        positions : Positions
            Positions of shape (n,).
        ask : callable
            ``ask(masks, cells)``: the answers of a part of the sky for cells of order 29.
        out : numpy.ndarray, shape (n, ...)
            It holds the answers outside the mask already.
        invalid : {"raise", "skip"}
            What happens to positions that are nowhere.
        """
        numbers = np.empty(positions.size, dtype=np.uint64)

        def write(rows: slice, cells: NDArray[np.uint64]) -> None:
            numbers[rows] = cells

        positions.look_up(MAX_ORDER, write, invalid=invalid, n_threads=1)
        there = self._folder.tile_order
        tiles = (numbers >> np.uint64(2 * (MAX_ORDER - there))).astype(np.int64)
        by_tile = np.argsort(tiles, kind="stable")
        found, starts = np.unique(tiles[by_tile], return_index=True)
        known = set(self._folder.tiles())
        for tile, rows in zip(found.tolist(), np.split(by_tile, starts[1:]), strict=True):
            if tile in known:
                out[rows] = ask(self._tile(tile), numbers[rows])


def _nbytes(masks: Masks) -> int:
    return masks.nbytes if isinstance(masks, Mask) else sum(masks[name].nbytes for name in masks)
