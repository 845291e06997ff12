"""Types of tiles.pyx, for checkers that cannot read it."""

import numpy as np
from numpy.typing import NDArray

from hpmask._kernels.index import Index

class TileSet:
    order: int
    starts: NDArray[np.uint64]
    levels: NDArray[np.uint8]
    words: NDArray[np.uint64]
    index: Index
    def __init__(self, boundaries: NDArray[np.uint64], order: int) -> None: ...
    def __len__(self) -> int: ...
