"""Types of index.pyx, for checkers that cannot read it."""

import numpy as np
from numpy.typing import NDArray

class Index:
    boundaries: NDArray[np.uint64]
    entries: NDArray[np.uint32]
    words: NDArray[np.uint64] | None
    shift: int
    def __init__(
        self,
        boundaries: NDArray[np.uint64],
        order: int,
        *,
        counted_in: int = ...,
        words: NDArray[np.uint64] | None = ...,
    ) -> None: ...
    def inside(self, number: NDArray[np.uint64], out: NDArray[np.uint8]) -> None: ...
