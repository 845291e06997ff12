"""
A mask over an image
====================

``plot`` draws over the axes of an image, at the resolution of the screen and not in the
pixels of the image. Contours and other marks go on the same axes.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.coordinates import SkyCoord

from hpmask import Mask
from hpmask.wcs import field_wcs

wcs, shape = field_wcs(SkyCoord(201.4, -43, unit="deg"), "2 deg", binsz="0.02 deg")
y, x = np.indices(shape)
rng = np.random.default_rng(3)
radius = np.hypot((x - 50) * 0.8 + (y - 50) * 0.5, (y - 50) - (x - 50) * 0.3)
image = rng.poisson(40 * np.exp(-radius / 8) + 3)

mask = ~Mask.from_regions(
    """icrs
    circle(201.8, -42.6, 0.18)
    circle(200.95, -43.35, 0.25)
    ellipse(200.8, -42.5, 0.3, 0.15, 30)
    """,
    format="ds9",
    order=13,
)

figure = plt.figure(figsize=(6.6, 6), layout="constrained")
ax = figure.add_subplot(projection=wcs)
ax.imshow(image, cmap="gray_r", vmax=30)
ax.contour(40 * np.exp(-radius / 8), levels=[2, 5, 15], colors="C0")
mask.plot(ax, style="exclusion", kept="none", alpha=0.5)
ax.set(xlabel="RA", ylabel="Dec")
plt.show()
