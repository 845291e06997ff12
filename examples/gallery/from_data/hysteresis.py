"""
Hysteresis on a significance map
================================

A low threshold finds noise, and a high one cuts the wings of sources. Hysteresis takes
both: the pixels above 2 that are connected to a pixel above 5.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.coordinates import SkyCoord
from scipy.ndimage import gaussian_filter

from hpmask import Mask
from hpmask.plotting import field_axes
from hpmask.wcs import field_wcs

center = SkyCoord(83.6, 22, unit="deg")
wcs, shape = field_wcs(center, "6 deg", binsz="0.03 deg")
y, x = np.indices(shape)

rng = np.random.default_rng(4)
image = gaussian_filter(rng.normal(size=shape), 4)
image /= image.std()
for x0, y0, height, width in [(60, 70, 14, 9), (80, 88, 6, 14), (140, 130, 9, 6)]:
    image += height * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * width**2))

masks = {
    "above 2": Mask.from_wcs(image, wcs, threshold=2),
    "above 5": Mask.from_wcs(image, wcs, threshold=5),
    "above 2, connected to 5": Mask.from_wcs(image, wcs, low=2, high=5),
}

figure = plt.figure(figsize=(10, 3.9), layout="constrained")
for i, (title, mask) in enumerate(masks.items()):
    ax = field_axes(figure, wcs, shape, position=(1, 3, i + 1))
    ax.imshow(image, vmin=-3, vmax=9, cmap="Blues")
    mask.plot(ax, style="outline", edge="C3", legend=False)
    ax.set_title(title)
plt.show()
