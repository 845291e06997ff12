"""
What a cell is
==============

A mask is a set of HEALPix cells of several sizes: large ones inside, small ones along
the edge. Every cell is four cells of the next order, so nothing changes when four small
cells become a large one.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.coordinates import SkyCoord
from astropy_healpix import HEALPix
from matplotlib.collections import PolyCollection

from hpmask import Mask
from hpmask.plotting import field_axes
from hpmask.wcs import field_wcs

center = SkyCoord(45, 20, unit="deg")
mask = Mask.from_cones(center, "3 deg", order=8)
by_order = mask.planes[0].cells_by_order()
n_mixed = sum(cells.size for cells in by_order.values())

# %%
# The cells, with a colour for each order.

figure = plt.figure(figsize=(6.4, 6.6), layout="constrained")
ax = field_axes(figure, *field_wcs(center, "8 deg"))
colours = plt.get_cmap("viridis_r")(np.linspace(0.1, 0.9, len(by_order)))
for (order, cells), colour in zip(by_order.items(), colours, strict=True):
    grid = HEALPix(nside=2**order, order="nested")
    corners = np.stack(grid.boundaries_lonlat(cells, step=1), axis=-1).to_value("deg")
    drawn = PolyCollection(
        corners,
        facecolor=colour,
        edgecolor="white",
        linewidth=0.6,
        transform=ax.get_transform("icrs"),
        label=f"{cells.size} of order {order}",
    )
    ax.add_collection(drawn)
ax.legend(loc="upper right", title="cells")
n = mask.planes[0].n_cells
ax.set_title(f"{n:,} cells of order {mask.order}, or {n_mixed} of mixed orders")
plt.show()
