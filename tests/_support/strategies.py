"""Hypothesis strategies for cells, sets, axes and masks."""

from __future__ import annotations

import numpy as np
from astropy import units as u
from hypothesis import strategies as st

from hpmask import EnergyAxis, Mask, RangeSet

MAX_ORDER = 29
END = 12 << (2 * MAX_ORDER)


@st.composite
def cell_sets(draw, order, *, max_runs=6):
    """Python sets of cells of one order: a few runs, that often touch, overlap or span base cells."""
    n = 12 * 4**order
    runs = st.tuples(st.integers(0, n - 1), st.one_of(st.integers(1, 5), st.integers(1, n)))
    cells = set()
    for start, length in draw(st.lists(runs, max_size=max_runs)):
        cells.update(range(start, min(start + length, n)))
    return cells


@st.composite
def low_sets(draw, *, max_order=2):
    """Pairs of a RangeSet and the Python set of its cells, of an order up to `max_order`."""
    order = draw(st.integers(0, max_order))
    cells = draw(cell_sets(order))
    return RangeSet.from_cells(sorted(cells), order), cells


@st.composite
def loose_ranges(draw, order, *, max_size=12):
    """Lists of [start, stop) at order 29 on the grid of an order, in any state."""
    n = 12 * 4**order
    size = 1 << (2 * (MAX_ORDER - order))
    near = draw(st.integers(0, n))
    ends = st.one_of(
        st.integers(0, n),
        # Close together, so that they touch and overlap at fine orders too.
        st.integers(max(0, near - 20), min(n, near + 20)),
        st.sampled_from([0, n]),
    )
    pairs = draw(st.lists(st.tuples(ends, ends), max_size=max_size))
    return [[min(pair) * size, max(pair) * size] for pair in pairs]


@st.composite
def range_sets(draw, *, max_order=MAX_ORDER):
    """RangeSets of any order."""
    order = draw(st.integers(0, max_order))
    return RangeSet.from_ranges(np.array(draw(loose_ranges(order)), dtype=np.uint64).reshape(-1, 2), order)


@st.composite
def boundary_arrays(draw, *, domain=60):
    """Arrays of strictly increasing boundaries, an even number of them."""
    values = sorted(draw(st.sets(st.integers(0, domain), max_size=24)))
    return np.array(values[: len(values) // 2 * 2], dtype=np.uint64)


def random_boundaries(rng, n_ranges, domain, *, unit=1):
    """`n_ranges` sorted, disjoint, non-touching ranges on a grid of `domain` values: their boundaries."""
    values = rng.choice(domain, size=2 * n_ranges, replace=False)
    return np.sort(values).astype(np.uint64) * np.uint64(unit)


@st.composite
def energy_axes(draw, *, max_bins=5):
    """EnergyAxes in several units."""
    steps = draw(st.lists(st.floats(1.01, 10), min_size=1, max_size=max_bins))
    first = draw(st.floats(1e-3, 1e3))
    unit = draw(st.sampled_from([u.eV, u.keV, u.GeV, u.TeV, u.erg, u.J]))
    name = draw(st.sampled_from(["energy", "energy_true"]))
    interp = draw(st.sampled_from(["log", "lin"]))
    return EnergyAxis(np.cumprod([first, *steps]) * unit, name=name, interp=interp)


@st.composite
def masks(draw, *, max_order=3, frame="icrs", energy=None):
    """Masks of low order without energy, or with the given axis."""
    n_planes = 1 if energy is None else energy.n_bins
    planes = [draw(range_sets(max_order=max_order)) for _ in range(n_planes)]
    return Mask(planes, frame=frame, energy=energy)


@st.composite
def patterns(draw, *, orders=(0, 6)):
    """RangeSets of many textures: single cells, specks, blocks, a checkerboard, and what these leave of the sky."""
    order = draw(st.integers(*orders))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = 12 * 4**order
    kind = draw(st.sampled_from(["cells", "specks", "blocks", "checkerboard", "corners"]))
    if kind == "cells":
        cells = rng.integers(0, n, draw(st.integers(0, 5)))
    elif kind == "specks":
        cells = np.flatnonzero(rng.random(n) < draw(st.sampled_from([0.001, 0.01, 0.1, 0.5])))
    elif kind == "blocks":
        above = min(order, draw(st.integers(1, 3)))
        some = rng.random(12 * 4 ** (order - above)) < draw(st.sampled_from([0.05, 0.5]))
        cells = np.flatnonzero(np.repeat(some, 4**above))
    elif kind == "checkerboard":
        cells = np.flatnonzero(((np.arange(n) ^ (np.arange(n) >> 1)) & 1) == 0)
    else:
        # the first and last cells of base cells, where three of these meet, and the poles
        ends = np.concatenate([np.arange(12) * 4**order, np.arange(1, 13) * 4**order - 1])
        cells = rng.choice(ends, draw(st.integers(1, 4)))
    plane = RangeSet.from_cells(np.unique(cells), order)
    return ~plane if draw(st.booleans()) else plane
