"""UNIQ numbers of cells of several orders: their orders, and their order on the NESTED curve."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import uniq as _kernel

__all__ = ["nested_rows", "orders_of", "runs_of"]

Runs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]


def orders_of(uniq: NDArray[Any]) -> tuple[NDArray[np.uint64], NDArray[np.uint8], bool]:
    """UNIQ numbers as uint64, the order of each cell, and whether the numbers ascend.

    Raises
    ------
    ValueError
        If a number is not a UNIQ number. The message names the row.
    """
    # A negative number becomes a large one, which is not a UNIQ number either.
    numbers = np.ascontiguousarray(uniq).astype(np.uint64, copy=False)
    orders = np.empty(numbers.size, dtype=np.uint8)
    bad, ascending = _kernel.orders(numbers, orders)
    if bad >= 0:
        raise ValueError(f"UNIQ numbers lie in [4, 16 * 4**29), row {bad} is {uniq[bad]}")
    return numbers, orders, ascending


def runs_of(orders: NDArray[np.uint8]) -> Runs:
    """The runs of cells of one order among ascending UNIQ numbers: first rows, ends, and their orders."""
    firsts = np.flatnonzero(np.diff(orders, prepend=np.uint8(255))).astype(np.int64)
    return firsts, np.append(firsts[1:], orders.size).astype(np.int64), orders[firsts]


def nested_rows(uniq: NDArray[np.uint64], orders: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The rows of cells with ascending UNIQ numbers in the order of their places.

    Raises
    ------
    ValueError
        If two cells overlap. The message names their rows.
    """
    rows = np.empty(uniq.size, dtype=np.int64)
    first, second = _kernel.nested(uniq, *runs_of(orders), rows)
    if second >= 0:
        raise ValueError(f"cells must not overlap, but those of rows {first} and {second} do")
    return rows
