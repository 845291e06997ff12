"""How many threads, and the same work on each of them."""

from __future__ import annotations

import os

import numpy as np

__all__ = ["thread_count"]


def thread_count(n_threads: int | None) -> int:
    """`n_threads`, or the number of processors this process may use where it is None.

    Raises
    ------
    TypeError, ValueError
        If it is no positive integer.
    """
    if n_threads is None:
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1
    if isinstance(n_threads, bool) or not isinstance(n_threads, int | np.integer):
        raise TypeError(f"n_threads must be a positive integer or None, got {n_threads!r}")
    if n_threads < 1:
        raise ValueError(f"n_threads must be at least 1, got {n_threads}")
    return int(n_threads)
