"""A mask as a folder of tiles, for masks that are larger than memory::

    mask/
        _hpmask.parquet                           the index, which is written last
        dataset/Norder=5/Dir=0/Npix=123.parquet   a file for each tile that is written

The tiles are the cells of one order, and their places are those of HATS. A tile's file is a parquet file of ranges, as
described in `hpmask.io.parquet_rows`, with the columns `start` and `stop`, and `bin` or `layer` if there is more than
one plane. All of them can be read as one dataset with the pattern ``mask/dataset/**/*.parquet``. Each file appears when
it is complete.

The index says what the mask is (order, frame, energy bins, history), and has the tiles with their sizes and digests. A
tile that is not in the index has no sky. A folder without an index is not a mask, and neither is one that lacks a tile
of the index or has another one in its place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import hpmask
from hpmask._files.atomic import replacing
from hpmask._files.checked_parquet import CheckedParquet, Group, pyarrow_parquet, strange_description, write_checked
from hpmask._files.faults import naming
from hpmask._files.urls import as_place, open_url
from hpmask._utils.arguments import MAX_ORDER, check_order
from hpmask._utils.errors import MaskFormatError
from hpmask._utils.parallel import thread_map
from hpmask.core.rangeset import RangeSet, joined, trusted
from hpmask.core.value import MaskValue, check_within, new_mask
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry.frames import check_frame
from hpmask.io.format import Footprint
from hpmask.io.parquet_rows import (
    Column,
    axis_from_json,
    axis_to_json,
    cells_of,
    groups_of,
    integer,
    meeting,
    own_plane,
    planes_of,
    row_schema,
)

__all__ = [
    "INDEX",
    "MaskFolder",
    "bounds_of",
    "finish",
    "is_folder",
    "obstacle",
    "read_folder",
    "read_set_folder",
    "read_tile",
    "tile_path",
    "tiles_of",
    "write_folder",
    "write_tile",
]

INDEX = "_hpmask.parquet"
"""Name of the index in the folder."""

_LAYOUT = 1
_FILE = re.compile(r"Npix=(\d{1,18})\.parquet")
_FOLDER = re.compile(r"Norder=(\d{1,2})")

# Tiles in a folder of files, as in HATS.
_PER_FOLDER = 10_000

# Tiles in a row group of the index.
_TILES_PER_GROUP = 4096

# Rows in a tile, on the average, of a mask that is in memory when it is written.
_ROWS_PER_TILE = 1 << 16

# The columns of the index. The first 128 bits of the digest of a tile's description are two integers.
_COLUMNS = ("tile", "n_rows", "n_bytes", "sha256_high", "sha256_low")


def tile_path(folder: str | os.PathLike[str], tile: int, tile_order: int) -> Path:
    """The file of a tile."""
    return Path(folder, _relative(tile, tile_order))


def _relative(tile: int, tile_order: int) -> str:
    directory = tile // _PER_FOLDER * _PER_FOLDER
    return f"dataset/Norder={tile_order}/Dir={directory}/Npix={tile}.parquet"


# ---------------------------------------------------------------------- writing


def write_tile(
    folder: str | os.PathLike[str],
    tile: int,
    tile_order: int,
    planes: Sequence[RangeSet],
    order: int,
    *,
    layers: Sequence[str] | None = None,
    run: str = "",
) -> None:
    """Write the file of a tile. It appears when it is complete, and replaces the file that is there.

    Equal tiles make equal files: it does no harm to write a tile twice, or from two processes. The folder and those in
    it are made if they do not exist. A tile without sky may be written as well, to show that it is done.

    Parameters
    ----------
    folder : str or path
        The folder of the mask.
    tile : int
        NESTED number of the tile.
    tile_order : int
        Order of the tiles. It is the same for all tiles of a folder.
    planes : sequence of RangeSet
        The sky in the tile, for each energy bin or each layer; one for a mask without energy.
    order : int
        Order of the mask, at least that of the tiles and of the planes.
    layers : sequence of str, optional
        Names of the planes, if they are the layers of a set and not energy bins.
    run : str, optional
        A text that tells one computation from others, such as a digest of its input. `finish` then refuses tiles that
        another one left in the folder.

    Raises
    ------
    TypeError, ValueError
        If a plane has cells outside the tile, or the orders do not fit.
    """
    order, tile_order = check_order(order), check_order(tile_order, "tile_order")
    if tile_order > order:
        raise ValueError(f"tile_order must not be finer than the order of the mask, {order}, got {tile_order}")
    if not 0 <= tile < 12 << 2 * tile_order:
        raise ValueError(f"tile must be a cell of order {tile_order}, 0 to {(12 << 2 * tile_order) - 1}, got {tile}")
    if not planes or any(plane.order > order for plane in planes):
        raise ValueError(f"planes must be one or more sets of up to order {order}")
    low, high = bounds_of(tile, tile_order)
    for k, plane in enumerate(planes):
        ends = plane.boundaries
        if ends.size and not (int(ends[0]) >= low and int(ends[-1]) <= high):
            raise ValueError(f"planes must lie in the tile, but plane {k} has cells outside tile {tile}")
    if layers is not None and len(layers) != len(planes):
        raise ValueError(f"there are {len(planes)} planes, but layers has {len(layers)} names")
    columns = [Column("bin", range(len(planes)))] * (len(planes) > 1) if layers is None else [Column("layer", layers)]
    description = {
        "layout": _LAYOUT,
        "content": "tile of a mask",
        "creator": f"hpmask {hpmask.__version__}",
        "ordering": "NESTED",
        "order": order,
        "tile_order": tile_order,
        "tile": int(tile),
        "n_planes": len(planes),
        "layers": None if layers is None else list(layers),
        "n_cells": [plane.n_cells << 2 * (order - plane.order) for plane in planes],
        "run": str(run),
    }
    path = tile_path(folder, tile, tile_order)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The folder is flushed when it gets its name.
    with replacing(path, overwrite=True, durable=False) as file:
        write_checked(file, row_schema(columns), lambda: groups_of(planes, order, (low, high), columns), description)


def bounds_of(tile: int, tile_order: int) -> tuple[int, int]:
    """The cells of a tile at order 29: the first, and the one after the last."""
    shift = 2 * (MAX_ORDER - tile_order)
    return int(tile) << shift, (int(tile) + 1) << shift


def finish(
    folder: str | os.PathLike[str],
    *,
    order: int,
    tile_order: int,
    frame: str = "icrs",
    energy: EnergyAxis | None = None,
    history: str = "",
    layers: Mapping[str, tuple[int, str]] | None = None,
    run: str = "",
    tiles: Iterable[int] | None = None,
) -> None:
    """Write the index, which makes the tiles in a folder a mask. It replaces the index that is there.

    Parameters
    ----------
    folder : str or path
        The folder.
    order, tile_order : int
        As of the tiles.
    frame : str
        Frame of the mask, "icrs" or "galactic".
    energy : EnergyAxis, optional
        Energy bins, one for each plane of the tiles.
    history : str, optional
        How the mask was made.
    layers : mapping of str to tuple of int and str, optional
        Order and history of each layer by its name, if the planes are the layers of a set and not energy bins.
    run : str, optional
        As of the tiles.
    tiles : iterable of int, optional
        The tiles that must be there. By default those that are there.

    Raises
    ------
    ValueError
        If a tile is missing, or one is there that is not expected, was written by another run, or has another order or
        another number of planes.
    MaskFormatError
        If a tile is damaged.
    """
    order, tile_order, frame = check_order(order), check_order(tile_order, "tile_order"), check_frame(frame)
    if energy is not None and layers is not None:
        raise ValueError("give energy or layers, and not both")
    n_planes = energy.n_bins if energy is not None else len(layers) if layers is not None else 1
    found = _files_of(folder)
    numbers = sorted(number for at, number in found if at == tile_order)
    if len(numbers) < len(found):
        raise ValueError(f"{os.fspath(folder)} has tiles of other orders than {tile_order}")
    if tiles is not None:
        expected = {int(tile) for tile in tiles}
        if odd := sorted(expected ^ set(numbers)):
            what = "is missing" if odd[0] in expected else "is not expected"
            raise ValueError(f"{os.fspath(folder)}: tile {odd[0]} {what}, and so are {len(odd) - 1} others")
    names = None if layers is None else list(layers)
    wanted = {"order": order, "tile_order": tile_order, "n_planes": n_planes, "layers": names, "run": str(run)}

    def facts(tile: int) -> tuple[list[int], list[int]]:
        path = tile_path(folder, tile, tile_order)
        with _named(path), open(path, "rb") as file:
            one = _checked_tile(file, tile)
            for word, value in wanted.items():
                if one.description.get(word) != value:
                    raise ValueError(f"its {word} is {one.description.get(word)!r}, not {value!r}")
            with strange_description():
                cells = [integer(n) for n in one.description["n_cells"]]
            n_rows = sum(group["n_rows"] for group in one.groups)
            return [tile, n_rows, os.path.getsize(path), *_halves(one.digest)], cells

    rows, cells = [], [0] * n_planes
    for row, each in thread_map(facts, numbers):
        rows.append(row)
        cells = [a + b for a, b in zip(cells, each, strict=True)]
    table = np.array(rows, dtype=np.int64).reshape(-1, len(_COLUMNS))
    description = {
        "layout": _LAYOUT,
        "content": "index of the tiles of a mask",
        "creator": f"hpmask {hpmask.__version__}",
        "frame": frame,
        "ordering": "NESTED",
        "order": order,
        "tile_order": tile_order,
        "energy": axis_to_json(energy),
        "layers": layers and [{"name": name, "order": at, "history": text} for name, (at, text) in layers.items()],
        "history": history,
        "n_planes": n_planes,
        "n_cells": cells,
        "n_rows": int(table[:, 1].sum()),
        "run": str(run),
    }
    pyarrow, _ = pyarrow_parquet()
    schema = pyarrow.schema([pyarrow.field(name, pyarrow.int64(), nullable=False) for name in _COLUMNS])

    def groups() -> Iterator[Group]:
        for k in range(0, len(table), _TILES_PER_GROUP):
            some = table[k : k + _TILES_PER_GROUP]
            yield (
                {"cells": [int(some[0, 0]), int(some[-1, 0]) + 1]},
                {name: np.ascontiguousarray(some[:, i]) for i, name in enumerate(_COLUMNS)},
            )

    with replacing(Path(folder, INDEX), overwrite=True) as file:
        write_checked(file, schema, groups, description)


def _halves(digest: str) -> list[int]:
    """The first 128 bits of a digest as two integers."""
    return [int(n) for n in np.frombuffer(bytes.fromhex(digest)[:16], dtype=">i8")]


def write_folder(
    planes: Sequence[RangeSet],
    folder: str | os.PathLike[str],
    *,
    order: int,
    frame: str,
    energy: EnergyAxis | None = None,
    history: str = "",
    layers: Mapping[str, tuple[int, str]] | None = None,
) -> None:
    """Write planes that are in memory as a folder, whose tiles are so small that each is read in little time."""
    n_rows, tile_order = sum(plane.n_ranges for plane in planes), 0
    while tile_order < order and n_rows > _ROWS_PER_TILE * (12 << 2 * tile_order):
        tile_order += 1
    names = None if layers is None else list(layers)

    def write(tile: int) -> None:
        sky = trusted(np.array(bounds_of(tile, tile_order), dtype=np.uint64), tile_order)
        parts = [plane & sky for plane in planes]
        if any(parts):
            write_tile(folder, tile, tile_order, parts, order, layers=names)

    list(thread_map(write, range(12 << 2 * tile_order)))
    finish(folder, order=order, tile_order=tile_order, frame=frame, energy=energy, history=history, layers=layers)


# ---------------------------------------------------------------------- reading


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a folder holds a mask of tiles, or the tiles of one that is not complete.

    Catalogs of HATS have the same names of files. Without an index, the content of one of them decides.
    """
    if Path(path, INDEX).is_file():
        return True
    first = next(_walk(path), None)
    if first is None:
        return False
    try:
        with open(tile_path(path, first[1], first[0]), "rb") as file:
            _checked_tile(file, first[1])
    except (OSError, ValueError):
        return False
    return True


def obstacle(folder: Path) -> str | None:
    """Why a folder must not be replaced by a mask of tiles; see `hpmask._files.atomic.replacing_folder`."""
    return None if is_folder(folder) else "Not a mask"


def tiles_of(path: str | os.PathLike[str], *, run: str | None = None) -> list[int]:
    """The tiles whose files are in a folder, in ascending order, whether it has an index or not.

    Parameters
    ----------
    path : str or path
        The folder. One that does not exist has no tiles.
    run : str, optional
        Only complete tiles that `write_tile` wrote with this `run`. Their descriptions are read.

    Returns
    -------
    list of int
    """
    found = _files_of(path)
    if run is None:
        return sorted(number for _, number in found)

    def is_of_run(place: tuple[int, int]) -> bool:
        try:
            with open(tile_path(path, place[1], place[0]), "rb") as file:
                return bool(_checked_tile(file, place[1]).description.get("run") == run)
        except (MaskFormatError, FileNotFoundError):
            return False

    done = thread_map(is_of_run, found)
    return sorted(place[1] for place, fits in zip(found, done, strict=True) if fits)


def _files_of(folder: str | os.PathLike[str]) -> list[tuple[int, int]]:
    """Order and number of all tiles that have a file."""
    return sorted(_walk(folder))


def _walk(folder: str | os.PathLike[str]) -> Iterator[tuple[int, int]]:
    dataset = Path(folder, "dataset")
    for parent in dataset.iterdir() if dataset.is_dir() else ():
        at = _FOLDER.fullmatch(parent.name)
        if at is None or not parent.is_dir():
            continue
        for directory in parent.iterdir():
            with os.scandir(directory) as entries:
                for entry in entries:
                    number = _FILE.fullmatch(entry.name)
                    if number and entry.path == str(tile_path(folder, int(number[1]), int(at[1]))):
                        yield int(at[1]), int(number[1])


def read_tile(path: str | os.PathLike[str], tile: int, tile_order: int) -> list[RangeSet]:
    """The planes in the file of a tile, whether the folder has an index or not.

    Raises
    ------
    FileNotFoundError
        If the tile has no file.
    MaskFormatError
        If it is damaged.
    """
    place = tile_path(path, tile, tile_order)
    with _named(place), open(place, "rb") as file:
        return _planes_of_tile(_checked_tile(file, tile), None)


def _checked_tile(file: Any, tile: int) -> CheckedParquet:
    one = CheckedParquet(file)
    with strange_description():
        if one.description["content"] != "tile of a mask" or integer(one.description["layout"]) != _LAYOUT:
            raise MaskFormatError("this is not a tile of a mask that this version of hpmask reads")
        if one.description["tile"] != tile:
            raise MaskFormatError(f"this is the file of tile {one.description['tile']}, not {tile}")
    return one


def _planes_of_tile(one: CheckedParquet, footprint: RangeSet | None) -> list[RangeSet]:
    with strange_description():
        order, n_planes = check_order(integer(one.description["order"])), integer(one.description["n_planes"])
        tile, tile_order = integer(one.description["tile"]), check_order(integer(one.description["tile_order"]))
        if not (n_planes > 0 and tile_order <= order):
            raise TypeError(f"{n_planes} planes of order {order} in a tile of order {tile_order}")
    cells = cells_of(one, order)
    shift = 2 * (order - tile_order)
    if cells.size and not (cells[0, 0] >> shift == tile and cells[-1, 1] - 1 >> shift == tile):
        raise MaskFormatError("a row group has cells outside its tile")
    return planes_of(one, meeting(cells, order, footprint), n_planes, order)


@contextmanager
def _named(path: Any) -> Iterator[None]:
    """Begin the messages of errors with the path."""
    try:
        with naming(path):
            yield
    except ValueError as error:
        raise MaskFormatError(f"{path}: {error}") from error


class MaskFolder:
    """A mask in a folder of tiles that is open for reading. Only what is asked for is read.

    Parameters
    ----------
    path : str or path
        The folder, or its URL.

    Attributes
    ----------
    order, tile_order : int
    frame : str
    energy : EnergyAxis or None
    layers : dict of str to tuple of int and str, or None
        Order and history of each layer by its name, if the folder holds a set.
    history : str
    n_planes : int
        One for each energy bin or layer.
    n_cells : list of int
        Number of cells of the mask's order in each plane.
    n_ranges : int
        Number of ranges in all tiles and planes.
    run : str
        As given to `finish`.

    Raises
    ------
    MaskFormatError
        If the folder has no index, or the index is damaged.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._place = as_place(path)
        with self._opened(INDEX) as file:
            with strange_description():
                words = file.description
                if words["content"] != "index of the tiles of a mask" or integer(words["layout"]) != _LAYOUT:
                    raise MaskFormatError("this is not an index of a mask that this version of hpmask reads")
                self.order, self.tile_order = check_order(integer(words["order"])), check_order(words["tile_order"])
                self.frame = check_frame(words["frame"])
                self.energy = axis_from_json(words["energy"])
                self.layers = _layers_from_json(words["layers"], self.order)
                self.history = str(words["history"])
                self.n_planes = integer(words["n_planes"])
                self.n_cells = [integer(n) for n in words["n_cells"]]
                self.n_ranges = integer(words["n_rows"])
                self.run = str(words["run"])
            expected = self.energy.n_bins if self.energy is not None else len(self.layers or [""])
            if not self.n_planes == len(self.n_cells) == expected or self.tile_order > self.order:
                raise MaskFormatError("the description of the mask contradicts itself")
            self._cells = cells_of(file, self.tile_order)
        self._known: dict[int, dict[int, tuple[int, ...]]] = {}

    @contextmanager
    def _opened(self, relative: str) -> Iterator[CheckedParquet]:
        """Open a file of the folder. Messages of errors begin with its path."""
        local = isinstance(self._place, Path)
        path: Any = self._place / relative if isinstance(self._place, Path) else f"{self._place.rstrip('/')}/{relative}"
        with _named(path):
            try:
                with open(path, "rb") if local else open_url(path) as file:
                    yield CheckedParquet(file)
            except FileNotFoundError as error:
                what = "the index" if relative == INDEX else "a tile of the mask"
                raise MaskFormatError(f"{what} is missing: the mask is not complete") from error

    def _entries(self, group: int) -> dict[int, tuple[int, ...]]:
        """The tiles in a row group of the index, with their other columns."""
        if group not in self._known:
            with self._opened(INDEX) as file:
                columns = file.read([group])
            if set(columns) != set(_COLUMNS):
                raise MaskFormatError(f"{self._place}: the index does not have the columns {', '.join(_COLUMNS)}")
            tiles = columns["tile"]
            low, high = self._cells[group]
            if not ((np.diff(tiles) > 0).all() and low <= tiles[0] and tiles[-1] < high):
                raise MaskFormatError(f"{self._place}: the tiles in the index are not in order")
            rows = zip(*(columns[name].tolist() for name in _COLUMNS), strict=True)
            self._known[group] = {row[0]: row[1:] for row in rows}
        return self._known[group]

    def tiles(self, footprint: RangeSet | None = None) -> list[int]:
        """The tiles with a file, in ascending order: all, or those that have sky in common with a set."""
        groups = meeting(self._cells, self.tile_order, footprint)
        found = np.array([tile for group in groups for tile in self._entries(group)], dtype=np.int64)
        return [int(found[k]) for k in meeting(np.stack([found, found + 1], axis=1), self.tile_order, footprint)]

    def planes(self, tile: int, footprint: RangeSet | None = None) -> list[RangeSet]:
        """The planes of a tile, empty ones if it has no file.

        Parameters
        ----------
        tile : int
            Number of the tile.
        footprint : RangeSet, optional
            The sky that is wanted. What is outside may be left out.

        Raises
        ------
        MaskFormatError
            If the file of the tile is missing, damaged, or not the one of the index.
        """
        group = int(np.searchsorted(self._cells[:, 1], tile, "right"))
        entry = self._entries(group).get(tile) if group < len(self._cells) and tile >= self._cells[group, 0] else None
        if entry is None:
            return [RangeSet.empty(self.order)] * self.n_planes
        n_rows, n_bytes, *halves = entry
        with self._opened(_relative(tile, self.tile_order)) as file:
            if file.size != n_bytes or _halves(file.digest) != halves:
                raise MaskFormatError("this is not the tile that the index names: it was changed, or is of another run")
            with strange_description():
                words = [file.description[word] for word in ("tile", "tile_order", "order", "n_planes")]
            if words != [tile, self.tile_order, self.order, self.n_planes] or sum(file.n_rows) != n_rows:
                raise MaskFormatError("the tile does not fit to the index")
            return _planes_of_tile(file, footprint)

    def read(self, footprint: RangeSet | None = None) -> list[RangeSet]:
        """The planes of the whole mask, or of the sky in a set.

        Raises
        ------
        MaskFormatError
            As `planes`. Without `footprint`, also if there are tiles that are not in the index.
        """
        tiles = self.tiles(footprint)
        if footprint is None and isinstance(self._place, Path):
            odd = sorted(set(_walk(self._place)) - {(self.tile_order, tile) for tile in tiles})
            if odd:
                other = _relative(odd[0][1], odd[0][0])
                raise MaskFormatError(
                    f"{self._place}: {other} is a tile that is not in the index: finish the mask again"
                )
        parts = list(thread_map(lambda tile: self.planes(tile, footprint), tiles))
        return [_concatenated([part[k] for part in parts], self.order) for k in range(self.n_planes)]


def _layers_from_json(value: Any, order: int) -> dict[str, tuple[int, str]] | None:
    if value is None:
        return None
    layers = {one["name"]: (check_order(integer(one["order"])), str(one["history"])) for one in value}
    if len(layers) < len(value) or not all(isinstance(name, str) for name in layers):
        raise TypeError("the names of the layers are not different names")
    if any(at > order for at, _ in layers.values()):
        raise TypeError("a layer is finer than the mask")
    return layers


def _concatenated(parts: Sequence[RangeSet], order: int) -> RangeSet:
    """The union of sets that follow each other on the sky."""
    ends = np.concatenate([np.empty(0, dtype=np.uint64), *(part.boundaries for part in parts)])
    return trusted(joined(ends[::2], ends[1::2]), order)


def read_folder(path: str | os.PathLike[str], within: MaskValue | Footprint | None = None) -> MaskValue:
    """Read a mask from a folder of tiles.

    Parameters
    ----------
    path : str or path
        The folder.
    within : MaskValue or callable, optional
        The sky that is wanted: only the tiles that meet it are read. It is a mask without energy, to which the result
        is cut; or a function of an order and a frame that makes the mask, for callers that cut the result themselves.

    Returns
    -------
    MaskValue

    Raises
    ------
    MaskFormatError
        If the folder has no index, or a tile of it is missing, damaged, or not the one of the index.
    """
    folder = MaskFolder(path)
    if folder.layers is not None:
        raise MaskFormatError(f"this folder holds layers, {', '.join(map(repr, folder.layers))}, and not a mask")
    sky = _sky(within, folder)
    mask = new_mask(
        folder.read(None if sky is None else sky.planes[0]),
        order=folder.order,
        frame=folder.frame,
        energy=folder.energy,
        history=folder.history,
    )
    return mask & within if isinstance(within, MaskValue) else mask


def read_set_folder(path: str | os.PathLike[str], within: MaskValue | Footprint | None = None) -> dict[str, MaskValue]:
    """Read the layers of a set from a folder of tiles; see `read_folder`."""
    folder = MaskFolder(path)
    if folder.layers is None:
        raise MaskFormatError("this folder holds a single mask and no layers: read it with Mask.read")
    sky = _sky(within, folder)
    layers = {}
    planes = folder.read(None if sky is None else sky.planes[0])
    for (name, (order, history)), plane in zip(folder.layers.items(), planes, strict=True):
        own = own_plane(plane, order, partly=sky is not None)
        mask = new_mask(own, order=order, frame=folder.frame, history=history)
        layers[name] = mask & within if isinstance(within, MaskValue) else mask
    return layers


def _sky(within: MaskValue | Footprint | None, folder: MaskFolder) -> MaskValue | None:
    if callable(within):
        within = within(folder.order, folder.frame)
    if within is not None:
        check_within(within, frame=folder.frame, energy=None, of="mask in the folder")
    return within
