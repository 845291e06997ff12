"""Random multi-order maps: cells that do not overlap, of several orders."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from hpmask import RangeSet


def random_uniq(rng: Any, *, coarse: int = 1, fine: int = 5, part: float = 0.4, full: bool = True) -> Any:
    """UNIQ numbers of cells that cover the sky once: a part of the cells of each order is divided further."""
    cells, found = np.arange(12 << 2 * coarse), []
    for order in range(coarse, fine + 1):
        divided = rng.uniform(size=cells.size) < (part if order < fine else 0)
        kept = cells[~divided] + (4 << 2 * order)
        found.append(kept if full else kept[rng.uniform(size=kept.size) < 0.7])
        cells = (4 * cells[divided][:, np.newaxis] + np.arange(4)).ravel()
    return np.concatenate(found)


def orders_of(uniq: Any) -> Any:
    """The order of each cell, by logarithms of exact powers of two."""
    return (np.frexp(np.asarray(uniq, dtype=float))[1] - 3) // 2


def areas_of(uniq: Any) -> Any:
    """The area of each cell in steradian."""
    return 4 * np.pi / (12 * 4.0 ** orders_of(uniq))


@st.composite
def uniq_maps(draw: Any, *, max_order: int = 2) -> Any:
    """UNIQ numbers of some cells of orders 0 to `max_order` that do not overlap, in any order."""
    fine = draw(st.lists(st.integers(0, (12 << 2 * max_order) - 1), min_size=1, max_size=80, unique=True))
    uniq = RangeSet.from_cells(fine, max_order).uniq()
    return np.array(draw(st.permutations(uniq.tolist())), dtype=np.int64)
