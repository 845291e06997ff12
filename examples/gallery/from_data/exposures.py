"""
Where the survey is deep enough
===============================

``coverage`` counts how many exposures cover each cell. The sky with at least three of
them is a mask.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.coordinates import SkyCoord

import hpmask
from hpmask.plotting import field_axes
from hpmask.wcs import field_wcs

rng = np.random.default_rng(2)
x, y = np.meshgrid(np.arange(146, 155, 1.2), np.arange(-2.8, 6, 1.2))
lon, lat = rng.normal([x, y], 0.45, (4, 2, *x.shape)).swapaxes(0, 1)
pointings = SkyCoord(lon.ravel(), lat.ravel(), unit="deg")
chips = hpmask.Shapes.boxes(pointings, "1.5 deg", "1.5 deg", "20 deg")
exposures = hpmask.coverage(chips, order=11)
deep = exposures.at_least(3)
print(f"{deep.area:.1f} of {exposures.at_least(1).area:.1f}")

# %%
# The number of exposures at the pixels of an image, and the outline of the mask.

wcs, shape = field_wcs(SkyCoord(150, 1.2, unit="deg"), "13 deg", binsz="0.04 deg")
pixels = wcs.array_index_to_world(*np.indices(shape))

figure = plt.figure(figsize=(7, 6), layout="constrained")
ax = field_axes(figure, wcs, shape)
image = ax.imshow(exposures.at(pixels), cmap="Blues")
figure.colorbar(image, label="exposures", shrink=0.8)
deep.plot(ax, style="outline", edge="C3", label="at least 3")
plt.show()
