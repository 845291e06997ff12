"""
An exclusion mask for gammapy
=============================

``to_gammapy`` puts a mask on a geometry of gammapy, as the map that its makers of
backgrounds expect: True where nothing is excluded.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from gammapy.maps import Map, WcsGeom

from hpmask import Mask

sources = Mask.from_regions(
    """icrs
    circle(83.63, 22.01, 0.5)
    ellipse(85.2, 22.7, 0.8, 0.4, 20)
    circle(81.9, 21.1, 0.3)
    """,
    format="ds9",
    order=12,
)
geom = WcsGeom.create(skydir=(83.63, 22.01), width=(6, 4), binsz=0.02, proj="TAN")
exclusion = (~sources).to_gammapy(geom)
print(f"{exclusion.data.mean():.1%} of the pixels are kept")

# %%
# Counts around the sources, and what the makers use of them.

away = sources.distance(geom.get_coord().skycoord).to_value(u.deg)
expected = 1 + 5 * np.exp(np.minimum(away, 0) / 0.04)
counts = Map.from_geom(geom, data=np.random.default_rng(1).poisson(expected))

figure, axes = plt.subplots(
    1, 2, figsize=(10, 4), subplot_kw={"projection": geom.wcs}, layout="constrained"
)
panels = {"counts": counts, "counts * exclusion": counts * exclusion}
for ax, (title, some) in zip(axes, panels.items(), strict=True):
    some.smooth("0.04 deg").plot(ax=ax, cmap="magma", vmin=0, vmax=6)
    ax.set_title(title)
plt.show()
