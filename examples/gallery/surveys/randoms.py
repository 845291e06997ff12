"""
Random positions in a mask
==========================

Random positions for a correlation function fill a footprint uniformly. Their density is
given as a number per area, and the seed makes them the same for everybody.
"""

import matplotlib.pyplot as plt
from astropy.coordinates import SkyCoord

from hpmask import Mask

center = SkyCoord(150, 2, unit="deg")
field = Mask.from_boxes(center, "4 deg", "3 deg", "10 deg", order=12)
mask = field - Mask.from_cones(field.random(25, seed=2), "12 arcmin", order=12)

randoms = mask.random(density="600 deg-2", seed=42)
print(f"{len(randoms)} positions on {mask.area:.2f}")

ax = mask.plot(style="footprint", center=center, width="5 deg", label="footprint")
ax.plot(
    randoms.ra,
    randoms.dec,
    ".",
    color="black",
    markersize=1.5,
    transform=ax.get_transform("icrs"),
)
plt.show()
