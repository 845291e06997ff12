"""Masks from maps of healsparse and to them: objects and files, and sets of masks as wide masks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpmask._files.fits_file import faults_of
from hpmask._utils.arguments import as_count, as_flag, check_order
from hpmask._utils.modes import Mode, check_mode
from hpmask._utils.parallel import for_the_call
from hpmask._utils.words import shown
from hpmask.core.rangeset import RangeSet
from hpmask.core.sparse_maps import (
    Kind,
    Piece,
    SparseMap,
    bit_sets,
    block_pieces,
    check_blocks,
    sets_of,
    touched,
    true_set,
)
from hpmask.core.value import MaskValue, new_mask
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry.frames import check_frame
from hpmask.io.format import Footprint
from hpmask.io.healsparse import check_layers, check_no_energy, layer_sets
from hpmask.io.healsparse_read import bit_names, frame_of_word, opened_map
from hpmask.io.healsparse_write import bit_keywords, default_coverage_order, letter_of_frame
from hpmask.values.criterion import Criterion, check_nan
from hpmask.values.threshold import Cells, Conditions, Fast, moved, n_planes, plane_of, text_of

__all__ = ["from_healsparse", "is_healsparse", "layers_from_healsparse", "layers_to_healsparse", "to_healsparse"]

# Memory of the largest map that is made.
_MOST_BYTES = 16 << 30

# Cells of a piece of a map in memory.
_CHUNK = 1 << 18


def is_healsparse(values: Any) -> bool:
    """Whether an object is a map of healsparse, which need not be installed."""
    return hasattr(values, "nside_sparse") and hasattr(values, "valid_pixels_single_covpix")


# ---------------------------------------------------------------------- to masks


@for_the_call
def from_healsparse(
    map_: Any,
    criterion: Criterion | None,
    *,
    frame: str | None = None,
    nan: str = "raise",
    outside: bool = False,
    invert: bool = False,
    energy: EnergyAxis | None = None,
    order: int | None = None,
    mode: Mode = "center",
    column: Any = None,
    bits: Any = None,
    within: Footprint | None = None,
    n_threads: int | None = None,
) -> MaskValue:
    """The mask of a map of healsparse, or of a file; see `hpmask.Mask.from_map` for the parameters.

    The valid pixels of the map are its cells: pixels with the sentinel value are sky without a cell. A map of booleans
    is what it says at each pixel: if its sentinel is True, it has values on the whole sky.
    """
    outside, invert, missing = as_flag(outside, "outside"), as_flag(invert, "invert"), check_nan(nan)
    mode, order = check_mode(mode), None if order is None else check_order(order)
    frame = None if frame is None else check_frame(frame)
    # A connected region may leave the sky that is wanted, and come back.
    near = None if within is None or (criterion is not None and criterion.hysteresis) else _widened(within, order)
    path = map_ if isinstance(map_, str | Path) else None
    with _opened(map_, near, frame) as cells:
        own = cells.frame
        if own is None:
            raise TypeError("frame must be given: a map of healsparse has none")
        cells = _field_of(cells, column)
        if bits is not None and criterion is not None:
            raise TypeError("bits are an alternative to a threshold: give one of them")
        numbers = None if bits is None else _bits_of(cells, bits)
        if cells.kind == "wide" and numbers is None:
            choice = ", ".join(map(repr, cells.names)) or f"0 to {cells.n_bits - 1}"
            where = "values is" if path is None else f"{path}: this is"
            raise TypeError(f"{where} a wide mask: give the bits that are wanted, bits= one or several of {choice}")
        with faults_of(path):
            if numbers is not None:
                planes = [_plane_of_bits(cells, numbers, outside=outside, invert=invert)]
            else:
                values = _as_cells(cells)
                options: dict[str, Any] = {"nan": missing, "outside": outside, "invert": invert, "argument": "values"}
                planes = [
                    plane_of(values, criterion, bin_, **options) for bin_ in range(n_planes(1, criterion, energy))
                ]
        text = text_of(criterion, nan=missing, outside=outside, invert=invert)
        text = text if numbers is None else f", bits={','.join(map(str, numbers))}{text}"
        history = f"from_map(HealSparseMap{text}, order={cells.order})"
        one = planes if len(planes) > 1 else planes[0]
        mask = new_mask(one, order=cells.order, frame=own, energy=energy, history=history)
        return moved(mask, order, mode, own, "values")


def layers_from_healsparse(
    map_: Any, names: Sequence[str] | None = None, *, frame: str | None = None, within: Footprint | None = None
) -> dict[str, MaskValue]:
    """See `hpmask.MaskSet.from_healsparse`.

    `within` is the sky that is needed, as a function of an order and a frame: the masks may be wrong outside.
    """
    if isinstance(names, str):
        raise TypeError(f"names must be a sequence of strings, got {names!r}")
    path = map_ if isinstance(map_, str | Path) else None
    with _opened(map_, within, None if frame is None else check_frame(frame)) as cells:
        if cells.frame is None:
            raise TypeError("frame must be given: a map of healsparse has none")
        if not cells.n_bits:
            raise TypeError("map must be a wide mask of healsparse, or a map of integers: use Mask.from_map for others")
        with faults_of(path):
            return layer_sets(cells, names)


def _opened(map_: Any, within: Footprint | None, frame: str | None) -> AbstractContextManager[SparseMap]:
    if isinstance(map_, str | Path):
        return opened_map(map_, within, frame)
    if not is_healsparse(map_):
        raise TypeError(f"map must be a map of healsparse or the path of one, got {type(map_).__name__}")
    return nullcontext(_sparse_map(map_, within, frame))


def _widened(within: Footprint, order: int | None) -> Footprint:
    """The sky whose cells decide about the cells of `order` in the sky that is wanted."""
    if order is None:
        return within

    def widened(own: int, frame: str) -> MaskValue:
        found = within(own, frame)
        return new_mask(found.planes[0].at_order(min(order, own), mode="overlap"), order=own, frame=frame)

    return widened


def _field_of(map_: SparseMap, column: Any) -> SparseMap:
    """The map with a field chosen, by its name or number."""
    if map_.kind != "fields":
        if column is not None:
            raise TypeError("column is an option for maps with fields and HEALPix files only, and values has none")
        return map_
    names = map_.dtype.names
    assert names is not None
    if isinstance(column, int | np.integer) and not isinstance(column, bool) and 0 <= column < len(names):
        column = names[column]
    if column is None:
        raise TypeError(f"values has the fields {', '.join(names)}: take one of them, column={names[0]!r}")
    if column not in names:
        raise ValueError(f"column must be one of {', '.join(map(repr, names))}, got {shown(column)}")

    def pieces() -> Iterator[Piece]:
        for piece in map_.pieces():
            # Two fields: what decides whether a cell has a value, and the value.
            pair = np.empty(len(piece.values), [("valid", np.bool_), ("value", map_.dtype[column])])
            pair["valid"] = _valid(piece.values[map_.primary], map_.sentinel)
            pair["value"] = piece.values[column]
            yield Piece(piece.first, piece.n_cells, pair)

    return SparseMap(
        map_.order, map_.coverage_order, "fields", map_.dtype[column], None, map_.covered, pieces, frame=map_.frame
    )


def _bits_of(map_: SparseMap, bits: Any) -> list[int]:
    """The numbers of bits that are given by number or name."""
    if not map_.n_bits:
        raise TypeError("bits are an option for wide masks and maps of integers only")
    numbers = []
    for bit in [bits] if isinstance(bits, str) or np.ndim(bits) == 0 else list(bits):
        if isinstance(bit, str):
            if bit not in map_.names:
                known = ", ".join(map(repr, map_.names))
                raise ValueError(f"no bit has the name {bit!r}" + (f", the names are {known}" if known else ""))
            numbers.append(map_.names.index(bit))
        else:
            numbers.append(as_count(bit, "bits"))
            if numbers[-1] >= map_.n_bits:
                raise ValueError(f"the map has the bits 0 to {map_.n_bits - 1}, got {bit}")
    if not numbers:
        raise ValueError("bits must have one bit at least, got none")
    return numbers


def _valid(values: NDArray[Any], sentinel: Any) -> NDArray[np.bool_]:
    return ~np.isnan(values) if sentinel != sentinel else np.asarray(values != sentinel)


def _plane_of_bits(map_: SparseMap, bits: Sequence[int], *, outside: bool, invert: bool) -> RangeSet:
    plane = bit_sets(map_, [bits])[0]
    if not invert and not outside:
        return plane
    coverage = sets_of(map_, lambda values: (_with_values(map_, values),), 1)[0]
    plane = coverage - plane if invert else plane
    return plane | ~coverage if outside else plane


def _with_values(map_: SparseMap, values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which cells are valid."""
    if map_.kind == "wide":
        return np.asarray(values.any(axis=1))
    if map_.kind == "fields":
        return values["valid"]
    return _valid(values, map_.sentinel)


def _as_cells(map_: SparseMap) -> Cells:
    """The valid cells of a map, for a criterion."""
    everywhere = map_.kind == "bool" and bool(map_.sentinel)
    of_bits = map_.kind in ("packed", "bool")
    none = np.empty(0, np.bool_ if of_bits else map_.dtype)

    def sets(conditions: Conditions, fast: Fast | None = None) -> list[RangeSet]:
        def on_valid(values: NDArray[Any]) -> Sequence[NDArray[np.bool_] | None]:
            own = values["value"] if map_.kind == "fields" else values
            if everywhere:
                return conditions(own)
            valid = _with_values(map_, values)
            n_valid = np.count_nonzero(valid)
            if n_valid == valid.size:
                return conditions(np.ascontiguousarray(own))
            found = conditions(own[valid] if n_valid else none)
            if not n_valid:
                return [None] * len(found)
            return [None if one is None else _scattered(one, valid) for one in found]

        found = sets_of(map_, on_valid, len(conditions(none)))
        if everywhere:
            # The sky without blocks is True.
            rest = [one is not None and bool(one[0]) for one in conditions(np.ones(1, np.bool_))]
            found = [one | ~map_.coverage if kept else one for one, kept in zip(found, rest, strict=True)]
        return found

    def truth(conditions: Conditions, fast: Fast | None = None) -> list[RangeSet]:
        """As `sets`, for bits: they are not unpacked, since all valid cells have the value True."""
        plane = true_set(map_)
        nothing = RangeSet.empty(map_.order)
        return [plane if one is not None and one[0] else nothing for one in conditions(np.ones(1, np.bool_))]

    if everywhere:
        return Cells(sets, None, None)
    if of_bits:
        return Cells(truth, lambda: true_set(map_), None)
    return Cells(sets, lambda: sets(lambda values: (np.ones(values.size, np.bool_),))[0], None)


def _scattered(chosen: NDArray[np.bool_], valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    whole = np.zeros(valid.size, np.bool_)
    whole[valid] = chosen
    return whole


# ---------------------------------------------------------------------- maps in memory


def _arrays_of(map_: Any) -> tuple[NDArray[Any], NDArray[np.int64]] | None:
    """The values of a map and the place of each block, without a copy; None if it does not have them as known.

    healsparse gives values by pixel numbers only, of which there would be eight bytes for a bit.
    """
    attributes = vars(map_)
    array, coverage = attributes.get("_sparse_map"), attributes.get("_cov_map")
    array = getattr(array, "data_array", None) if map_.is_bit_packed_map else array
    if not isinstance(array, np.ndarray) or coverage is None:
        return None
    n_fine = coverage.nfine_per_cov
    places = np.asarray(coverage[:], np.int64) + np.arange(12 * map_.nside_coverage**2, dtype=np.int64) * n_fine
    return array, places


def _sparse_map(map_: Any, within: Footprint | None, frame: str | None) -> SparseMap:
    """A map of healsparse in memory."""
    order, coverage_order = (int(nside).bit_length() - 1 for nside in (map_.nside_sparse, map_.nside_coverage))
    metadata = map_.metadata or {}
    own = frame_of_word(metadata.get("COORDSYS"), frame)
    dtype = np.dtype(map_.dtype).newbyteorder("=")
    kind: Kind
    if map_.is_rec_array:
        kind = "fields"
    elif map_.is_wide_mask_map:
        kind = "wide"
    elif map_.is_bit_packed_map:
        kind, dtype = "packed", np.dtype(np.uint8)
    else:
        kind = "bool" if dtype == np.bool_ else "values"
    covered = np.flatnonzero(map_.coverage_mask).astype(np.int64)
    if within is not None and own is not None:
        outline = within(order, own).planes[0].at_order(coverage_order, mode="overlap")
        covered = covered[np.isin(covered, outline.cells(coverage_order).astype(np.int64))]
    n_fine = 1 << (2 * (order - coverage_order))

    def pieces() -> Iterator[Piece]:
        arrays = _arrays_of(map_)
        for cell in covered.tolist():
            step = min(_CHUNK * (8 if kind == "packed" else 1), n_fine)
            for first in range(0, n_fine, step):
                start = cell * n_fine + first
                if arrays is None:
                    values = np.asarray(map_.get_values_pix(np.arange(start, start + step)))
                    values = np.packbits(values, bitorder="little") if kind == "packed" else values
                else:
                    array, places = arrays
                    at = int(places[cell]) + first
                    values = array[at // 8 : (at + step) // 8] if kind == "packed" else array[at : at + step]
                yield Piece(start, step, values.astype(values.dtype.newbyteorder("="), copy=False))

    return SparseMap(
        order=order,
        coverage_order=coverage_order,
        kind=kind,
        dtype=dtype,
        sentinel=0 if kind == "wide" else map_.sentinel,
        covered=covered,
        pieces=pieces,
        width=int(map_.wide_mask_width) if kind == "wide" else 1,
        names=bit_names(metadata.get) if kind in ("wide", "values") else (),
        primary=map_.primary,
        frame=own,
    )


# ---------------------------------------------------------------------- from masks


def to_healsparse(
    mask: MaskValue, *, order: int | None = None, nside_coverage: int | None = None, bit_packed: bool | None = None
) -> Any:
    """See `hpmask.Mask.to_healsparse`."""
    check_no_energy(mask, "the mask")
    order = mask.order if order is None else check_order(order)
    plane = mask.planes[0].at_order(order, mode="center")
    coverage_order = _coverage_order(nside_coverage, order)
    two_levels = order - coverage_order >= 2
    packed = two_levels if bit_packed is None else as_flag(bit_packed, "bit_packed")
    if packed and not two_levels:
        raise ValueError(
            "a bit-packed map has a coverage map that is two orders coarser at least, got an nside_coverage of "
            f"{1 << coverage_order} for NSIDE {1 << order}"
        )
    return _made([plane], order, coverage_order, "packed" if packed else "bool", mask.frame, [])


def layers_to_healsparse(
    layers: Mapping[str, MaskValue], *, order: int | None = None, nside_coverage: int | None = None
) -> Any:
    """See `hpmask.MaskSet.to_healsparse`."""
    finest, frame = check_layers(layers)
    order = finest if order is None else check_order(order)
    planes = [mask.planes[0].at_order(order, mode="center") for mask in layers.values()]
    return _made(planes, order, _coverage_order(nside_coverage, order), "wide", frame, list(layers))


def _coverage_order(nside_coverage: int | None, order: int) -> int:
    if nside_coverage is None:
        return default_coverage_order(order)
    nside = as_count(nside_coverage, "nside_coverage", least=1)
    if nside & (nside - 1) or nside > 1 << order:
        raise ValueError(f"nside_coverage must be a power of two up to the NSIDE of the map, {1 << order}, got {nside}")
    return nside.bit_length() - 1


def _made(
    planes: Sequence[RangeSet], order: int, coverage_order: int, kind: Kind, frame: str, names: Sequence[str]
) -> Any:
    """A map of healsparse with these sets."""
    width = (len(planes) + 7) // 8 if kind == "wide" else 1
    n_fine = 1 << (2 * (order - coverage_order))
    length = n_fine // 8 if kind == "packed" else n_fine * width
    cells = touched(planes, coverage_order)
    check_blocks(cells.size + 1, length, _MOST_BYTES, f"a map of healsparse of order {order}")
    try:
        import healsparse
    except ImportError as error:
        raise ImportError(
            'a map of healsparse needs healsparse, which is not installed: pip install "hpmask[healsparse]"'
        ) from error
    made = healsparse.HealSparseMap.make_empty(
        1 << coverage_order,
        1 << order,
        np.uint8 if kind == "wide" else np.bool_,
        wide_mask_maxbits=len(planes) if kind == "wide" else None,
        cov_pixels=cells if cells.size else None,
        bit_packed=kind == "packed",
        metadata={"COORDSYS": letter_of_frame(frame), **bit_keywords(names)},
    )
    arrays = _arrays_of(made)
    if arrays is None:
        raise NotImplementedError(
            f"the values of a map of healsparse {healsparse.__version__} cannot be written in place: write a file, and "
            "read it with healsparse.HealSparseMap.read"
        )
    out = arrays[0].reshape(-1).view(np.uint8)
    for k, cell in enumerate(cells.tolist(), 1):
        at = k * length
        for piece, uniform in block_pieces(planes, order, kind, cell, coverage_order):
            if uniform:
                out[at : at + length].reshape(-1, piece.size)[:] = piece
            else:
                out[at : at + piece.size] = piece
                at += piece.size
    return made
