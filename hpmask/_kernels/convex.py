"""Polygons and ellipses in batches, by the walk of shapes."""

import numpy as np

from hpmask._kernels import shapes


def ellipses(lon, lat, half_width, half_height, angle, order, mode):
    """As the compiled kernel."""
    from hpmask.regions.shapes import MODE_NUMBERS, Ellipse

    word = {number: word for word, number in MODE_NUMBERS.items()}[mode]
    starts, stops, missed = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)], []
    rows = zip(*(field.tolist() for field in (lon, lat, half_width, half_height, angle)), strict=True)
    for row, one in enumerate(rows):
        first, last = Ellipse(*one).rasterize(order, word)
        starts.append(first)
        stops.append(last)
        if not first.size:
            missed.append(row)
    return np.concatenate(starts), np.concatenate(stops), np.array(missed, np.uint64)


def polygons(vertices, offsets, order, mode):
    """As the compiled kernel."""
    n = offsets.size - 1
    rings = np.arange(n + 1, dtype=np.int64)
    return *shapes.polygons(vertices, offsets, rings, np.zeros(n, np.uint8), order, mode), np.empty(0, np.uint64)
