"""Set operations on two sets: threads and memory around the kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels import merge as _kernel
from hpmask._utils.memory import array_of
from hpmask._utils.parallel import thread_count, thread_map

__all__ = ["combined"]

# With fewer boundaries, the memory of the result costs little, and a second thread costs more than it saves.
_SMALL = 200_000

# Boundaries that are kept while the result is counted: 16 MiB.
_WORK = 2 << 20

Boundaries = NDArray[np.uint64]


@dataclass
class _Part:
    """A part of both sets, and what the kernel counted there."""

    marks: NDArray[np.int64]
    work: Boundaries
    middle: int
    kept: tuple[int, int]

    @property
    def count(self) -> int:
        return int(self.marks[-1, 2])

    def write(self, a: Boundaries, b: Boundaries, truth: int, out: Boundaries) -> None:
        """Write the boundaries of the part, which are all of `out`."""
        room = self.work.size // 2
        for first, stop, kept, work in (
            (0, self.middle, self.kept[0], self.work[:room]),
            (self.middle, len(self.marks) - 1, self.kept[1], self.work[room:]),
        ):
            start, end = (int(self.marks[k, 2]) for k in (first, first + kept))
            out[start:end] = work[: end - start]
            _kernel.write(a, b, truth, self.marks, first + kept, stop, out)


def combined(a: Boundaries, b: Boundaries, truth: int) -> Boundaries:
    """The boundaries of an operation on two sets. Bit (in a + 2 in b) of `truth` is its value."""
    size = a.size + b.size
    if size < _SMALL:
        out = np.empty(size, dtype=np.uint64)
        # There is no view of the array, and no other reference to it.
        out.resize(_kernel.combine(a, b, truth, out), refcheck=False)
        return out
    n_parts = min(thread_count(None), size // (_SMALL // 2))
    cuts = _cuts(a, b, n_parts)
    work = array_of(min(size, _WORK))
    room = work.size // n_parts

    def count(number: int) -> _Part:
        i, n, j, m = cuts[number]
        marks = np.empty(((n - i + m - j) // _kernel.SEGMENT + 3, 3), dtype=np.int64)
        place = work[number * room : (number + 1) * room]
        rows, middle, *kept = _kernel.count(a, b, truth, i, n, j, m, place, marks)
        return _Part(marks[:rows], place, middle, (kept[0], kept[1]))

    parts = list(thread_map(count, range(n_parts), n_parts))
    ends = np.cumsum([part.count for part in parts])
    out = array_of(int(ends[-1]))

    def write(number: int) -> None:
        parts[number].write(a, b, truth, out[ends[number] - parts[number].count : ends[number]])

    list(thread_map(write, range(n_parts), n_parts))
    return out


def _cuts(a: Boundaries, b: Boundaries, n_parts: int) -> list[tuple[int, int, int, int]]:
    """Where both sets are cut at the same numbers: first and last boundary of a and of b in each part."""
    longer, shorter = (a, b) if a.size >= b.size else (b, a)
    middles = [k * longer.size // n_parts for k in range(1, n_parts)]
    long = [0, *middles, longer.size]
    short = [0, *(int(np.searchsorted(shorter, longer[k])) for k in middles), shorter.size]
    ours, theirs = (long, short) if longer is a else (short, long)
    return list(zip(ours, ours[1:], theirs, theirs[1:], strict=False))
