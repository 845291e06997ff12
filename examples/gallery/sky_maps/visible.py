"""
What a site sees in a night
===========================

``Mask.visible`` is the sky above an altitude at a site, at one time or at any time of a
night, or at all of them. Here it is the sky above 30° over a night on La Palma, without
the surroundings of the Moon.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.coordinates import EarthLocation, get_body
from astropy.time import Time

from hpmask import Mask
from hpmask.plotting import plot

site = EarthLocation(lon=-17.89 * u.deg, lat=28.76 * u.deg, height=2200 * u.m)
night = Time("2024-03-22 21:00") + np.arange(0, 9) * u.hour

some_time = Mask.visible(site, night, min_altitude="30 deg", order=7)
all_night = Mask.visible(site, night, min_altitude="30 deg", how="all", order=7)
moon = Mask.from_cones(get_body("moon", night, site), "30 deg", order=7)

plot({"at some time": some_time - moon, "all night": all_night - moon}, alpha=1)
plt.show()
