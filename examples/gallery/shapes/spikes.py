"""
Spikes and bleed trails
=======================

Diffraction spikes and bleed trails are narrow boxes. The position angle is that of the
height of a box, from north through east. Sizes are arrays: one call makes all boxes.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import Mask, MaskSet

rng = np.random.default_rng(5)
lon, lat = rng.uniform(-0.5, 0.5, (2, 25))
stars = SkyCoord(210 + lon, 5 + lat, unit="deg")
radius = 1.2 * rng.pareto(2, 25) * u.arcmin + 0.5 * u.arcmin
bright = radius > 1.5 * u.arcmin

spikes = [
    Mask.from_boxes(stars, "15 arcsec", 8 * radius, angle, order=15)
    for angle in ("45 deg", "135 deg")
]
trails = Mask.from_boxes(
    stars[bright], "20 arcsec", 9 * radius[bright], "2 deg", order=15
)
layers = MaskSet(
    {
        "spikes": Mask.union(*spikes),
        "bleed trails": trails,
        "stars": Mask.from_cones(stars, radius, order=15),
    }
)
layers.plot(center=SkyCoord(210, 5, unit="deg"), width="1.1 deg")
plt.show()
