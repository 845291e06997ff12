"""Large arrays in memory that was used before.

The operating system gives fresh memory page by page and clears each page at its first use, which takes longer than to
fill it. The C library gives large blocks back to it as soon as they are free. An operation that is done again and again
would pay for its result anew each time. Blocks that an array has left are therefore kept here for the next one, up to
128 MiB in all.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["array_of", "kept", "release"]

# The C library does this itself for small blocks.
_LARGE = 1 << 20

# Bytes that are kept. What lies here longest is freed first.
_MOST_KEPT = 128 << 20

# An array may have a block that is larger than itself by this fraction.
_SPARE = 8


class _Block:
    """Memory that is kept when the last array in it is gone.

    Every view of an array has this object as its last base.
    """

    __slots__ = ("__array_interface__", "_memory")

    # A deque is changed in one step. There is no lock, since the garbage collector may come here at any time.
    _kept: ClassVar[deque[NDArray[np.uint64]]] = deque()

    def __init__(self, memory: NDArray[np.uint64], size: int) -> None:
        self._memory = memory
        self.__array_interface__: dict[str, Any] = {**memory.__array_interface__, "shape": (size,)}

    def __del__(self) -> None:
        blocks = self._kept
        blocks.append(self._memory)
        total = sum(memory.nbytes for memory in list(blocks))
        with suppress(IndexError):
            while total > _MOST_KEPT:
                total -= blocks.popleft().nbytes


def array_of(size: int) -> NDArray[np.uint64]:
    """An array of `size` values that are not set.

    Raises
    ------
    MemoryError
        If there is not enough memory, also after all blocks that are kept have been freed.
    """
    if 8 * size < _LARGE:
        return np.empty(size, dtype=np.uint64)
    memory = _kept_for(size)
    if memory is None:
        try:
            memory = np.empty(size, dtype=np.uint64)
        except MemoryError:
            release()
            memory = np.empty(size, dtype=np.uint64)
    return np.asarray(_Block(memory, size))


def release() -> None:
    """Free the memory that is kept."""
    _Block._kept.clear()


def kept() -> int:
    """Bytes of the memory that is kept."""
    return sum(memory.nbytes for memory in list(_Block._kept))


def _kept_for(size: int) -> NDArray[np.uint64] | None:
    """A block that is kept and fits, or None."""
    blocks = _Block._kept
    with suppress(IndexError):
        for _ in range(len(blocks)):
            memory = blocks.popleft()
            if size <= memory.size <= size + size // _SPARE:
                return memory
            blocks.append(memory)
    return None
