"""To and from `mocpy.SFMOC`, coverages of sky and frequency.

A frequency MOC divides the frequencies into 2**(order + 1) cells, about equal in the logarithm; versions of mocpy
differ in which, so that it is asked. Edges of bins go to the nearest boundary of cells, and so neighbouring bins
neither overlap nor leave a gap. Energies are turned into frequencies here, E = h nu: mocpy takes any number for Hz,
whatever its unit.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from astropy import units as u
from astropy.io import fits
from mocpy import MOC, FrequencyMOC
from numpy.typing import NDArray

from hpmask.core.energy_bins import resampled
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue
from hpmask.energy.axis import EnergyAxis

try:
    from mocpy import SFMOC
except ImportError as error:
    raise ImportError('SF-MOCs need mocpy 0.18 or later: pip install "mocpy>=0.18"') from error

__all__ = ["from_mask", "to_planes"]

# Below, cells are wider than 1e-4 of their frequency; above, narrower than what floating point resolves well.
_ORDERS = range(20, 46)


def from_mask(mask: MaskValue, order_f: int) -> SFMOC:
    """The SF-MOC of a mask; see `hpmask.Mask.to_sfmoc`."""
    axis = mask.energy
    if axis is None:
        raise ValueError("an SF-MOC has frequencies, but the mask has no energy bins: to_moc makes a MOC of it")
    if mask.frame != "icrs":
        raise ValueError(f"an SF-MOC is ICRS, the mask is {mask.frame}: bring it there with to_frame('icrs')")
    if isinstance(order_f, bool) or not isinstance(order_f, int | np.integer):
        raise TypeError(f"order_f must be an integer, got {order_f!r}")
    if order_f not in _ORDERS:
        raise ValueError(f"order_f must be from {_ORDERS[0]} to {_ORDERS[-1]}, got {order_f}")
    numbers = _boundaries(axis, int(order_f))
    ends = pairwise(numbers)
    bins = [(min(pair), max(pair), plane) for pair, plane in zip(ends, mask.planes, strict=True) if plane]
    if not bins:
        return SFMOC.new_empty(int(order_f), mask.order)
    # From inside the first cell to inside the last one: at a boundary, rounding decides which cell is meant.
    lowest = [_inside(order_f, first, 1 / 3) for first, _, _ in bins]
    highest = [_inside(order_f, stop - 1, 2 / 3) for _, stop, _ in bins]
    sky = {id(plane): MOC.from_depth29_ranges(mask.order, plane.ranges) for plane in mask.planes}
    return SFMOC.from_spatial_coverages(
        lowest * u.Hz, highest * u.Hz, [sky[id(plane)] for _, _, plane in bins], max_order_frequency=int(order_f)
    )


def to_planes(
    sfmoc: SFMOC, axis: EnergyAxis | None, how: Literal["any", "all"]
) -> tuple[list[RangeSet], int, EnergyAxis]:
    """Planes, their order and their bins; see `hpmask.Mask.from_sfmoc`."""
    if not isinstance(sfmoc, SFMOC):
        raise TypeError(f"sfmoc must be a mocpy.SFMOC, got {type(sfmoc).__name__}")
    if axis is not None and not isinstance(axis, EnergyAxis):
        raise TypeError(f"axis must be an EnergyAxis, got {type(axis).__name__}")
    order_f, order = (int(one) for one in sfmoc.max_order)
    if sfmoc.is_empty():
        if axis is None:
            raise ValueError("the SF-MOC is empty and has no frequencies: axis must be given")
        return [RangeSet.empty(order)] * axis.n_bins, order, axis
    edges, planes = _elements(sfmoc, order)
    shift = int(FrequencyMOC.MAX_ORDER) - order_f
    found = EnergyAxis(_energies([edge >> shift for edge in edges], order_f))
    if axis is None:
        return planes, order, found
    # On the same boundaries, so that rounding makes no overlaps.
    on_cells = EnergyAxis(_energies(_boundaries(axis, order_f), order_f))
    return resampled(planes, found, on_cells, how), order, axis


def _elements(sfmoc: SFMOC, order: int) -> tuple[list[int], list[RangeSet]]:
    """Boundaries of frequencies, as cells of the finest order, and the sky between them.

    The FITS form of an SF-MOC, as IVOA's MOC 2.0 has it, is one column of integers: pairs of frequencies, marked by the
    highest bit, and after them pairs of cells at order 29, which are the sky at these frequencies; then further
    frequencies, and so on.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sfmoc.fits"
        sfmoc.save(str(path), format="fits")
        with fits.open(path) as hdus:
            count, start = int(hdus[1].header["NAXIS2"]), int(hdus[1].fileinfo()["datLoc"])
        data = np.fromfile(path, dtype=">u8", count=count, offset=start).astype(np.uint64)
    marked = data >> np.uint64(63) == 1
    cuts = [0, *(np.flatnonzero(np.diff(marked)) + 1).tolist(), data.size]
    parts = [data[a:b] & np.uint64((1 << 63) - 1) for a, b in pairwise(cuts)]
    blocks: list[tuple[NDArray[np.uint64], RangeSet]] = [
        (frequencies.reshape(-1, 2), RangeSet.from_ranges(cells.reshape(-1, 2), order))
        for frequencies, cells in zip(parts[::2], parts[1::2], strict=True)
    ]
    edges = np.unique(np.concatenate([ranges.ravel() for ranges, _ in blocks]))
    between: list[list[RangeSet]] = [[] for _ in edges[1:]]
    for ranges, sky in blocks:
        for first, stop in np.searchsorted(edges, ranges):
            for i in range(first, stop):
                between[i].append(sky)
    nothing = RangeSet.empty(order)
    planes = [some[0] if len(some) == 1 else RangeSet.union_all([nothing, *some]) for some in between]
    return [int(edge) for edge in edges], planes


def _boundaries(axis: EnergyAxis, order_f: int) -> list[int]:
    """The boundaries of cells next to the edges of an axis."""
    lowest, highest = float(FrequencyMOC.FREQ_MIN_HZ), float(FrequencyMOC.FREQ_MAX_HZ)
    numbers = []
    for edge, frequency in zip(axis.edges, axis.edges.to_value(u.Hz, u.spectral()), strict=True):
        if not lowest <= frequency < highest:
            raise ValueError(f"frequencies go from {lowest} to {highest} Hz, the edge {edge} is {frequency:.6g} Hz")
        text = FrequencyMOC.from_frequencies(order_f, [frequency] * u.Hz).to_string()
        number = int(text.split("/")[1])
        low, high = _hertz(order_f, number)
        numbers.append(number if frequency / low <= high / frequency else number + 1)
    same = np.flatnonzero(np.diff(numbers) == 0)
    if same.size:
        i = int(same[0])
        raise ValueError(
            f"bin {i}, {axis.edges[i]} to {axis.edges[i + 1]}, is narrower than cells of order_f {order_f}"
        )
    return numbers


def _hertz(order_f: int, number: int) -> tuple[float, float]:
    """Frequencies at which a cell begins and ends."""
    ((low, high),) = FrequencyMOC.from_string(f"{order_f}/{number}").to_hz_ranges()
    return float(low), float(high)


def _inside(order_f: int, number: int, part: float) -> float:
    low, high = _hertz(order_f, number)
    return float(low * (high / low) ** part)


def _energies(numbers: Sequence[int], order_f: int) -> Any:
    """Energies of boundaries between cells: where one begins, or the last one ends."""
    last = int(FrequencyMOC.n_cells(order_f))
    frequencies = [
        _hertz(order_f, number)[0] if number < last else _hertz(order_f, number - 1)[1] for number in numbers
    ]
    return (frequencies * u.Hz).to(u.eV, u.spectral())
