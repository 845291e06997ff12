"""
Apodization for a power spectrum
================================

A sharp edge of a mask leaks power between multipoles. ``apodize`` returns weights that
rise smoothly from the edge, as a full HEALPix map. Here they rise over 8°.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.coordinates import SkyCoord
from astropy_healpix import HEALPix

from hpmask import Mask
from hpmask.plotting import all_sky_axes

galactic = {"frame": "galactic", "order": 7}
plane = Mask.from_zone(lat=("-15 deg", "15 deg"), zone_frame="galactic", **galactic)
clouds = SkyCoord([280, 303, 165], [-33, -44, -20], unit="deg", frame="galactic")
mask = ~(plane | Mask.from_cones(clouds, "5 deg", **galactic))
weights = mask.apodize("8 deg", nest=True)
print(f"{mask.sky_fraction:.3f} of the sky, {weights.mean():.3f} after apodization")

# %%
# The weights at the pixels of a picture of the whole sky.

figure = plt.figure(figsize=(10, 5.4), layout="constrained")
ax = all_sky_axes(figure, frame="galactic")
(x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
x, y = np.meshgrid(np.linspace(x0, x1, 800), np.linspace(y0, y1, 400))
lon, lat = ax.wcs.wcs_pix2world(x, y, 0)
on_sky = np.isfinite(lon)

cells = HEALPix(nside=2**7, order="nested")
values = np.full(x.shape, np.nan)
pixels = SkyCoord(lon[on_sky], lat[on_sky], unit="deg")
values[on_sky] = weights[cells.lonlat_to_healpix(pixels.ra, pixels.dec)]

shown = ax.pcolormesh(x, y, values, cmap="Blues_r", rasterized=True)
figure.colorbar(shown, label="weight", shrink=0.7)
plt.show()
