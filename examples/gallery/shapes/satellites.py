"""
Trails of satellites
====================

A satellite crosses an exposure on nearly a great circle. Its trail is a path with two
ends and a width. ``within`` limits the mask to the field that was exposed.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import Mask

center = SkyCoord(180, 30, unit="deg")
field = Mask.from_boxes(center, "3 deg", "3 deg", order=13)

rng = np.random.default_rng(8)
angle = rng.uniform(0, 360, 12) * u.deg
start = center.directional_offset_by(angle, 3 * u.deg)
end = center.directional_offset_by(angle + rng.uniform(150, 210, 12) * u.deg, 3 * u.deg)
ends = SkyCoord([start.ra, end.ra], [start.dec, end.dec]).T
width = rng.uniform(0.3, 2, 12) * u.arcmin

trails = Mask.from_paths(ends, width, order=14, within=field)
print(f"{trails.area / field.area:.1%} of the field is lost")

ax = (field - trails).plot(center=center, width="3.4 deg", label="usable", edge="none")
plt.show()
