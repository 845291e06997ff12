"""Blocks and tiles: together they are the set, and each is what it says."""

import numpy as np
from hypothesis import given
from strategies import range_sets

from hpmask import RangeSet
from hpmask._kernels.tiles import TileSet


def cells_of(tiles, order):
    """All that the nodes hold, as ranges."""
    width = 2 * min(order, 3)
    shift = 58 - 2 * order
    ones = (1 << (1 << width)) - 1
    for start, level, word in zip(tiles.starts.tolist(), tiles.levels.tolist(), tiles.words.tolist(), strict=True):
        if word == ones:
            yield [start << width << shift, (start + 4**level) << width << shift]
            continue
        for bit in range(1 << width):
            if word >> bit & 1:
                yield [((start << width) + bit) << shift, ((start << width) + bit + 1) << shift]


@given(range_sets())
def test_nodes_are_the_set(plane):
    tiles = TileSet(plane.boundaries, plane.order)
    pairs = np.array(list(cells_of(tiles, plane.order)), dtype=np.uint64).reshape(-1, 2)
    assert RangeSet.from_ranges(pairs, plane.order) == plane
    # In their places, apart from each other, and each aligned to its own size.
    size = np.uint64(4) ** tiles.levels.astype(np.uint64)
    assert np.all(tiles.starts % size == 0)
    assert np.all(tiles.starts[1:] >= tiles.starts[:-1] + size[:-1])
    full = np.uint64((1 << (1 << 2 * min(plane.order, 3))) - 1)
    assert np.all((tiles.levels == 0) | (tiles.words == full))
    assert np.all(tiles.levels <= plane.order - min(plane.order, 3))
    assert np.all((tiles.words > 0) & (tiles.words <= full))


@given(range_sets())
def test_blocks_are_as_large_as_can_be(plane):
    tiles = TileSet(plane.boundaries, plane.order)
    whole = tiles.words == np.uint64((1 << (1 << 2 * min(plane.order, 3))) - 1)
    cells, orders = plane.multi_order_cells()
    coarse = orders <= plane.order - min(plane.order, 3)
    assert np.array_equal(plane.order - min(plane.order, 3) - tiles.levels[whole], orders[coarse])
    up = np.uint64(2) * tiles.levels[whole].astype(np.uint64)
    assert np.array_equal(tiles.starts[whole] >> up, cells[coarse])


def test_index_finds_each_node():
    rng = np.random.default_rng(3)
    plane = RangeSet.from_cells(np.flatnonzero(rng.random(12 << 14) < 0.3), 7)
    tiles = TileSet(plane.boundaries, plane.order)
    below = np.searchsorted(
        tiles.starts, np.arange(len(tiles.index.entries), dtype=np.uint64) << np.uint64(tiles.index.shift), "right"
    )
    assert np.array_equal(tiles.index.entries, below)
