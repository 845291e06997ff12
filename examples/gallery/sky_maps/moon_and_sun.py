"""
Away from the Sun and the Moon
==============================

The sky that can be observed in a month: more than 90° from the Sun on at least one day,
and more than 30° from the Moon on three nights of it.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.coordinates import get_body
from astropy.time import Time

from hpmask import Mask


def near(body, time, radius):
    """The sky near the Sun or the Moon, as one mask for each time."""
    return [Mask.from_cones(at, radius, order=8) for at in get_body(body, time)]


days = Time("2024-03-01") + np.arange(0, 31) * u.day
never = Mask.intersection(*near("sun", days, "90 deg"))
moon = Mask.union(*near("moon", days[20:23], "30 deg"))

ax = (~never).plot(style="exclusion", label="near the Sun all month")
moon = ~moon
moon.plot(ax, excluded="gold", kept="none", label="near the Moon, March 21 to 23")
plt.show()
