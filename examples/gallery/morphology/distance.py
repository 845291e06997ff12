"""
The distance from the edge
==========================

``distance`` returns how far positions are from the edge of a mask: positive inside, and
negative outside. It takes millions of positions, such as all pixels of an image.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.coordinates import SkyCoord

from hpmask import Mask
from hpmask.plotting import field_axes
from hpmask.wcs import field_wcs

center = SkyCoord(200, -30, unit="deg")
field = Mask.from_boxes(center, "6 deg", "5 deg", "15 deg", order=11)
mask = field - Mask.from_cones(field.random(6, seed=4), "0.5 deg", order=11)

wcs, shape = field_wcs(center, "8 deg", binsz="0.03 deg")
pixels = wcs.array_index_to_world(*np.indices(shape))
distance = mask.distance(pixels).to_value("deg")

figure = plt.figure(figsize=(7, 6), layout="constrained")
ax = field_axes(figure, wcs, shape)
image = ax.imshow(distance, vmin=-1.5, vmax=1.5, cmap="RdBu")
figure.colorbar(image, label="distance from the edge [deg]", shrink=0.8)
mask.plot(ax, style="outline", edge="black", label="edge")
plt.show()
