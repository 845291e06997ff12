"""
One mask in four projections
============================

A mask is made once, and put on the pixels of any image: ``to_wcs`` asks the mask at the
center of every pixel.
"""

import matplotlib.pyplot as plt
from astropy.coordinates import SkyCoord

from hpmask import Mask
from hpmask.plotting import field_axes
from hpmask.wcs import field_wcs

center = SkyCoord(0, -35, unit="deg")
sources = SkyCoord([0, 25, 335, 345, 20, 5], [-58, -45, -60, -30, -20, -10], unit="deg")
mask = ~Mask.from_cones(sources, "6 deg", order=9)

figure = plt.figure(figsize=(9, 9), layout="constrained")
for i, projection in enumerate(["TAN", "ARC", "CAR", "SIN"]):
    wcs, shape = field_wcs(center, "60 deg", binsz="0.2 deg", projection=projection)
    ax = field_axes(figure, wcs, shape, position=(2, 2, i + 1))
    ax.imshow(mask.to_wcs(wcs, shape), cmap="Blues_r", vmax=1.3)
    ax.set_title(projection)
plt.show()
