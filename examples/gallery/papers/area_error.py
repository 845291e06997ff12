"""
Which order for which area?
===========================

The cells along the edge of a disc make the error of its area. It falls by a factor of
nearly three for each order in mode "center", and by two in the other modes, which are
bounds of the area.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import Mask

radius = 1 * u.deg
true = (2 * np.pi * (1 - np.cos(radius)) * u.sr).to(u.deg**2)
rng = np.random.default_rng(2)
places = SkyCoord(rng.uniform(0, 360, 30), rng.uniform(-70, 70, 30), unit="deg")
orders = np.arange(7, 14)

figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
for mode in ("overlap", "inside", "center"):
    error = []
    for order in orders:
        masks = [Mask.from_cones(at, radius, order=order, mode=mode) for at in places]
        areas = u.Quantity([mask.area for mask in masks])
        error.append(np.sqrt(np.mean((areas / true - 1) ** 2)))
    ax.semilogy(orders, error, "o-", label=mode)
ax.set(xlabel="order", ylabel="relative error of the area of a disc of 1°")
ax.legend(title="mode")
plt.show()
