"""
Several masks on one sky
========================

``MaskSet.plot`` draws all layers in one picture, with a legend that names them. Here
they are the outlines of three surveys, over the mask of the Galactic plane.
"""

import matplotlib.pyplot as plt
from astropy.coordinates import SkyCoord

from hpmask import Mask, MaskSet

south = Mask.from_zone(("310 deg", "95 deg"), ("-60 deg", "-25 deg"), order=9)
surveys = MaskSet(
    {
        "southern survey": south,
        "equatorial stripe": Mask.from_zone(
            ("120 deg", "240 deg"), ("-8 deg", "8 deg"), order=9
        ),
        "northern cap": Mask.from_cones(
            SkyCoord(192, 40, unit="deg"), "25 deg", order=9
        ),
    }
)
surveys.plot(title="Three surveys")

# %%
# Masks without a set share a sky if the same axes are given to each of them.

plane = Mask.from_zone(lat=("-10 deg", "10 deg"), zone_frame="galactic", order=8)
ax = (~plane).plot(style="exclusion", label="Galactic plane")
surveys.any().plot(ax, style="outline", edge="black", label="surveys")
plt.show()
