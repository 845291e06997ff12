"""How many shapes cover each cell: `hpmask.coverage`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpmask._utils.arguments import MAX_ORDER, check_order
from hpmask._utils.modes import Mode, check_mode
from hpmask._utils.parallel import for_the_call, thread_map
from hpmask._utils.words import counted
from hpmask.core.coverage import Coverage, Levels, coverage_of, levels_of, levels_of_set, summed
from hpmask.core.value import MaskValue
from hpmask.geometry import frames, healpix
from hpmask.regions.batches import Shapes, columns_of, text_of
from hpmask.regions.order import warn_of_misses
from hpmask.regions.rasterize import expected_ranges, ranges_and_misses

__all__ = ["coverage"]

# Ranges that are in memory for a thread before they are counted.
_BLOCK = 1_000_000

# The most ranges that a result may have.
_MOST_RANGES = 1_000_000_000


@for_the_call
def coverage(
    *shapes: Any, order: int, mode: Mode = "center", frame: str = "icrs", n_threads: int | None = None
) -> Coverage:
    """Return how many shapes cover each cell, such as the number of exposures.

    Parameters
    ----------
    *shapes : Shapes, Mask, str, path, astropy Region or Regions, or a list of these
        What is counted: each shape of `hpmask.Shapes`, each mask, and each region. Regions are given as for
        `hpmask.Mask.from_regions`. A mask must be in `frame` and have no energy bins. If its order is finer than
        `order`, it counts with the cells of ``mask.at_order(order, mode=mode)``.
    order : int
        Order of the cells, 0 to 29.
    mode : {"center", "overlap", "inside"}, optional
        Whether a shape covers a cell if it contains its centre, any part of it, or all of it.
    frame : {"icrs", "galactic"}, optional
        Frame of the cells.
    n_threads : int, optional
        Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

    Returns
    -------
    Coverage
        Ranges of cells with their counts.

    Raises
    ------
    TypeError, ValueError
        If an argument is not valid, shapes have a size for each energy bin, or `order` is too fine for the shapes.

    Warns
    -----
    UserWarning
        If shapes cover no cell at all.

    Notes
    -----
    The shapes are rasterized in blocks of neighbours on the sky. The memory needed is that of the result and of some
    million ranges, however many shapes there are.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> import hpmask
    >>> chips = hpmask.Shapes.boxes(SkyCoord([10, 10.1, 10.2], [0, 0, 0], unit="deg"), "0.3 deg", "0.2 deg")
    >>> exposures = hpmask.coverage(chips, "icrs; circle(10, 0, 0.05)", order=12)
    >>> exposures.max, exposures.at(SkyCoord([10, 10.1], [0, 0], unit="deg"))
    (3, array([3, 3], dtype=int32))
    >>> exposures.at_least(2)
    <Mask icrs order=12 | 31 ranges, 496 B | 1.406e-06 of the sky>
    """
    order, mode, frame = check_order(order), check_mode(mode), frames.check_frame(frame)
    given = [one if isinstance(one, MaskValue | Shapes) else Shapes.regions(one) for one in _listed(shapes)]
    levels = summed(piece for one in given for piece in _pieces(one, order, mode, frame, n_threads))
    masks = [one for one in given if isinstance(one, MaskValue)]
    texts = [text_of(one, None) for one in given if isinstance(one, Shapes)]
    texts += [counted(len(masks), "mask")] if masks else []
    mode_text = "" if mode == "center" else f", mode={mode!r}"
    return coverage_of(levels, order, frame, f"coverage({', '.join([*texts, f'order={order}'])}{mode_text})")


def _listed(given: Sequence[Any]) -> Iterator[Any]:
    """The items of lists of masks and Shapes. A list of regions is one thing."""
    for one in given:
        if isinstance(one, list | tuple) and any(isinstance(item, MaskValue | Shapes) for item in one):
            yield from _listed(one)
        else:
            yield one


def _pieces(one: MaskValue | Shapes, order: int, mode: Mode, frame: str, n_threads: int | None) -> Iterator[Levels]:
    """Coverages whose sum is that of a mask or of shapes."""
    if isinstance(one, Shapes):
        yield from _pieces_of_shapes(one, order, mode, frame, n_threads)
        return
    if one.energy is not None:
        raise ValueError("a mask with energy bins covers a cell differently in each: take one bin of it, mask[0]")
    if one.frame != frame:
        raise ValueError(f"frame is {frame!r}, but a mask is in the frame {one.frame!r}: use mask.to_frame({frame!r})")
    plane = one.planes[0]
    yield levels_of_set(plane.at_order(order, mode=mode) if plane.order > order else plane)


def _pieces_of_shapes(shapes: Shapes, order: int, mode: Mode, frame: str, n_threads: int | None) -> Iterator[Levels]:
    """The coverages of shapes that are neighbours on the sky."""
    batch = columns_of(shapes, frame, None)[0]
    if not len(batch):
        return
    expected = 2.0 + expected_ranges(batch.outline_lengths, order)
    # The result has at most as many ranges as there are cells.
    if min(total := float(expected.sum()), healpix.n_cells(order)) > _MOST_RANGES:
        raise ValueError(f"order {order} is too fine for these {batch.plural}: about {total:.1e} ranges")
    lon, lat, _ = batch.caps
    rows = np.argsort(healpix.cells_at(lon, lat, MAX_ORDER), kind="stable")
    work = np.cumsum(expected[rows])
    n_blocks = math.ceil(work[-1] / _BLOCK)
    cuts = np.searchsorted(work, np.linspace(0, work[-1], n_blocks + 1)[1:-1])
    edges = np.unique(np.concatenate([[0], cuts, [len(batch)]]))

    def block(part: tuple[Any, Any]) -> tuple[Levels, NDArray[np.intp]]:
        some = rows[slice(*part)]
        starts, stops, missed = ranges_and_misses(batch.take(some), order=order, mode=mode, n_threads=1)
        return levels_of(starts, stops), some[missed]

    all_missed = []
    for levels, missed in thread_map(block, list(pairwise(edges)), n_threads):
        all_missed.append(missed)
        yield levels
    missed = np.concatenate(all_missed)
    if missed.size:
        inradius = float(batch.take(missed).sizes.inradius.min())
        warn_of_misses(missed.size, batch.counted_as(len(batch)), inradius, order, mode)
