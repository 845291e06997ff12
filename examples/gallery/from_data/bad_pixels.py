"""
Bad pixels of one image, on another one
=======================================

The bad pixels of an image are a mask of the sky. They can be left out of any other
image, with other pixels and another orientation. A pixel that touches a bad one is bad.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.coordinates import SkyCoord

from hpmask import Mask
from hpmask.plotting import field_axes
from hpmask.wcs import field_wcs

# %%
# An image with a bad column, a hot cluster, and cosmic rays.

center = SkyCoord(30, -5, unit="deg")
wcs, shape = field_wcs(center, "10 arcmin", binsz="6 arcsec")
rng = np.random.default_rng(6)
bad = rng.uniform(size=shape) < 0.004
bad[:, 31] = True
bad[62:75, 60:78] = True

mask = Mask.from_wcs(~bad, wcs, outside=True, order=18)

# %%
# The other image is turned by 30°, and its pixels are larger.

other, other_shape = field_wcs(center, "7 arcmin", binsz="10 arcsec")
c, s = np.cos(np.radians(30)), np.sin(np.radians(30))
other.wcs.pc = [[c, -s], [s, c]]
good = mask.to_wcs(other, other_shape, mode="inside")

figure = plt.figure(figsize=(10, 4.8), layout="constrained")
for i, (w, pixels) in enumerate([(wcs, ~bad), (other, good)]):
    ax = field_axes(figure, w, pixels.shape, position=(1, 2, i + 1))
    ax.imshow(pixels, cmap="Blues_r", vmax=1.3)
    ax.set_title(f"{(~pixels).mean():.1%} of the pixels are bad")
plt.show()
