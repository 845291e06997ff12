"""HEALPix maps of random values, with their values on all cells of one order."""

import numpy as np
from hypothesis import strategies as st

from hpmask import HealpixMap

SMOOTH = 3


def values_on_the_sky(rng, order, kind):
    """Values on all NESTED cells of an order: noise, or noise on coarser cells with some noise on it."""
    n = 12 << (2 * order)
    if kind == "noise":
        return rng.normal(size=n)
    above = min(order, SMOOTH)
    return np.repeat(rng.normal(size=n >> (2 * above)), 1 << (2 * above)) + 0.3 * rng.normal(size=n)


def split_sky(rng, order, *, lost):
    """Cells of several orders, as UNIQ numbers in random order: base cells that are split, and some of them lost."""
    uniq, cells = [], np.arange(12)
    for k in range(order + 1):
        fate = rng.random(cells.size)
        split = (fate < 0.7) & (k < order)
        uniq.append(4 * 4**k + cells[~split & (fate > lost)])
        cells = (4 * cells[split][:, None] + np.arange(4)).ravel()
    return rng.permutation(np.concatenate(uniq))


def random_map(seed, order, scheme, *, kind="noise", dtype=np.float64):
    """A map, its values on all NESTED cells of its order, and which of these cells it has.

    `scheme` is "nested", "ring", "partial" or "multi-order".
    """
    rng = np.random.default_rng(seed)
    n = 12 << (2 * order)
    there = np.ones(n, dtype=bool)
    values = values_on_the_sky(rng, order, kind).astype(dtype)
    if scheme == "nested":
        map_ = HealpixMap(values, nest=True, frame="icrs")
    elif scheme == "ring":
        import healpy

        map_ = HealpixMap(values[healpy.ring2nest(1 << order, np.arange(n))], nest=False, frame="icrs")
    elif scheme == "partial":
        there = rng.random(n) < 0.8
        cells = rng.permutation(np.flatnonzero(there))
        map_ = HealpixMap(values[cells], cells=cells, order=order, nest=True, frame="icrs")
    else:
        uniq = split_sky(rng, order, lost=0.1)
        orders = (np.log2(uniq // 4) // 2).astype(int)
        there[:] = False
        for number, k in zip(uniq, orders, strict=True):
            first, size = (number - 4 * 4**k) * 4 ** (order - k), 4 ** (order - k)
            there[first : first + size] = True
            values[first : first + size] = values[first]
        first = (uniq - 4 * 4**orders) * 4 ** (order - orders)
        map_ = HealpixMap(values[first], uniq=uniq, frame="icrs")
        # The smallest cells of the map may be larger than those that were possible.
        step = 4 ** (order - map_.order)
        values, there = values[::step], there[::step]
    return map_, values, there


schemes = st.sampled_from(["nested", "ring", "partial", "multi-order"])
seeds = st.integers(0, 2**32 - 1)
