"""
The best tiles for a sky map
============================

Which fields of a telescope hold most of the probability of a source? ``shape_sums``
adds up the map in each field, and the best thirty are a mask.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.coordinates import SkyCoord
from astropy_healpix import HEALPix

from hpmask import HealpixMap, Mask, Shapes
from hpmask.values import shape_sums

cells = HEALPix(nside=2**7, order="nested", frame="icrs")
sky = cells.healpix_to_skycoord(np.arange(cells.npix))
center = SkyCoord(40, 10, unit="deg")
away, angle = sky.separation(center), center.position_angle(sky)
x, y = away.deg * np.cos(angle.rad - 0.6), away.deg * np.sin(angle.rad - 0.6)
density = np.exp(-0.5 * (x / 8) ** 2 - 0.5 * (y / 3) ** 2)
skymap = HealpixMap(density / density.sum(), nest=True, frame="icrs")

lon, lat = np.meshgrid(np.arange(10, 71, 3.4), np.arange(-20, 41, 3.4))
fields = SkyCoord(lon.ravel(), lat.ravel(), unit="deg")
probability = shape_sums(skymap, Shapes.boxes(fields, "3.5 deg", "3.5 deg"))
best = np.argsort(probability)[::-1][:30]
print(f"{probability[best].sum():.1%} of the probability in 30 fields")

region = Mask.from_skymap(skymap, 0.9)
tiles = Mask.from_boxes(fields[best], "3.5 deg", "3.5 deg", order=11)
ax = tiles.plot(style="footprint", center=center, width="44 deg", label="30 fields")
region.plot(ax, style="outline", edge="C3", label="90 % region")
plt.show()
