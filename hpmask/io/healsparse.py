"""Masks in files of healsparse: maps of booleans, and wide masks with a bit for each named mask of a set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import IO

from hpmask._utils.errors import MaskFormatError
from hpmask._utils.words import counted
from hpmask.core.sparse_maps import SparseMap, bit_sets, true_set
from hpmask.core.value import MaskValue, new_mask
from hpmask.geometry.frames import check_frame
from hpmask.io.format import Footprint, Format
from hpmask.io.healsparse_read import map_in_file, starts_with_sparse_map
from hpmask.io.healsparse_write import default_coverage_order, write_sparse

__all__ = ["FORMAT", "check_layers", "check_no_energy", "layer_sets", "set_of_map"]


def set_of_map(map_: SparseMap) -> MaskValue:
    """The mask of a map of booleans, whose frame must be known. If the sentinel is True, so is the sky without it."""
    plane = true_set(map_)
    return new_mask(plane | ~map_.coverage if map_.sentinel else plane, order=map_.order, frame=str(map_.frame))


def layer_sets(map_: SparseMap, names: Sequence[str] | None = None) -> dict[str, MaskValue]:
    """The mask of each bit of a map, by its name.

    Parameters
    ----------
    map_ : SparseMap
        A wide mask, or a map of integers, whose frame must be known.
    names : sequence of str, optional
        Names of the first bits. By default those of the map, and ``bit5`` for a bit without a name: for each one of a
        wide mask without any names, and else for those that are set somewhere.

    Raises
    ------
    ValueError
        If the map has no bits, or fewer than there are names.
    """
    if not map_.n_bits:
        raise ValueError(
            "the map has a single mask, and no bits: read it with Mask.read"
            if map_.kind in ("packed", "bool")
            else "the map has values, and no bits: make masks with Mask.from_map(path, threshold)"
        )
    given = list(map_.names if names is None else names)
    if names is None and not given and map_.kind != "wide":
        raise ValueError(
            "the map has integers, whose bits have no names: give names=, or make masks with Mask.from_map"
        )
    if len(given) > map_.n_bits:
        raise ValueError(f"the map has {map_.n_bits} bits, and {len(given)} names for them")
    all_names = given + [f"bit{k}" for k in range(len(given), map_.n_bits)] if names is None else given
    if len(set(all_names)) < len(all_names):
        raise ValueError(f"two bits have the same name: {', '.join(all_names)}")
    planes = bit_sets(map_, [[bit] for bit in range(len(all_names))])
    return {
        name: new_mask(plane, order=map_.order, frame=str(map_.frame))
        for bit, (name, plane) in enumerate(zip(all_names, planes, strict=True))
        if bit < len(given) or plane or not given
    }


def check_no_energy(mask: MaskValue, what: str) -> None:
    """Raise a ValueError if a mask has energy bins, for which healsparse has no place."""
    if mask.energy is not None:
        raise ValueError(
            f"a map of healsparse has no energy bins, and {what} has {mask.energy}: take one bin, mask[0], or reduce()"
        )


def check_layers(layers: Mapping[str, MaskValue]) -> tuple[int, str]:
    """The order and the frame of named masks; raises a ValueError if healsparse cannot hold them."""
    if not layers:
        raise ValueError("a wide mask of healsparse has one layer at least, got none")
    for name, mask in layers.items():
        check_no_energy(mask, f"the layer {name!r}")
    frames = {mask.frame for mask in layers.values()}
    if len(frames) > 1:
        raise ValueError(f"the layers must have one frame, got {' and '.join(sorted(frames))}")
    return max(mask.order for mask in layers.values()), frames.pop()


# ---------------------------------------------------------------------- the format


def _with_frame(map_: SparseMap) -> SparseMap:
    if map_.frame is None:
        raise MaskFormatError(
            "COORDSYS is missing: give frame='icrs' if the cells are in equatorial coordinates, or frame='galactic'"
        )
    return map_


def _read(file: IO[bytes], name: str, *, frame: str | None = None, within: Footprint | None = None) -> MaskValue:
    """See `hpmask.io.Format`."""
    with map_in_file(file, within=within, frame=None if frame is None else check_frame(frame)) as map_:
        if map_.kind in ("packed", "bool"):
            return set_of_map(_with_frame(map_))
        if map_.kind == "wide":
            names = ", ".join(map_.names) or counted(map_.n_bits, "bit")
            raise MaskFormatError(
                f"this is a wide mask ({names}): read one layer with layer=, or all with MaskSet.read"
            )
        raise MaskFormatError(
            "this map has values: to make a mask of a map of healsparse, use Mask.from_map(path, threshold)"
        )


def _read_set(
    file: IO[bytes], name: str, *, frame: str | None = None, within: Footprint | None = None
) -> dict[str, MaskValue]:
    """See `hpmask.io.Format`."""
    with map_in_file(file, within=within, frame=None if frame is None else check_frame(frame)) as map_:
        return layer_sets(_with_frame(map_))


def _write(mask: MaskValue, file: IO[bytes]) -> None:
    """See `hpmask.io.Format`."""
    check_no_energy(mask, "the mask")
    coverage_order = default_coverage_order(mask.order)
    write_sparse(
        file,
        mask.planes[0],
        order=mask.order,
        coverage_order=coverage_order,
        frame=mask.frame,
        packed=mask.order - coverage_order >= 2,
    )


def _write_set(layers: Mapping[str, MaskValue], file: IO[bytes]) -> None:
    """See `hpmask.io.Format`."""
    order, frame = check_layers(layers)
    planes = {name: mask.planes[0] for name, mask in layers.items()}
    write_sparse(file, planes, order=order, coverage_order=default_coverage_order(order), frame=frame)


FORMAT = Format(
    name="healsparse",
    description="Map of healsparse in FITS: a bit-packed map of booleans, or a wide mask for the layers of a set. "
    "Masks without energy.",
    suffixes=(".hsp", ".hs"),
    matches=starts_with_sparse_map,
    read=_read,
    write=_write,
    options=("frame", "within"),
    read_set=_read_set,
    write_set=_write_set,
)
