"""Masks to and from `mocpy.SFMOC`, coverages of sky and frequency.

A frequency MOC of an order divides the frequencies into 2**(order + 1) cells of about equal width in the logarithm.
Their boundaries differ between versions of mocpy and are therefore read from mocpy. The edges of energy bins are moved
to the nearest boundary. Neighbouring bins then neither overlap nor leave a gap. Energies are converted to frequencies
here, with E = h nu, because mocpy takes any number as Hz, whatever its unit.
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

from hpmask._utils.arguments import as_count
from hpmask._utils.words import counted
from hpmask.core.energy_bins import resampled
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue, new_mask
from hpmask.energy.axis import EnergyAxis, check_axis

try:
    from mocpy import SFMOC
except ImportError as error:
    raise ImportError('SF-MOCs need mocpy 0.18 or later: pip install "mocpy>=0.18"') from error

__all__ = ["from_sfmoc", "to_sfmoc"]

# At lower orders, cells are wider than 1e-4 of their frequency. At higher orders, floating point does not resolve them.
_ORDERS = range(20, 46)


def to_sfmoc(mask: MaskValue, *, frequency_order: int = 30) -> SFMOC:
    """See `hpmask.Mask.to_sfmoc`."""
    axis = mask.energy
    if axis is None:
        raise ValueError("an SF-MOC has frequencies, but the mask has no energy bins: use to_moc")
    if mask.frame != "icrs":
        raise ValueError(f"an SF-MOC is in ICRS, but the mask is {mask.frame}: convert it with to_frame('icrs')")
    order_f = as_count(frequency_order, "frequency_order")
    if order_f not in _ORDERS:
        raise ValueError(f"frequency_order must be from {_ORDERS[0]} to {_ORDERS[-1]}, got {order_f}")
    numbers = _boundaries(axis, order_f)
    ends = pairwise(numbers)
    bins = [(min(pair), max(pair), plane) for pair, plane in zip(ends, mask.planes, strict=True) if plane]
    if not bins:
        return SFMOC.new_empty(order_f, mask.order)
    # Frequencies inside the first and the last cell. At a boundary, rounding would decide between two cells.
    lowest = [_inside(order_f, first, 1 / 3) for first, _, _ in bins]
    highest = [_inside(order_f, stop - 1, 2 / 3) for _, stop, _ in bins]
    sky = {id(plane): MOC.from_depth29_ranges(mask.order, plane.ranges) for plane in mask.planes}
    return SFMOC.from_spatial_coverages(
        lowest * u.Hz, highest * u.Hz, [sky[id(plane)] for _, _, plane in bins], max_order_frequency=order_f
    )


def from_sfmoc(sfmoc: SFMOC, energy: EnergyAxis | None = None, *, how: Literal["any", "all"] = "any") -> MaskValue:
    """See `hpmask.Mask.from_sfmoc`."""
    if not isinstance(sfmoc, SFMOC):
        raise TypeError(f"sfmoc must be a mocpy.SFMOC, got {type(sfmoc).__name__}")
    if energy is not None:
        check_axis(energy)
    order_f, order = (int(one) for one in sfmoc.max_order)
    if sfmoc.is_empty():
        if energy is None:
            raise ValueError("the SF-MOC is empty and has no frequencies: energy must be given")
        planes = [RangeSet.empty(order)] * energy.n_bins
    else:
        edges, planes = _elements(sfmoc, order)
        shift = int(FrequencyMOC.MAX_ORDER) - order_f
        found = EnergyAxis(_energies([edge >> shift for edge in edges], order_f))
        if energy is None:
            energy = found
        else:
            # The edges move to the same boundaries. Rounding therefore makes no overlaps.
            on_cells = EnergyAxis(_energies(_boundaries(energy, order_f), order_f))
            planes = resampled(planes, found, on_cells, how)
    history = f"from_sfmoc({counted(energy.n_bins, 'bin')}, order={order})"
    return new_mask(planes, order=order, energy=energy, history=history)


def _elements(sfmoc: SFMOC, order: int) -> tuple[list[int], list[RangeSet]]:
    """Boundaries of frequencies, as numbers of cells of the finest order, and the sky between them.

    The FITS form of an SF-MOC (IVOA MOC 2.0) is one column of integers. It has pairs of frequency cells, marked by the
    highest bit, followed by pairs of sky cells at order 29, which are the sky at these frequencies. Then come further
    frequencies and their sky, and so on.
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
    """The numbers of the boundaries between frequency cells that are nearest to the edges of an axis."""
    lowest, highest = float(FrequencyMOC.FREQ_MIN_HZ), float(FrequencyMOC.FREQ_MAX_HZ)
    numbers = []
    for edge, frequency in zip(axis.edges, axis.edges.to_value(u.Hz, u.spectral()), strict=True):
        if not lowest <= frequency < highest:
            raise ValueError(
                f"an SF-MOC holds frequencies from {lowest} to {highest} Hz, the edge {edge} is {frequency:.6g} Hz"
            )
        text = FrequencyMOC.from_frequencies(order_f, [frequency] * u.Hz).to_string()
        number = int(text.split("/")[1])
        low, high = _hertz(order_f, number)
        numbers.append(number if frequency / low <= high / frequency else number + 1)
    same = np.flatnonzero(np.diff(numbers) == 0)
    if same.size:
        i = int(same[0])
        raise ValueError(
            f"bin {i}, {axis.edges[i]} to {axis.edges[i + 1]}, is narrower than the cells of frequency order {order_f}"
        )
    return numbers


def _hertz(order_f: int, number: int) -> tuple[float, float]:
    """The lowest and the highest frequency of a cell in Hz."""
    ((low, high),) = FrequencyMOC.from_string(f"{order_f}/{number}").to_hz_ranges()
    return float(low), float(high)


def _inside(order_f: int, number: int, part: float) -> float:
    """A frequency inside a cell in Hz, at a fraction of its width in the logarithm."""
    low, high = _hertz(order_f, number)
    return float(low * (high / low) ** part)


def _energies(numbers: Sequence[int], order_f: int) -> Any:
    """The energies of boundaries in eV. The boundary `number` is the lower end of cell `number`."""
    last = int(FrequencyMOC.n_cells(order_f))
    frequencies = [
        _hertz(order_f, number)[0] if number < last else _hertz(order_f, number - 1)[1] for number in numbers
    ]
    return (frequencies * u.Hz).to(u.eV, u.spectral())
