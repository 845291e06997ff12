"""What the kernel of random positions refuses."""

import numpy as np
import pytest

from hpmask._kernels import randoms
from hpmask._kernels.index import Index


@pytest.mark.parametrize(("ends", "message"), [([], "there must be ranges"), ([0], "no cell")])
def test_a_set_without_cells_has_no_positions(ends, message):
    ends = np.array(ends, np.uint64)
    lon, lat = np.empty(2), np.empty(2)
    with pytest.raises(ValueError, match=message):
        randoms.positions(Index(ends, 29), 29, np.zeros_like(ends), 3, np.zeros(4, np.uint64), lon, lat)
