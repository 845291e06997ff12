"""
The credible region of a sky map
================================

A gravitational-wave source comes with a probability for each cell of the sky. The
regions that hold 50 % and 90 % of it are masks. This map is a part of a ring, as two
detectors see it.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.coordinates import SkyCoord
from astropy_healpix import HEALPix

from hpmask import HealpixMap, Mask
from hpmask.plotting import plot

cells = HEALPix(nside=2**7, order="nested", frame="icrs")
sky = cells.healpix_to_skycoord(np.arange(cells.npix))
pole = SkyCoord(120, -20, unit="deg")
away = sky.separation(pole).deg - 60
along = pole.position_angle(sky).wrap_at("180d").deg
density = np.exp(-0.5 * (away / 3) ** 2 - 0.5 * ((along + 20) / 25) ** 2)
skymap = HealpixMap(density / density.sum(), nest=True, frame="icrs")

half, most = Mask.from_skymap(skymap, [0.5, 0.9])
print(f"50 %: {half.area:.0f}, 90 %: {most.area:.0f}")
plot({"90 % region": most, "50 % region": half}, style="footprint")

# %%
# ``sum_of`` returns the probability in a mask, here that of the sky away from the
# Galactic plane.

plane = Mask.from_zone(lat=("-10 deg", "10 deg"), zone_frame="galactic", order=9)
print(f"{(~plane).sum_of(skymap):.1%} of the probability is away from the plane")
plt.show()
