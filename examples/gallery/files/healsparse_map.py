"""
A map of healsparse
===================

Depth maps of surveys come as healsparse maps. A threshold makes a mask of one, and
``to_healsparse`` makes a map of a mask.
"""

import healsparse
import matplotlib.pyplot as plt
import numpy as np
from astropy.coordinates import SkyCoord
from astropy_healpix import HEALPix

from hpmask import Mask

# %%
# A map of the depth of a field, deeper in its middle and in stripes.

survey = Mask.from_zone(("38 deg", "54 deg"), ("6 deg", "22 deg"), order=10)
pixels = survey.planes[0].cells().astype(int)
ra, dec = HEALPix(nside=2**10, order="nested").healpix_to_lonlat(pixels)
ra, dec = ra.to_value("deg"), dec.to_value("deg")
limit = 24.5 - 0.02 * ((ra - 46) ** 2 + 1.5 * (dec - 14) ** 2) + 0.3 * np.sin(2 * ra)
depth = healsparse.HealSparseMap.make_empty(32, 2**10, np.float64)
depth.update_values_pix(pixels, limit)

deep = Mask.from_map(depth, 23.5, frame="icrs")
print(deep.to_healsparse())
center = SkyCoord(46, 14, unit="deg")
deep.plot(
    style="footprint", center=center, width="20 deg", label="deeper than 23.5 mag"
)
plt.show()
