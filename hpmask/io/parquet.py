"""Masks as parquet files: a row for each range, for table engines and for parts of the sky.

A mask is a table with two columns of 64-bit integers, ``start`` and ``stop``: a half-open range of NESTED cells at the
order of the mask. A mask with energy has a column ``bin``, and a file with several masks has a column ``layer`` with
their names; the rows of a layer without energy have no ``bin``. `hpmask.io.parquet_rows` describes how the rows are
sorted and grouped. The columns of integers are DELTA_BINARY_PACKED, and all are packed with zstd.

The rest is JSON in the key-value metadata, under ``hpmask``, as `hpmask._files.checked_parquet` describes::

    layout    version of this layout, 1
    content   "mask" or "set"
    creator   program that wrote this file
    date      date of writing (UTC)
    frame     "icrs" or "galactic"
    ordering  "NESTED"
    order     order of the cells of start and stop: the finest of the masks
    masks     a list with an object for each mask, in the order of their bits: its name (null for the one in a "mask"),
              order, history, energy (null, or name, unit, interp and edges of the axis) and digest, which is that of
              `hpmask.io.identity`
    groups    a list with an object for each row group: n_rows, cells, rows and sha256
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import hpmask
from hpmask._files.checked_parquet import MAGIC, CheckedParquet, strange_description, write_checked
from hpmask._files.tables import PARQUET
from hpmask._utils.arguments import MAX_ORDER, check_order
from hpmask._utils.errors import MaskFormatError
from hpmask.core.value import MaskValue, new_mask
from hpmask.geometry.frames import check_frame
from hpmask.io import parquet_folder
from hpmask.io.format import Footprint, Format
from hpmask.io.identity import mask_digest
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

__all__ = ["FORMAT"]

_LAYOUT = 1
_SKY = (0, 12 << 2 * MAX_ORDER)


# ---------------------------------------------------------------------- writing


def _write(mask: MaskValue, file: IO[bytes]) -> None:
    columns = [] if mask.energy is None else [Column("bin", range(mask.energy.n_bins))]
    _write_masks([(None, mask)], columns, "mask", file)


def _write_set(layers: Mapping[str, MaskValue], file: IO[bytes]) -> None:
    columns = [Column("layer", [name for name, mask in layers.items() for _ in mask.planes])]
    if any(mask.energy is not None for mask in layers.values()):
        bins = [k if mask.energy else None for mask in layers.values() for k in range(len(mask.planes))]
        columns.append(Column("bin", bins))
    _write_masks(list(layers.items()), columns, "set", file)


def _write_masks(
    masks: Sequence[tuple[str | None, MaskValue]], columns: Sequence[Column], content: str, file: IO[bytes]
) -> None:
    order = max(mask.order for _, mask in masks)
    planes = [plane for _, mask in masks for plane in mask.planes]
    description = {
        "layout": _LAYOUT,
        "content": content,
        "creator": f"hpmask {hpmask.__version__}",
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "frame": masks[0][1].frame,
        "ordering": "NESTED",
        "order": order,
        "masks": [
            {
                "name": name,
                "order": mask.order,
                "energy": axis_to_json(mask.energy),
                "history": mask.history,
                "digest": mask_digest(mask),
            }
            for name, mask in masks
        ],
    }
    write_checked(file, row_schema(columns), lambda: groups_of(planes, order, _SKY, columns), description)


def _write_folder(mask: MaskValue, folder: Path) -> None:
    parquet_folder.write_folder(
        mask.planes, folder, order=mask.order, frame=mask.frame, energy=mask.energy, history=mask.history
    )


def _write_set_folder(layers: Mapping[str, MaskValue], folder: Path) -> None:
    for name, mask in layers.items():
        if mask.energy is not None:
            raise ValueError(f"a folder of tiles holds layers without energy bins, and layer {name!r} has some")
    masks = list(layers.values())
    parquet_folder.write_folder(
        [mask.planes[0] for mask in masks],
        folder,
        order=max(mask.order for mask in masks),
        frame=masks[0].frame,
        layers={name: (mask.order, mask.history) for name, mask in layers.items()},
    )


# ---------------------------------------------------------------------- reading


def _matches(start: bytes) -> bool:
    return start.startswith(MAGIC)


def _read(file: IO[bytes] | Path, name: str, within: Footprint | None = None) -> MaskValue:
    if isinstance(file, Path):
        return parquet_folder.read_folder(file, within)
    masks = _read_masks(file, "mask", within)
    if len(masks) != 1:
        raise MaskFormatError(f"the file has {len(masks)} masks, and not one")
    return masks[0][1]


def _read_set(file: IO[bytes] | Path, name: str, within: Footprint | None = None) -> dict[str, MaskValue]:
    if isinstance(file, Path):
        return parquet_folder.read_set_folder(file, within)
    masks = _read_masks(file, "set", within)
    layers = {name: mask for name, mask in masks if isinstance(name, str)}
    if len(layers) < len(masks) or not layers:
        raise MaskFormatError("the layers do not have different names")
    return layers


def _read_masks(file: IO[bytes], content: str, within: Footprint | None) -> list[tuple[str | None, MaskValue]]:
    source = CheckedParquet(file)
    words = source.description
    with strange_description():
        if integer(words["layout"]) != _LAYOUT:
            raise MaskFormatError(
                f"the file has layout {words['layout']}, but hpmask {hpmask.__version__} reads layout {_LAYOUT}"
            )
        if words["content"] != content:
            raise _not_wanted(words)
        order, frame = check_order(integer(words["order"])), check_frame(words["frame"])
        heads = [(one["name"], check_order(integer(one["order"])), str(one["history"])) for one in words["masks"]]
        axes = [axis_from_json(one["energy"]) for one in words["masks"]]
    counts = [1 if axis is None else axis.n_bins for axis in axes]
    footprint = None if within is None else within(order, frame).planes[0]
    groups = meeting(cells_of(source, order), order, footprint)
    planes = iter(planes_of(source, groups, sum(counts), order))
    masks = []
    for (name, own_order, history), axis, n in zip(heads, axes, counts, strict=True):
        own = [own_plane(next(planes), own_order, partly=within is not None) for _ in range(n)]
        masks.append((name, new_mask(own, order=own_order, frame=frame, energy=axis, history=history)))
    return masks


def _not_wanted(words: Mapping[str, Any]) -> MaskFormatError:
    if words["content"] == "set":
        names = ", ".join(repr(one["name"]) for one in words["masks"])
        return MaskFormatError(
            f"the file has several masks, the layers {names}: read it with MaskSet.read, or give layer="
        )
    if words["content"] == "mask":
        return MaskFormatError("the file has a single mask and no layers: read it with Mask.read")
    return MaskFormatError(f"this is a file of a {words['content']}: read the folder that it is in")


FORMAT = Format(
    name="parquet",
    description=(
        "Parquet: a row for each range, in row groups by their place on the sky, for table engines and for parts of "
        "the sky. Holds all masks, and sets of masks; a path without .parquet is a folder with a file for each tile."
    ),
    suffixes=PARQUET,
    matches=_matches,
    read=_read,
    write=_write,
    options=("within",),
    keeps_history=_matches,
    read_set=_read_set,
    write_set=_write_set,
    matches_folder=parquet_folder.is_folder,
    write_folder=_write_folder,
    write_set_folder=_write_set_folder,
)
