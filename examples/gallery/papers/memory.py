"""
The memory of a mask, and that of a full map
============================================

A full map of order 24 has 3 · 10¹⁵ pixels: 3 PB of bytes. A mask has the cells along
its edges only, so its memory grows with the length of the edges, by a factor of two for
each order, and not with the area, by a factor of four.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.coordinates import SkyCoord

from hpmask import Mask

rng = np.random.default_rng(1)
stars = SkyCoord(rng.uniform(0, 360, 100), rng.uniform(-60, 60, 100), unit="deg")
orders = np.arange(8, 19)
masks = [Mask.from_cones(stars, "0.5 deg", order=order) for order in orders]

figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
ax.semilogy(orders, [mask.nbytes for mask in masks], "o-", label="mask of 100 discs")
every = np.arange(4, 25)
ax.semilogy(every, 12 * 4.0**every, "s-", color="C3", label="full map of bytes")
ax.semilogy(every, 12 * 4.0**every / 8, "--", color="C3", label="full map of bits")
for size, name in ((1e6, "MB"), (1e9, "GB"), (1e12, "TB"), (1e15, "PB")):
    ax.axhline(size, color="0.8", linewidth=0.8, zorder=0)
    ax.text(4, size, f"1 {name}", va="bottom", color="0.4")
ax.set(xlabel="order", ylabel="bytes", xticks=every[::2])
ax.legend(loc="lower right")
plt.show()
