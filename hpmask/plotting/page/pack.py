"""Sets of cells as short text, which the page unpacks."""

from __future__ import annotations

import zlib
from base64 import b64encode
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpmask._utils.arguments import MAX_ORDER
from hpmask.core.rangeset import RangeSet

__all__ = ["packed", "variable_length"]


def packed(plane: RangeSet) -> dict[str, Any]:
    """A set of cells for the page's JSON: its order, the number of its boundaries, and the boundaries.

    The boundaries are numbers of cells of the order, ascending. Each is given as the difference from the one before,
    in `variable_length`, compressed with zlib and written in base64.
    """
    cells = plane.boundaries >> np.uint64(2 * (MAX_ORDER - plane.order))
    steps = np.diff(cells, prepend=np.uint64(0))
    data = b64encode(zlib.compress(variable_length(steps), 6)).decode()
    return {"order": plane.order, "count": int(cells.size), "data": data}


def variable_length(values: NDArray[np.uint64]) -> bytes:
    """Integers in as many bytes as each needs: 7 bits in a byte, the lowest first, and a bit that says that more come.

    This is LEB128, as in WebAssembly and DWARF.
    """
    # The number of bytes of each: those of the values from 2**7, 2**14 and so on have one more.
    sizes = np.ones(values.size, dtype=np.intp)
    for bits in range(7, 64, 7):
        sizes += values >= np.uint64(1 << bits)
    ends = np.cumsum(sizes)
    out = np.empty(int(ends[-1]) if ends.size else 0, dtype=np.uint8)
    rest, place = values, ends - sizes
    while rest.size:
        more = rest > 127
        out[place] = (rest & np.uint64(127)).astype(np.uint8) | (more.astype(np.uint8) << 7)
        rest, place = rest[more] >> np.uint64(7), place[more] + 1
    return out.tobytes()
